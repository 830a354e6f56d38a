"""What is set aside is nobody's to judge and nothing to learn from, until it is put back."""

from __future__ import annotations

import pytest

from annotator.domain.asking import Said
from annotator.models import Comparison, Flag, Judgment, Project, Round, User
from annotator.selectors.queue import progress_for_rater
from annotator.selectors.rounds import round_progress, rounds_of
from annotator.services.assignments import assignment_claim, assignments_claim
from annotator.services.flags import comparison_put_back, comparison_set_aside, flags_raise
from annotator.services.judgments import judgment_submit
from annotator.services.snapshots import snapshot_freeze
from annotator.store import store_path
from tests.factories import flagged, held, judged
from tests.keys import key
from training.contract import COMPARISONS, PreferenceRecord, rows_read


@pytest.fixture
def two(round: Round) -> list[Comparison]:
    """The only two comparisons of the round, two judgments wanted on each."""
    kept = list(round.comparisons.order_by("pk")[:2])
    round.comparisons.exclude(pk__in=[one.pk for one in kept]).delete()
    return kept


def test_nobody_is_given_what_is_set_aside(project: Project, two: list[Comparison], raters: list[User]) -> None:
    comparison_set_aside(comparison=two[0])

    claims = [assignments_claim(rater=rater, project=project) for rater in raters]

    assert [[one.comparison for one in claim] for claim in claims] == [[two[1]], [two[1]], []]


def test_when_all_is_set_aside_nothing_is_left_to_judge(
    project: Project, two: list[Comparison], raters: list[User]
) -> None:
    for comparison in two:
        comparison_set_aside(comparison=comparison)

    assert assignment_claim(rater=raters[0], project=project) is None
    assert progress_for_rater(raters[0], project).state == "done"


def test_whoever_holds_the_pair_while_it_is_set_aside_may_finish(
    project: Project, two: list[Comparison], raters: list[User]
) -> None:
    mine = held(project, raters[0])
    comparison_set_aside(comparison=mine.comparison)

    assert held(project, raters[0]) == mine  # a reload
    assert progress_for_rater(raters[0], project).state == "ready"
    judgment_submit(assignment=mine, said=Said("a"), key=key(1))

    assert Judgment.objects.get().assignment == mine
    assert held(project, raters[0]).comparison == two[1]


def test_what_is_set_aside_leaves_the_progress_of_the_round_and_of_its_raters(
    project: Project, two: list[Comparison], round: Round, raters: list[User]
) -> None:
    judged(project, raters[0])
    held(project, raters[1])
    before = round_progress(round)
    assert (before.comparisons, before.wanted, before.answered, before.held, before.set_aside) == (2, 4, 2, 1, 0)

    comparison_set_aside(comparison=two[0])

    after = round_progress(round)
    assert (after.comparisons, after.wanted, after.answered, after.held, after.set_aside) == (1, 2, 1, 0, 1)
    mine = progress_for_rater(raters[0], project)
    assert (mine.answered, mine.wanted) == (1, 2)
    listed = rounds_of(project).get()
    assert (listed.wanted, listed.answered) == (2, 1)  # type: ignore[attr-defined]


def test_what_is_set_aside_is_not_counted_as_something_to_learn_from(
    project: Project, two: list[Comparison], round: Round, raters: list[User]
) -> None:
    project.prompts.update(split="train")
    judged(project, raters[0])
    assert round_progress(round).decided == 2

    comparison_set_aside(comparison=two[1])

    assert round_progress(round).decided == 1


def frozen(round: Round) -> list[int]:
    """The comparisons in the snapshot of a round."""
    folder = store_path(snapshot_freeze(round=round).path)
    return [int(row.comparison_id) for row in rows_read(folder / COMPARISONS, PreferenceRecord)]


def test_a_snapshot_leaves_out_what_is_set_aside_with_its_judgments(
    project: Project, two: list[Comparison], round: Round, raters: list[User]
) -> None:
    for rater in raters[:2]:
        judged(project, rater)
    comparison_set_aside(comparison=two[0])

    assert frozen(round) == [two[1].pk]
    assert round.snapshot.counts["judgments"] == 2
    assert Judgment.objects.count() == 4  # they stay


def test_what_was_put_back_is_learnt_from_again(
    project: Project, two: list[Comparison], round: Round, raters: list[User]
) -> None:
    judged(project, raters[0])
    comparison_set_aside(comparison=two[0])
    comparison_put_back(comparison=two[0])

    assert sorted(frozen(round)) == [one.pk for one in two]
    assert round_progress(round).set_aside == 0


def test_what_was_put_back_is_given_to_raters_again_but_not_to_who_skipped_it(
    project: Project, two: list[Comparison], raters: list[User]
) -> None:
    Comparison.objects.filter(pk=two[1].pk).delete()
    for rater in raters[:2]:
        flagged(project, rater, "broken")
    assert assignment_claim(rater=raters[2], project=project) is None

    comparison_put_back(comparison=two[0])

    assert [assignment_claim(rater=rater, project=project) is not None for rater in raters] == [False, False, True]


def test_settled_flags_stay_and_no_longer_count(project: Project, two: list[Comparison], raters: list[User]) -> None:
    for rater in raters[:2]:
        flagged(project, rater, "broken")
    comparison_put_back(comparison=two[0])

    aside = [Comparison.objects.get(pk=two[0].pk).set_aside_at]
    last = held(project, raters[2])
    flags_raise(assignment=last, kinds=["broken"])
    aside.append(Comparison.objects.get(pk=two[0].pk).set_aside_at)

    assert aside == [None, None]  # one new flag beside two old ones
    assert [flag.settled_at is None for flag in Flag.objects.order_by("pk")] == [False, False, True]


def test_new_flags_set_aside_again_what_was_put_back(
    project: Project, two: list[Comparison], raters: list[User]
) -> None:
    first, second = (held(project, rater) for rater in raters[:2])
    for assignment in (first, second):
        flags_raise(assignment=assignment, kinds=["broken"])
    comparison_put_back(comparison=two[0])

    for assignment in (first, second):
        flags_raise(assignment=assignment, kinds=["unsafe"])

    assert Comparison.objects.get(pk=two[0].pk).set_aside_at is not None
