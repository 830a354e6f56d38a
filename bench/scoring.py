"""What a trained reward model says of comparisons, and how that is held against the truth. R comparisons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from training import metrics
from training.batches import batches_in_order
from training.contract import PreferenceRecord
from training.layout import layout_of_pairs
from training.reward_model import RewardModel
from training.rows import PairTokens
from training.tokens import LeftOut, preferences_encoded

Numbers = npt.NDArray[np.float64]

# 97.5 % points of Student's t by degrees of freedom, from the usual tables; few seeds need wider intervals than 1.96.
T975 = (math.inf, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145)


@dataclass(frozen=True)
class Interval:
    """A mean over n independent runs with its 95 % interval (Student's t)."""

    mean: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Interval:
        n = len(values)
        mean = math.fsum(values) / n
        if n == 1:
            return cls(mean, -math.inf, math.inf, 1)
        deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
        half = (T975[n - 1] if n <= len(T975) else metrics.Z95) * deviation / math.sqrt(n)
        return cls(mean, mean - half, mean + half, n)

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


@torch.no_grad()
def leads_of(model: RewardModel, records: Sequence[PreferenceRecord], *, max_length: int = 512) -> Numbers:
    """reward(first) - reward(second) for each question and head, shape (R, C, E).

    Raises ValueError when the model cannot read one of them.
    """
    left_out = LeftOut("comparison")
    pairs = list(preferences_encoded(model.backbone.speech, records, max_length=max_length, left_out=left_out))
    if left_out.counts:
        raise ValueError(left_out.sentences())
    # Answers that many comparisons share are read once.
    place_of: dict[tuple[tuple[int, ...], tuple[int, ...]], int] = {}
    place_R2 = np.array(
        [
            [
                place_of.setdefault((tuple(pair.prompt_ids), tuple(ids)), len(place_of))
                for ids in (pair.first_ids, pair.second_ids)
            ]
            for pair in pairs
        ]
    )
    reward_ACE = np.zeros((len(place_of), *model.head_CED.shape[:2]))
    answers = [
        PairTokens(place, np.array(prompt, np.int32), ids, ids, np.zeros((1, 4)))
        for (prompt, answer), place in place_of.items()
        for ids in [np.array(answer, np.int32)]
    ]
    for batch in batches_in_order(np.array([len(row.prompt_ids) + len(row.first_ids) for row in answers]), 32):
        layout = layout_of_pairs([answers[place] for place in batch], "separate")
        reward_ACE[batch] = model.rewards(layout)[layout.pair_B2[:, 0]].double().cpu().numpy()
    lead_RCE: Numbers = reward_ACE[place_R2[:, 0]] - reward_ACE[place_R2[:, 1]]
    return lead_RCE


def overall_leads(model: RewardModel, records: Sequence[PreferenceRecord], *, max_length: int = 512) -> Numbers:
    """The same of the overall question, mean over its heads, shape (R,)."""
    lead_R: Numbers = leads_of(model, records, max_length=max_length)[:, 0].mean(-1)
    return lead_R


def probability(lead_R: Numbers) -> Numbers:
    """The logistic function."""
    probability_R: Numbers = np.exp(-np.logaddexp(0, -lead_R))
    return probability_R


def log_loss(lead_R: Numbers, prefer_first_R: Numbers, weight_R: Numbers | None = None) -> float:
    """Mean cross-entropy of the predictions with what was observed, in nats, by weight."""
    loss_R = np.logaddexp(0, lead_R) - prefer_first_R * lead_R
    return float(np.average(loss_R, weights=weight_R))


def entropy(prefer_first_R: Numbers) -> float:
    """Mean entropy of these probabilities, in nats: the log-loss that nobody who knows only them can beat."""
    p_R = np.clip(prefer_first_R, 1e-12, 1 - 1e-12)
    return float((-p_R * np.log(p_R) - (1 - p_R) * np.log1p(-p_R)).mean())


def calibration_slope(lead_R: Numbers, prefer_first_R: Numbers) -> float:
    """The factor on the leads that fits best: 1 calibrated, below 1 too sure, above 1 too shy.

    Logistic regression without an intercept, since swapping the sides must mirror it, by Newton's method.
    """
    slope = 1.0
    for _ in range(50):
        p_R = probability(slope * lead_R)
        gradient = float(((p_R - prefer_first_R) * lead_R).mean())
        curvature = float((p_R * (1 - p_R) * lead_R**2).mean()) + 1e-12
        step = float(np.clip(gradient / curvature, -0.5, 0.5))
        slope -= step
        if abs(step) < 1e-9:
            break
    return slope


def calibration_error(lead_R: Numbers, prefer_first_R: Numbers, weight_R: Numbers | None = None) -> float:
    """Expected calibration error in ten bins."""
    weight_R = np.ones_like(lead_R) if weight_R is None else weight_R
    predicted, observed, weight = map(torch.from_numpy, (probability(lead_R), prefer_first_R, weight_R))
    return metrics.expected_calibration_error(metrics.reliability(predicted, observed, weight))


def agreements(lead_R: Numbers, prefer_first_R: Numbers) -> Numbers:
    """1 where the model prefers what was preferred, 1/2 where it is undecided; decided comparisons only."""
    decided = prefer_first_R != 0.5
    agreed_D: Numbers = (np.sign(lead_R[decided]) * np.sign(prefer_first_R[decided] - 0.5) + 1) / 2
    return agreed_D
