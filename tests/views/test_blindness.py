"""Nothing but the text tells who wrote an answer: no byte of the page, no number in it, no side."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.test import Client

from annotator.domain.lifecycles import AssignmentState
from annotator.models import Assignment, Response, Round, User
from annotator.services.assignments import assignment_claim
from tests.cast import Cast
from tests.factories import held, project_of, round_turned

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
