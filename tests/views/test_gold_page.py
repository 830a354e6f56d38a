"""The owner's page of gold comparisons, and where owners see how exams went."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from annotator.models import Gold, Member, Round, User
from annotator.selectors.entrance import attempts_of
from annotator.services.entrance import content_answer
from annotator.services.projects import guideline_publish, project_update
from annotator.services.protocols import protocol_publish
from tests.cast import Cast
from tests.factories import gold_of, sat
from tests.views.page import forms_of
from tests.views.test_desk import text_of

GOLD, MEMBERS = "/p/shop/gold/", "/p/shop/members/"
TYPED: dict[str, Any] = {
    "use": "exam",
    "system": "Returns within 30 days.",
    "prompt": "May I return this cup?",
    "first": "Yes, gladly.",
    "second": "Never.",
    "right": ["tie", "first"],
    "explanation": "{A} is **kinder**.",
}


@pytest.fixture
def olga(cast: Cast, client_of: Callable[[User | None], Client]) -> Client:
    return client_of(cast.olga)


def typed_in(page: Any) -> dict[str, str]:
    """What stands in the large fields of the form."""
    found = re.findall(r'<textarea name="([a-z]+)"[^>]*>\n?(.*?)</textarea>', page.content.decode(), re.DOTALL)
    return {name: unescape(text) for name, text in found}


# --- writing down ------------------------------------------------------------------


def test_what_is_written_down_is_listed_under_its_use(cast: Cast, olga: Client) -> None:
    done = olga.post(GOLD, TYPED, follow=True)

    gold = Gold.objects.get()
    assert gold.messages == [
        {"role": "system", "content": "Returns within 30 days."},
        {"role": "user", "content": "May I return this cup?"},
    ]
    assert (gold.project, gold.use, gold.created_by) == (cast.shop, "exam", cast.olga)
    assert (gold.first, gold.second, gold.explanation) == ("Yes, gladly.", "Never.", "{A} is **kinder**.")
    assert gold.right == ["first", "tie"]
    page = text_of(done)
    assert "The gold comparison is written down." in page
    assert re.search(r"Practice, with feedback 0 None yet\. Exam 1 May I return this cup\?", page)
    assert "A is better / Tie" in page
    assert "A is kinder ." in page


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"use": "homework"}, "homework is not one of the available choices"),
        ({"use": ""}, "This field is required."),
        ({"right": []}, "This field is required."),
        ({"right": ["first", "third"]}, "third is not one of the available choices"),
        ({"prompt": ""}, "This field is required."),
        ({"prompt": "x" * 20_001}, "at most 20000 characters"),
        ({"first": "  "}, "This field is required."),
        ({"second": ""}, "This field is required."),
        ({"second": " Yes, gladly. "}, "The two answers are the same; nobody could tell them apart."),
        ({"explanation": ""}, "This field is required."),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else None,
)
def test_what_could_not_be_asked_or_explained_is_refused_and_shown_again(
    olga: Client, wrong: dict[str, Any], said: str
) -> None:
    refused = olga.post(GOLD, {**TYPED, **wrong})

    assert refused.status_code == 422
    assert said in text_of(refused)
    expected = {name: text for name, text in {**TYPED, **wrong}.items() if name not in ("use", "right")}
    assert typed_in(refused) == expected
    assert not Gold.objects.exists()


def test_a_reviewer_reads_and_writes_nothing_down(cast: Cast, client_of: Callable[[User | None], Client]) -> None:
    gold = gold_of(cast.shop, use="exam")
    rui = client_of(cast.rui)

    page = rui.get(GOLD)

    assert "May I return cup 1?" in page.content.decode()
    assert not [action for action in forms_of(page) if action.startswith(GOLD)]
    assert rui.post(GOLD, TYPED).status_code == 403
    assert rui.post(f"{GOLD}{gold.pk}/retire/").status_code == 403


# --- retiring ----------------------------------------------------------------------


def test_what_is_retired_leaves_the_page_and_keeps_when_it_was(cast: Cast, olga: Client) -> None:
    gold = gold_of(cast.shop, use="exam")
    form = forms_of(olga.get(GOLD))[f"{GOLD}{gold.pk}/retire/"]

    done = olga.post(form.action, form.fields, follow=True)

    assert "It is asked no more." in text_of(done)
    assert "May I return cup 1?" not in done.content.decode()
    gold.refresh_from_db()
    since = gold.retired_at
    assert since is not None
    olga.post(form.action, form.fields)
    gold.refresh_from_db()
    assert gold.retired_at == since


def test_gold_of_another_project_is_neither_shown_nor_retired_nor_made_of_its_comparisons(
    cast: Cast, collecting: Round, client_of: Callable[[User | None], Client]
) -> None:
    gold = gold_of(cast.shop, use="exam")
    otto = client_of(cast.otto)

    assert "May I return cup" not in otto.get("/p/garden/gold/").content.decode()
    assert otto.post(f"/p/garden/gold/{gold.pk}/retire/").status_code == 404
    assert otto.get(f"/p/garden/gold/?from={collecting.comparisons.earliest('pk').pk}").status_code == 404
    assert Gold.objects.get().retired_at is None


# --- from a comparison -------------------------------------------------------------


def test_a_comparison_becomes_gold_with_its_texts(cast: Cast, olga: Client, collecting: Round) -> None:
    comparison = collecting.comparisons.earliest("pk")
    type(comparison.first).objects.filter(pk=comparison.first_id).update(text="1 < 2 & “yes”\n\n</textarea> indeed")
    comparison.first.refresh_from_db()
    link = re.search(
        rf'href="({GOLD}\?from={comparison.pk})"', olga.get(f"/p/shop/prompts/{comparison.prompt_id}/").content.decode()
    )
    assert link

    typed = typed_in(olga.get(link[1]))

    assert typed == {
        "system": "Returns within 30 days.",
        "prompt": comparison.prompt.messages[-1]["content"],
        "first": comparison.first.text,
        "second": comparison.second.text,
        "explanation": "",
    }
    olga.post(GOLD, {**typed, "use": "practice", "right": ["second"], "explanation": "So it is."})
    gold = Gold.objects.get()
    assert gold.messages == comparison.prompt.messages
    assert (gold.first, gold.second) == (comparison.first.text, comparison.second.text)


@pytest.mark.parametrize(("source", "status"), [("", 200), ("nonsense", 200), ("-1", 200), ("999999", 404)])
def test_where_there_is_no_such_comparison_nothing_is_typed(olga: Client, source: str, status: int) -> None:
    page = olga.get(f"{GOLD}?from={source}")

    assert page.status_code == status
    assert set(typed_in(page).values()) <= {""}


# --- exams -------------------------------------------------------------------------


@pytest.fixture
def ann(cast: Cast) -> Member:
    """She is to answer two questions rightly, and may try twice."""
    project_update(project=cast.shop, exam_questions=2, exam_pass_share=1.0)
    for number in (1, 2):
        gold_of(cast.shop, use="exam", number=number)
    return cast.shop.members.select_related("project").get(user=cast.ann)


def test_an_exam_with_too_few_questions_is_said(cast: Cast, ann: Member, olga: Client) -> None:
    warning = r"The exam asks for 2 questions and has ([0-9]) that this protocol can answer, so nobody is examined yet"
    assert not re.search(warning, text_of(olga.get(GOLD)))

    Gold.objects.filter(pk=Gold.objects.latest("pk").pk).update(right=["tie"])
    protocol_publish(project=cast.shop, preset="hh")

    assert re.findall(warning, text_of(olga.get(GOLD))) == ["1"]


def test_each_question_shows_how_often_it_was_answered_rightly(ann: Member, olga: Client) -> None:
    sat(ann, right=0)
    sat(ann, right=2)

    assert text_of(olga.get(GOLD)).count("1 of 2 right") == 2


def exam_cell(page: Any, name: str) -> str:
    row = re.search(rf'<th scope="row">{name}\b.*?</tr>', page.content.decode(), re.DOTALL)
    assert row
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row[0].split("<td")[5])).strip(" >")


def test_the_members_page_says_how_exams_went_and_grants_one_more_attempt(
    ann: Member, cast: Cast, olga: Client, client_of: Callable[[User | None], Client]
) -> None:
    cells = [exam_cell(olga.get(MEMBERS), "ann")]
    for _ in range(2):
        sat(ann, right=1)
        cells.append(exam_cell(olga.get(MEMBERS), "ann"))

    assert cells == ["–", "failed once One more attempt", "failed 2 times One more attempt"]
    assert exam_cell(client_of(cast.rui).get(MEMBERS), "ann") == "failed 2 times"
    form = forms_of(olga.get(MEMBERS))[f"{MEMBERS}{ann.pk}/attempt/"]
    assert "ann may try the exam once more." in text_of(olga.post(form.action, form.fields, follow=True))
    ann.refresh_from_db()
    assert attempts_of(ann).left == 1
    sat(ann, right=2)
    assert exam_cell(olga.get(MEMBERS), "ann") == "passed"
    guideline_publish(project=cast.shop, text="Be kind.", by=cast.olga)
    assert exam_cell(olga.get(MEMBERS), "ann") == "–"  # it is asked again


def test_without_an_exam_the_members_page_has_no_word_of_it_and_it_says_who_opted_out(cast: Cast, olga: Client) -> None:
    assert "opted out" not in olga.get(MEMBERS).content.decode()

    content_answer(member=cast.shop.members.get(user=cast.ann), answer="declined")

    page = olga.get(MEMBERS).content.decode()
    assert ">Exam<" not in page
    assert re.findall(r'<th scope="row">(\w+) <span class="chip">opted out</span>', page) == ["ann"]


def test_the_page_costs_the_same_for_little_gold_as_for_much(ann: Member, cast: Cast, olga: Client) -> None:
    def cost(rows: int) -> int:
        while (there := cast.shop.gold.count()) < rows:
            gold_of(cast.shop, use=("example", "practice", "exam")[there % 3], number=there)
        olga.get(GOLD)
        with CaptureQueriesContext(connection) as queries:
            assert olga.get(GOLD).content.decode().count("/retire/") == rows
        return len(queries)

    assert cost(2) == cost(12)
