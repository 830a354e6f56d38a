"""Where reward models do not know which answer is better. R comparisons, M models or heads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def disagreement(lead_RM: Numbers) -> Numbers:
    """How open each comparison is, in [0, 1], from how far the first answer leads the second under each model.

    Several models: twice the standard deviation of their probabilities that the first is better, which is 1 where
    half of them are sure of either side. A single one can only be undecided: 1 where it says one half, 0 where it is
    sure. Worked: leads of 0 and ln 3 are probabilities of 0.5 and 0.75, so 2 · 0.125 = 0.25; ln 3 alone is 0.5.
    """
    first_RM = np.exp(-np.logaddexp(0, -lead_RM))  # Bradley and Terry (1952)
    open_R = 2 * first_RM.std(axis=1) if lead_RM.shape[1] > 1 else 1 - np.abs(2 * first_RM[:, 0] - 1)
    return np.asarray(open_R, np.float64)
