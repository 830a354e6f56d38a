"""What is measured, as pure functions, each with its definition. Names and units: metric_names.METRICS.

B comparisons, R rows of any kind, N tokens, V vocabulary; a 2 in a name is (first, second).

A tally holds (sum, count) by name, so that the parts of a step, and of several processes, add up to its mean; with
a count of 0 there is nothing to say. A comparison is *decided* when its target is not one half: only then has it a
chosen and a rejected answer. A split vote counts here by its majority.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Tally = dict[str, tuple[float, float]]

Z95 = 1.959963984540054  # 97.5 % point of the normal distribution


def wilson(successes: float, n: int) -> tuple[float, float, float]:
    """(share, low, high): a share of n trials with its 95 % Wilson score interval; (0.5, 0, 1) when n is 0.

    successes  may hold halves (ties)
    Source: Wilson (1927). Never leaves [0, 1] and stays honest for small n, unlike share +- 1.96 sd.
    """
    if n == 0:
        return 0.5, 0.0, 1.0
    share = successes / n
    scale = 1 + Z95**2 / n
    centre = (share + Z95**2 / (2 * n)) / scale
    half = Z95 / scale * math.sqrt(share * (1 - share) / n + Z95**2 / (4 * n * n))
    return share, max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """(mean, low, high): 95 % normal interval of a mean; (0, 0, 0) without values, no width with one."""
    n = len(values)
    if n == 0:
        return 0.0, 0.0, 0.0
    mean = math.fsum(values) / n
    if n == 1:
        return mean, mean, mean
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    half = Z95 * deviation / math.sqrt(n)
    return mean, mean - half, mean + half


def ratio_interval(numerators: Sequence[float], denominators: Sequence[float]) -> tuple[float, float, float]:
    """(ratio, low, high): mean(numerators) / mean(denominators) of pairs, 95 % delta-method interval on the log scale.

    Values > 0, paired by prompt. (1, 0, 1) is never invented: without pairs the ratio is (1, 1, 1) and n says 0.
    """
    n = len(numerators)
    if n == 0 or sum(denominators) == 0 or sum(numerators) == 0:
        return 1.0, 1.0, 1.0
    top, bottom = math.fsum(numerators) / n, math.fsum(denominators) / n
    ratio = top / bottom
    if n == 1:
        return ratio, ratio, ratio
    residuals = [a / top - b / bottom for a, b in zip(numerators, denominators, strict=True)]
    half = Z95 * math.sqrt(math.fsum(r * r for r in residuals) / (n - 1) / n)
    return ratio, ratio * math.exp(-half), ratio * math.exp(half)


def agreement(margin_B: Tensor, prefer_first_B: Tensor) -> tuple[float, int]:
    """(agreements, decided comparisons) between the model's margin and what people preferred.

    A comparison is decided when prefer_first is not one half; ties say nothing about who is right. A margin
    of exactly 0 is undecided too and counts one half, as a coin would.
    """
    decided = prefer_first_B != 0.5
    agreed_B = torch.sign(margin_B) * torch.sign(prefer_first_B - 0.5)
    return float(((agreed_B[decided] + 1) / 2).sum()), int(decided.sum())


def preference_tally(reward_B2: Tensor, prefer_first_B: Tensor) -> Tally:
    """rewards/* of the decided comparisons, and pairs/ties, the share of the others.

    accuracies          share with reward(chosen) > reward(rejected); equal rewards count as wrong, as in TRL
    accuracies_no_ties  the same among unequal rewards, which tells "undecided" (a policy that is still its
                        reference, bfloat16 rewards that collide) from "wrong"
    """
    chosen_D, rejected_D = _chosen_rejected(reward_B2, prefer_first_B)
    n, rows = float(len(chosen_D)), float(len(prefer_first_B))
    right = float((chosen_D > rejected_D).sum())
    return {
        "rewards/chosen": (float(chosen_D.sum()), n),
        "rewards/rejected": (float(rejected_D.sum()), n),
        "rewards/margins": (float((chosen_D - rejected_D).sum()), n),
        "rewards/accuracies": (right, n),
        "rewards/accuracies_no_ties": (right, float((chosen_D != rejected_D).sum())),
        "pairs/ties": (rows - n, rows),
    }


def reward_tally(reward_B2: Tensor, length_B2: Tensor, prefer_first_B: Tensor) -> Tally:
    """What a reward model thinks of some comparisons. length_B2 counts tokens."""
    return {**preference_tally(reward_B2, prefer_first_B), **_sides_tally("length", length_B2, prefer_first_B)}


def dpo_tally(
    policy_B2: Tensor, reference_B2: Tensor | None, length_B2: Tensor, prefer_first_B: Tensor, beta: float
) -> Tally:
    """What a policy thinks of some comparisons; rewards are beta (log pi - log ref), whatever the loss, as in TRL.

    policy_B2, reference_B2  summed log-probabilities, in nats; without a reference, rewards are beta log pi and
                             there is no kl
    kl/chosen_seq            mean of log pi - log ref of a chosen answer: how much likelier it has become
    kl/token                 the same per token of every answer; both estimate a KL divergence only as far as the
                             policy would have written these answers, so they may be negative
    """
    moved_B2 = policy_B2 if reference_B2 is None else policy_B2 - reference_B2
    tally = {
        **preference_tally(beta * moved_B2, prefer_first_B),
        **_sides_tally("logps", policy_B2, prefer_first_B),
        **_sides_tally("length", length_B2, prefer_first_B),
    }
    if reference_B2 is not None:
        moved_chosen_D, _ = _chosen_rejected(moved_B2, prefer_first_B)
        tally["kl/chosen_seq"] = (float(moved_chosen_D.sum()), float(len(moved_chosen_D)))
        tally["kl/token"] = (float(moved_B2.sum()), float(length_B2.sum()))
    return tally


def _sides_tally(name: str, value_B2: Tensor, prefer_first_B: Tensor) -> Tally:
    chosen_D, rejected_D = _chosen_rejected(value_B2, prefer_first_B)
    n = float(len(chosen_D))
    return {f"{name}/chosen": (float(chosen_D.sum()), n), f"{name}/rejected": (float(rejected_D.sum()), n)}


def _chosen_rejected(value_B2: Tensor, prefer_first_B: Tensor) -> tuple[Tensor, Tensor]:
    """The value of the chosen and of the rejected answer of each of the D decided comparisons."""
    decided = prefer_first_B != 0.5
    (first_D, second_D), prefers_first_D = value_B2[decided].unbind(1), prefer_first_B[decided] > 0.5
    return torch.where(prefers_first_D, first_D, second_D), torch.where(prefers_first_D, second_D, first_D)


@dataclass(frozen=True)
class Bin:
    """Rows whose predicted probability lies in [low, high), the last bin with 1.

    predicted, observed  weighted mean of the predictions and of what people said
    """

    low: float
    high: float
    n: int
    weight: float
    predicted: float
    observed: float


def reliability(probability_R: Tensor, outcome_R: Tensor, weight_R: Tensor, bins: int = 10) -> list[Bin]:
    """How often what was predicted came true, by equal steps of the prediction; bins without rows are left out.

    probability_R  predicted probability that people prefer first, in [0, 1]
    outcome_R      share of the judgments for first, in [0, 1]; ties count one half
    weight_R       trust in each row, >= 0
    Source: DeGroot and Fienberg (1983).
    """
    if not (probability_R.shape == outcome_R.shape == weight_R.shape):
        raise ValueError(f"shapes differ: {probability_R.shape}, {outcome_R.shape}, {weight_R.shape}")
    probability_R, outcome_R, weight_R = probability_R.double(), outcome_R.double(), weight_R.double()
    bin_R = (probability_R * bins).long().clamp(max=bins - 1)
    found = []
    for number in range(bins):
        here = bin_R == number
        weight = float(weight_R[here].sum())
        if weight > 0:
            predicted = float((weight_R * probability_R)[here].sum()) / weight
            observed = float((weight_R * outcome_R)[here].sum()) / weight
            found.append(Bin(number / bins, (number + 1) / bins, int(here.sum()), weight, predicted, observed))
    return found


def expected_calibration_error(bins: Sequence[Bin]) -> float:
    """Mean distance between predicted and observed over the bins, by weight, in [0, 1]; 0 without bins.

    Source: Naeini, Cooper and Hauskrecht (2015). Its value depends on the number of bins, and few rows raise it.
    """
    weight = math.fsum(bin.weight for bin in bins)
    gap = math.fsum(bin.weight * abs(bin.predicted - bin.observed) for bin in bins)
    return gap / weight if weight else 0.0


def effective_n(weight_R: Tensor) -> float:
    """(sum w)^2 / sum w^2: how many equally weighted rows would tell as much; n for equal weights, 0 without any.

    Source: Kish (1965).
    """
    weight_R = weight_R.double()
    squares = float((weight_R**2).sum())
    return float(weight_R.sum()) ** 2 / squares if squares else 0.0


def correlation(x_R: Tensor, y_R: Tensor) -> float | None:
    """Pearson's correlation in [-1, 1]; None where it is undefined: fewer than two rows, or one side all equal."""
    if x_R.shape != y_R.shape:
        raise ValueError(f"shapes differ: {x_R.shape}, {y_R.shape}")
    if len(x_R) < 2 or x_R.amax() == x_R.amin() or y_R.amax() == y_R.amin():
        return None
    x_R, y_R = x_R.double() - x_R.double().mean(), y_R.double() - y_R.double().mean()
    spread = float(x_R.norm() * y_R.norm())
    return max(-1.0, min(1.0, float(x_R @ y_R) / spread)) if spread else None


def kl_tokens(policy_logits_NV: Tensor, reference_logits_NV: Tensor) -> Tensor:
    """KL(policy || reference) of the next-token distribution at each place, shape (N,), in nats, >= 0.

    Summed along an answer that the policy wrote, it is an unbiased estimate of the KL of whole answers with less
    spread than the difference of log-probabilities, because each step takes the expectation over all tokens.
    """
    policy_NV = policy_logits_NV.float().log_softmax(-1)
    reference_NV = reference_logits_NV.float().log_softmax(-1)
    return (policy_NV.exp() * (policy_NV - reference_NV)).sum(-1)
