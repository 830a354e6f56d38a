"""Each judgment in the company of the others on its comparison: how many said the same?

N judgments
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from annotator.domain.verdicts import Outcome
from annotator.models import Comparison, Judgment
from annotator.selectors.window import Judged

Ints = NDArray[np.int64]


def company_of(judgments: Sequence[Judged], excluded: Collection[int]) -> tuple[Ints, Ints]:
    """How many others said the same as each, and how many others there are: same_N, others_N.

    By the votes that each comparison counts, so that others are seen however long ago they judged; without those of
    the raters who are excluded, who gave none of the judgments either.
    """
    found = {one.comparison for one in judgments}
    comparisons = Comparison.objects.filter(pk__in=found).order_by()
    votes = {
        pk: {"first": first, "second": second, "equal": level}
        for pk, first, second, level in comparisons.values_list("pk", "for_first", "for_second", "level")
    }
    for (pk, side), number in _votes_excluded(found, excluded).items():
        votes[pk][side] -= number
    same_N = np.array([votes[one.comparison][one.side] - 1 for one in judgments], np.int64)
    others_N = np.array([sum(votes[one.comparison].values()) - 1 for one in judgments], np.int64)
    return np.maximum(same_N, 0), np.maximum(others_N, 0)  # somebody may have changed their mind in between


def _votes_excluded(comparisons: Collection[int], excluded: Collection[int]) -> Counter[tuple[int, str]]:
    """How often excluded raters chose each side of these comparisons, as the comparisons count it."""
    if not excluded:
        return Counter()
    said = (
        Judgment.objects.current()
        .filter(assignment__rater__in=excluded, assignment__comparison__in=comparisons)
        .exclude(outcome=Outcome.CANNOT_JUDGE)
        .values_list("assignment__comparison_id", "value")
    )
    return Counter((pk, "equal" if not value else "first" if value < 0 else "second") for pk, value in said)
