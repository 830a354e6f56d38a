"""Each judgment in the company of the others, against counting pair by pair."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from annotator.domain.agreement.company import pairs_with_earlier, pairs_with_others

JUDGMENTS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), max_size=30)


@given(JUDGMENTS)
def test_earlier_ones_are_counted_as_one_would_by_hand(judgments: list[tuple[int, int]]) -> None:
    comparison_N, side_N = np.array(judgments, np.int64).reshape(-1, 2).T

    same_N, pairs_N = pairs_with_earlier(comparison_N, side_N)

    for place, (comparison, side) in enumerate(judgments):
        earlier = [other for which, other in judgments[:place] if which == comparison]
        assert pairs_N[place] == len(earlier)
        assert same_N[place] == earlier.count(side)


@given(JUDGMENTS)
def test_others_are_all_but_oneself(judgments: list[tuple[int, int]]) -> None:
    comparison_N, side_N = np.array(judgments, np.int64).reshape(-1, 2).T

    same_N, others_N = pairs_with_others(comparison_N, side_N)

    for place, (comparison, side) in enumerate(judgments):
        others = [other for at, (which, other) in enumerate(judgments) if which == comparison and at != place]
        assert others_N[place] == len(others)
        assert same_N[place] == others.count(side)
