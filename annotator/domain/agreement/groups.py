"""Agreement on all comparisons, or on those of a tag or a round."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from annotator.domain.agreement import chance
from annotator.domain.agreement.estimates import NO_DECIDED_PAIR, NO_PAIR, Agreement, estimated, undefined
from annotator.domain.agreement.resampling import Coefficient, resampled_coefficients
from annotator.domain.agreement.votes import Numbers, Votes
from annotator.domain.agreement.weights import identity, quadratic

# By what they look at: the side (first, second, neither), sides without ties, or the place on the axis.
SIDES: dict[str, Coefficient] = {
    "with_ties": chance.percent,
    "alpha_nominal": lambda times, patterns: chance.alpha(times, patterns, identity(patterns.position_K)),
    "fleiss": lambda times, patterns: chance.fleiss(times, patterns, identity(patterns.position_K)),
    "tie_rate_kappa": chance.tie_rate_kappa,
    "ac1": lambda times, patterns: chance.gwet(times, patterns, identity(patterns.position_K)),
}
DECIDED: dict[str, Coefficient] = {"without_ties": chance.percent}
AXIS: dict[str, Coefficient] = {
    "alpha_ordinal": chance.ordinal_alpha,
    "alpha_interval": lambda times, patterns: chance.alpha(times, patterns, quadratic(patterns.position_K)),
    "ac2": lambda times, patterns: chance.gwet(times, patterns, quadratic(patterns.position_K)),
}
FINEST = 21  # places; sliders have more, which nobody could hit twice, and are read in tenths
COEFFICIENTS = (*SIDES, *DECIDED, *AXIS)


@dataclass(frozen=True)
class Views:
    """The same judgments, seen in three ways; comparisons have the same index in each.

    sides    which side won: -1 first, 0 neither, 1 second
    decided  the same, of judgments that prefer a side
    axis     the place on the axis in [-1, 1], of judgments that have one
    """

    sides: Votes
    decided: Votes
    axis: Votes

    @classmethod
    def of(cls, comparisons: npt.ArrayLike, raters: npt.ArrayLike, values: npt.ArrayLike) -> Views:
        """From judgments' signed values; NaN is an answer without a place on the axis, which prefers no side."""
        value_J = np.asarray(values, dtype=float)
        side_J = np.nan_to_num(np.sign(value_J))
        sides = Votes.of(comparisons, raters, side_J, allowed=(-1.0, 1.0))
        two = sides.where(side_J != 0)
        decided = Votes(
            two.unit_J, two.rater_J, (two.answer_J > 0).astype(np.int64), np.array([-1.0, 1.0]), two.units, two.raters
        )
        return cls(sides, decided, _placed(sides, value_J))


def _placed(sides: Votes, value_J: Numbers) -> Votes:
    has_place_J = ~np.isnan(value_J)
    position_K, answer_J = np.unique(value_J[has_place_J], return_inverse=True)
    if len(position_K) > FINEST:
        position_K, answer_J = np.unique(np.round(value_J[has_place_J], 1), return_inverse=True)
    here = sides.where(has_place_J)
    return Votes(here.unit_J, here.rater_J, answer_J, position_K, sides.units, sides.raters)


def agreement_of(
    views: Views,
    among_U: npt.NDArray[np.bool_] | None = None,
    wanted: Collection[str] = COEFFICIENTS,
) -> dict[str, Agreement]:
    """The wanted coefficients over all comparisons, or over some of them; COEFFICIENTS names all there are."""
    found: dict[str, Agreement] = {}
    for votes, coefficients, no_pair in (
        (views.sides, SIDES, NO_PAIR),
        (views.decided, DECIDED, NO_DECIDED_PAIR),
        (views.axis, AXIS, NO_PAIR),
    ):
        chosen = {name: coefficient for name, coefficient in coefficients.items() if name in wanted}
        times_P = votes.patterns.times_P(among_U)
        n = int(times_P[votes.patterns.has_pair_P].sum())
        if n == 0:
            found |= {name: undefined(0, no_pair) for name in chosen}
        elif chosen:
            drawn = resampled_coefficients(votes.patterns, times_P, chosen)
            found |= {name: estimated(each, n) for name, each in drawn.items()}
    return {name: found[name] for name in wanted}
