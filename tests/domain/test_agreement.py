from __future__ import annotations

import pytest

from annotator.domain.agreement import krippendorff_alpha, percent_agreement


def test_percent_agreement_averages_over_comparisons() -> None:
    """Comparison 1: both say first (1). Comparison 2: three raters, one pair of three agrees (⅓). Mean ⅔."""
    votes = {1: {1: "first", 2: "first"}, 2: {1: "first", 2: "first", 3: "second"}, 3: {1: "equal"}}

    agreement = percent_agreement(votes)

    assert agreement.value == pytest.approx(2 / 3)
    assert agreement.n == 2


def test_alpha_equals_the_value_worked_by_hand() -> None:
    """Krippendorff's alpha = 1 - Do/De with two raters and four comparisons.

    Answers ff, ff, ss, fs: the coincidence matrix has o_ff = 4, o_ss = 2 and o_fs = 1 either way,
    so n_f = 5, n_s = 3, n = 8. Do = 2/8, De = 2·5·3/(8·7) = 30/56, alpha = 1 - (2/8)/(30/56) = 0.5333.
    """
    votes = {n: dict(enumerate(pair)) for n, pair in enumerate(
        [("first", "first"), ("first", "first"), ("second", "second"), ("first", "second")]
    )}  # fmt: skip

    assert krippendorff_alpha(votes).value == pytest.approx(1 - (2 / 8) / (30 / 56))


def test_an_undefined_agreement_says_why() -> None:
    assert krippendorff_alpha({1: {1: "first"}}).reason == "No comparison has two judgments yet."
    assert krippendorff_alpha({1: {1: "first", 2: "first"}}).reason == "Everybody gave the same answer everywhere."
    assert percent_agreement({}).value is None


def test_the_interval_contains_the_estimate() -> None:
    votes = {n: {1: "first", 2: "first" if n % 3 else "second", 3: "second" if n % 5 else "first"} for n in range(60)}

    for agreement in (krippendorff_alpha(votes), percent_agreement(votes)):
        assert agreement.value is not None
        assert agreement.low is not None
        assert agreement.high is not None
        assert agreement.low < agreement.value < agreement.high
