"""Dawid and Skene: every rater has a table of what they say when something else is true.

    P(true answer of c is t | all said)  ∝  p_t · Π_j π[rater of j, t, said in j]

over the judgments j of comparison c. EM turns the two steps until the posteriors stand still: the shares p and the
tables π from posteriors that count as fractions of judgments, then the posteriors from p and π.
Source: Dawid and Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm",
Applied Statistics 28 (1979). `shrink` is ours: so many imaginary judgments per true answer, spread as the whole
crowd's are, so that a rater with few judgments is taken for a usual one. With 0 it is the model as published.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from annotator.domain.aggregation.arrays import Ints, Numbers, summed

TINY = 1e-300  # its logarithm is finite: what was never said counts as next to impossible, not as NaN


@dataclass(frozen=True)
class DawidSkene:
    """What EM came to.

    posterior_CT   probability of each true answer; without any judgment it is `share_T`
    share_T        how common each true answer is
    confusion_RTL  probability that a rater gives answer l when t is true; the crowd's for a rater without judgments
    rounds         turns of EM that it took
    converged      whether no posterior moved by more than the tolerance in the last one
    """

    posterior_CT: Numbers
    share_T: Numbers
    confusion_RTL: Numbers
    rounds: int
    converged: bool

    @property
    def information_R(self) -> Numbers:
        """What one judgment of each rater tells about the truth: mutual information, in nats, ≥ 0."""
        joint_RTL = self.share_T[None, :, None] * self.confusion_RTL
        given_RL = joint_RTL.sum(1)
        apart_RTL = self.share_T[None, :, None] * given_RL[:, None, :]
        ratio_RTL = np.log(np.maximum(joint_RTL, TINY)) - np.log(np.maximum(apart_RTL, TINY))
        information_R: Numbers = np.maximum((joint_RTL * ratio_RTL).sum((1, 2)), 0.0)
        return information_R


def dawid_skene_fit(
    comparison_J: Ints,
    rater_J: Ints,
    said_J: Ints,
    *,
    comparisons: int,
    raters: int,
    answers: int,
    shrink: float = 0.0,
    tolerance: float = 1e-6,
    rounds: int = 200,
) -> DawidSkene:
    """Fit it. `said_J` holds answers in [0, answers); a rater may judge a comparison several times.

    Deterministic: it begins with the shares of the votes. Raises ValueError when there is no judgment at all.
    """
    if not len(said_J):
        raise ValueError("there is no judgment to learn from")
    cell_J = rater_J * answers + said_J
    counts_CL = summed(comparison_J * answers + said_J, np.ones(len(said_J)), comparisons * answers)
    counts_CL = counts_CL.reshape(comparisons, answers)
    votes_C = counts_CL.sum(1)
    share_T = counts_CL.sum(0) / len(said_J)
    posterior_CT = np.where(votes_C[:, None] > 0, counts_CL / np.maximum(votes_C, 1)[:, None], share_T)
    moved, turn = np.inf, 0
    while moved > tolerance and turn < rounds:
        turn += 1
        share_T = posterior_CT[votes_C > 0].mean(0)
        confusion_RTL = _confusion(posterior_CT, comparison_J, cell_J, raters, answers, shrink)
        before, posterior_CT = posterior_CT, _posterior(share_T, confusion_RTL, comparison_J, cell_J, comparisons)
        moved = float(np.abs(posterior_CT - before).max())
    return DawidSkene(posterior_CT, share_T, confusion_RTL, turn, moved <= tolerance)


def _confusion(
    posterior_CT: Numbers, comparison_J: Ints, cell_J: Ints, raters: int, answers: int, shrink: float
) -> Numbers:
    counts_TRL = np.stack(
        [
            summed(cell_J, np.ascontiguousarray(column_C)[comparison_J], raters * answers).reshape(raters, answers)
            for column_C in posterior_CT.T
        ]
    )
    counts_RTL = counts_TRL.transpose(1, 0, 2)
    crowd_TL = counts_RTL.sum(0)
    crowd_TL = crowd_TL / np.maximum(crowd_TL.sum(1, keepdims=True), TINY)
    counts_RTL = counts_RTL + shrink * crowd_TL
    total_RT1 = counts_RTL.sum(2, keepdims=True)
    confusion_RTL: Numbers = np.where(total_RT1 > 0, counts_RTL / np.maximum(total_RT1, TINY), crowd_TL)
    return confusion_RTL


def _posterior(share_T: Numbers, confusion_RTL: Numbers, comparison_J: Ints, cell_J: Ints, comparisons: int) -> Numbers:
    """In logarithms: a product over hundreds of judgments would leave the range of floats."""
    log_TC = np.stack(
        [
            summed(comparison_J, np.log(np.maximum(confusion_RTL[:, t], TINY)).ravel()[cell_J], comparisons)
            + np.log(max(share, TINY))
            for t, share in enumerate(share_T)
        ]
    )
    log_TC -= log_TC.max(0)
    posterior_TC = np.exp(log_TC)
    posterior_CT: Numbers = np.ascontiguousarray((posterior_TC / posterior_TC.sum(0)).T)
    return posterior_CT
