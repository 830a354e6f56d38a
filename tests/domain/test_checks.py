from __future__ import annotations

from typing import Any

import pytest

from annotator.domain.checks import MOST_CHECKED, CheckRules, Measure, is_jump
from annotator.domain.wording import Unfit


def test_a_project_that_says_nothing_checks_nobody_and_pauses_nobody() -> None:
    rules = CheckRules.of({})

    assert sum(rules.shares) == 0
    assert not any(rules.is_failed(measure, low=0.0, high=0.0, n=1000) for measure in Measure)
    assert not rules.is_failed(Measure.FAST, low=1.0, high=1.0, n=1000)


@pytest.mark.parametrize(
    "stored",
    [
        {"gold": -0.1},
        {"gold": MOST_CHECKED, "swap": 0.01},
        {"gold": float("nan")},
        {"min_seconds": -1},
        {"min_seconds": float("inf")},
        {"gold_least": 0},
        {"fast_most": 1.1},
        {"gold_after": 0},
        {"silver": 0.1},
    ],
    ids=str,
)
def test_rules_that_do_not_fit_are_refused(stored: dict[str, Any]) -> None:
    with pytest.raises(Unfit):
        CheckRules.of(stored)


@pytest.mark.parametrize(
    ("measure", "low", "high", "n", "is_failed"),
    [
        (Measure.GOLD, 0.3, 0.69, 10, True),
        (Measure.GOLD, 0.3, 0.71, 10, False),  # chance may explain it
        (Measure.GOLD, 0.3, 0.69, 9, False),  # too few
        (Measure.CONSISTENCY, 0.1, 0.2, 10, False),  # no threshold
        (Measure.FAST, 0.51, 0.9, 30, True),
        (Measure.FAST, 0.49, 0.9, 30, False),
        (Measure.GOLD, None, None, 0, False),
    ],
)
def test_a_measure_fails_when_its_whole_interval_lies_on_the_wrong_side(
    measure: Measure, low: float | None, high: float | None, n: int, is_failed: bool
) -> None:
    rules = CheckRules(gold_least=0.7, fast_most=0.5)

    assert rules.is_failed(measure, low=low, high=high, n=n) == is_failed


@pytest.mark.parametrize(
    ("paused", "active", "jumps"), [(0, 0, False), (1, 1, False), (2, 3, True), (2, 10, True), (2, 11, False)]
)
def test_a_fifth_of_the_active_raters_is_a_jump_and_one_person_never(paused: int, active: int, jumps: bool) -> None:
    assert is_jump(paused, active) == jumps
