from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.domain.adjudication import WORDS, Case, Why, first_on_left
from annotator.domain.overlap import Tally

counts = st.integers(0, 9)
leads = st.none() | st.floats(-800, 800)
cases = st.builds(Case, st.builds(Tally, counts, counts, counts), st.integers(0, 5), leads, counts, counts)


@pytest.mark.parametrize(
    ("case", "reasons", "urgency"),
    [
        (Case(Tally(1, 1)), [Why.CLOSE], 1.0),
        (Case(Tally(2, 1)), [Why.CLOSE], 0.625),
        (Case(Tally(3, 1)), [Why.UNCERTAIN], 0.375),
        (Case(Tally(9, 1)), [], 0.0117),  # they differ, and yet it is plain
        (Case(Tally(2, 0)), [], 0.0),  # few, and they agree: more judgments help, not a decision
        (Case(Tally(1, 0)), [], 0.0),
        (Case(Tally(1, 0, 1)), [Why.CLOSE], 0.5756),
        (Case(Tally(1, 0), flags=1), [Why.FLAGGED], 0.5),
        (Case(Tally(2, 1), flags=1), [Why.CLOSE, Why.FLAGGED], 1.125),
        (Case(Tally(2, 0), lead=-math.log(9)), [Why.SURPRISING], 0.5),  # it gave what they say 0.1
        (Case(Tally(0, 2), lead=math.log(99)), [Why.SURPRISING], 2 / 3),  # and here 0.01
        (Case(Tally(2, 0), lead=-2.0), [], 0.0),
        (Case(Tally(2, 0), lead=9.0), [], 0.0),  # what they say is what it expected
        (Case(Tally(1, 0), lead=-9.0), [], 0.0),  # one judgment is no consensus
        (Case(Tally(1, 1), lead=-9.0), [Why.CLOSE], 1.0),  # neither are two that differ
        (Case(Tally(), met=6, missed=3), [Why.GOLD_MISSED], 1.75),
        (Case(Tally(), met=7, missed=3), [], 0.0),
        (Case(Tally(), met=2, missed=2), [], 0.0),
    ],
)
def test_why_somebody_should_decide_it_and_how_urgent_it_is(case: Case, reasons: list[Why], urgency: float) -> None:
    assert case.reasons == reasons
    assert case.urgency == pytest.approx(urgency, abs=1e-4)


@given(cases)
def test_urgency_stays_in_its_range_and_another_flag_adds_to_it(case: Case) -> None:
    assert 0 <= case.urgency < replace(case, flags=case.flags + 1).urgency < 5


@given(cases)
def test_it_makes_no_difference_which_side_is_which(case: Case) -> None:
    tally = case.tally
    lead = None if case.lead is None else -case.lead
    turned = replace(case, tally=Tally(tally.for_second, tally.for_first, tally.level), lead=lead)

    assert (turned.reasons, turned.urgency) == (case.reasons, case.urgency)


def test_every_reason_has_words() -> None:
    assert set(WORDS) == set(Why)


def test_sides_are_drawn_evenly_and_stay() -> None:
    drawn = [first_on_left(comparison, 7) for comparison in range(2000)]

    assert drawn == [first_on_left(comparison, 7) for comparison in range(2000)]
    assert 900 < sum(drawn) < 1100  # 4.5 standard deviations
