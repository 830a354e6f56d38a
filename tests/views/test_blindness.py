"""Nothing but the text tells who wrote an answer: no byte of the page, no number in it, no side."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from annotator.domain.lifecycles import AssignmentState
from annotator.models import Assignment, Comparison, Response, Round, User
from annotator.services.assignments import assignment_claim
from annotator.services.gold import gold_add
from tests.cast import Cast
from tests.factories import held, project_of, round_turned
from tests.views.page import forms_of

JUDGE = "/p/shop/judge/"
ASSIGNMENTS = 1000


def bytes_of(page: Any) -> tuple[str, dict[str, str]]:
    """The page and its headers without what is drawn for every page anew, and without the time of day."""
    drawn = r'name="(csrfmiddlewaretoken|key)" value="[^"]*"'
    changing = ("Set-Cookie", "Content-Length", "Expires")
    headers = {name: value for name, value in page.headers.items() if name not in changing}
    return re.sub(drawn, "", page.content.decode()), headers


def test_swapping_the_authors_of_a_pair_changes_no_byte_of_its_page(
    cast: Cast, turned: Round, client_of: Callable[[User | None], Client]
) -> None:
    comparison = held(cast.shop, cast.ann).comparison
    authors = {pk: Response.objects.filter(pk=pk).values("checkpoint_id", "run_id", "sample", "finish").get()
               for pk in (comparison.first_id, comparison.second_id)}  # fmt: skip
    ann = client_of(cast.ann)
    ann.get(JUDGE)
    before = bytes_of(ann.get(JUDGE)), bytes_of(ann.get(f"{JUDGE}next/", headers={"X-Tiebreak-Cards": ""}))

    Response.objects.filter(pk=comparison.first_id).update(sample=90)  # out of the way of a constraint
    Response.objects.filter(pk=comparison.second_id).update(**authors[comparison.first_id])
    Response.objects.filter(pk=comparison.first_id).update(**authors[comparison.second_id])

    assert authors[comparison.first_id] != authors[comparison.second_id]
    assert before == (bytes_of(ann.get(JUDGE)), bytes_of(ann.get(f"{JUDGE}next/", headers={"X-Tiebreak-Cards": ""})))


@pytest.mark.slow
def test_no_number_of_a_thousand_assignments_predicts_which_side_the_new_checkpoint_is_on(cast: Cast) -> None:
    """Slow because it claims a thousand times. Over n coins a share strays 0.052 from a half once in a thousand."""
    project = project_of(cast.olga, "many", prompts=250)
    first_round = round_turned(project, by=cast.olga, raters=[cast.ann, cast.rui])
    new = first_round.runs.get(kind="dpo").checkpoint.pk
    for rater in (cast.ann, cast.rui):
        while assignment := assignment_claim(rater=rater, project=project):
            Assignment.objects.filter(pk=assignment.pk).update(state=AssignmentState.ANSWERED)

    rows = [
        (one.left.checkpoint_id == new, one.pk, one.comparison_id, one.rater_id)
        for one in Assignment.objects.filter(comparison__round__project=project).select_related(
            "comparison__first", "comparison__second"
        )
        if (one.left.checkpoint_id == new) != (one.right.checkpoint_id == new)
    ]

    new_is_left, pks, comparisons, raters = (np.array(column) for column in zip(*rows, strict=True))
    assert len(rows) >= ASSIGNMENTS * 0.8  # some pairs are of one author
    guesses = {
        "left": np.ones(len(rows), bool),
        "parity of the assignment": pks % 2 == 0,
        "parity of the comparison": comparisons % 2 == 0,
        "first half of the day": np.arange(len(rows)) < len(rows) / 2,
        "rater": raters == cast.ann.pk,
    }
    for name, guess in guesses.items():
        assert abs((guess == new_is_left).mean() - 0.5) < 0.06, name
    by_comparison = [new_is_left[comparisons == one] for one in np.unique(comparisons)]
    assert all(side.sum() == len(side) / 2 for side in by_comparison if len(side) == 2)


@pytest.mark.parametrize("kind", ["gold", "repeat", "swap"])
def test_a_hidden_check_is_byte_for_byte_like_work(
    cast: Cast, collecting: Round, client_of: Callable[[User | None], Client], kind: str
) -> None:
    work = collecting.comparisons.select_related("prompt", "first", "second")[0]
    gold = gold_add(
        project=cast.shop, use="check", messages=work.prompt.messages, first=work.first.text, second=work.second.text,
        right=["first"], explanation="", by=None,
    )  # fmt: skip
    made = Comparison.with_checks.get(gold=gold)
    ann = client_of(cast.ann)
    ann.get(JUDGE)
    Assignment.objects.filter(rater=cast.ann).delete()

    def shown(comparison: Comparison, check_kind: str) -> list[Any]:
        """What Ann sees before and after she answers, in a world that is taken back."""
        with transaction.atomic():
            lease = Assignment.objects.create(
                comparison=comparison, rater=cast.ann, check_kind=check_kind, first_on_left=True,
                leased_until=timezone.now() + timedelta(minutes=20),
            )  # fmt: skip
            address = f"{JUDGE}{lease.pk}/"
            pages = [ann.get(JUDGE), ann.get(address), ann.get(f"{JUDGE}next/")]
            fields = {**forms_of(pages[0])["verdict"].fields, "answer": "a"}
            pages.append(ann.post(address, fields))
            pages += [ann.get(address), ann.get(f"{JUDGE}mine/")]
            lines = re.search(r"<progress .*?</p>", ann.get(JUDGE).content.decode(), re.DOTALL)
            transaction.set_rollback(True)
        assert lines
        found = [(page.status_code, *bytes_of(page)) for page in pages]
        return [lines[0], *(str(one).replace(f"/{lease.pk}/", "/…/") for one in found)]

    assert shown(made if kind == "gold" else work, kind) == shown(work, "")
