"""Judgments as arrays, for everything that looks at all of them at once.

Suffixes of arrays: J judgments, C comparisons, R raters, T true answers, L given answers.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

FIRST, TIE, SECOND = 0, 1, 2  # what a judgment says, where only the side counts


@dataclass(frozen=True)
class Judgments:
    """Who said what about which comparison, in the order in which it was said.

    comparison_J  index of the comparison, in [0, comparisons)
    rater_J       index of the rater, in [0, raters)
    value_J       what was said, in [-1, 1]: negative = first is better, 0 = no difference
    left_J        where first stood: 1 left, -1 right, 0 not known
    longer_J      1 where first is the longer answer, -1 where second is, 0 where they are equal or it is not known
    Raises ValueError when the lengths differ, or a number stands outside its range.
    """

    comparison_J: Ints
    rater_J: Ints
    value_J: Numbers
    left_J: Ints
    longer_J: Ints
    comparisons: int
    raters: int
    said_J: Ints = field(init=False, repr=False)

    def __post_init__(self) -> None:
        arrays = (self.comparison_J, self.rater_J, self.value_J, self.left_J, self.longer_J)
        if len({array.shape for array in arrays}) != 1 or self.comparison_J.ndim != 1:
            raise ValueError(f"shapes differ: {', '.join(str(array.shape) for array in arrays)}")
        for name, array, low, high in (
            ("comparison", self.comparison_J, 0, self.comparisons - 1),
            ("rater", self.rater_J, 0, self.raters - 1),
            ("value", self.value_J, -1, 1),
            ("left", self.left_J, -1, 1),
            ("longer", self.longer_J, -1, 1),
        ):
            if array.size and not (low <= array.min() and array.max() <= high):
                raise ValueError(f"{name} must be within {low} and {high}")
        object.__setattr__(self, "said_J", np.sign(self.value_J).astype(np.int64) + TIE)

    @classmethod
    def of(
        cls,
        comparison_J: npt.ArrayLike,
        rater_J: npt.ArrayLike,
        value_J: npt.ArrayLike,
        first_on_left_J: npt.ArrayLike | None = None,
        length_difference_J: npt.ArrayLike | None = None,
        *,
        comparisons: int | None = None,
        raters: int | None = None,
    ) -> Judgments:
        """From plain sequences. The length difference is first minus second, in any unit: only its sign counts."""
        comparison, rater = np.asarray(comparison_J, np.int64), np.asarray(rater_J, np.int64)
        unknown = np.zeros(comparison.shape, np.int64)
        return cls(
            comparison,
            rater,
            np.asarray(value_J, np.float64),
            unknown if first_on_left_J is None else np.where(np.asarray(first_on_left_J, bool), 1, -1),
            unknown if length_difference_J is None else np.sign(np.asarray(length_difference_J)).astype(np.int64),
            comparisons=int(comparison.max(initial=-1)) + 1 if comparisons is None else comparisons,
            raters=int(rater.max(initial=-1)) + 1 if raters is None else raters,
        )

    def __len__(self) -> int:
        return len(self.comparison_J)

    @property
    def votes_C(self) -> Ints:
        return np.bincount(self.comparison_J, minlength=self.comparisons)

    @property
    def votes_R(self) -> Ints:
        return np.bincount(self.rater_J, minlength=self.raters)

    def only(self, keep_J: Flags) -> Judgments:
        """Some of them; comparisons and raters keep their indices."""
        return replace(
            self,
            comparison_J=self.comparison_J[keep_J],
            rater_J=self.rater_J[keep_J],
            value_J=self.value_J[keep_J],
            left_J=self.left_J[keep_J],
            longer_J=self.longer_J[keep_J],
        )


def summed(index_J: Ints, weight_J: Numbers, length: int) -> Numbers:
    """Sum of the weights at each index, shape (length,)."""
    return np.bincount(index_J, weights=weight_J, minlength=length).astype(np.float64, copy=False)
