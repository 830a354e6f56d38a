"""Who can be relied on, and who seems not to look at the answers.

Ways of not looking are held against judging, by Bayes' rule: how likely does each make this rater's judgments, given
what the *others* said about the same comparisons?

judging   like a usual rater of the joint model, or one half or one and a half times as reliable, with bounded leans
random    the answers do not matter (a = 0); the rater's own leans may
side      the left answer (or the right one) in 95 of 100
length    the longer answer (or the shorter one) in 95 of 100
copying   the same as one certain other rater in 97 of 100

How often a rater sees no difference is taken as it is; it speaks for nothing. Copying is looked for in pairs of raters
with OVERLAP comparisons or more in common, against the agreement that their reliabilities, leans and the comparisons
explain. Who answered later is the copier; where neither did, both are named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from annotator.domain.aggregation.arrays import SECOND, TIE, Flags, Ints, Judgments, Numbers, summed
from annotator.domain.aggregation.joint import GRID_K, LENGTH, RELIABILITY, SIDE, Joint, cells_of, log_table
from annotator.domain.wording import gettext_noop as _

ALWAYS = 0.95  # how often a habit is followed
MOSTLY = 0.85  # share from which somebody who does not look is said to follow a habit
SAME = 0.97  # how often a copier says the same
LIKE_USUAL = (0.5, 1.0, 1.5)  # reliabilities of those who judge, in that of a usual rater
OVERLAP = 8  # shared comparisons below which a pair is not looked at
NEIGHBOURS = 50  # judgments of one comparison that are paired with each other, counted from each one
SURE = 0.95  # suspicion from which a rater is named
LATER = 0.8  # share of the shared comparisons on which the copier answered later
FEW = 5  # judgments below which nothing is said


class Habit(StrEnum):
    """What a rater seems to do instead of judging."""

    NONE = "none"
    RANDOM = "random"
    LEFT = "left"
    RIGHT = "right"
    LONGER = "longer"
    SHORTER = "shorter"
    COPYING = "copying"


# Before any judgment is seen: so many of a hundred raters are expected to be like that.
EXPECTED = {
    Habit.NONE: 0.80,
    Habit.RANDOM: 0.06,
    Habit.LEFT: 0.02,
    Habit.RIGHT: 0.01,
    Habit.LONGER: 0.02,
    Habit.SHORTER: 0.01,
    Habit.COPYING: 0.08,
}
SENTENCES = {
    Habit.NONE: _("Nothing unusual."),
    Habit.RANDOM: _("What they say has nothing to do with what others say about the same comparisons."),
    Habit.LEFT: _("Takes the left answer in %(part)s of %(n)s decided judgments, whatever it says."),
    Habit.RIGHT: _("Takes the right answer in %(part)s of %(n)s decided judgments, whatever it says."),
    Habit.LONGER: _("Takes the longer answer in %(part)s of %(n)s decided judgments, whatever it says."),
    Habit.SHORTER: _("Takes the shorter answer in %(part)s of %(n)s decided judgments, whatever it says."),
    Habit.COPYING: _(
        "Says the same as one other rater in %(part)s of %(n)s shared comparisons; chance explains %(usual)s."
    ),
}
NOTHING_YET = _("Has judged nothing yet.")
TOO_FEW = _("Too few judgments yet to say.")


@dataclass(frozen=True)
class Standing:
    """One rater.

    reliability, low, high  probability of naming the better one of two answers that differ as usual, leans aside, and
                            its 95 % interval; None without a judgment
    n                       judgments
    habit                   the likeliest other way than judging, NONE while the suspicion is below SURE
    suspicion               posterior probability of not judging, in [0, 1]
    reason, values          a sentence with places, and what stands in them
    copies                  index of the rater whose answers these seem to be
    """

    reliability: float | None
    low: float | None
    high: float | None
    n: int
    habit: Habit
    suspicion: float
    reason: str
    values: dict[str, int] = field(default_factory=dict)
    copies: int | None = None

    @property
    def is_suspect(self) -> bool:
        return self.habit is not Habit.NONE


def standings_of(judgments: Judgments, fitted: Joint) -> list[Standing]:
    """One per rater index, from the joint model of the very same judgments."""
    habits: list[Habit] = [habit for habit in Habit if habit is not Habit.COPYING]
    counts = _Counts.of(judgments)
    log_HR = np.stack([*_judging_and_not(judgments, fitted), *_habits(judgments, counts)])
    log_HR += np.log([[EXPECTED[habit]] for habit in habits])
    copies = _copies(judgments, fitted)
    return [
        _standing(rater, habits, log_HR[:, rater], copies.get(rater), counts, fitted)
        for rater in range(judgments.raters)
    ]


def _standing(
    rater: int, habits: list[Habit], log_H: Numbers, copy: _Copy | None, counts: _Counts, fitted: Joint
) -> Standing:
    n = int(fitted.raters.votes_R[rater])
    if n == 0:
        return Standing(None, None, None, 0, Habit.NONE, 0.0, NOTHING_YET)
    known = (fitted.raters.reliability_R[rater], fitted.raters.low_R[rater], fitted.raters.high_R[rater])
    reliability, low, high = (float(value) for value in known)
    chance_H = np.exp(log_H - log_H.max())
    chance_H /= chance_H.sum()
    suspicion, likeliest = float(1 - chance_H[0]), habits[1 + int(chance_H[1:].argmax())]
    if n < FEW:
        return Standing(reliability, low, high, n, Habit.NONE, suspicion, TOO_FEW)
    if copy is not None and copy.suspicion >= max(SURE, suspicion):
        values = {"part": copy.same, "n": copy.shared, "usual": round(copy.usual)}
        reason = SENTENCES[Habit.COPYING]
        return Standing(reliability, low, high, n, Habit.COPYING, copy.suspicion, reason, values, copy.of)
    suspicion = max(suspicion, copy.suspicion if copy else 0.0)
    if 1 - chance_H[0] < SURE:
        return Standing(reliability, low, high, n, Habit.NONE, suspicion, SENTENCES[Habit.NONE])
    habit = counts.named(likeliest, rater)
    return Standing(reliability, low, high, n, habit, suspicion, SENTENCES[habit], counts.values(habit, rater))


# --- one at a time -----------------------------------------------------------------


def _judging_and_not(judgments: Judgments, fitted: Joint) -> tuple[Numbers, Numbers]:
    """log P of each rater's judgments if they judge, and if they do not look, given what the others said; (R,) each."""
    usual = fitted.middle_P[RELIABILITY]
    own_RP = fitted.raters.parameter_RP
    cell_J = cells_of(judgments)
    own_table = np.exp(log_table(own_RP))
    several = []
    for times in (0.0, *LIKE_USUAL):
        like_RP = own_RP.copy()
        like_RP[:, RELIABILITY] = times * usual
        if times:
            like_RP[:, [SIDE, LENGTH]] = np.clip(own_RP[:, [SIDE, LENGTH]], -usual / 2, usual / 2)
        several.append(np.exp(log_table(like_RP)))
    without_J = np.zeros(len(judgments))
    with_SJ = np.zeros((len(several), len(judgments)))
    for k in range(len(GRID_K)):
        others_J = fitted.posterior_KC[k][judgments.comparison_J] / own_table[k][cell_J]
        without_J += others_J
        for s, table in enumerate(several):
            with_SJ[s] += others_J * table[k][cell_J]
    log_SR = np.stack([summed(judgments.rater_J, np.log(with_J / without_J), judgments.raters) for with_J in with_SJ])
    blind_R, log_SR = log_SR[0], log_SR[1:]
    top_R = log_SR.max(0)
    return top_R + np.log(np.exp(log_SR - top_R).mean(0)), blind_R


def _habits(judgments: Judgments, counts: _Counts) -> list[Numbers]:
    """log P of each rater's judgments by each habit, each of shape (R,)."""
    tie_R = (counts.tie_R + 0.5) / (counts.n_R + 1)
    decided_R = counts.n_R - counts.tie_R
    ties_R = counts.tie_R * np.log(tie_R) + decided_R * np.log(1 - tie_R)
    by_habit = []
    for habit in (Habit.LEFT, Habit.RIGHT, Habit.LONGER, Habit.SHORTER):
        for_R, against_R = counts.sides[habit]
        rest_R = decided_R - for_R - against_R
        by_habit.append(ties_R + for_R * np.log(ALWAYS) + against_R * np.log(1 - ALWAYS) + rest_R * np.log(0.5))
    return by_habit


@dataclass(frozen=True)
class _Counts:
    """What each rater said, by what can be seen without reading. `sides`: decided judgments for and against a habit."""

    n_R: Numbers
    tie_R: Numbers
    sides: dict[Habit, tuple[Numbers, Numbers]]

    @classmethod
    def of(cls, judgments: Judgments) -> _Counts:
        def count(chosen_J: Flags) -> Numbers:
            return summed(judgments.rater_J, chosen_J.astype(np.float64), judgments.raters)

        sign_J = TIE - judgments.said_J  # 1 = first
        left, right = count(sign_J * judgments.left_J > 0), count(sign_J * judgments.left_J < 0)
        longer, shorter = count(sign_J * judgments.longer_J > 0), count(sign_J * judgments.longer_J < 0)
        sides = {
            Habit.LEFT: (left, right),
            Habit.RIGHT: (right, left),
            Habit.LONGER: (longer, shorter),
            Habit.SHORTER: (shorter, longer),
        }
        return cls(judgments.votes_R.astype(np.float64), count(sign_J == 0), sides)

    def named(self, habit: Habit, rater: int) -> Habit:
        """Somebody who does not look, by what they mostly do, where they mostly do something."""
        if habit is not Habit.RANDOM:
            return habit
        shares = {side: self._share(side, rater) for side in self.sides}
        most = max(shares, key=lambda side: shares[side])
        return most if shares[most] >= MOSTLY else habit

    def _share(self, habit: Habit, rater: int) -> float:
        for_R, against_R = self.sides[habit]
        n = float(for_R[rater] + against_R[rater])
        return float(for_R[rater]) / n if n >= FEW else 0.0

    def values(self, habit: Habit, rater: int) -> dict[str, int]:
        if habit not in self.sides:
            return {}
        for_R, against_R = self.sides[habit]
        return {"part": int(for_R[rater]), "n": int(for_R[rater] + against_R[rater])}


# --- two at a time -------------------------------------------------------------------


@dataclass(frozen=True)
class _Copy:
    """Rater `of` said the `same` in `shared` comparisons, where `usual` agreements are expected."""

    of: int
    suspicion: float
    same: int
    shared: int
    usual: float


def _copies(judgments: Judgments, fitted: Joint) -> dict[int, _Copy]:
    """Copier → the likeliest source."""
    found = [np.stack(pair) for pair in _pairs(judgments.comparison_J)]
    if not found:
        return {}
    early_Q, late_Q = np.concatenate(found, axis=1)
    a_Q, b_Q = judgments.rater_J[early_Q], judgments.rater_J[late_Q]
    other_Q = a_Q != b_Q
    early_Q, late_Q, a_Q, b_Q = (array[other_Q] for array in (early_Q, late_Q, a_Q, b_Q))
    key_Q = np.minimum(a_Q, b_Q) * judgments.raters + np.maximum(a_Q, b_Q)
    known, at_Q, shared = np.unique(key_Q, return_inverse=True, return_counts=True)
    same_Q = judgments.said_J[early_Q] == judgments.said_J[late_Q]
    same = summed(at_Q, same_Q.astype(np.float64), len(known))
    worth_it = (shared >= OVERLAP) & (same >= 0.8 * shared)  # others cannot be copies, and are many
    keep_Q = worth_it[at_Q]
    if not keep_Q.any():
        return {}
    early_Q, late_Q, at_Q, same_Q = early_Q[keep_Q], late_Q[keep_Q], at_Q[keep_Q], same_Q[keep_Q]
    chance_Q = _agreement(judgments, fitted, early_Q, late_Q)
    factor_Q = np.where(same_Q, np.log(SAME / chance_Q), np.log((1 - SAME) / (1 - chance_Q)))
    odds = summed(at_Q, factor_Q, len(known)) + np.log(EXPECTED[Habit.COPYING] / max(judgments.raters - 1, 1))
    usual = summed(at_Q, chance_Q, len(known))
    higher_is_late = summed(at_Q, (judgments.rater_J[late_Q] > judgments.rater_J[early_Q]).astype(float), len(known))
    copies: dict[int, _Copy] = {}
    for pair in np.flatnonzero(worth_it & (odds > 0)):
        low, high = divmod(int(known[pair]), judgments.raters)
        late = higher_is_late[pair] / shared[pair]
        directions = (
            [(high, low)] if late >= LATER else [(low, high)] if late <= 1 - LATER else [(high, low), (low, high)]
        )
        suspicion = float(1 / (1 + np.exp(-odds[pair])))
        for copier, source in directions:
            if copier not in copies or copies[copier].suspicion < suspicion:
                copies[copier] = _Copy(source, suspicion, int(same[pair]), int(shared[pair]), float(usual[pair]))
    return copies


def _pairs(comparison_J: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Pairs of judgments of one comparison: the earlier ones, the later ones."""
    order_J = np.argsort(comparison_J, kind="stable")
    sorted_J = comparison_J[order_J]
    for lag in range(1, NEIGHBOURS + 1):
        together = sorted_J[lag:] == sorted_J[:-lag]
        if not together.any():
            return
        yield order_J[:-lag][together], order_J[lag:][together]


def _agreement(judgments: Judgments, fitted: Joint, early_Q: Ints, late_Q: Ints) -> Numbers:
    """Probability that two raters say the same about a comparison, given what all others said about it."""
    cell_J = cells_of(judgments)
    table = np.exp(log_table(fitted.raters.parameter_RP))
    early_cell_Q, late_cell_Q = cell_J[early_Q], cell_J[late_Q]
    early_silent_Q, late_silent_Q = early_cell_Q - judgments.said_J[early_Q], late_cell_Q - judgments.said_J[late_Q]
    agree_Q, all_Q = np.zeros(len(early_Q)), np.zeros(len(early_Q))
    for k, row in enumerate(table):
        posterior_Q = fitted.posterior_KC[k][judgments.comparison_J[early_Q]]
        others_Q = posterior_Q / (row[early_cell_Q] * row[late_cell_Q])
        all_Q += others_Q
        for said in range(SECOND + 1):
            agree_Q += others_Q * row[early_silent_Q + said] * row[late_silent_Q + said]
    return np.clip(agree_Q / all_Q, 0.01, 0.99)
