"""Raters whose reliability and leans are known, and what they say of answers whose difference is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from annotator.domain.aggregation import Judgments
from annotator.domain.aggregation.arrays import Numbers
from annotator.domain.aggregation.joint import outcomes


@dataclass(frozen=True)
class Crowd:
    """parameter_RP holds a, b, l and log w of each rater; difference_C is positive where first is better."""

    judgments: Judgments
    parameter_RP: Numbers
    difference_C: Numbers


def planted(*, seed: int, comparisons: int, raters: int, votes: int = 5, taste: float = 0.5, coins: int = 0) -> Crowd:
    """Judgments by the law of the joint model. The first `coins` raters do not look: a = b = l = 0."""
    dice = np.random.default_rng(seed)
    parameter_RP = dice.normal([1.5, 0.2, 0.0, -0.7], [0.6, 0.4, 0.4, 0.5], (raters, 4))
    parameter_RP[:, 0] = np.abs(parameter_RP[:, 0])
    parameter_RP[:, 2] -= parameter_RP[:, 2].mean()  # what all share is taste
    parameter_RP[:coins, :3] = 0.0
    longer_C = dice.integers(-1, 2, comparisons)
    difference_C = dice.normal(size=comparisons) + taste * longer_C
    comparison_J = np.repeat(np.arange(comparisons), votes)
    rater_J = np.concatenate([dice.permutation(raters)[:votes] for _ in range(comparisons)])
    left_J, longer_J = dice.choice([-1, 1], len(rater_J)), longer_C[comparison_J]
    a, b, by_length, log_width = parameter_RP[rater_J].T
    first_J, tie_J, _ = outcomes(a * difference_C[comparison_J] + b * left_J + by_length * longer_J, np.exp(log_width))
    drawn_J = dice.random(len(rater_J))
    value_J = np.where(drawn_J < first_J, -1.0, np.where(drawn_J < first_J + tie_J, 0.0, 1.0))
    judgments = Judgments.of(comparison_J, rater_J, value_J, left_J > 0, longer_J)
    return Crowd(judgments, parameter_RP, difference_C)
