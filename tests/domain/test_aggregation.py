from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.domain.aggregation import target_of
from annotator.domain.verdicts import Outcome, Verdict

FIRST, SECOND, TIE = Verdict(Outcome.PREFER, -1.0), Verdict(Outcome.PREFER, 1.0), Verdict(Outcome.TIE, 0.0)
BOTH_BAD, CANNOT = Verdict(Outcome.BOTH_BAD, None), Verdict(Outcome.CANNOT_JUDGE, None)
verdicts = st.lists(st.sampled_from([FIRST, SECOND, TIE, BOTH_BAD, CANNOT, Verdict(Outcome.PREFER, 0.5)]))


def test_two_votes_for_first_and_a_tie_give_five_sixths() -> None:
    """(1 + 1 + ½) / 3 = 0.8333, one vote in three a tie."""
    target = target_of([FIRST, FIRST, TIE])

    assert target is not None
    assert target.prefer_first == pytest.approx(5 / 6)
    assert target.tie_share == pytest.approx(1 / 3)
    assert (target.weight, target.strength) == (3.0, 1.0)


def test_both_bad_counts_as_no_difference_and_cannot_judge_counts_as_nothing() -> None:
    target = target_of([BOTH_BAD, CANNOT])

    assert target is not None
    assert (target.prefer_first, target.weight) == (0.5, 1.0)


def test_a_comparison_that_nobody_could_judge_teaches_nothing() -> None:
    assert target_of([CANNOT, CANNOT]) is None


@given(verdicts)
def test_swapping_the_sides_mirrors_the_target(votes: list[Verdict]) -> None:
    swapped = [Verdict(vote.outcome, -vote.value if vote.value is not None else None) for vote in votes]

    before, after = target_of(votes), target_of(swapped)

    if before is None or after is None:
        assert before is after
    else:
        assert after.prefer_first == pytest.approx(1 - before.prefer_first)
        assert (after.weight, after.tie_share, after.strength) == (before.weight, before.tie_share, before.strength)
