"""Ratios over clusters, worked by hand, and intervals that hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from annotator.domain.clusters import ratio_of, share_of_clusters
from annotator.domain.shares import wilson


def test_a_ratio_is_of_sums_and_not_a_mean_of_ratios() -> None:
    """(2 + 2 + 2 + 18) / (1 + 1 + 1 + 3) = 4; residuals −2, −2, −2, 6; variance 4/3 · 48 / 36 = 16/9; t(3) = 3.18."""
    found = ratio_of([2, 2, 2, 18], [1, 1, 1, 3])

    assert found.value == 4
    assert found.low == pytest.approx(4 - 3.182 * 4 / 3, abs=0.01)
    assert found.high == pytest.approx(4 + 3.182 * 4 / 3, abs=0.01)
    assert found.n == 4


def test_clusters_without_a_share_in_the_whole_do_not_count() -> None:
    assert ratio_of([2, 0, 2, 2, 18], [1, 0, 1, 1, 3]) == ratio_of([2, 2, 2, 18], [1, 1, 1, 3])


def test_too_few_clusters_have_a_value_and_the_reason_for_no_interval() -> None:
    found = ratio_of([10, 20, 30], [1, 2, 3])

    assert (found.value, found.low, found.high, found.n) == (10, None, None, 3)
    assert found.reason == "Too few to say how far it may vary."


def test_nothing_is_no_number() -> None:
    for found in (ratio_of([], []), share_of_clusters([0, 0], [0, 0])):
        assert (found.value, found.low, found.high, found.n) == (None, None, None, 0)
        assert found.reason == "Nothing to count yet."


def test_clusters_of_one_are_nearly_wilson() -> None:
    """Independent votes: p (1 − p) / variance is n − 1 of n."""
    found = share_of_clusters([1] * 30 + [0] * 70, [1] * 100)

    assert (found.low, found.high) == pytest.approx(wilson(0.3, 100), abs=1e-3)


def test_votes_that_stand_or_fall_together_are_worth_one() -> None:
    """Ten clusters of ten that are all or nothing tell as much as ten votes do."""
    found = share_of_clusters([10] * 3 + [0] * 7, [10] * 10)

    assert (found.low, found.high) == pytest.approx(wilson(0.3, 10), abs=0.02)


def test_where_all_agree_the_interval_still_has_a_width() -> None:
    found = share_of_clusters([2, 2, 2, 2], [2, 2, 2, 2])

    assert (found.low, found.high) == pytest.approx(wilson(1.0, 4))


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """Two thousand samples of 60 clusters of 8 votes, whose shares differ from cluster to cluster."""
    dice = np.random.default_rng(1)
    held = 0
    for _sample in range(2000):
        votes_C = dice.binomial(8, dice.beta(3, 2, 60))
        found = share_of_clusters(votes_C, np.full(60, 8))
        held += (found.low or 0) <= 0.6 <= (found.high or 1)

    assert 0.93 <= held / 2000 <= 0.97
