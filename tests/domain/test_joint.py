"""Differences, reliabilities and leans: what the joint model must get right, whatever the votes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.domain.aggregation import Judgments, joint_fit
from annotator.domain.aggregation.arrays import Numbers, summed
from annotator.domain.aggregation.joint import LENGTH, RELIABILITY, SIDE, outcomes, reliability_of
from bench.real_votes import ENTAILMENT, entailment
from tests.domain.planted import Crowd, planted
from tests.real_data import real

votes = st.lists(
    st.tuples(
        st.integers(0, 5), st.integers(0, 3), st.sampled_from([-1.0, 0.0, 1.0]), st.booleans(), st.integers(-1, 1)
    ),
    min_size=1,
    max_size=40,
)
Vote = tuple[int, int, float, bool, int]


def judged(rows: list[Vote]) -> Judgments:
    return Judgments.of(*map(list, zip(*rows, strict=True)), comparisons=6, raters=4)


def test_what_can_be_said_has_probabilities_that_sum_to_one() -> None:
    """At η = 0 and w = ln 3: σ(−ln 3) = 1 / (1 + 3) = ¼ for each side, and ½ for a tie."""
    first, tie, second = outcomes(np.array(0.0), np.array(np.log(3.0)))

    assert (float(first), float(tie), float(second)) == pytest.approx((0.25, 0.5, 0.25))
    everywhere = np.stack(outcomes(np.linspace(-30, 30, 61), np.array(0.7)))
    assert everywhere.sum(0) == pytest.approx(np.ones(61))
    assert everywhere.min() >= 0


def test_a_coin_is_right_half_of_the_time_and_certainty_always() -> None:
    """E[σ(1.5 |s|)] = 0.734 over s ~ N(0, 1), by numerical integration elsewhere."""
    assert reliability_of(np.array([0.0, 1.5, 1e6])) == pytest.approx([0.5, 0.734, 1.0], abs=0.001)


def test_planted_reliabilities_and_leans_come_back() -> None:
    """120 raters with about 170 judgments each: standard errors are near 0.2 for a, 0.1 for the leans."""
    crowd = planted(seed=1, comparisons=4000, raters=120)

    found = joint_fit(crowd.judgments)

    assert found.converged
    error_RP = found.raters.parameter_RP - crowd.parameter_RP
    assert np.abs(error_RP.mean(0)).max() < 0.12
    assert np.corrcoef(found.raters.parameter_RP[:, RELIABILITY], crowd.parameter_RP[:, RELIABILITY])[0, 1] > 0.8
    assert np.corrcoef(found.raters.parameter_RP[:, SIDE], crowd.parameter_RP[:, SIDE])[0, 1] > 0.9
    assert np.corrcoef(found.raters.parameter_RP[:, LENGTH], crowd.parameter_RP[:, LENGTH])[0, 1] > 0.8


def test_intervals_of_reliability_hold_what_they_promise_or_nearly() -> None:
    """95 % intervals hold at least 85 % over 240 planted raters; docs/aggregation.md says how short they fall."""
    held = []
    for seed in (2, 3):
        crowd = planted(seed=seed, comparisons=4000, raters=120)
        raters = joint_fit(crowd.judgments).raters
        true_R = reliability_of(crowd.parameter_RP[:, RELIABILITY])
        held += list((raters.low_R <= true_R) & (true_R <= raters.high_R))

    assert np.mean(held) > 0.85


def test_the_better_answer_is_named_more_often_than_by_majority() -> None:
    crowd = planted(seed=4, comparisons=4000, raters=120)

    found = joint_fit(crowd.judgments)

    assert right(found.mean_C, crowd) > right(majority(crowd.judgments), crowd) + 0.01


def test_experts_are_met_at_least_as_often_as_by_dawid_and_skene() -> None:
    """800 questions with ten votes each: 0.9275 is the figure to reach."""
    data = entailment(real(ENTAILMENT))

    found = joint_fit(data.judgments)

    assert (np.sign(found.mean_C) == data.truth_C).mean() >= 0.9275


def test_perfect_raters_are_believed() -> None:
    truth_C = np.where(np.arange(60) % 2, 1.0, -1.0)
    comparison_J, rater_J = np.repeat(np.arange(60), 4), np.tile(np.arange(4), 60)

    found = joint_fit(Judgments.of(comparison_J, rater_J, -truth_C[comparison_J]))

    assert (np.sign(found.mean_C) == truth_C).all()
    assert (np.where(truth_C > 0, found.first_better_C, 1 - found.first_better_C) > 0.95).all()
    assert (found.raters.reliability_R > 0.8).all()
    assert found.tie_C == pytest.approx(np.zeros(60))  # nobody ever said so


def test_a_taste_that_all_share_is_neither_held_against_raters_nor_taught() -> None:
    """Everybody takes the longer answer in three of four: that may well be quality."""
    crowd = planted(seed=5, comparisons=2000, raters=40, taste=1.0)

    found = joint_fit(crowd.judgments)

    assert found.taste_2[1] == pytest.approx(1.0, abs=0.15)
    assert abs(found.raters.parameter_RP[:, LENGTH].mean()) < 0.01
    alone = joint_fit(crowd.judgments.only(crowd.judgments.comparison_J != 0))
    assert alone.first_better_C[0] == pytest.approx(0.5)  # no judgment of its own, though its lengths are known


def test_raters_who_flip_coins_weigh_little() -> None:
    crowd = planted(seed=6, comparisons=2000, raters=40, coins=10)

    found = joint_fit(crowd.judgments)

    assert found.raters.information_R[:10].max() < 0.25
    assert found.raters.information_R[10:].mean() > 0.8
    assert found.raters.low_R[:10] == pytest.approx(np.full(10, 0.5), abs=0.06)


def test_a_rater_without_judgments_is_a_usual_one() -> None:
    found = joint_fit(Judgments.of([0, 0, 1, 1], [0, 1, 0, 1], [-1, -1, 1, 1], raters=3))

    assert found.raters.votes_R.tolist() == [2, 2, 0]
    assert found.raters.parameter_RP[2, RELIABILITY] == pytest.approx(found.middle_P[RELIABILITY], abs=0.05)


def test_without_any_judgment_there_is_nothing_to_fit() -> None:
    with pytest.raises(ValueError, match="no judgment"):
        joint_fit(Judgments.of([], [], []))


@settings(max_examples=50)
@given(votes)
def test_every_number_is_finite_and_inside_its_range(rows: list[Vote]) -> None:
    found = joint_fit(judged(rows))

    shares = [found.first_better_C, found.prefer_first_C, found.tie_C, found.raters.low_R, found.raters.high_R]
    assert all(((array >= 0) & (array <= 1)).all() for array in shares)
    assert (found.tie_C / 2 <= np.minimum(found.prefer_first_C, 1 - found.prefer_first_C) + 1e-9).all()
    assert (found.weight_C >= 0).all()
    assert (found.raters.low_R <= found.raters.reliability_R).all()
    assert (found.raters.reliability_R <= found.raters.high_R).all()
    assert np.isfinite(found.sd_C).all()


@settings(max_examples=50)
@given(votes, st.permutations(range(6)), st.permutations(range(4)), st.randoms(use_true_random=False))
def test_order_and_numbering_change_nothing(
    rows: list[Vote], comparisons: list[int], raters: list[int], dice: object
) -> None:
    renumbered = [(comparisons[c], raters[r], *rest) for c, r, *rest in rows]
    dice.shuffle(renumbered)  # type: ignore[attr-defined]

    before, after = joint_fit(judged(rows)), joint_fit(judged(renumbered))  # type: ignore[arg-type]

    assert after.mean_C[comparisons] == pytest.approx(before.mean_C, abs=1e-6)
    assert after.raters.reliability_R[raters] == pytest.approx(before.raters.reliability_R, abs=1e-6)


@settings(max_examples=50)
@given(votes)
def test_swapping_the_answers_mirrors_the_result(rows: list[Vote]) -> None:
    swapped = [(c, r, -value, not on_left, -longer) for c, r, value, on_left, longer in rows]

    before, after = joint_fit(judged(rows)), joint_fit(judged(swapped))

    assert after.mean_C == pytest.approx(-before.mean_C, abs=1e-6)
    assert after.prefer_first_C == pytest.approx(1 - before.prefer_first_C, abs=1e-6)
    assert after.raters.reliability_R == pytest.approx(before.raters.reliability_R, abs=1e-6)


@settings(max_examples=50)
@given(votes, st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=4, max_size=4), st.integers(0, 3))
def test_more_votes_for_first_never_make_it_worse(rows: list[Vote], said: list[float], raised: int) -> None:
    """Comparisons 6 and 7 are judged by the same four raters in the same way, but for one who says first of 7."""
    more = [-1.0 if rater == raised else value for rater, value in enumerate(said)]
    both = [(c, r, value, True, 0) for c, values in ((6, said), (7, more)) for r, value in enumerate(values)]

    found = joint_fit(Judgments.of(*map(list, zip(*rows, *both, strict=True)), comparisons=8, raters=4))

    assert found.mean_C[7] >= found.mean_C[6] - 1e-9
    assert found.prefer_first_C[7] >= found.prefer_first_C[6] - 1e-9


def majority(judgments: Judgments) -> Numbers:
    return summed(judgments.comparison_J, -judgments.value_J, judgments.comparisons)


def right(lean_C: Numbers, crowd: Crowd) -> float:
    return float((np.sign(lean_C) * np.sign(crowd.difference_C) + 1).mean() / 2)
