"""Metrics and their intervals, held against published values and simple arithmetic."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training import metrics
from training.config import METRICS


def test_the_wilson_interval_equals_the_textbook_one() -> None:
    """Newcombe (1998), table I: 81 of 263 gives 0.2553 to 0.3662; 0 of 20 gives 0 to 0.1611."""
    assert metrics.wilson(81, 263)[1:] == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert metrics.wilson(0, 20)[1:] == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_nothing_measured_means_nothing_known() -> None:
    assert metrics.wilson(0, 0) == (0.5, 0.0, 1.0)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_share_and_stays_inside_zero_and_one(case: tuple[int, int]) -> None:
    share, low, high = metrics.wilson(*case)

    assert 0 <= low <= share <= high <= 1


def test_ties_are_left_out_of_accuracy_and_an_undecided_model_is_a_coin() -> None:
    """Right, wrong, undecided, and a tie: 1.5 of 3."""
    margin = torch.tensor([2.0, 1.0, 0.0, 5.0])
    prefer_first = torch.tensor([1.0, 0.2, 1.0, 0.5])

    assert metrics.agreement(margin, prefer_first) == (1.5, 3)


def test_rewards_follow_what_people_preferred_not_the_side() -> None:
    reward = torch.tensor([[3.0, 1.0], [2.0, 5.0], [9.0, 9.0]])

    tally = metrics.preference_tally(reward, torch.tensor([1.0, 0.0, 0.5]))

    assert tally["rewards/chosen"] == (8.0, 2.0)
    assert tally["rewards/rejected"] == (3.0, 2.0)
    assert tally["rewards/accuracies"] == (2.0, 2.0)


def test_swapping_every_comparison_mirrors_nothing_but_the_sides() -> None:
    reward, prefer = torch.randn(20, 2), torch.rand(20)

    assert metrics.preference_tally(reward, prefer) == metrics.preference_tally(reward.flip(1), 1 - prefer)


def test_kl_is_zero_for_equal_distributions_and_worked_by_hand_otherwise() -> None:
    """(1/2, 1/2) against (3/4, 1/4): 1/2 ln(2/3) + 1/2 ln 2 = 1/2 ln(4/3)."""
    half, skewed = torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.75, 0.25]]).log()

    assert metrics.kl_tokens(half, half).item() == pytest.approx(0.0, abs=1e-7)
    assert metrics.kl_tokens(half, skewed).item() == pytest.approx(0.5 * math.log(4 / 3))


def test_a_ratio_without_spread_has_no_width() -> None:
    assert metrics.ratio_interval([2.0, 4.0], [1.0, 2.0]) == (2.0, 2.0, 2.0)
    assert metrics.ratio_interval([], []) == (1.0, 1.0, 1.0)


def test_the_ratio_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    torch.manual_seed(0)
    covered = 0
    for _ in range(400):
        top, bottom = torch.rand(60) + 1.5, torch.rand(60) + 0.5  # true ratio 2
        _, low, high = metrics.ratio_interval(top.tolist(), bottom.tolist())
        covered += low <= 2.0 <= high

    assert 0.92 <= covered / 400 <= 0.98


def test_every_metric_has_a_sentence_and_a_unit() -> None:
    assert all(sentence.endswith(".") and unit for sentence, unit in METRICS.values())
