"""Metrics and their intervals, held against published values and simple arithmetic."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training import metrics
from training.metric_names import METRICS


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


def means(tally: metrics.Tally) -> dict[str, float]:
    return {name: total / n for name, (total, n) in tally.items() if n}


def test_rewards_follow_what_people_preferred_not_the_side() -> None:
    """Chosen 3 and 5, rejected 1 and 2; the third row is a tie and has neither."""
    reward = torch.tensor([[3.0, 1.0], [2.0, 5.0], [9.0, 9.0]])

    tally = metrics.preference_tally(reward, torch.tensor([1.0, 0.0, 0.5]))

    assert tally["rewards/chosen"] == (8.0, 2.0)
    assert tally["rewards/rejected"] == (3.0, 2.0)
    assert tally["rewards/margins"] == (5.0, 2.0)
    assert tally["rewards/accuracies"] == (2.0, 2.0)
    assert tally["pairs/ties"] == (1.0, 3.0)


def test_a_policy_that_is_its_reference_is_wrong_for_trl_and_undecided_for_us() -> None:
    """Step 0: equal rewards are no win, and with none unequal there is nothing to be right about."""
    tally = metrics.preference_tally(torch.zeros(4, 2), torch.ones(4))

    assert tally["rewards/accuracies"] == (0.0, 4.0)
    assert tally["rewards/accuracies_no_ties"] == (0.0, 0.0)


def test_swapping_every_comparison_mirrors_nothing_but_the_sides() -> None:
    policy, reference, length, prefer = torch.randn(20, 2), torch.randn(20, 2), torch.rand(20, 2), torch.rand(20)

    given = metrics.dpo_tally(policy, reference, length, prefer, 0.1)
    mirrored = metrics.dpo_tally(policy.flip(1), reference.flip(1), length.flip(1), 1 - prefer, 0.1)

    assert means(mirrored) == pytest.approx(means(given), rel=1e-5)


def test_what_a_policy_thinks_of_two_comparisons() -> None:
    """beta 0.5. Chosen: -4 after -6 (3 tokens) and -9 after -8 (5). Rejected: -7 after -5 (4) and -9 after -9 (8).

    Rewards 1, -1/2 against -1, 0. The chosen answers moved by 2 - 1 nats, all four by 2 - 1 - 2 + 0 in 20 tokens.
    """
    policy, reference = torch.tensor([[-4.0, -7.0], [-9.0, -9.0]]), torch.tensor([[-6.0, -5.0], [-9.0, -8.0]])
    length = torch.tensor([[3, 4], [8, 5]])

    tally = metrics.dpo_tally(policy, reference, length, torch.tensor([0.8, 0.0]), 0.5)

    assert means(tally) == pytest.approx(
        {
            "rewards/chosen": 0.25,
            "rewards/rejected": -0.5,
            "rewards/margins": 0.75,
            "rewards/accuracies": 0.5,
            "rewards/accuracies_no_ties": 0.5,
            "pairs/ties": 0.0,
            "logps/chosen": -6.5,
            "logps/rejected": -8.0,
            "length/chosen": 4.0,
            "length/rejected": 6.0,
            "kl/chosen_seq": 0.5,
            "kl/token": -0.05,
        }
    )


def test_without_a_reference_there_is_no_kl() -> None:
    tally = metrics.dpo_tally(torch.tensor([[-4.0, -6.0]]), None, torch.ones(1, 2), torch.ones(1), 0.5)

    assert tally["rewards/margins"] == (1.0, 1.0)
    assert not [name for name in tally if name.startswith("kl/")]


def test_a_reward_model_is_told_with_the_lengths_it_saw() -> None:
    tally = metrics.reward_tally(torch.tensor([[1.0, 2.0]]), torch.tensor([[7, 3]]), torch.tensor([0.0]))

    assert tally["rewards/chosen"] == (2.0, 1.0)
    assert tally["length/chosen"] == (3.0, 1.0)
    assert tally["length/rejected"] == (7.0, 1.0)


def test_parts_of_a_batch_add_up_to_it() -> None:
    policy, reference, length, prefer = torch.randn(9, 2), torch.randn(9, 2), torch.rand(9, 2), torch.rand(9)

    def tally(rows: slice) -> metrics.Tally:
        return metrics.dpo_tally(policy[rows], reference[rows], length[rows], prefer[rows], 0.1)

    first, second = tally(slice(4)), tally(slice(4, 9))
    added = {name: tuple(map(sum, zip(first[name], second[name], strict=True))) for name in first}

    for name, whole in tally(slice(9)).items():
        assert added[name] == pytest.approx(whole, rel=1e-5)


# --- Calibration and other statistics ------------------------------------------------------------------------------


def doubles(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_reliability_holds_predictions_against_what_came_true() -> None:
    """0.62 and 0.68 with weights 1 and 3 share a bin: predicted 0.665, observed 1/4; 1 falls into the last bin."""
    bins = metrics.reliability(doubles(0.62, 0.68, 1.0), doubles(1.0, 0.0, 1.0), doubles(1.0, 3.0, 4.0))

    assert [(bin.low, bin.high, bin.n, bin.weight) for bin in bins] == [(0.6, 0.7, 2, 4.0), (0.9, 1.0, 1, 4.0)]
    assert [bin.predicted for bin in bins] == pytest.approx([0.665, 1.0])
    assert [bin.observed for bin in bins] == pytest.approx([0.25, 1.0])
    assert metrics.expected_calibration_error(bins) == pytest.approx((0.415 * 4 + 0) / 8)


def test_a_model_that_believes_what_people_say_is_calibrated() -> None:
    probability = torch.rand(200)

    bins = metrics.reliability(probability, probability, torch.rand(200))

    assert metrics.expected_calibration_error(bins) == pytest.approx(0, abs=1e-12)


def test_without_rows_there_is_nothing_to_be_wrong_about() -> None:
    assert metrics.reliability(doubles(), doubles(), doubles()) == []
    assert metrics.expected_calibration_error([]) == 0
    assert metrics.effective_n(doubles()) == 0


WEIGHTS = st.floats(0, 10, allow_subnormal=False)  # a smaller weight times a share is 0 in any arithmetic


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), WEIGHTS), max_size=30), st.integers(1, 20))
def test_every_row_with_weight_lies_in_one_bin(rows: list[tuple[float, float, float]], count: int) -> None:
    columns = doubles(*(value for row in rows for value in row)).reshape(-1, 3)

    bins = metrics.reliability(columns[:, 0], columns[:, 1], columns[:, 2], count)

    assert sum(bin.weight for bin in bins) == pytest.approx(sum(weight for *_, weight in rows))
    assert all(bin.low - 1e-9 <= bin.predicted <= bin.high + 1e-9 for bin in bins)
    assert 0 <= metrics.expected_calibration_error(bins) <= 1


def test_unequal_weights_are_worth_fewer_rows() -> None:
    """(3 + 1)^2 / (9 + 1) = 1.6."""
    assert metrics.effective_n(doubles(3, 1)) == pytest.approx(1.6)
    assert metrics.effective_n(doubles(7, 7, 7)) == pytest.approx(3)


def test_a_correlation_on_paper() -> None:
    """Deviations (-1, 0, 1) and (-1, 1, 0): 1 / sqrt(2 * 2)."""
    assert metrics.correlation(doubles(1, 2, 3), doubles(4, 6, 5)) == pytest.approx(0.5)
    assert metrics.correlation(doubles(1, 2, 3), doubles(3, 1, -1)) == pytest.approx(-1)


@pytest.mark.parametrize("rows", [[], [(1.0, 2.0)], [(0.1, 2.0), (0.1, 3.0), (0.1, 5.0)], [(1e-200, 1.0), (0.0, 2.0)]])
def test_an_undefined_correlation_is_absent_rather_than_not_a_number(rows: list[tuple[float, float]]) -> None:
    x, y = doubles(*(x for x, _ in rows)), doubles(*(y for _, y in rows))

    assert metrics.correlation(x, y) is None
    assert metrics.correlation(y, x) is None


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="shapes differ"):
        metrics.correlation(doubles(1, 2), doubles(1, 2, 3))
    with pytest.raises(ValueError, match="shapes differ"):
        metrics.reliability(doubles(0.5), doubles(1), doubles(1, 1))


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
