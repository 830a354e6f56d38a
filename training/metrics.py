"""What is measured, as pure functions, each with its definition. Names and units: config.METRICS.

B comparisons, N tokens, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

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


def preference_tally(reward_B2: Tensor, prefer_first_B: Tensor) -> dict[str, tuple[float, float]]:
    """rewards/* of the decided comparisons as (sum, count).

    chosen      the side that people preferred
    accuracies  share with reward(chosen) > reward(rejected); equal rewards count as wrong, as in TRL
    """
    decided = prefer_first_B != 0.5
    first, second, prefers_first = reward_B2[decided, 0], reward_B2[decided, 1], prefer_first_B[decided] > 0.5
    chosen, rejected = torch.where(prefers_first, first, second), torch.where(prefers_first, second, first)
    n = float(decided.sum())
    return {
        "rewards/chosen": (float(chosen.sum()), n),
        "rewards/rejected": (float(rejected.sum()), n),
        "rewards/margins": (float((chosen - rejected).sum()), n),
        "rewards/accuracies": (float((chosen > rejected).sum()), n),
    }


def logps_tally(logps_B2: Tensor, prefer_first_B: Tensor) -> dict[str, tuple[float, float]]:
    """logps/chosen and logps/rejected of the decided comparisons as (sum, count): summed over tokens, in nats."""
    decided = prefer_first_B != 0.5
    prefers_first = prefer_first_B[decided] > 0.5
    first, second = logps_B2[decided, 0], logps_B2[decided, 1]
    n = float(decided.sum())
    return {
        "logps/chosen": (float(torch.where(prefers_first, first, second).sum()), n),
        "logps/rejected": (float(torch.where(prefers_first, second, first).sum()), n),
    }


def kl_tokens(policy_logits_NV: Tensor, reference_logits_NV: Tensor) -> Tensor:
    """KL(policy || reference) of the next-token distribution at each place, shape (N,), in nats, >= 0.

    Summed along an answer that the policy wrote, it is an unbiased estimate of the KL of whole answers with less
    spread than the difference of log-probabilities, because each step takes the expectation over all tokens.
    """
    policy_NV = policy_logits_NV.float().log_softmax(-1)
    reference_NV = reference_logits_NV.float().log_softmax(-1)
    return (policy_NV.exp() * (policy_NV - reference_NV)).sum(-1)
