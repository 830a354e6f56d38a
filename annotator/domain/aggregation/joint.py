"""One model of answers and raters together: how much better, how reliable, and who leans where.

Comparison c has a difference s_c between its answers (positive = first is better), measured so that usual differences
have the spread 1. Rater r who judges it says first, no difference or second with

    P(first)  = σ( η − w)         η = a·s_c + b·left + l·longer        σ the logistic function
    P(second) = σ(−η − w)
    P(tie)    = the rest

a ≥ 0   how strongly the difference decides: 0 is a coin, and what nobody could rely on
b       side lean; left is 1 where first stood left, -1 where it stood right
l       length lean; longer is 1 where first is the longer answer, -1 where second is
w > 0   tie width, in logits

The law of ties is Rao and Kupper's (JASA 62, 1967); a is the discrimination of Birnbaum's two-parameter item response
model. Every rater's (a, b, l, log w) comes from a normal distribution over raters whose middle and spread are learnt
too, held near sane values by a few imaginary raters: somebody with few judgments is taken for a usual rater. s_c is
summed over on a grid (a point estimate would make a too large), and EM with steps of Fisher scoring finds the rest
(Bock and Aitkin, Psychometrika 46, 1981). Standard errors count what the grid leaves open (Louis, JRSS B 44, 1982).

What everybody shares cannot be told from quality by votes alone. So s_c has the mean γ0 + γ1·longer, which takes up a
taste for length that all share, and l is what a rater leans beyond it. The posterior that leaves this file drops that
mean again: a row must be taught by its own judgments, not by the length of its answers.

Suffixes: J judgments, C comparisons, R raters, K points of the grid, P parameters (a, b, l, log w), X where first stood
(right, not known, left), Z which is longer (second, neither, first), O what was said (first, tie, second).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from annotator.domain.aggregation.arrays import TIE, Flags, Ints, Judgments, Numbers, summed

GRID_K = 0.6 * np.arange(-6, 7)  # in spreads of usual differences; outside lie 3 in 10,000
USUAL_K = np.exp(-(GRID_K**2) / 2) / np.exp(-(GRID_K**2) / 2).sum()  # how common each difference is
SIGNS = np.array([-1.0, 0.0, 1.0])
RELIABILITY, SIDE, LENGTH, WIDTH = range(4)
MIDDLE_P = np.array([1.5, 0.0, 0.0, -0.7])  # a usual rater names the better one in 73 %; equal answers tie in 24 %
SPREAD_P = np.array([0.6, 0.4, 0.4, 0.6])
IMAGINARY = 5.0  # raters who say so
LONGEST_STEP = 1.0
LEAST = 0.3  # a below which a crowd says next to nothing, and nothing is divided by it
Z_95 = 1.959964


@dataclass(frozen=True)
class Raters:
    """What the model makes of each rater, with the standard errors of a normal approximation.

    reliability_R       probability of naming the better one of two answers that differ as usual, leans aside: [½, 1]
    low_R, high_R       its 95 % interval
    parameter_RP, error_RP  a, b, l and log w, in logits, and their standard errors
    information_R       what one judgment tells, in judgments of a usual rater
    votes_R             n; with 0 the numbers are those of a usual rater and say nothing about this one
    """

    reliability_R: Numbers
    low_R: Numbers
    high_R: Numbers
    parameter_RP: Numbers
    error_RP: Numbers
    information_R: Numbers
    votes_R: Ints


@dataclass(frozen=True)
class Joint:
    """What came out.

    mean_C, sd_C    posterior of the difference, in spreads of usual differences; positive = first is better
    first_better_C  posterior probability that first is better, in [0, 1]
    prefer_first_C  share of usual raters without leans who would prefer first, a tie counting one half
    tie_C           share of them who would see no difference
    weight_C        judgments of a usual rater that tell as much as this comparison's judgments
    raters          see there
    middle_P        the usual rater's a, b, l, log w
    taste_2         γ0 and γ1: what is common to all
    posterior_KC    over GRID_K, by all judgments and the shared taste
    rounds, converged  turns of EM, and whether no mean moved by more than the tolerance in the last one
    """

    mean_C: Numbers
    sd_C: Numbers
    first_better_C: Numbers
    prefer_first_C: Numbers
    tie_C: Numbers
    weight_C: Numbers
    raters: Raters
    middle_P: Numbers
    taste_2: Numbers
    posterior_KC: Numbers
    rounds: int
    converged: bool


def joint_fit(judgments: Judgments, *, tolerance: float = 0.01, rounds: int = 60) -> Joint:
    """Fit the model. Deterministic. The tolerance is about posterior means, in spreads.

    Raises ValueError when there is no judgment at all.
    """
    if not len(judgments):
        raise ValueError("there is no judgment to learn from")
    cell_J = cells_of(judgments)
    longer_C = _of_comparison(judgments)
    fixed_P = _fixed(judgments)
    middle_P, spread_P, taste_2 = MIDDLE_P.copy(), SPREAD_P.copy(), np.zeros(2)
    if fixed_P[WIDTH]:
        middle_P[WIDTH] = -np.inf
    parameter_RP = np.tile(middle_P, (judgments.raters, 1))
    mean_C, moved, turn = np.zeros(judgments.comparisons), np.inf, 0
    while True:
        log_KC = _log_likelihood(parameter_RP, cell_J, judgments)
        posterior_KC = _normalised(log_KC + _log_prior(taste_2[0] + taste_2[1] * longer_C))
        before, mean_C = mean_C, GRID_K @ posterior_KC
        moved = float(np.abs(mean_C - before).max())
        if moved <= tolerance or turn >= rounds:
            break
        turn += 1
        counts_RXZOK = _counts(posterior_KC, cell_J, judgments)
        for _ in range(2):
            gradient_RP, information_RPP = _score(parameter_RP, counts_RXZOK)
            parameter_RP, variance_RP = _step(parameter_RP, gradient_RP, information_RPP, middle_P, spread_P, fixed_P)
        shared = parameter_RP[judgments.votes_R > 0, LENGTH].mean()
        parameter_RP[:, LENGTH] -= shared  # what all lean to is taste
        middle_P, spread_P = _population(parameter_RP, variance_RP, judgments, middle_P, spread_P, fixed_P)
        taste_2 = _taste(mean_C, longer_C, judgments.votes_C)
        taste_2[1] += shared / max(middle_P[RELIABILITY], LEAST)
    error_RP = _errors(parameter_RP, posterior_KC, cell_J, judgments, spread_P, fixed_P)
    return _result(judgments, parameter_RP, error_RP, middle_P, taste_2, log_KC, posterior_KC, turn, moved <= tolerance)


# --- the law of one judgment -----------------------------------------------------


def outcomes(eta: Numbers, width: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Probabilities of (first, tie, second), each of the shape of both arguments together."""
    first, second = _logistic(eta - width), _logistic(-eta - width)
    return first, np.expm1(2 * width) * first * second, second  # 1 - first - second, without cancellation


def reliability_of(strength: Numbers) -> Numbers:
    """E[σ(a·|s|)] over usual differences s: how often somebody with this a names the better one."""
    size_I = np.arange(0.05, 4, 0.1)  # finer than the grid, whose middle would count as a coin for everybody
    common_I = np.exp(-(size_I**2) / 2)
    share: Numbers = _logistic(np.multiply.outer(strength, size_I)) @ (common_I / common_I.sum())
    return share


def _logistic(x: Numbers) -> Numbers:
    return 0.5 * (1 + np.tanh(x / 2))  # which never overflows


def _eta(parameter_RP: Numbers) -> Numbers:
    """Shape (R, X, Z, K)."""
    a, b, by_length = (parameter_RP[:, p, None, None, None] for p in (RELIABILITY, SIDE, LENGTH))
    eta_RXZK: Numbers = a * GRID_K + b * SIGNS[:, None, None] + by_length * SIGNS[:, None]
    return eta_RXZK


def _width(parameter_RP: Numbers) -> Numbers:
    return np.exp(parameter_RP[:, WIDTH])[:, None, None, None]


# --- expectation -------------------------------------------------------------------


def cells_of(judgments: Judgments) -> Ints:
    """Judgments of one rater that look alike to the model share a cell: (rater, X, Z, O) as one number."""
    return ((judgments.rater_J * 3 + judgments.left_J + 1) * 3 + judgments.longer_J + 1) * 3 + judgments.said_J


def log_table(parameter_RP: Numbers) -> Numbers:
    """log P of each cell at each point of the grid, shape (K, cells)."""
    told = outcomes(_eta(parameter_RP), _width(parameter_RP))
    table_RXZOK = np.log(np.maximum(np.stack(told, axis=3), 1e-12))
    return np.ascontiguousarray(table_RXZOK.reshape(-1, len(GRID_K)).T)


def _log_likelihood(parameter_RP: Numbers, cell_J: Ints, judgments: Judgments) -> Numbers:
    table = log_table(parameter_RP)
    return np.stack([summed(judgments.comparison_J, row[cell_J], judgments.comparisons) for row in table])


def _log_prior(mean_C: Numbers) -> Numbers:
    log_KC: Numbers = -((GRID_K[:, None] - mean_C) ** 2) / 2
    return log_KC


def _normalised(log_KC: Numbers) -> Numbers:
    posterior_KC: Numbers = np.exp(log_KC - log_KC.max(0))
    posterior_KC /= posterior_KC.sum(0)
    return posterior_KC


def _counts(posterior_KC: Numbers, cell_J: Ints, judgments: Judgments) -> Numbers:
    """How many judgments of each cell belong to each point of the grid, shape (R, X, Z, O, K)."""
    cells = judgments.raters * 27
    counts = np.stack([summed(cell_J, row_C[judgments.comparison_J], cells) for row_C in posterior_KC])
    return np.ascontiguousarray(counts.T).reshape(judgments.raters, 3, 3, 3, len(GRID_K))


# --- maximisation ------------------------------------------------------------------


def _slopes(parameter_RP: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Probabilities of what can be said, and the slopes of their logarithms in η and log w; shape (R, X, Z, O, K)."""
    width = _width(parameter_RP)
    first, tie, second = outcomes(_eta(parameter_RP), width)
    by_eta = np.stack([1 - first, second - first, second - 1], axis=3)
    with np.errstate(divide="ignore", invalid="ignore"):
        by_tie = np.where(width > 0, 2 * width / -np.expm1(-2 * width), 1.0)  # w · d/dw log(e^2w − 1)
    by_width = np.stack([width * (first - 1), by_tie - width * (2 - first - second), width * (second - 1)], axis=3)
    return np.stack([first, tie, second], axis=3), by_eta, by_width


def _score(parameter_RP: Numbers, counts_RXZOK: Numbers) -> tuple[Numbers, Numbers]:
    """Gradient (R, P) and expected information (R, P, P) of the log-likelihood of the expected counts."""
    chance, by_eta, by_width = _slopes(parameter_RP)
    eta_RXZK = (counts_RXZOK * by_eta).sum(3)
    gradient_RP = np.stack([*_along(eta_RXZK), (counts_RXZOK * by_width).sum((1, 2, 3, 4))], axis=1)
    total_RXZ1K = counts_RXZOK.sum(3, keepdims=True)
    expected = total_RXZ1K * chance
    ee, ew, ww = ((expected * x * y).sum(3) for x, y in ((by_eta, by_eta), (by_eta, by_width), (by_width, by_width)))
    information = np.zeros((len(parameter_RP), 4, 4))
    information[:, 0, :3] = np.stack(_along(ee * GRID_K), axis=1)
    information[:, 1, 1:3] = np.stack(_along(ee * SIGNS[:, None, None])[1:], axis=1)
    information[:, 2, 2] = _along(ee * SIGNS[:, None])[2]
    information[:, :3, 3] = np.stack(_along(ew), axis=1)
    information[:, 3, 3] = ww.sum((1, 2, 3))
    upper = np.triu(information, 1)
    return gradient_RP, information + upper.transpose(0, 2, 1)


def _along(array_RXZK: Numbers) -> list[Numbers]:
    """Sums of the array times dη/da, dη/db and dη/dl, each of shape (R,)."""
    return [
        (array_RXZK.sum((1, 2)) * GRID_K).sum(1),
        (array_RXZK.sum((2, 3)) * SIGNS).sum(1),
        (array_RXZK.sum((1, 3)) * SIGNS).sum(1),
    ]


def _step(
    parameter_RP: Numbers,
    gradient_RP: Numbers,
    information_RPP: Numbers,
    middle_P: Numbers,
    spread_P: Numbers,
    fixed_P: Flags,
) -> tuple[Numbers, Numbers]:
    """One step of Fisher scoring towards the mode, and the variances there. What is fixed stays."""
    away_RP = np.where(fixed_P, 0.0, np.where(fixed_P, 0.0, parameter_RP) - np.where(fixed_P, 0.0, middle_P))
    gradient_RP = np.where(fixed_P, 0.0, gradient_RP - away_RP / spread_P**2)
    precise_RPP = _held(information_RPP, spread_P, fixed_P)
    step_RP = np.linalg.solve(precise_RPP, gradient_RP[:, :, None])[:, :, 0]
    moved_RP = parameter_RP + np.clip(step_RP, -LONGEST_STEP, LONGEST_STEP)
    moved_RP[:, RELIABILITY] = np.maximum(moved_RP[:, RELIABILITY], 0.0)
    return moved_RP, np.linalg.inv(precise_RPP)[:, range(4), range(4)].astype(np.float64)


def _held(information_RPP: Numbers, spread_P: Numbers, fixed_P: Flags) -> Numbers:
    """The information with that of the prior; a fixed parameter has nothing to do with the others."""
    free_P = np.where(fixed_P, 0.0, 1.0)
    held_RPP: Numbers = information_RPP * free_P[:, None] * free_P + np.diag(1 / spread_P**2)
    return held_RPP


def _population(
    parameter_RP: Numbers,
    variance_RP: Numbers,
    judgments: Judgments,
    middle_P: Numbers,
    spread_P: Numbers,
    fixed_P: Flags,
) -> tuple[Numbers, Numbers]:
    """Middle and spread over raters who judged anything, beside a few imaginary ones."""
    seen_R = judgments.votes_R > 0
    theirs_RP, n = parameter_RP[seen_R], float(seen_R.sum())
    middle = (IMAGINARY * MIDDLE_P + np.where(fixed_P, 0.0, theirs_RP).sum(0)) / (IMAGINARY + n)
    middle[LENGTH] = 0.0  # what all share is in the taste
    if not judgments.left_J.min() < judgments.left_J.max():
        middle[SIDE] = 0.0  # always on the same side: a shared lean is a shared taste for first
    middle = np.where(fixed_P, middle_P, middle)
    away = np.where(fixed_P, 0.0, theirs_RP) - np.where(fixed_P, 0.0, middle)
    spread = np.sqrt((IMAGINARY * SPREAD_P**2 + (away**2 + variance_RP[seen_R]).sum(0)) / (IMAGINARY + n))
    return middle, np.where(fixed_P, spread_P, spread)


def _taste(mean_C: Numbers, longer_C: Numbers, votes_C: Ints) -> Numbers:
    """γ0 and γ1, regressed on the comparisons that anybody judged, with some pull to zero."""
    design_C2 = np.stack([np.ones(len(longer_C)), longer_C], axis=1)[votes_C > 0]
    taste_2 = np.linalg.solve(design_C2.T @ design_C2 + 10 * np.eye(2), design_C2.T @ mean_C[votes_C > 0])
    return taste_2.astype(np.float64)


def _of_comparison(judgments: Judgments) -> Numbers:
    """Which answer is longer, shape (C,)."""
    total_C = summed(judgments.comparison_J, judgments.longer_J.astype(np.float64), judgments.comparisons)
    return np.sign(total_C)


def _fixed(judgments: Judgments) -> Flags:
    """What these judgments cannot tell: leans where nothing is known of sides and lengths, a width without ties."""
    nothing = [False, not judgments.left_J.any(), not judgments.longer_J.any(), not (judgments.said_J == TIE).any()]
    return np.array(nothing)


# --- what comes out ------------------------------------------------------------------


def _errors(
    parameter_RP: Numbers,
    posterior_KC: Numbers,
    cell_J: Ints,
    judgments: Judgments,
    spread_P: Numbers,
    fixed_P: Flags,
) -> Numbers:
    """Standard errors: the information of known differences, less what not knowing them takes away.

    That is the variance of a judgment's score under its comparison's posterior (Louis); raters count as
    independent of each other.
    """
    counts_RXZOK = _counts(posterior_KC, cell_J, judgments)
    _, information_RPP = _score(parameter_RP, counts_RXZOK)
    _, by_eta, by_width = _slopes(parameter_RP)
    shape = by_eta.shape
    sign_X, sign_Z = SIGNS[:, None, None, None], SIGNS[:, None, None]
    scores_P = [by_eta * GRID_K, by_eta * sign_X, by_eta * sign_Z, np.broadcast_to(by_width, shape)]
    mean_PJ = []
    for score in scores_P:
        flat_KI = np.ascontiguousarray(score.reshape(-1, shape[-1]).T)
        mean_J = np.zeros(len(judgments))
        for flat_I, row_C in zip(flat_KI, posterior_KC, strict=True):
            mean_J += flat_I[cell_J] * row_C[judgments.comparison_J]
        mean_PJ.append(mean_J)
    for p in range(4):
        for q in range(p, 4):
            square_R = (counts_RXZOK * scores_P[p] * scores_P[q]).sum((1, 2, 3, 4))
            lost_R = square_R - summed(judgments.rater_J, mean_PJ[p] * mean_PJ[q], judgments.raters)
            information_RPP[:, p, q] -= lost_R
            information_RPP[:, q, p] = information_RPP[:, p, q]
    values, vectors = np.linalg.eigh(_held(information_RPP, spread_P, fixed_P))
    least = 1 / spread_P.max() ** 2  # never less sure than the prior alone
    inverse = vectors / np.maximum(values, least)[:, None, :] @ vectors.transpose(0, 2, 1)
    error_RP: Numbers = np.sqrt(inverse[:, range(4), range(4)])
    return error_RP


def _information(parameter_RP: Numbers) -> Numbers:
    """Fisher information of a judgment about s, mean over usual differences, leans aside."""
    plain_RP = parameter_RP.copy()
    plain_RP[:, [SIDE, LENGTH]] = 0.0
    chance, by_eta, _ = _slopes(plain_RP)
    information_R: Numbers = plain_RP[:, RELIABILITY] ** 2 * ((chance * by_eta**2).sum(3)[:, 1, 1] @ USUAL_K)
    return information_R


def _result(
    judgments: Judgments,
    parameter_RP: Numbers,
    error_RP: Numbers,
    middle_P: Numbers,
    taste_2: Numbers,
    log_KC: Numbers,
    posterior_KC: Numbers,
    rounds: int,
    converged: bool,
) -> Joint:
    own_KC = _normalised(log_KC + _log_prior(np.zeros(judgments.comparisons)))
    mean_C = GRID_K @ own_KC
    first_K, tie_K, _ = outcomes(middle_P[RELIABILITY] * GRID_K, np.exp(middle_P[WIDTH]))
    at_least_P = np.where(np.arange(4) == RELIABILITY, np.maximum(middle_P, LEAST), middle_P)
    usual = _information(at_least_P[None])[0]
    information_R = _information(parameter_RP) / usual
    a_R, error_R = parameter_RP[:, RELIABILITY], error_RP[:, RELIABILITY]
    return Joint(
        mean_C=mean_C,
        sd_C=np.sqrt(np.maximum((GRID_K**2) @ own_KC - mean_C**2, 0.0)),
        first_better_C=(np.sign(GRID_K) + 1) / 2 @ own_KC,
        prefer_first_C=(first_K + tie_K / 2) @ own_KC,
        tie_C=tie_K @ own_KC,
        weight_C=summed(judgments.comparison_J, information_R[judgments.rater_J], judgments.comparisons),
        raters=Raters(
            reliability_R=reliability_of(a_R),
            low_R=reliability_of(np.maximum(a_R - Z_95 * error_R, 0.0)),
            high_R=reliability_of(a_R + Z_95 * error_R),
            parameter_RP=parameter_RP,
            error_RP=error_RP,
            information_R=information_R,
            votes_R=judgments.votes_R,
        ),
        middle_P=middle_P,
        taste_2=taste_2,
        posterior_KC=posterior_KC,
        rounds=rounds,
        converged=converged,
    )
