"""How few votes carry an order: the fewest that one would have to drop to turn it round.

Dropping a vote with score s moves a contrast c of the parameters by about -c' H⁻¹ s, its influence (Broderick, Giordano
and Meager 2020, arXiv 2011.14999, ask the same of regressions; Huang, Shen, Wei and Broderick 2025, arXiv 2508.11847,
of Arena). Votes are dropped from the most influential on, and the fit is done again: what is reported did turn the
order round. A cleverer choice might need fewer, so it is an upper bound.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from annotator.domain.ranking.bradley_terry import Fit, fit, probabilities
from annotator.domain.ranking.connection import reached
from annotator.domain.ranking.votes import Numbers, Places, Votes

STRAIGHT = 8  # looks along a line before halving
MORE = 1.25  # how much further to look when the linear guess was not enough
EQUAL = 1e-9  # logits; what lies within it is no order
NEAREST = 5  # contestants below the top that may take its place


@dataclass(frozen=True)
class Flip:
    """`below` overtakes `above` once `dropped` of `n` votes are gone; contestants by their numbers."""

    above: int
    below: int
    dropped: int
    n: int


def flip_of_pair(fitted: Fit, above: int, below: int) -> Flip | None:
    """The fewest votes found whose loss turns these two round; None where no number of them was found to.

    Counts must be whole. Raises ValueError unless both have a strength.
    """
    fitted = _by_pair(fitted)
    rated = [int(k) for k in fitted.rated_Q]
    i, j = rated.index(above), rated.index(below)
    row_N, kind_N, count_N, influence_N = _helpful(fitted, i, j)
    gap = float(fitted.strength_Q[i] - fitted.strength_Q[j])
    far_N = np.cumsum(count_N * influence_N)
    most = int(count_N.sum())
    if gap <= 0:
        return Flip(above, below, 0, round(fitted.votes.n))
    place = int(np.searchsorted(far_N, gap))
    before = far_N[place - 1] if place else 0.0
    guess = most if place == len(far_N) else int(count_N[:place].sum() + (gap - before) / influence_N[place]) + 1

    def lead(dropped: int) -> float:
        return _lead(fitted, _without(fitted.votes, row_N, kind_N, count_N, dropped), i, j)

    dropped = _first_turned(lead, gap, min(guess, most), most)
    return Flip(above, below, dropped, round(fitted.votes.n)) if dropped else None


def flip_of_top(fitted: Fit, *, nearest: int = NEAREST) -> Flip | None:
    """The fewest votes found whose loss gives the first place to one of the `nearest` contestants below."""
    fitted = _by_pair(fitted)
    order = [int(fitted.rated_Q[q]) for q in np.argsort(-fitted.strength_Q)]
    flips = [flip_of_pair(fitted, order[0], other) for other in order[1 : 1 + nearest]]
    return min((one for one in flips if one), key=lambda one: one.dropped, default=None)


def flips_of_neighbours(fitted: Fit, first: int) -> list[tuple[int, int, Flip | None]]:
    """The `first` pairs of neighbours in the order, from the top on: above, below, and what turns them round."""
    fitted = _by_pair(fitted)
    order = [int(fitted.rated_Q[q]) for q in np.argsort(-fitted.strength_Q)]
    pairs = itertools.islice(itertools.pairwise(order), first)
    return [(above, below, flip_of_pair(fitted, above, below)) for above, below in pairs]


def _by_pair(fitted: Fit) -> Fit:
    """The same fit with as few rows as it needs: where style plays no part, one per pair."""
    return fitted if fitted.votes.style_RS.shape[1] else replace(fitted, votes=fitted.votes.by_pair())


def _helpful(fitted: Fit, i: int, j: int) -> tuple[Places, Places, Numbers, Numbers]:
    """Kinds of votes whose loss draws the two together, most influential first: row, kind, how many, by how much each.

    Kinds are 0 a win, 1 a loss, 2 a tie.
    """
    votes = fitted.votes
    margin_R, tie_R = probabilities(votes, fitted.theta_P, fitted.has_nu)
    moved_P = fitted.bread_PP[:, i] - fitted.bread_PP[:, j]
    gamma_S = moved_P[votes.contestants :][: votes.style_RS.shape[1]]
    along_R = moved_P[votes.first_R] - moved_P[votes.second_R] + votes.style_RS @ gamma_S
    beside = float(moved_P[-1]) if fitted.has_nu else 0.0
    influence = np.stack([
        (1 - margin_R) / 2 * along_R - tie_R * beside,
        (-1 - margin_R) / 2 * along_R - tie_R * beside,
        -margin_R / 2 * along_R + (1 - tie_R) * beside,
    ])  # fmt: skip
    count = np.stack([votes.wins_R, votes.losses_R, votes.ties_R])
    kind_N, row_N = np.nonzero((influence > 0) & (count > 0))
    order = np.argsort(-influence[kind_N, row_N], kind="stable")
    kind_N, row_N = kind_N[order], row_N[order]
    return row_N, kind_N, count[kind_N, row_N], influence[kind_N, row_N]


def _without(rows: Votes, row_N: Places, kind_N: Places, count_N: Numbers, dropped: int) -> Votes:
    take_N = np.clip(dropped - (np.cumsum(count_N) - count_N), 0, count_N)
    left = np.stack([rows.wins_R, rows.losses_R, rows.ties_R])
    np.subtract.at(left, (kind_N, row_N), take_N)
    return replace(rows, wins_R=left[0], losses_R=left[1], ties_R=left[2])


def _first_turned(lead: Callable[[int], float], gap: float, guess: int, most: int) -> int:
    """The smallest number found at which the lead is gone, 0 when it never is.

    The lead falls nearly along a line, so the line through the last numbers on both sides says where to look next;
    after STRAIGHT such looks, and where a lead is infinite, the middle between them does.
    """
    low, lead_low = 0, gap
    high, lead_high = most + 1, np.inf  # nothing is known about it yet
    look, looks = guess, 0
    while high - low > 1:
        found = lead(look)
        if found < -EQUAL:
            high, lead_high = look, found
        else:
            low, lead_low = look, found
        looks += 1
        if high > most:
            look = min(int(low * MORE) + 1, most)
        elif looks < STRAIGHT and np.isfinite(lead_low) and np.isfinite(lead_high):
            crossing = low + (high - low) * lead_low / (lead_low - lead_high)
            look = min(max(math.ceil(crossing), low + 1), high - 1)
        else:
            look = (low + high) // 2
    return high if high <= most else 0


def _lead(fitted: Fit, votes: Votes, i: int, j: int) -> float:
    """How far i stands above j, in logits.

    Infinite where one has no strength any more; against i when a way leads from j down to i and none back.
    """
    again = fit(votes, fitted.ties, start=fitted)
    rated = [int(k) for k in again.rated_Q]
    if i in rated and j in rated:
        return float(again.strength_Q[rated.index(i)] - again.strength_Q[rated.index(j)])
    reach = reached(votes.treated(fitted.ties))
    return -np.inf if reach[j, i] and not reach[i, j] else np.inf
