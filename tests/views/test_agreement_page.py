"""The owner's page of agreement: each number with n and interval, or the reason why there is none."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from annotator.domain.asking import Said
from annotator.models import Assignment, Comparison, Project, Prompt, Round, User
from annotator.selectors.agreement import AgreementTables, Table, agreement_tables, ceiling_of
from annotator.selectors.quality import Estimate
from annotator.services.assignments import assignment_claim
from annotator.services.judgments import judgment_submit
from annotator.services.protocols import protocol_publish
from tests.cast import Cast
from tests.factories import round_collecting

PAGE = "/p/shop/agreement/"


@pytest.fixture
def olga(cast: Cast, client_of: Callable[[User | None], Client]) -> Client:
    return client_of(cast.olga)


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


Wish = Callable[[Comparison], str]


def judge(project: Project, rater: User, wish: Wish, accuracy: Wish | None = None) -> None:
    """The rater judges everything that is open to them: "first", "second" or "tie", on whatever side they stand."""
    while assignment := assignment_claim(rater=rater, project=project):
        comparison = Comparison.objects.get(pk=assignment.comparison_id)
        answer = pressed(wish(comparison), assignment)
        criteria = {"accuracy": pressed(accuracy(comparison), assignment)} if accuracy else {}
        judgment_submit(assignment=assignment, said=Said(answer, criteria=criteria), key=uuid.uuid4(), seconds=9.0)


def pressed(wish: str, assignment: Assignment) -> str:
    return "tie" if wish == "tie" else "a" if (wish == "first") == assignment.first_on_left else "b"


def in_order(round: Round, *answers: str) -> Wish:
    """One answer for each comparison of the round, by their numbers."""
    return dict(zip(round.comparisons.order_by("pk"), answers, strict=True)).__getitem__


@pytest.fixture
def judged_twice(cast: Cast) -> Round:
    """Ann and Rui judge four comparisons: overall they agree on the first three, on accuracy on the fourth only."""
    Project.objects.filter(pk=cast.shop.pk).update(prompts_per_round=2)
    cast.shop.refresh_from_db()
    asked = {"name": "Accuracy", "question": "Which is more accurate?", "preset": "five_point"}
    protocol_publish(project=cast.shop, preset="five_point", criteria=[asked])
    round = round_collecting(cast.shop)
    for rater, last, accuracy in ((cast.ann, "first", "first"), (cast.rui, "second", "second")):
        judge(
            cast.shop,
            rater,
            in_order(round, "first", "second", "tie", last),
            in_order(round, accuracy, accuracy, accuracy, "tie"),
        )
    return round


def by_title(table: Table, row: int) -> dict[str, Estimate]:
    return {str(title): one for title, one in zip(table.columns, table.rows[row].estimates, strict=True)}


def tables_of(scope: Project | Round) -> AgreementTables:
    found = agreement_tables(scope)
    assert found is not None
    return found


def test_each_question_has_its_own_agreement(judged_twice: Round) -> None:
    """Overall: three of four the same, two of three where both prefer a side. Accuracy: the one tie of four."""
    table = tables_of(judged_twice).questions
    overall, accuracy = by_title(table, 0), by_title(table, 1)

    assert [str(row.name) for row in table.rows] == ["Overall", "Accuracy"]
    assert (overall["Agreement"].value, overall["Agreement"].n) == (0.75, 4)
    assert overall["Agreement without ties"].value == pytest.approx(2 / 3)
    assert (accuracy["Agreement"].value, accuracy["Agreement without ties"].value) == (0.25, 0.0)


def test_people_and_pairs_of_people_have_rows(judged_twice: Round) -> None:
    tables = tables_of(judged_twice)

    assert sorted(str(row.name) for row in tables.raters.rows) == ["ann", "rui"]
    assert [str(row.name) for row in tables.pairs.rows] == ["ann · rui"]
    assert by_title(tables.pairs, 0)["Agreement"].value == 0.75
    assert by_title(tables.pairs, 0)["Cohen’s kappa"].n == 4


def test_tags_hold_the_comparisons_of_their_prompts(cast: Cast) -> None:
    """Ann always prefers the first answer, Rui where it is about tea."""
    for tag in ("tea", "coffee"):
        messages = [{"role": "user", "content": f"{tag}?"}]
        Prompt.objects.create(project=cast.shop, messages=messages, content_sha256=tag, split="train", tags=[tag])
    Project.objects.filter(pk=cast.shop.pk).update(prompts_per_round=10)
    cast.shop.refresh_from_db()
    protocol_publish(project=cast.shop, preset="five_point")
    round = round_collecting(cast.shop)
    judge(cast.shop, cast.ann, lambda comparison: "first")
    judge(cast.shop, cast.rui, lambda comparison: "first" if comparison.prompt.tags == ["tea"] else "second")
    tags = tables_of(round).tags

    assert [str(row.name) for row in tags.rows] == ["coffee", "tea"]
    assert [by_title(tags, row)["Agreement"].value for row in (0, 1)] == [0.0, 1.0]
    assert [by_title(tags, row)["Agreement"].n for row in (0, 1)] == [2, 2]


def test_a_project_has_a_row_for_each_round(judged_twice: Round, cast: Cast) -> None:
    tables = tables_of(cast.shop)

    assert [row.round for row in tables.rounds.rows] == [judged_twice.number]
    assert by_title(tables.rounds, 0)["Agreement"] == by_title(tables.questions, 0)["Agreement"]


def test_the_page_shows_n_and_interval_beside_each_number(judged_twice: Round, olga: Client) -> None:
    page = text_of(olga.get(PAGE))

    assert "From 8 judgments of 4 comparisons" in page
    assert "Agreement without ties Meaning" in page
    assert "67 %" in page
    assert "n = 3" in page
    assert "nan" not in page.lower().split()


def test_what_is_undefined_says_why(judged_twice: Round, olga: Client) -> None:
    assert "No two raters share ten comparisons yet." in text_of(olga.get(PAGE))


def test_before_anybody_judged_the_page_says_so(cast: Cast, collecting: Round, olga: Client) -> None:
    page = text_of(olga.get(PAGE))

    assert "From 0 judgments of 0 comparisons" in page
    assert "No comparison has two judgments yet." in page


def test_one_round_has_a_page_of_its_own(judged_twice: Round, olga: Client) -> None:
    response = olga.get(f"{PAGE}?round={judged_twice.number}")

    assert "Agreement in Round 1" in text_of(response)
    assert olga.get(f"{PAGE}?round=99").status_code == 404
    assert f'href="{PAGE}?round=1"' in olga.get("/p/shop/rounds/1/").content.decode()


def test_only_an_owner_is_shown_the_way(judged_twice: Round, cast: Cast, client_of: Any, olga: Client) -> None:
    assert PAGE in olga.get("/p/shop/rounds/1/").content.decode()
    assert PAGE not in client_of(cast.rui).get("/p/shop/rounds/1/").content.decode()


def test_the_reward_model_stands_beside_the_people(turned: Round, cast: Cast, olga: Client) -> None:
    ceiling = ceiling_of(tables_of(cast.shop), cast.shop)

    assert ceiling is not None
    assert (ceiling.model.value, ceiling.model.low, ceiling.model.high, ceiling.model.n) == (0.9, 0.8, 0.95, 40)
    assert ceiling.people.n == 6
    assert "How far a model can get" in text_of(olga.get(PAGE))
    assert ceiling_of(tables_of(turned), cast.shop, turned) is not None


def test_without_a_reward_model_nothing_stands_beside_them(judged_twice: Round, cast: Cast, olga: Client) -> None:
    assert "How far a model can get" not in text_of(olga.get(PAGE))


def test_a_correction_replaces_what_it_corrects(judged_twice: Round, cast: Cast) -> None:
    before = tables_of(judged_twice)
    first = cast.ann.assignments.filter(comparison__round=judged_twice).earliest("comparison_id")
    is_left = not first.first_on_left  # what Rui did not say
    judgment_submit(
        assignment=first, said=Said("a" if is_left else "b", criteria={"accuracy": "a"}), key=uuid.uuid4(), seconds=3.0
    )
    after = tables_of(judged_twice)

    assert (before.judgments, after.judgments) == (8, 8)
    assert (before.overall[0].value, after.overall[0].value) == (0.75, 0.5)


def test_the_second_look_asks_for_little(judged_twice: Round, olga: Client) -> None:
    olga.get(PAGE)
    with CaptureQueriesContext(connection) as queries:
        olga.get(PAGE)

    assert len(queries) <= 6
