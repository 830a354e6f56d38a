"""What stands before the next pair, over HTTP: plain forms, and no lease while the gate is closed."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client

from annotator.domain.lifecycles import AssignmentState
from annotator.models import Acknowledgement, Assignment, Judgment, Member, Project, Round, User
from annotator.services.entrance import content_answer, member_shown_around
from annotator.services.projects import guideline_publish, project_update
from tests.cast import Cast
from tests.factories import gold_of
from tests.views.page import Form, forms_of

JUDGE = "/p/shop/judge/"
CONTENT = f"{JUDGE}content/"
AROUND = f"{JUDGE}around/"
NEW_TEXT = "# What to look for\n\nPrefer the **shorter** answer.\n\nBe fair."

WAYS: dict[str, tuple[str, dict[str, str]]] = {
    "a page": (JUDGE, {}),
    "a fragment": (f"{JUDGE}next/", {"HX-Request": "true"}),
    "cards ahead": (f"{JUDGE}next/", {"X-Tiebreak-Cards": ""}),
}


@pytest.fixture
def ann(cast: Cast, collecting: Round, client_of: Callable[[User | None], Client]) -> Client:
    return client_of(cast.ann)


def close(shop: Project, step: str) -> str:
    """Close the gate before Ann; the heading that she then reads."""
    ann = Member.objects.get(project=shop, user__username="ann")
    if step in ("content", "declined"):
        project_update(project=shop, content_warning="Insults, and **threats**.")
        content_answer(member=ann, answer="unasked" if step == "content" else "declined")
        return "Before you begin" if step == "content" else "You opted out of this project"
    if step == "guideline":
        guideline_publish(project=shop, text=NEW_TEXT, by=None)
        return "The guidelines have changed"
    project_update(project=shop, exam_questions=1)
    gold_of(shop, use="exam")
    return "A short exam first"


def send(client: Client, form: Form, **pressed: str) -> str:
    """Send a form, follow the redirect as a browser does, and return the page."""
    answered = client.post(form.action, {**form.fields, **pressed})
    assert answered.status_code == 303
    return client.get(answered["Location"]).content.decode()


# --- the gate ----------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("step", ["content", "declined", "guideline", "exam"])
def test_while_the_gate_is_closed_it_stands_in_the_place_of_the_pair_and_nothing_is_leased(
    cast: Cast, ann: Client, step: str, way: str
) -> None:
    heading = close(cast.shop, step)
    address, headers = WAYS[way]

    page = ann.get(address, headers=headers)

    assert page.status_code == 200
    assert page.content.decode().count(heading) == 1
    assert f'data-state="{step}"' in page.content.decode()
    assert "verdict" not in forms_of(page)
    assert "every 3s" not in page.content.decode()  # nothing comes by itself
    assert not Assignment.objects.exists()


@pytest.mark.parametrize("way", WAYS)
def test_while_it_is_open_the_pair_is_there(ann: Client, way: str) -> None:
    address, headers = WAYS[way]

    assert "verdict" in forms_of(ann.get(address, headers=headers))


def test_what_was_leased_before_the_gate_closed_waits_behind_it(cast: Cast, ann: Client) -> None:
    before = forms_of(ann.get(JUDGE))["verdict"].action
    close(cast.shop, "guideline")

    assert "verdict" not in forms_of(ann.get(JUDGE))
    assert Assignment.objects.get().state == AssignmentState.HELD
    ann.post(f"{JUDGE}guidelines/2/read/")
    assert forms_of(ann.get(JUDGE))["verdict"].action == before


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}, {"X-Tiebreak-Cards": ""}], ids=str)
def test_a_judgment_given_while_a_new_guideline_appeared_is_kept_under_the_one_its_page_showed(
    cast: Cast, ann: Client, headers: dict[str, str]
) -> None:
    verdict = forms_of(ann.get(JUDGE))["verdict"]
    guideline_publish(project=cast.shop, text=NEW_TEXT, by=cast.olga)

    answered = ann.post(verdict.action, {**verdict.fields, "answer": "a"}, headers=headers)

    judgment = Judgment.objects.get()
    assert judgment.guideline is not None
    assert (judgment.answer, judgment.guideline.version) == ("a", 1)
    shown = answered if headers else ann.get(answered["Location"])
    assert "The guidelines have changed" in shown.content.decode()
    assert "verdict" not in forms_of(shown)
    assert bool(headers) == ("Saved: A is better" in re.sub(r"\s+", " ", answered.content.decode()))
    assert not Assignment.objects.filter(state=AssignmentState.HELD).exists()


def test_a_judgment_never_borrows_the_guideline_of_another_project(cast: Cast, ann: Client) -> None:
    verdict = forms_of(ann.get(JUDGE))["verdict"]
    foreign = cast.garden.guidelines.get()

    ann.post(verdict.action, {**verdict.fields, "answer": "a", "guideline": str(foreign.pk)})

    assert Judgment.objects.get().guideline != foreign


def test_a_whole_entrance_works_with_plain_forms(cast: Cast, collecting: Round) -> None:
    """With their tokens: this client checks them."""
    close(cast.shop, "exam")
    close(cast.shop, "guideline")
    close(cast.shop, "content")
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.ann)

    page = send(client, forms_of(client.get(JUDGE))[CONTENT], content="accepted")
    assert "The guidelines have changed" in page
    page = send(client, forms_of(client.get(JUDGE))[f"{JUDGE}guidelines/2/read/"])
    assert "A short exam first" in page
    page = send(client, forms_of(client.get(JUDGE))[f"{JUDGE}exam/"])
    assert "Question 1 of 1" in page
    sitting = cast.shop.sittings.get()
    right = "a" if sitting.answers.get().first_on_left else "b"
    page = send(client, forms_of(client.get(f"{JUDGE}sittings/{sitting.pk}/"))["verdict"], answer=right)
    assert "<h1>Passed</h1>" in page

    assert "verdict" in forms_of(client.get(JUDGE))


# --- guideline ---------------------------------------------------------------------


def test_what_is_new_is_listed_above_the_whole_text(cast: Cast, ann: Client) -> None:
    guideline_publish(project=cast.shop, text=NEW_TEXT, by=cast.olga)

    page = ann.get(JUDGE).content.decode()

    listed = re.findall(r"<li><(ins|del) [^>]*>(.*?)</\1></li>", page, re.DOTALL)
    assert [(tag, re.sub(r"<[^>]+>", "", line).strip()) for tag, line in listed] == [
        ("del", "Prefer the kinder answer."),
        ("ins", "Prefer the shorter answer."),
        ("ins", "Be fair."),
    ]
    assert "What is new since version 1" in page
    assert "Version 2," in page


def test_a_first_guideline_has_nothing_new(cast: Cast, ann: Client) -> None:
    Acknowledgement.objects.filter(user=cast.ann).delete()

    page = ann.get(JUDGE).content.decode()

    assert re.search(r"<h1[^>]*>What to look for</h1>", page)
    assert "What is new" not in page
    assert "<strong>kinder</strong>" in page


def test_reading_one_version_while_the_next_appeared_asks_again(cast: Cast, ann: Client) -> None:
    guideline_publish(project=cast.shop, text=NEW_TEXT, by=cast.olga)
    shown = forms_of(ann.get(JUDGE))[f"{JUDGE}guidelines/2/read/"]
    guideline_publish(project=cast.shop, text=f"{NEW_TEXT}\nBe quick.", by=cast.olga)

    page = send(ann, shown)

    assert "What is new since version 2" in page
    assert "Be quick." in page
    send(ann, forms_of(ann.get(JUDGE))[f"{JUDGE}guidelines/3/read/"])
    assert "verdict" in forms_of(ann.get(JUDGE))


@pytest.mark.parametrize("version", [0, 2, 99])
def test_a_version_that_was_never_published_cannot_be_read(ann: Client, cast: Cast, version: int) -> None:
    assert ann.post(f"{JUDGE}guidelines/{version}/read/").status_code == 404


def test_the_owner_publishes_a_corrected_comma_without_stopping_anybody(
    cast: Cast, ann: Client, client_of: Callable[[User | None], Client]
) -> None:
    olga = client_of(cast.olga)

    olga.post("/p/shop/guidelines/", {"text": NEW_TEXT})  # the box is not ticked

    assert "verdict" in forms_of(ann.get(JUDGE))
    page = olga.get("/p/shop/guidelines/").content.decode()
    assert page.index("Version 2") < page.index("Version 1")
    assert "read by 0 raters" in page
    assert "nobody is asked to read it" in page


# --- content -----------------------------------------------------------------------


def test_a_rater_opts_out_in_the_menu_and_comes_back(cast: Cast, ann: Client) -> None:
    close(cast.shop, "content")
    assert "<strong>threats</strong>" in ann.get(JUDGE).content.decode()
    send(ann, forms_of(ann.get(JUDGE))[CONTENT], content="accepted")
    assert 'name="content" value="declined"' in ann.get(JUDGE).content.decode()

    page = send(ann, forms_of(ann.get(JUDGE))[CONTENT], content="declined")

    assert "You opted out of this project" in page
    page = send(ann, forms_of(ann.get(JUDGE))[CONTENT], content="unasked")
    assert "Before you begin" in page
    send(ann, forms_of(ann.get(JUDGE))[CONTENT], content="accepted")
    assert "verdict" in forms_of(ann.get(JUDGE))


def test_without_a_warning_nothing_can_be_opted_out_of(ann: Client) -> None:
    assert CONTENT not in forms_of(ann.get(JUDGE))


def test_an_answer_that_nobody_offered_is_refused(cast: Cast, ann: Client) -> None:
    assert ann.post(CONTENT, {"content": "perhaps"}).status_code == 422


# --- shown around ------------------------------------------------------------------


def test_a_rater_is_shown_around_until_they_have_seen_it_and_again_on_request(cast: Cast, ann: Client) -> None:
    member_shown_around(member=cast.shop.members.get(user=cast.ann), is_done=False)
    seen = ["data-around" in ann.get(JUDGE).content.decode() for _ in range(2)]

    page = send(ann, Form(AROUND))
    seen.append("data-around" in page)
    seen.append("data-around" in send(ann, forms_of(ann.get(JUDGE))[AROUND], again="yes"))

    assert seen == [True, True, False, True]


def test_nobody_is_shown_around_before_the_first_pair(cast: Cast, ann: Client) -> None:
    member_shown_around(member=cast.shop.members.get(user=cast.ann), is_done=False)
    close(cast.shop, "guideline")

    assert "data-around" not in ann.get(JUDGE).content.decode()
