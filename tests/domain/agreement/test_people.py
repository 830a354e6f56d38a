"""Each rater against the others, and raters two by two."""

from __future__ import annotations

import numpy as np
import pytest

from annotator.domain.agreement import Views, mean_pairwise_kappa, rater_pairs, raters_against_others
from annotator.domain.agreement.pairs import NO_DECIDED, NO_PLACE, TOO_FEW
from annotator.domain.agreement.raters import SHARES_NOTHING

ANN, BOB, CAT = 0, 1, 2


def views(*said: tuple[int, int, float]) -> Views:
    """(comparison, rater, signed answer)"""
    return Views.of(*zip(*said, strict=True))


def test_a_rater_is_held_against_the_others_comparison_by_comparison() -> None:
    """Ann agrees with one of two others on the first comparison, with Bob on the second: (½ + 1)/2."""
    found = raters_against_others(
        views((1, ANN, -1), (1, BOB, -1), (1, CAT, 1), (2, ANN, 1), (2, BOB, 1), (3, ANN, 0), (3, BOB, -1), (4, CAT, 1))
    )
    ann = next(one for one in found if one.rater == ANN)

    assert ann.judgments == 3
    assert ann.with_ties.value == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert ann.without_ties.value == pytest.approx((1 / 2 + 1) / 2)
    assert ann.without_ties.n == 2


def test_a_rater_with_one_other_has_the_kappa_of_that_pair() -> None:
    dice = np.random.default_rng(3)
    said = [(unit, rater, float(dice.integers(-1, 2))) for unit in range(40) for rater in (ANN, BOB)]
    pair, one = rater_pairs(views(*said))[0][0], raters_against_others(views(*said))[0]

    assert one.kappa.value == pytest.approx(pair.kappa.value)
    assert (one.kappa.n, pair.kappa.n) == (40, 40)


def test_a_rater_who_shares_nothing_has_a_reason() -> None:
    found = raters_against_others(views((1, ANN, -1), (1, BOB, -1), (2, CAT, 1)))
    cat = next(one for one in found if one.rater == CAT)

    assert (cat.with_ties.value, cat.kappa.value, cat.with_ties.reason) == (None, None, SHARES_NOTHING)


def test_cohens_kappa_of_a_pair_equals_the_value_worked_by_hand() -> None:
    """Ann and Bob say ff, ff, ss, fs: 3/4 observed; Ann says f in 3/4, Bob in 1/2: ½ expected, kappa ½."""
    rows = [(-1, -1), (-1, -1), (1, 1), (-1, 1)]
    pair = rater_pairs(views(*[(unit, rater, row[rater]) for unit, row in enumerate(rows) for rater in (ANN, BOB)]))[0][
        0
    ]

    assert (pair.one, pair.other, pair.with_ties.value) == (ANN, BOB, 3 / 4)
    assert pair.kappa.value == pytest.approx(1 / 2)


def test_weighted_kappa_equals_the_value_worked_by_hand() -> None:
    """Places -1, 0, 1. Ann, Bob: (-1, -1), (1, 1), (0, 1), (-1, 0).

    Distances as shares of the axis: 0, 0, ½, ½; their mean is ¼, of the squares ⅛. Expected, over Ann's (½, ¼, ¼)
    and Bob's (¼, ¼, ½): ½(0·¼ + ½·¼ + 1·½) + ¼(½·¼ + ½·½) + ¼(1·¼ + ½·¼) = 0.5 by length, and
    ½(¼·¼ + ½) + ¼(¼·¼ + ¼·½) + ¼(¼ + ¼·¼) = 0.40625 by square.
    """
    rows = [(-1, -1), (1, 1), (0, 1), (-1, 0)]
    pair = rater_pairs(views(*[(unit, rater, row[rater]) for unit, row in enumerate(rows) for rater in (ANN, BOB)]))[0][
        0
    ]

    assert pair.kappa_linear.value == pytest.approx(1 - (1 / 4) / 0.5)
    assert pair.kappa_quadratic.value == pytest.approx(1 - (1 / 8) / 0.40625)


def test_pairs_come_with_what_they_share_most_first_and_no_more_than_wanted() -> None:
    said = [(unit, rater, 1.0) for unit in range(6) for rater in (ANN, BOB)] + [(unit, CAT, -1.0) for unit in range(3)]
    found, there = rater_pairs(views(*said), at_most=2)

    assert there == 3
    assert [(pair.one, pair.other, pair.with_ties.n) for pair in found] == [(ANN, BOB, 6), (ANN, CAT, 3)]


def test_a_pair_says_why_a_number_is_missing() -> None:
    pair = rater_pairs(views((1, ANN, float("nan")), (1, BOB, float("nan"))))[0][0]

    assert pair.without_ties.reason == NO_DECIDED
    assert pair.kappa_quadratic.reason == NO_PLACE


def test_the_mean_kappa_is_the_mean_over_pairs_that_share_enough() -> None:
    """Ann and Bob share 40 comparisons, Cat judged 20 of them. A fourth shares nine and is left out."""
    dice = np.random.default_rng(5)
    said = [(unit, rater, float(dice.choice([-1, 1]))) for unit in range(40) for rater in (ANN, BOB)]
    said += [(unit, CAT, float(dice.choice([-1, 1]))) for unit in range(20)]
    said += [(unit, 3, 1.0) for unit in range(9)]
    kappas = [pair.kappa.value or 0.0 for pair in rater_pairs(views(*said))[0] if 3 not in (pair.one, pair.other)]
    found = mean_pairwise_kappa(views(*said).sides)

    assert len(kappas) == 3
    assert found.value == pytest.approx(sum(kappas) / 3)
    assert found.n == 40
    assert found.low is not None
    assert found.high is not None
    assert found.low < sum(kappas) / 3 < found.high


def test_without_two_raters_who_share_enough_there_is_no_mean() -> None:
    found = mean_pairwise_kappa(views((1, ANN, -1), (1, BOB, -1)).sides)

    assert (found.value, found.reason) == (None, TOO_FEW)
