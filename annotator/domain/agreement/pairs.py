"""Raters two by two: a table of answers each, and kappa averaged over the tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from annotator.domain.agreement.chance import Chance, cohen
from annotator.domain.agreement.estimates import NO_PAIR, Agreement, estimated, undefined
from annotator.domain.agreement.groups import Views
from annotator.domain.agreement.resampling import RESAMPLES, SEED
from annotator.domain.agreement.votes import Indices, Numbers, Votes
from annotator.domain.agreement.weights import identity, linear, quadratic
from annotator.domain.wording import gettext_noop as _

ENOUGH = 10  # comparisons that two raters share before their kappa enters the mean
NO_DECIDED = _("On no comparison did both prefer a side yet.")
TOO_FEW = _("No two raters share ten comparisons yet.")
NO_PLACE = _("They share no answers with a place on the axis yet.")


@dataclass(frozen=True)
class RaterPair:
    """Two raters, by index, and what they say of the comparisons they share.

    kappa            Cohen's, of the sides
    kappa_linear     Cohen's weighted kappa of the places on the axis; a step costs as much as its length
    kappa_quadratic  the same, where a step costs the square of its length
    """

    one: int
    other: int
    with_ties: Agreement
    without_ties: Agreement
    kappa: Agreement
    kappa_linear: Agreement
    kappa_quadratic: Agreement


def rater_pairs(views: Views, at_most: int = 100) -> tuple[list[RaterPair], int]:
    """The pairs of raters that share the most comparisons, at most so many of them, and how many pairs there are."""
    sides = Tables.of(views.sides)
    pairs = len(sides.pair_Q)
    most_Q = np.argsort(-sides.table_QKK.sum(axis=(1, 2)), kind="stable")[:at_most]
    pair_Q = sides.pair_Q[most_Q]
    sides, decided, axis = (
        tables.of_pairs(pair_Q) for tables in (sides, Tables.of(views.decided), Tables.of(views.axis))
    )
    found = zip(
        sides.estimates(identity(sides.position_K), nothing=NO_PAIR),
        decided.estimates(nothing=NO_DECIDED),
        axis.estimates(linear(axis.position_K), quadratic(axis.position_K), nothing=NO_PLACE),
        strict=True,
    )
    rows = [
        RaterPair(*divmod(int(pair), views.sides.raters), with_ties, without_ties, kappa, by_length, by_square)
        for pair, ((with_ties, kappa), (without_ties,), (_same, by_length, by_square)) in zip(
            pair_Q, found, strict=True
        )
    ]
    return rows, pairs


def mean_pairwise_kappa(votes: Votes) -> Agreement:
    """Cohen's kappa averaged over the pairs of raters that share at least ENOUGH comparisons; n counts comparisons.

    Comparisons are drawn again with all pairs that they hold. Source: Light (1971), Measures of response agreement.
    """
    tables = Tables.of(votes)
    enough_Q = tables.table_QKK.sum(axis=(1, 2)) >= ENOUGH
    if not enough_Q.any():
        return undefined(0, TOO_FEW if len(enough_Q) else NO_PAIR)
    chosen_N = enough_Q[tables.pair_N]
    _names, unit_N = np.unique(tables.unit_N[chosen_N], return_inverse=True)
    place_Q = np.cumsum(enough_Q) - 1
    answers, pairs, units = len(votes.position_K), int(enough_Q.sum()), len(_names)
    code_N = place_Q[tables.pair_N[chosen_N]] * answers**2 + tables.cell_N[chosen_N]
    order_N = np.argsort(code_N, kind="stable")  # so that each cell of the tables is one stretch
    cells, starts = np.unique(code_N[order_N], return_index=True)
    unit_N = unit_N[order_N]
    dice, same, value_B = np.random.default_rng(SEED), identity(votes.position_K), np.full(RESAMPLES + 1, np.nan)
    for resample in range(RESAMPLES + 1):
        drawn = dice.integers(0, units, units) if resample else np.arange(units)
        times_U = np.bincount(drawn, minlength=units).astype(np.int32)
        table_QKK = np.zeros(pairs * answers**2)
        table_QKK[cells] = np.add.reduceat(times_U[unit_N], starts)
        kappa_Q = cohen(table_QKK.reshape(pairs, answers, answers), same).corrected_B
        defined = ~np.isnan(kappa_Q)
        value_B[resample] = kappa_Q[defined].mean() if defined.any() else np.nan
    return estimated(Chance(value_B, np.where(np.isnan(value_B), 1.0, 0.0)), units)


@dataclass(frozen=True)
class Tables:
    """Every pair of judgments of the same comparison by two raters, and the table of each pair of raters.

    unit_N, pair_N, cell_N  its comparison, its pair of raters as a place in pair_Q, and k × K + l
    pair_Q                  lower rater × R + higher rater
    table_QKK               how often the lower said k and the higher l
    """

    unit_N: Indices
    pair_N: Indices
    cell_N: Indices
    pair_Q: Indices
    table_QKK: Numbers
    position_K: Numbers

    @classmethod
    def of(cls, votes: Votes) -> Tables:
        order_J = np.lexsort((votes.rater_J, votes.unit_J))
        unit_J, rater_J, answer_J = votes.unit_J[order_J], votes.rater_J[order_J], votes.answer_J[order_J]
        largest = int(np.bincount(unit_J).max(initial=0))
        firsts, seconds = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for apart in range(1, largest):  # judgments of one comparison stand side by side
            first = np.flatnonzero((unit_J[:-apart] == unit_J[apart:]) & (rater_J[:-apart] != rater_J[apart:]))
            firsts.append(first)
            seconds.append(first + apart)
        first_N, second_N = np.concatenate(firsts), np.concatenate(seconds)
        answers = len(votes.position_K)
        pair_Q, pair_N = np.unique(rater_J[first_N] * votes.raters + rater_J[second_N], return_inverse=True)
        cell_N = answer_J[first_N] * answers + answer_J[second_N]
        counts = np.bincount(pair_N * answers**2 + cell_N, minlength=len(pair_Q) * answers**2)
        table_QKK = counts.reshape(len(pair_Q), answers, answers).astype(float)
        return cls(unit_J[first_N], pair_N, cell_N, pair_Q, table_QKK, votes.position_K)

    def of_pairs(self, pair_Q: Indices) -> Tables:
        """The tables of these pairs of raters, empty ones for pairs that share nothing here."""
        answers, none = len(self.position_K), np.zeros(0, np.int64)
        table_QKK = np.zeros((len(pair_Q), answers, answers))
        place_Q = {int(pair): place for place, pair in enumerate(self.pair_Q)}
        for place, pair in enumerate(pair_Q):
            if int(pair) in place_Q:
                table_QKK[place] = self.table_QKK[place_Q[int(pair)]]
        return Tables(none, none, none, pair_Q, table_QKK, self.position_K)

    def estimates(self, *weights: Numbers, nothing: str) -> list[list[Agreement]]:
        """Of each pair of raters: percent agreement, then Cohen's kappa with each of the weights, shape (K, K).

        Two raters meet once in a comparison, so drawing comparisons again is drawing the cells of their table.
        """
        dice, answers = np.random.default_rng(SEED), len(self.position_K)
        found = []
        for table_KK in self.table_QKK:
            n = int(table_KK.sum())
            if n == 0:
                found.append([undefined(0, nothing)] * (1 + len(weights)))
                continue
            drawn = dice.multinomial(n, table_KK.ravel() / n, size=RESAMPLES).reshape(-1, answers, answers)
            table_BKK = np.concatenate([table_KK[None], drawn])
            percent = Chance(np.trace(table_BKK, axis1=1, axis2=2) / n, np.zeros(len(table_BKK)))
            found.append([estimated(each, n) for each in (percent, *(cohen(table_BKK, one) for one in weights))])
        return found
