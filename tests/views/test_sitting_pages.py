"""The exam and practice over HTTP, from start to result, and what an open question must not tell."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from annotator.models import Gold, Member, Round, Sitting, User
from annotator.services.projects import guideline_publish, member_set_role, project_update
from annotator.services.protocols import protocol_publish
from annotator.services.sittings import sitting_begin
from tests.cast import Cast
from tests.factories import gold_of, sat
from tests.views.page import forms_of
from tests.views.test_desk import text_of

JUDGE = "/p/shop/judge/"
EXAM, PRACTICE = f"{JUDGE}exam/", f"{JUDGE}practice/"


@pytest.fixture
def ann(cast: Cast, collecting: Round, client_of: Callable[[User | None], Client]) -> Client:
    """The exam asks two questions, and both have to be right; there are three to practise."""
    project_update(project=cast.shop, exam_questions=2, exam_pass_share=1.0, exam_attempts=2)
    for number in (1, 2):
        gold_of(cast.shop, use="exam", number=number)
    for number in (3, 4, 5):
        gold_of(cast.shop, use="practice", number=number)
    return client_of(cast.ann)


@pytest.fixture
def member(cast: Cast) -> Member:
    return cast.shop.members.get(user=cast.ann)


def begun(client: Client, page: str, action: str) -> str:
    """Press the button that begins; the address of the sitting."""
    form = forms_of(client.get(page))[action]
    answered = client.post(form.action, form.fields)
    assert answered.status_code == 303
    return str(answered["Location"])


def answer(client: Client, address: str, *, rightly: bool) -> str:
    """Answer the question that is open there; where that leads."""
    form = forms_of(client.get(address))["verdict"]
    asked = Sitting.objects.get(pk=address.split("/")[-2]).answers.get(number=form.fields["number"])
    is_left = asked.first_on_left == rightly
    answered = client.post(form.action, {**form.fields, "answer": "a" if is_left else "b", "milliseconds": "1500"})
    assert answered.status_code == 303
    return str(answered["Location"])


# --- the exam ----------------------------------------------------------------------


def test_an_exam_from_the_gate_to_the_result(ann: Client, member: Member) -> None:
    address = begun(ann, JUDGE, EXAM)

    numbers = []
    for _ in range(2):
        numbers.append(re.findall(r"Question ([0-9]) of 2</h1>", ann.get(address).content.decode()))
        assert answer(ann, address, rightly=True) == address

    assert numbers == [["1"], ["2"]]
    result = ann.get(address)
    assert "<h1>Passed</h1>" in result.content.decode()
    assert "2 of 2 right; 100 % was wanted." in text_of(result)
    assert result.content.decode().count("the <strong>kinder</strong> answer") == 2
    assert list(Sitting.objects.get().answers.values_list("seconds", flat=True)) == [1.5, 1.5]
    assert "verdict" in forms_of(ann.get(JUDGE))


def test_whoever_failed_sees_why_and_may_try_again_until_no_attempt_is_left(ann: Client, member: Member) -> None:
    said = []
    for _ in range(2):
        said.append(text_of(ann.get(JUDGE)))
        address = begun(ann, JUDGE, EXAM)
        answer(ann, address, rightly=True)
        answer(ann, address, rightly=False)

    assert "You have 2 attempts left." in said[0]
    assert "You have 1 attempt left." in said[1]
    result = ann.get(address).content.decode()
    assert "<h1>Not passed this time</h1>" in result
    assert result.count("<details open>") == 1  # the one that was not right
    gate = ann.get(JUDGE)
    assert "You have no attempt left. An owner of the project can grant you another one." in text_of(gate)
    assert EXAM not in forms_of(gate)
    assert f'href="{address}"' in gate.content.decode()  # the last attempt
    assert ann.post(EXAM).status_code == 409


def test_an_exam_goes_on_where_it_stood(ann: Client) -> None:
    address = begun(ann, JUDGE, EXAM)
    answer(ann, address, rightly=True)

    assert "Go on with the exam" in ann.get(JUDGE).content.decode()
    assert begun(ann, JUDGE, EXAM) == address
    assert "Question 2 of 2" in ann.get(address).content.decode()


def drawn_once(page: Any) -> str:
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", page.content.decode())


@pytest.mark.parametrize("kind", ["exam", "practice"])
@pytest.mark.parametrize("right", [["second"], ["tie", "both_bad"], ["cannot_judge"]], ids=str)
def test_nothing_about_an_open_question_tells_what_is_right(
    ann: Client, member: Member, kind: str, right: list[str]
) -> None:
    """Were another answer right for another reason, every byte would be the same."""
    sitting = sitting_begin(member=member, kind=kind)
    address = f"{JUDGE}sittings/{sitting.pk}/"
    before = drawn_once(ann.get(address))
    assert "kinder" not in before

    Gold.objects.update(right=right, explanation="Zebras.")

    assert drawn_once(ann.get(address)) == before
    assert drawn_once(ann.get(f"{address}?after=1")) == before  # it is not answered yet


def test_during_an_exam_nothing_tells_what_was_right_about_the_questions_before(ann: Client) -> None:
    """Neither the address that tells it in practice, nor the second answer, nor the list of attempts."""
    address = begun(ann, JUDGE, EXAM)
    sent = forms_of(ann.get(address))["verdict"]
    pages = []
    for rightly in (True, False):
        Sitting.objects.get().answers.update(answered_at=None, answer="", is_right=None)
        answer(ann, address, rightly=rightly)
        again = ann.post(sent.action, {**sent.fields, "answer": "tie"})
        assert again["Location"] == address
        pages.append([drawn_once(ann.get(page)) for page in (address, f"{address}?after=1", JUDGE, EXAM)])

    assert pages[0] == pages[1]
    assert not any("kinder" in page for page in pages[0][:2])


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"answer": "c"}, "“c” is not one of the answers; choose a button."),
        ({"answer": ""}, "Choose one of the answers."),
        ({"answer": "a", "number": "7"}, "There is no question 7 here"),
        ({"answer": "a", "number": "-1"}, "does not have the expected form"),
        ({"answer": "a", "number": "one"}, "does not have the expected form"),
    ],
)
def test_what_does_not_fit_is_said_and_the_question_stays_open(ann: Client, sent: dict[str, str], said: str) -> None:
    address = begun(ann, JUDGE, EXAM)
    form = forms_of(ann.get(address))["verdict"]

    refused = ann.post(form.action, {**form.fields, **sent})

    assert refused.status_code == 422
    assert said in refused.content.decode()
    assert "Question 1 of 2" in ann.get(address).content.decode()


# --- practice ----------------------------------------------------------------------


@pytest.mark.parametrize("rightly", [True, False])
@pytest.mark.parametrize("first_on_left", [True, False])
def test_after_each_question_of_practice_it_is_told_what_is_right_and_why(
    ann: Client, rightly: bool, first_on_left: bool
) -> None:
    address = begun(ann, PRACTICE, PRACTICE)
    Sitting.objects.get().answers.update(first_on_left=first_on_left)

    feedback = answer(ann, address, rightly=rightly)

    assert feedback == f"{address}?after=1"
    page = ann.get(feedback)
    letter, other = ("A", "B") if first_on_left else ("B", "A")
    said = letter if rightly else other
    assert f"You said “{said} is better”; right is “{letter} is better”." in text_of(page)
    assert f"{letter} is the <strong>kinder</strong> answer." in page.content.decode()
    assert ("Not what was expected." in page.content.decode()) is not rightly
    assert "verdict" not in forms_of(page)
    assert "Question 2 of 3" in ann.get(address).content.decode()


def test_practice_ends_with_a_result_that_is_neither_passed_nor_failed(ann: Client, member: Member) -> None:
    sitting = sat(member, right=2, kind="practice")

    page = ann.get(f"{JUDGE}sittings/{sitting.pk}/")

    assert "That was all 2 of 3 right" in text_of(page)
    listed = text_of(ann.get(PRACTICE))
    assert "2 of 3 right" in listed
    assert "passed" not in listed
    assert "A short exam first" in ann.get(JUDGE).content.decode()  # nothing counts


def test_practice_is_offered_on_pages_of_judging_while_there_is_some(ann: Client, cast: Cast) -> None:
    pages = (JUDGE, f"{JUDGE}mine/")
    offered = [f'href="{PRACTICE}"' in ann.get(page).content.decode() for page in pages]
    Gold.objects.filter(use="practice").delete()
    offered += [f'href="{PRACTICE}"' in ann.get(page).content.decode() for page in pages]

    assert offered == [True, True, False, False]


def test_gold_in_sliders_is_answered_with_two_places(ann: Client, cast: Cast, member: Member) -> None:
    protocol_publish(project=cast.shop, preset="prism")
    sitting = sitting_begin(member=member, kind="practice")
    sitting.answers.update(first_on_left=False)
    address = f"{JUDGE}sittings/{sitting.pk}/"
    form = forms_of(ann.get(address))["verdict"]

    answered = ann.post(form.action, {**form.fields, "slider_left": "20", "slider_right": "90"})

    assert "You said “A 20, B 90”; right is “B is better”." in text_of(ann.get(answered["Location"]))


# --- whose -------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["rui", "olga", "bea", "otto"])
def test_nobody_opens_the_sitting_of_somebody_else(
    ann: Client, cast: Cast, member: Member, client_of: Callable[[User | None], Client], who: str
) -> None:
    bea = User.objects.create_user("bea")
    member_set_role(project=cast.shop, user=bea, role="rater")
    open_one, over = sitting_begin(member=member, kind="exam"), sat(member, right=0, kind="practice")
    other = client_of(User.objects.get(username=who))

    for sitting in (open_one, over):
        for address in (f"{JUDGE}sittings/{sitting.pk}/", f"/p/garden/judge/sittings/{sitting.pk}/"):
            assert other.get(address).status_code == 404
            assert other.post(address, {"number": 1, "answer": "a"}).status_code == 404
    assert not open_one.answers.exclude(answered_at=None).exists()


def test_examples_stand_beside_the_guidelines_with_what_is_right(ann: Client, cast: Cast) -> None:
    gold_of(cast.shop, use="example", number=8, right=["first", "tie"])
    guideline_publish(project=cast.shop, text="Be kind.", by=cast.olga)

    page = text_of(ann.get(JUDGE))

    assert "May I return cup 8?" in page
    assert "A is better / Tie" in page
    assert not re.search(r"May I return cup [1-5]\?", page)
