"""Strengths of contestants by the law of Bradley and Terry, with ties.

The probability that i is preferred to j, that j is, and that neither is, are in the proportion

    exp(d / 2)  :  exp(-d / 2)  :  nu      with  d = strength_i - strength_j + style · gamma

(Bradley and Terry 1952; ties as Davidson 1970, J. Am. Stat. Assoc. 65:317). Ties as half a win for each side are the
same law with nu = 0. Davidson's rather than Rao and Kupper's (1967), because it is an exponential family whose
statistic for a strength is wins plus half the ties: the likelihood is concave, Newton's steps find its
top, and in a balanced design it orders contestants exactly as their points do, as half a win does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from annotator.domain.ranking.connection import TIES_WORTH_ANYTHING, Connection, connection_of, ties_have_worth
from annotator.domain.ranking.votes import Numbers, Places, Ties, Votes, totals

STEPS = 100
SMALL = 1e-10  # logits; a step below it ends the search
# A normal prior of spread 10 on gamma: nothing beside data, but a covariate that never varies, or that decides every
# vote, stays finite.
STYLE_PRECISION = 0.01


@dataclass(frozen=True)
class Fit:
    """The most likely strengths of Q rated contestants.

    rated_Q     their numbers among all K contestants
    reasons     of all K: why there is no strength, empty where there is one
    theta_P     strengths in logits, with mean 0, then gamma of the style, then log nu where has_nu
    bread_PP    inverse of the information at the top, with strengths kept at mean 0
    votes       those that count, between rated contestants, who are numbered 0 to Q - 1 in it; ties as they were cast
    """

    ties: Ties
    rated_Q: Places
    reasons: tuple[str, ...]
    theta_P: Numbers
    bread_PP: Numbers
    votes: Votes
    has_nu: bool

    @property
    def strength_Q(self) -> Numbers:
        return self.theta_P[: len(self.rated_Q)]

    @property
    def style_S(self) -> Numbers:
        return self.theta_P[len(self.rated_Q) :][: self.votes.style_RS.shape[1]]

    @property
    def nu(self) -> float:
        """How much ties are worth beside a win between equals; 0 where ties are no outcome of their own."""
        return float(np.exp(self.theta_P[-1])) if self.has_nu else 0.0


def fit(votes: Votes, ties: Ties = Ties.HALF, *, prior_sd: float | None = None, start: Fit | None = None) -> Fit:
    """The strengths that make the votes most likely; of those contestants for whom the votes define one.

    prior_sd  with it, strengths are the most likely ones under a normal prior of this spread in logits: then
              everybody has one, whatever the votes
    start     a fit of nearly the same votes, to begin from; the result is the same

    Worked: 3 votes for A, 1 for B. exp(d) = 3, so the strengths are ±ln(3) / 2 = ±0.5493.
    """
    cast = votes.counting(ties)
    treated = cast.treated(ties)
    if prior_sd is None:
        found = connection_of(treated)
        inside = _among(found.rated_Q, treated)
        if inside.ties_R.any() and not ties_have_worth(inside):
            found = Connection(found.rated_Q[:0], tuple(reason or TIES_WORTH_ANYTHING for reason in found.reasons))
    else:
        found = Connection(np.arange(votes.contestants), ("",) * votes.contestants)
    cast, treated = _among(found.rated_Q, cast), _among(found.rated_Q, treated)
    has_nu = bool(treated.ties_R.any())
    size = len(found.rated_Q) + treated.style_RS.shape[1] + has_nu
    rows = treated if treated.style_RS.shape[1] else treated.by_pair()
    begin_P = start.theta_P if start is not None and len(start.theta_P) == size else np.zeros(size)
    theta_P, bread_PP = _climbed(rows, begin_P, has_nu, 0.0 if prior_sd is None else prior_sd**-2)
    return Fit(ties, found.rated_Q, found.reasons, theta_P, bread_PP, cast, has_nu)


def differences(votes: Votes, theta_P: Numbers) -> Numbers:
    """d of every row, in logits, shape (R,)."""
    gamma_S = theta_P[votes.contestants :][: votes.style_RS.shape[1]]
    return theta_P[votes.first_R] - theta_P[votes.second_R] + votes.style_RS @ gamma_S


def probabilities(votes: Votes, theta_P: Numbers, has_nu: bool) -> tuple[Numbers, Numbers]:
    """Of every row: the probability of first minus that of second, and the probability of a tie. Shapes (R,)."""
    half_R = differences(votes, theta_P) / 2
    log_nu = theta_P[-1] if has_nu else -np.inf
    top_R = np.maximum(np.abs(half_R), log_nu)
    first_R, second_R, tie_R = np.exp(half_R - top_R), np.exp(-half_R - top_R), np.exp(log_nu - top_R)
    whole_R = first_R + second_R + tie_R
    return (first_R - second_R) / whole_R, tie_R / whole_R


def summed(votes: Votes, value_R: Numbers, tie_R: Numbers, has_nu: bool, group_R: Places, groups: int) -> Numbers:
    """Sums over the rows of each group, of `value` along d and `tie` along log nu. Shape (groups, P)."""
    size = votes.contestants

    def placed(column_R: Places, weight_R: Numbers) -> Numbers:
        return totals(group_R * size + column_R, weight_R, groups * size).reshape(groups, size)

    parts = [placed(votes.first_R, value_R) - placed(votes.second_R, value_R)]
    parts += [totals(group_R, value_R * s_R, groups)[:, None] for s_R in votes.style_RS.T]
    if has_nu:
        parts.append(totals(group_R, tie_R, groups)[:, None])
    return np.concatenate(parts, axis=1)


def crossed(votes: Votes, dd_R: Numbers, dt_R: Numbers, tt_R: Numbers, has_nu: bool) -> Numbers:
    """The sum over rows of their outer products, shape (P, P).

    d with itself weighs `dd`, d with log nu `dt`, log nu with itself `tt`.
    """
    size, zeros = votes.contestants, np.zeros(len(votes.first_R), np.int64)
    met_QQ = totals(votes.first_R * size + votes.second_R, dd_R, size * size).reshape(size, size)
    met_QQ = met_QQ + met_QQ.T
    total = size + votes.style_RS.shape[1] + has_nu
    whole_PP = np.zeros((total, total))
    whole_PP[:size, :size] = np.diag(met_QQ.sum(axis=1)) - met_QQ
    for place, s_R in enumerate(votes.style_RS.T, size):
        whole_PP[place] = whole_PP[:, place] = summed(votes, dd_R * s_R, dt_R * s_R, has_nu, zeros, 1)[0]
    if has_nu:
        whole_PP[-1] = whole_PP[:, -1] = summed(votes, dt_R, tt_R, has_nu, zeros, 1)[0]
    return whole_PP


def _among(rated_Q: Places, votes: Votes) -> Votes:
    """The votes between rated contestants, who are numbered anew."""
    place_K = np.full(votes.contestants, -1)
    place_K[rated_Q] = np.arange(len(rated_Q))
    inside = votes.of((place_K[votes.first_R] >= 0) & (place_K[votes.second_R] >= 0))
    return replace(
        inside,
        contestants=len(rated_Q), first_R=place_K[inside.first_R], second_R=place_K[inside.second_R],
    )  # fmt: skip


def _climbed(votes: Votes, theta_P: Numbers, has_nu: bool, precision: float) -> tuple[Numbers, Numbers]:
    """Newton's steps, halved where they overshoot, up to the only top of a concave likelihood."""
    likelihood = _log_likelihood(votes, theta_P, has_nu, precision)
    for _step in range(STEPS):
        gradient_P, information_PP = _slope_and_bend(votes, theta_P, has_nu, precision)
        step_P = np.linalg.solve(information_PP, gradient_P)
        size = 1.0
        while (reached := _log_likelihood(votes, theta_P + size * step_P, has_nu, precision)) < likelihood - 1e-9:
            size /= 2
        theta_P, likelihood = theta_P + size * step_P, reached
        if np.abs(step_P).max(initial=0.0) < SMALL:
            break
    _gradient_P, information_PP = _slope_and_bend(votes, theta_P, has_nu, precision)
    bread_PP: Numbers = np.linalg.inv(information_PP).astype(np.float64)
    # What the mean of the strengths contributed to keep them at mean 0 says nothing about their spread.
    free = 1 / (votes.contestants**2 + precision * votes.contestants) if votes.contestants else 0.0
    bread_PP[: votes.contestants, : votes.contestants] -= free
    return theta_P, bread_PP


def _slope_and_bend(votes: Votes, theta_P: Numbers, has_nu: bool, precision: float) -> tuple[Numbers, Numbers]:
    """Gradient and negative second derivative of the log-likelihood."""
    size = votes.contestants
    margin_R, tie_R = probabilities(votes, theta_P, has_nu)
    n_R, zeros = votes.n_R, np.zeros(len(votes.first_R), np.int64)
    along_R = (votes.wins_R - votes.losses_R - n_R * margin_R) / 2
    gradient_P = summed(votes, along_R, votes.ties_R - n_R * tie_R, has_nu, zeros, 1)[0]
    gradient_P[:size] -= precision * theta_P[:size]
    style = slice(size, size + votes.style_RS.shape[1])
    gradient_P[style] -= STYLE_PRECISION * theta_P[style]
    bend_R = n_R * (1 - tie_R - margin_R**2) / 4
    information_PP = crossed(votes, bend_R, -n_R * margin_R * tie_R / 2, n_R * tie_R * (1 - tie_R), has_nu)
    # Only differences are defined: a weight on the mean makes the matrix invertible and keeps the mean where it is.
    information_PP[:size, :size] += 1.0 + precision * np.eye(size)
    information_PP[style, style] += STYLE_PRECISION * np.eye(votes.style_RS.shape[1])
    return gradient_P, information_PP


def _log_likelihood(votes: Votes, theta_P: Numbers, has_nu: bool, precision: float) -> float:
    half_R = differences(votes, theta_P) / 2
    log_nu = theta_P[-1] if has_nu else -np.inf
    whole_R = np.logaddexp(np.logaddexp(half_R, -half_R), log_nu)
    said_R = (votes.wins_R - votes.losses_R) * half_R - votes.n_R * whole_R
    if has_nu:
        said_R = said_R + votes.ties_R * log_nu
    strength_Q, gamma_S = np.split(theta_P[: votes.contestants + votes.style_RS.shape[1]], [votes.contestants])
    return float(said_R.sum() - (precision * (strength_Q**2).sum() + STYLE_PRECISION * (gamma_S**2).sum()) / 2)
