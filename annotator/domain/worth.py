"""Is another thousand judgments worth it? A power law through what reward models reached so far.

P points, B resamples, G exponents that are tried
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotator.domain.wording import gettext_noop as _

FEWEST = 4  # points; the law has three unknowns, so fewer fit any law
RESAMPLES = 1000
EXPONENTS_G = np.geomspace(0.05, 2.0, 60)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Point:
    """A reward model's held-out accuracy in [0, 1] on n comparisons, after so many judgments."""

    judgments: int
    accuracy: float
    n: int


@dataclass(frozen=True)
class Worth:
    """What `more` judgments would add to the accuracy, in shares (0.01 is a percentage point).

    gain, low, high  None where nothing can be said
    curve            (judgments, accuracy, low, high) of the law, for drawing; empty where there is none
    reason           why nothing can be said, empty otherwise
    """

    more: int
    gain: float | None
    low: float | None
    high: float | None
    points: int
    curve: tuple[tuple[float, float, float, float], ...] = ()
    reason: str = ""


def worth_of(points: Sequence[Point], more: int = 1000) -> Worth:
    """The gain by `error(m) = floor + scale · m^(−exponent)`, each of the three at least 0, by weighted least squares.

    The interval redraws every point's right answers from its binomial law and
    fits again (a parametric bootstrap), so it covers the chance of the held-out
    comparisons, not the doubt whether a power law holds. Source of the law:
    Hestness et al., Deep Learning Scaling is Predictable, Empirically (2017).
    """
    points = [one for one in points if one.n and one.judgments]
    amounts = {one.judgments for one in points}
    if len(amounts) < FEWEST:
        return Worth(more, None, None, None, len(points), reason=_("A law needs four rounds of different size."))
    judgments_P = np.array([one.judgments for one in points], np.float64)
    n_P = np.array([one.n for one in points], np.float64)
    error_P = 1 - np.array([one.accuracy for one in points])
    drawn_BP = np.random.default_rng(0).binomial(n_P.astype(int), error_P, (RESAMPLES, len(points))) / n_P
    # The first row is what was seen, the others are what might have been.
    law = _fitted(judgments_P, np.vstack([error_P, drawn_BP]), n_P)
    last = float(judgments_P.max())
    now_B, then_B = law(np.array([last, last + more])).T
    gains_B = now_B - then_B
    low, high = np.quantile(gains_B[1:], [0.025, 0.975])
    at_X = np.geomspace(float(judgments_P.min()), last + more, 40)
    accuracy_BX = 1 - law(at_X)
    low_X, high_X = np.quantile(accuracy_BX[1:], [0.025, 0.975], axis=0)
    curve = tuple(zip(at_X.tolist(), accuracy_BX[0].tolist(), low_X.tolist(), high_X.tolist(), strict=True))
    return Worth(more, float(gains_B[0]), float(low), float(high), len(points), curve)


class _Law:
    """Errors of B fits as a function of the number of judgments."""

    def __init__(self, floor_B: Floats, scale_B: Floats, exponent_B: Floats) -> None:
        self.floor_B, self.scale_B, self.exponent_B = floor_B, scale_B, exponent_B

    def __call__(self, judgments_X: Floats) -> Floats:
        powers_BX = judgments_X[None, :] ** -self.exponent_B[:, None]
        return self.floor_B[:, None] + self.scale_B[:, None] * powers_BX


def _fitted(judgments_P: Floats, error_BP: Floats, weight_P: Floats) -> _Law:
    """For each exponent the best floor and scale in closed form; then the exponent that leaves least."""
    best_B = np.full(len(error_BP), np.inf)
    floor_B, scale_B, exponent_B = (np.zeros(len(error_BP)) for _name in range(3))
    for exponent in EXPONENTS_G:
        x_P = judgments_P**-exponent
        floor, scale = _line(x_P, error_BP, weight_P)
        left_B = ((error_BP - floor[:, None] - scale[:, None] * x_P) ** 2 @ weight_P).astype(np.float64)
        is_better_B = left_B < best_B
        best_B = np.where(is_better_B, left_B, best_B)
        floor_B, scale_B = np.where(is_better_B, floor, floor_B), np.where(is_better_B, scale, scale_B)
        exponent_B = np.where(is_better_B, exponent, exponent_B)
    return _Law(floor_B, scale_B, exponent_B)


def _line(x_P: Floats, error_BP: Floats, weight_P: Floats) -> tuple[Floats, Floats]:
    """Weighted least squares of error on x with neither floor nor scale below 0."""
    weight_P = weight_P / weight_P.sum()
    mean_x, mean_B = float(x_P @ weight_P), error_BP @ weight_P
    slope_B = (error_BP - mean_B[:, None]) @ (weight_P * (x_P - mean_x)) / float(weight_P @ (x_P - mean_x) ** 2)
    floor_B = mean_B - slope_B * mean_x
    through_zero_B = error_BP @ (weight_P * x_P) / float(weight_P @ x_P**2)
    scale_B = np.where(slope_B <= 0, 0.0, np.where(floor_B < 0, through_zero_B, slope_B))
    floor_B = np.where(slope_B <= 0, mean_B, np.where(floor_B < 0, 0.0, floor_B))
    return floor_B, scale_B
