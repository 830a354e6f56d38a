"""Each judgment in the company of the others on its comparison: how many said the same?

N judgments
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from annotator.models import Comparison
from annotator.selectors.window import Judged

Ints = NDArray[np.int64]


def company_of(judgments: Sequence[Judged]) -> tuple[Ints, Ints]:
    """How many others said the same as each, and how many others there are: same_N, others_N.

    By the votes that each comparison counts, so that others are seen however long ago they judged.
    """
    comparisons = Comparison.objects.filter(pk__in={one.comparison for one in judgments}).order_by()
    votes = {
        pk: {"first": first, "second": second, "equal": level}
        for pk, first, second, level in comparisons.values_list("pk", "for_first", "for_second", "level")
    }
    same_N = np.array([votes[one.comparison][one.side] - 1 for one in judgments], np.int64)
    others_N = np.array([sum(votes[one.comparison].values()) - 1 for one in judgments], np.int64)
    return np.maximum(same_N, 0), np.maximum(others_N, 0)  # somebody may have changed their mind in between
