"""Coefficients worked by hand, what they must not depend on, and what is said where there are none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.domain.agreement import COEFFICIENTS, Agreement, Views, agreement_of
from annotator.domain.agreement.estimates import ALL_THE_SAME, NO_DECIDED_PAIR, NO_PAIR

NAN = float("nan")  # both good, both bad: an answer that has no place on the axis


def views(*comparisons: Sequence[float]) -> Views:
    """Each comparison by its signed answers; the first answer is the first rater's, and so on."""
    said = [(unit, rater, answer) for unit, row in enumerate(comparisons) for rater, answer in enumerate(row)]
    return Views.of(*zip(*said, strict=True)) if said else Views.of([], [], [])


def value(found: Agreement) -> float:
    assert found.value is not None
    return found.value


def test_percent_agreement_averages_over_comparisons() -> None:
    """Comparison 1: both say first (1). Comparison 2: three raters, one pair of three agrees (⅓). Mean ⅔."""
    found = agreement_of(views([-1, -1], [-1, -1, 1], [0]))["with_ties"]

    assert value(found) == pytest.approx(2 / 3)
    assert found.n == 2


def test_without_ties_only_pairs_count_that_both_prefer_a_side() -> None:
    """Of the votes first, first, tie one pair is left and agrees; tie, second leave none; first, second disagree: ½."""
    found = agreement_of(views([-1, -0.3, 0], [0, 1], [-1, 1]))["without_ties"]

    assert value(found) == pytest.approx(1 / 2)
    assert found.n == 2


def test_alpha_equals_the_value_worked_by_hand() -> None:
    """Krippendorff's alpha = 1 - Do/De with two raters and four comparisons.

    Answers ff, ff, ss, fs: the coincidence matrix has o_ff = 4, o_ss = 2 and o_fs = 1 either way,
    so n_f = 5, n_s = 3, n = 8. Do = 2/8, De = 2·5·3/(8·7) = 30/56, alpha = 1 - (2/8)/(30/56) = 0.5333.
    """
    found = agreement_of(views([-1, -1], [-1, -1], [1, 1], [-1, 1]))

    assert value(found["alpha_nominal"]) == pytest.approx(1 - (2 / 8) / (30 / 56))


def test_fleiss_and_gwet_equal_the_values_worked_by_hand() -> None:
    """The same answers: 3/4 observed; f in 5/8, s in 3/8 of the answers.

    Fleiss expects 25/64 + 9/64 = 34/64, kappa (48 - 34)/(64 - 34) = 14/30. Gwet expects, with two answers,
    2 · 5/8 · 3/8 = 30/64, AC1 (48 - 30)/(64 - 30) = 18/34.
    """
    found = agreement_of(views([-1, -1], [-1, -1], [1, 1], [-1, 1]))

    assert value(found["fleiss"]) == pytest.approx(14 / 30)
    assert value(found["ac1"]) == pytest.approx(18 / 34)


def test_the_kappa_of_the_tie_rate_equals_the_value_worked_by_hand() -> None:
    """First-first, tie-first: ½ observed; ties are ¼ of the answers, so (1/4)² + (3/4)²/2 = 11/32 is expected."""
    found = agreement_of(views([-1, -1], [0, -1]))

    assert value(found["tie_rate_kappa"]) == pytest.approx((1 / 2 - 11 / 32) / (1 - 11 / 32))


def test_on_the_axis_a_near_miss_costs_less_than_a_far_one() -> None:
    near, far = views([-1, -0.5], [1, 1], [-1, -1], [0.5, 0.5]), views([-1, 0.5], [1, 1], [-1, -1], [-0.5, -0.5])

    for name in ("alpha_ordinal", "alpha_interval", "ac2"):
        assert value(agreement_of(near)[name]) > value(agreement_of(far)[name])


def test_what_has_no_place_on_the_axis_prefers_no_side() -> None:
    with_both_bad = agreement_of(views([NAN, 0], [-1, -1], [1, 1], [1, -1]))
    without = agreement_of(views([0, 0], [-1, -1], [1, 1], [1, -1]))

    assert with_both_bad["with_ties"] == without["with_ties"]
    assert with_both_bad["alpha_interval"].n == without["alpha_interval"].n - 1


def test_where_there_is_no_pair_every_coefficient_says_so() -> None:
    for nothing in (views(), views([-1], [1], [0])):
        found = agreement_of(nothing)

        assert {found[name] for name in COEFFICIENTS if name != "without_ties"} == {_undefined(0, NO_PAIR)}
        assert found["without_ties"] == _undefined(0, NO_DECIDED_PAIR)


def test_where_everybody_says_the_same_chance_says_it_too() -> None:
    found = agreement_of(views([-1, -1], [-1, -1], [-1, -1]))

    for name in ("alpha_nominal", "alpha_ordinal", "alpha_interval", "fleiss", "ac2"):
        assert found[name] == _undefined(3, ALL_THE_SAME)
    assert (value(found["with_ties"]), value(found["ac1"])) == (1, 1)


def _undefined(n: int, reason: str) -> Agreement:
    return Agreement(None, None, None, n, reason)


def test_perfect_agreement_on_few_comparisons_is_not_certain() -> None:
    """Resamples of three agreements are three agreements; Wilson's interval of 3 in 3 begins at 3/(3 + 1.96²)."""
    found = agreement_of(views([-1, -1], [1, 1], [-1, -1]))["with_ties"]

    assert (found.value, found.high) == (1, 1)
    assert found.low == pytest.approx(3 / (3 + 1.959964**2))


def test_the_interval_shrinks_with_the_square_root_of_n() -> None:
    rows = [[-1, -1], [1, 1], [1, -1]]
    few, many = (agreement_of(views(*rows * times))["with_ties"] for times in (20, 320))
    assert few.low is not None
    assert few.high is not None
    assert many.low is not None
    assert many.high is not None

    assert many.value == few.value
    assert (few.high - few.low) / (many.high - many.low) == pytest.approx(4, rel=0.2)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Two raters who agree on 70 % of 150 comparisons, 200 times: 95 % is 190, and below 178 is one in ten thousand."""
    dice = np.random.default_rng(7)
    covered = 0
    for _study in range(200):
        rows = [[side, side if agrees else -side] for side, agrees in zip(
            dice.choice([-1.0, 1.0], 150), dice.random(150) < 0.7, strict=True)]  # fmt: skip
        found = agreement_of(views(*rows), wanted=["with_ties"])["with_ties"]
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 0.7 <= found.high

    assert 178 <= covered <= 198


answers = st.lists(
    st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), min_size=1, max_size=4), min_size=2, max_size=12
)


@given(answers)
def test_swapping_first_and_second_changes_nothing(rows: list[list[float]]) -> None:
    found, mirrored = agreement_of(views(*rows)), agreement_of(views(*[[-one for one in row] for row in rows]))

    for name in COEFFICIENTS:
        assert mirrored[name].value == pytest.approx(found[name].value)


@given(answers)
def test_nothing_is_ever_not_a_number(rows: list[list[float]]) -> None:
    for found in agreement_of(views(*rows)).values():
        if found.value is None:
            assert found.reason
            assert (found.low, found.high) == (None, None)
        else:
            assert found.low is not None
            assert found.high is not None
            assert found.low <= found.value <= found.high
            assert found.n > 0


@given(answers)
def test_counting_like_comparisons_together_changes_nothing(rows: list[list[float]]) -> None:
    """Fifty of each: the same shares from patterns that come often."""
    assert value_of(rows * 50) == pytest.approx(value_of(rows), nan_ok=True)


def value_of(rows: list[list[float]]) -> list[float]:
    """The coefficients that do not depend on how many comparisons there are."""
    found = agreement_of(views(*rows))
    return [NAN if found[name].value is None else value(found[name]) for name in ("with_ties", "fleiss", "ac1", "ac2")]


def test_a_group_is_what_its_comparisons_are_alone() -> None:
    together = views([-1, -1], [1, -1], [1, 1], [0, 1], [-1, 1, 1])
    alone = views([1, -1], [1, 1], [-1, 1, 1])
    here = np.array([False, True, True, False, True])

    found, wanted = agreement_of(together, here), agreement_of(alone)
    for name in ("with_ties", "without_ties", "alpha_nominal", "fleiss", "tie_rate_kappa"):
        assert found[name].value == pytest.approx(wanted[name].value)
