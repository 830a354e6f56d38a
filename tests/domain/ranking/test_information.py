from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given

from annotator.domain.ranking.information import belief, information_gain, order_gain
from annotator.domain.ranking.votes import Votes, votes_counted
from tests.domain.ranking.elections import elections


def every_pair(contestants: int) -> np.ndarray:
    return np.array(list(combinations(range(contestants), 2)))


def test_the_gain_is_worked_on_paper() -> None:
    """Equal strengths with variance 2 each: the difference has variance 4, p (1 - p) is ¼, log(1 + 1) / 2."""
    gain = information_gain(np.zeros(2), np.eye(2) * 2, np.array([[0, 1]]))

    assert gain == pytest.approx([math.log(2) / 2])


def test_the_gain_is_what_the_volume_of_belief_really_loses() -> None:
    """Adding one vote's information to the inverse covariance by hand."""
    strength, cov = belief(votes_counted(3, [(0, 1, 4, 2, 0), (1, 2, 1, 1, 1)]))
    p = 1 / (1 + math.exp(strength[2] - strength[0]))
    towards = np.array([1.0, 0, -1])
    after = np.linalg.inv(np.linalg.inv(cov + 1) + p * (1 - p) * np.outer(towards, towards))

    lost = (np.linalg.slogdet(cov + 1)[1] - np.linalg.slogdet(after)[1]) / 2
    assert information_gain(strength, cov, np.array([[0, 2]])) == pytest.approx([lost])


def test_before_any_vote_every_pair_tells_as_much() -> None:
    gain = information_gain(*belief(votes_counted(4, [])), every_pair(4))

    assert gain == pytest.approx(np.full(6, gain[0]))


@pytest.mark.parametrize("rule", [information_gain, order_gain])
def test_a_pair_that_was_asked_often_tells_less_than_one_that_was_not(rule) -> None:  # type: ignore[no-untyped-def]
    votes = votes_counted(4, [(0, 1, 20, 20, 0), (1, 2, 1, 1, 0), (2, 3, 1, 1, 0)])

    asked, _, new = rule(*belief(votes), np.array([[0, 1], [1, 2], [0, 3]]))

    assert new > asked


def test_a_settled_order_is_of_less_interest_than_a_close_one() -> None:
    """Both pairs were asked eight times; 0 beat 1 in all of them, 2 and 3 are level."""
    votes = votes_counted(4, [(0, 1, 8, 0, 0), (2, 3, 4, 4, 0)])

    settled, close = order_gain(*belief(votes), np.array([[0, 1], [2, 3]]))

    assert close > settled


@given(votes=elections())
def test_gains_are_never_negative_and_do_not_depend_on_the_side(votes: Votes) -> None:
    known, pairs = belief(votes), every_pair(votes.contestants)

    for rule in (information_gain, order_gain):
        assert (rule(*known, pairs) >= 0).all()
        assert rule(*known, pairs[:, ::-1]) == pytest.approx(rule(*known, pairs))
