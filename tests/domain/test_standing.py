"""Who does not look at the answers, and why that is said."""

from __future__ import annotations

import numpy as np
import pytest

from annotator.domain.aggregation import Habit, Judgments, Standing, joint_fit, standings_of
from annotator.domain.aggregation.arrays import Ints, Numbers
from bench.real_votes import ENTAILMENT, entailment
from tests.domain.planted import planted
from tests.real_data import real

RATERS = 40
CROWD = planted(seed=7, comparisons=600, raters=RATERS, votes=6)
NEW = RATERS  # index of the rater who is put among them


def among_them(comparison_N: Ints, value_N: Numbers, left_N: Ints | None = None) -> list[Standing]:
    """The standings once a new rater has said this, after all others."""
    theirs = CROWD.judgments
    longer_C = np.zeros(theirs.comparisons, np.int64)
    longer_C[theirs.comparison_J] = theirs.longer_J
    left = np.where(np.arange(len(comparison_N)) % 2, 1, -1) if left_N is None else left_N
    judgments = Judgments.of(
        np.concatenate([theirs.comparison_J, comparison_N]),
        np.concatenate([theirs.rater_J, np.full(len(comparison_N), NEW)]),
        np.concatenate([theirs.value_J, value_N]),
        np.concatenate([theirs.left_J, left]) > 0,
        np.concatenate([theirs.longer_J, longer_C[comparison_N]]),
        comparisons=theirs.comparisons,
    )
    return standings_of(judgments, joint_fit(judgments))


def some(count: int) -> Ints:
    return np.random.default_rng(8).permutation(CROWD.judgments.comparisons)[:count]


def test_honest_raters_are_left_alone() -> None:
    standings = standings_of(CROWD.judgments, joint_fit(CROWD.judgments))

    assert [standing.habit for standing in standings].count(Habit.NONE) >= RATERS - 1
    assert all(standing.reliability is not None for standing in standings)


def test_a_coin_is_found() -> None:
    coin = np.random.default_rng(9).choice([-1.0, 0.0, 1.0], 120, p=[0.4, 0.2, 0.4])

    standing = among_them(some(120), coin)[NEW]

    assert standing.habit is Habit.RANDOM
    assert (standing.high or 1) < 0.7
    assert standing.n == 120


@pytest.mark.parametrize(("sign", "habit"), [(-1.0, Habit.LEFT), (1.0, Habit.RIGHT)])
def test_always_the_same_side_is_found_and_counted(sign: float, habit: Habit) -> None:
    left = np.random.default_rng(10).choice([-1, 1], 40)

    standing = among_them(some(40), sign * left, left)[NEW]

    assert standing.habit is habit
    assert standing.values == {"part": 40, "n": 40}
    assert "40 of 40" in standing.reason % standing.values


def test_always_the_longer_answer_is_found() -> None:
    longer_C = np.zeros(CROWD.judgments.comparisons)
    longer_C[CROWD.judgments.comparison_J] = CROWD.judgments.longer_J
    comparison = np.flatnonzero(longer_C)[:80]

    standing = among_them(comparison, -longer_C[comparison])[NEW]

    assert standing.habit is Habit.LONGER
    assert standing.values == {"part": 80, "n": 80}


def test_a_copier_is_found_and_who_was_copied_is_not_blamed() -> None:
    """Rater 3 judged about 90 comparisons; the new one says the same of each, later."""
    theirs = CROWD.judgments.rater_J == 3

    standings = among_them(CROWD.judgments.comparison_J[theirs], CROWD.judgments.value_J[theirs])

    assert (standings[NEW].habit, standings[NEW].copies) == (Habit.COPYING, 3)
    assert standings[NEW].values["part"] == standings[NEW].values["n"] == theirs.sum()
    assert standings[3].habit is Habit.NONE


def test_a_good_rater_who_agrees_because_both_are_right_is_no_copier() -> None:
    """One who always names the better answer agrees with the best of the others in most of what they share."""
    comparison = some(300)

    standings = among_them(comparison, -np.sign(CROWD.difference_C[comparison]))

    assert standings[NEW].habit is Habit.NONE
    assert (standings[NEW].reliability or 0) > 0.8


def test_in_a_crowd_of_coins_nobody_stands_out_and_nobody_weighs_much() -> None:
    """Where no one can be relied on, there is nothing to hold anybody against."""
    crowd = planted(seed=12, comparisons=600, raters=40, coins=40)

    fitted = joint_fit(crowd.judgments)

    assert sum(standing.is_suspect for standing in standings_of(crowd.judgments, fitted)) <= 2
    assert fitted.raters.reliability_R.mean() < 0.6
    assert np.abs(fitted.prefer_first_C - 0.5).mean() < 0.1


def test_raters_with_few_judgments_are_not_accused() -> None:
    four = among_them(some(4), -np.ones(4), np.ones(4, np.int64))[NEW]
    judgments = Judgments.of([0, 0], [0, 1], [-1, -1], raters=3)
    none = standings_of(judgments, joint_fit(judgments))[2]

    assert (four.habit, four.reason) == (Habit.NONE, "Too few judgments yet to say.")
    assert (none.reliability, none.low, none.high, none.n) == (None, None, None, 0)
    assert none.reason == "Has judged nothing yet."


def test_no_good_rater_of_a_real_crowd_is_accused_and_the_worst_busy_ones_are() -> None:
    """164 raters with 20 judgments or more, against experts (Snow et al., 2008)."""
    data = entailment(real(ENTAILMENT))
    judgments = data.judgments
    right_J = (1 - judgments.said_J) == data.truth_C[judgments.comparison_J]
    accuracy_R = np.bincount(judgments.rater_J, weights=right_J) / judgments.votes_R

    standings = standings_of(judgments, joint_fit(judgments))

    suspects = {rater for rater, standing in enumerate(standings) if standing.is_suspect}
    assert all(accuracy_R[rater] < 0.6 for rater in suspects)
    assert suspects >= set(np.flatnonzero((accuracy_R < 0.6) & (judgments.votes_R >= 100)).tolist())
