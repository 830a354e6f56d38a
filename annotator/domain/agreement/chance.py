"""Observed agreement and agreement expected by chance, one function a coefficient.

Each takes how often each pattern comes, `times_BP`, in B resamples at once, and
the patterns. What is corrected for chance is (observed - expected) / (1 - expected):
1 is perfect, 0 is what chance alone would give, below 0 is worse than chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from annotator.domain.agreement.votes import Numbers, Patterns

CERTAIN = 1 - 1e-12  # where chance alone agrees always, nothing can be said


@dataclass(frozen=True)
class Chance:
    """Observed and expected agreement, both at most 1; `observed_B` is NaN where nothing was judged twice."""

    observed_B: Numbers
    expected_B: Numbers

    @property
    def corrected_B(self) -> Numbers:
        """NaN where it is undefined."""
        left_B = np.where(self.expected_B < CERTAIN, 1 - self.expected_B, np.nan)
        corrected_B: Numbers = (self.observed_B - self.expected_B) / left_B
        return corrected_B


def percent(times_BP: Numbers, patterns: Patterns) -> Chance:
    """Share of pairs of people on the same comparison who said the same, averaged over comparisons; no correction."""
    observed_B = observed(times_BP, patterns, np.eye(len(patterns.position_K)))
    return Chance(observed_B, np.zeros_like(observed_B))


def pooled_percent(times_BP: Numbers, patterns: Patterns) -> Chance:
    """The same share with every pair of judgments counting alike, so that comparisons judged by many count more.

    Source: Zheng et al. (2023), Judging LLM-as-a-judge with MT-Bench and Chatbot Arena, arXiv 2306.05685.
    """
    counts_PK, size_P = patterns.counts_PK, patterns.size_P
    same_P = (counts_PK * (counts_PK - 1)).sum(axis=1)
    observed_B = _ratio(times_BP @ same_P, times_BP @ (size_P * (size_P - 1)))
    return Chance(observed_B, np.zeros_like(observed_B))


def tie_rate_kappa(times_BP: Numbers, patterns: Patterns) -> Chance:
    """Chance knows how often people tie, and nothing of sides: t² + 2 ((1 - t) / 2)². Pairs are pooled.

    For answers at -1, 0 and 1, or at -1 and 1. Which response stands first says nothing, so neither may chance.
    Source: Bojar et al. (2016), Findings of the 2016 Conference on Machine Translation, §3.
    """
    is_tie_K = patterns.position_K == 0
    tie_B = _ratio(times_BP @ patterns.counts_PK[:, is_tie_K].sum(axis=1), times_BP @ patterns.size_P)
    return Chance(pooled_percent(times_BP, patterns).observed_B, tie_B**2 + (1 - tie_B) ** 2 / 2)


def fleiss(times_BP: Numbers, patterns: Patterns, weight_KK: Numbers) -> Chance:
    """Chance draws both answers from what all people say together.

    Source: Fleiss (1971), Measuring nominal scale agreement among many raters; for weights, and for comparisons
    that differ in how many answered, Gwet (2014), Handbook of Inter-Rater Reliability.
    """
    share_BK = answer_shares(times_BP, patterns)
    expected_B = ((share_BK @ weight_KK) * share_BK).sum(axis=1)
    return Chance(observed(times_BP, patterns, weight_KK), expected_B)


def gwet(times_BP: Numbers, patterns: Patterns, weight_KK: Numbers) -> Chance:
    """AC1 with identity weights, else AC2: chance only where people are unsure, most when all answers are as common.

    Does not fall when one answer is much more common than the others, as kappa and alpha do.
    Source: Gwet (2008), Computing inter-rater reliability and its variance in the presence of high agreement.
    """
    answers, observed_B = len(patterns.position_K), observed(times_BP, patterns, weight_KK)
    if answers < 2:
        return Chance(observed_B, np.ones_like(observed_B))
    share_BK = answer_shares(times_BP, patterns)
    scale = weight_KK.sum() / (answers * (answers - 1))
    return Chance(observed_B, scale * (share_BK * (1 - share_BK)).sum(axis=1))


def alpha(times_BP: Numbers, patterns: Patterns, weight_KK: Numbers) -> Chance:
    """Krippendorff's alpha, 1 - Do / De: nominal with identity weights, interval with quadratic ones.

    Chance draws two different ones of all answers to comparisons that have two or more.
    Source: Krippendorff (2011), Computing Krippendorff's Alpha-Reliability.
    """
    counts_PK, size_P = patterns.counts_PK, patterns.size_P
    times = times_BP * patterns.has_pair_P
    given_BK = times @ counts_PK
    given_B = given_BK.sum(axis=1)
    apart_P = ((counts_PK @ (1 - weight_KK)) * counts_PK).sum(axis=1) / np.maximum(size_P - 1, 1)
    apart_B = ((given_BK @ (1 - weight_KK)) * given_BK).sum(axis=1)
    return Chance(1 - _ratio(times @ apart_P, given_B), 1 - _ratio(apart_B, given_B * (given_B - 1)))


def ordinal_alpha(times_BP: Numbers, patterns: Patterns) -> Chance:
    """Krippendorff's alpha for answers of which only the order counts.

    His ordinal distance between two answers is the distance of their mean ranks, so this is
    the interval alpha of the ranks, which change with every resample.
    """
    counts_PK, size_P = patterns.counts_PK, patterns.size_P
    times = times_BP * patterns.has_pair_P
    given_BK = times @ counts_PK
    given_B = given_BK.sum(axis=1)
    rank_BK = np.cumsum(given_BK, axis=1) - given_BK / 2
    rank_BK = rank_BK / np.maximum(given_B, 1)[:, None]  # in [0, 1], so that no distance is above 1
    moment_BP, square_BP = rank_BK @ counts_PK.T, rank_BK**2 @ counts_PK.T
    apart_BP = 2 * (size_P * square_BP - moment_BP**2) / np.maximum(size_P - 1, 1)
    apart_B = 2 * (given_B * (given_BK * rank_BK**2).sum(axis=1) - (given_BK * rank_BK).sum(axis=1) ** 2)
    return Chance(1 - _ratio((times * apart_BP).sum(axis=1), given_B), 1 - _ratio(apart_B, given_B * (given_B - 1)))


def cohen(table_BKK: Numbers, weight_KK: Numbers) -> Chance:
    """Two raters, with how often the one said k and the other l: chance draws each answer from its own rater's.

    Any leading shape. Source: Cohen (1960), A coefficient of agreement for nominal scales; (1968) for weights.
    """
    total_B = table_BKK.sum(axis=(-2, -1))
    share_BKK = table_BKK / np.where(total_B > 0, total_B, np.nan)[..., None, None]
    one_BK, other_BK = share_BKK.sum(axis=-1), share_BKK.sum(axis=-2)
    expected_B = ((one_BK @ weight_KK) * other_BK).sum(axis=-1)
    return Chance((share_BKK * weight_KK).sum(axis=(-2, -1)), expected_B)


def observed(times_BP: Numbers, patterns: Patterns, weight_KK: Numbers) -> Numbers:
    """How near pairs of answers to the same comparison are, averaged over comparisons; NaN where there is no pair."""
    counts_PK, size_P = patterns.counts_PK, patterns.size_P
    near_P = (counts_PK * (counts_PK @ weight_KK - 1)).sum(axis=1) / np.maximum(size_P * (size_P - 1), 1)
    return _ratio(times_BP @ (near_P * patterns.has_pair_P), times_BP @ patterns.has_pair_P.astype(float))


def answer_shares(times_BP: Numbers, patterns: Patterns) -> Numbers:
    """How common each answer is, every comparison counting alike, also those that one person judged; shape (B, K)."""
    share_PK = patterns.counts_PK / np.maximum(patterns.size_P, 1)[:, None]
    return _ratio(times_BP @ share_PK, (times_BP @ (patterns.size_P > 0).astype(float))[:, None])


def _ratio(part: Numbers, whole: Numbers) -> Numbers:
    """part / whole, NaN where there is nothing."""
    ratio: Numbers = part / np.where(whole > 0, whole, np.nan)
    return ratio
