"""Is another thousand worth it? Laws that are planted must be found again."""

from __future__ import annotations

import numpy as np
import pytest

from annotator.domain.worth import Point, worth_of


def law(judgments: float, *, floor: float = 0.2, scale: float = 2.0, exponent: float = 0.4) -> float:
    return 1 - floor - scale * float(judgments**-exponent)


def points(*amounts: int, n: int = 500) -> list[Point]:
    return [Point(amount, law(amount), n) for amount in amounts]


def test_the_gain_is_that_of_the_law_through_the_points() -> None:
    found = worth_of(points(250, 500, 1000, 2000, 4000))

    assert found.gain == pytest.approx(law(5000) - law(4000), abs=2e-4)
    assert found.low is not None
    assert found.high is not None
    assert found.low < law(5000) - law(4000) < found.high


def test_more_held_out_comparisons_make_it_surer() -> None:
    few, many = (worth_of(points(250, 500, 1000, 2000, 4000, n=n)) for n in (200, 20_000))

    assert (many.high or 0) - (many.low or 0) < ((few.high or 0) - (few.low or 0)) / 3


def test_a_flat_curve_promises_nothing() -> None:
    found = worth_of([Point(amount, 0.75, 10_000) for amount in (250, 500, 1000, 2000, 4000)])

    assert found.gain == pytest.approx(0, abs=1e-9)
    assert (found.high or 1) < 0.02


def test_a_curve_that_falls_promises_nothing_either() -> None:
    falling = [Point(amount, 0.9 - amount / 20_000, 5000) for amount in (250, 500, 1000, 2000, 4000)]

    assert worth_of(falling).gain == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    "amounts", [(), (1000,), (500, 1000, 2000), (500, 500, 1000, 2000)], ids=["none", "one", "three", "three sizes"]
)
def test_too_few_sizes_say_why(amounts: tuple[int, ...]) -> None:
    found = worth_of(points(*amounts))

    assert (found.gain, found.low, found.high, found.curve) == (None, None, None, ())
    assert found.reason == "A law needs four rounds of different size."


def test_the_curve_runs_from_the_first_point_beyond_the_last() -> None:
    curve = worth_of(points(250, 500, 1000, 2000), more=1000).curve

    assert curve[0][0] == pytest.approx(250)
    assert curve[-1][0] == pytest.approx(3000)
    assert all(low <= accuracy + 0.05 and accuracy <= high + 0.05 for _at, accuracy, low, high in curve)
    assert not np.isnan(np.array(curve)).any()


def test_the_same_points_give_the_same_answer() -> None:
    assert worth_of(points(250, 500, 1000, 2000)) == worth_of(points(250, 500, 1000, 2000))
