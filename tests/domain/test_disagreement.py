from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.domain.disagreement import disagreement

leads = st.lists(st.floats(-30, 30), min_size=1, max_size=5)


@pytest.mark.parametrize(
    ("leads", "open_"),
    [
        ([0.0], 1.0),
        ([np.log(3)], 0.5),
        ([50.0], 0.0),
        ([0.0, np.log(3)], 0.25),  # probabilities of 0.5 and 0.75
        ([0.0, 0.0], 0.0),  # both are undecided, and agree about that
        ([50.0, -50.0], 1.0),
    ],
)
def test_a_single_model_is_undecided_and_several_disagree(leads: list[float], open_: float) -> None:
    assert disagreement(np.array([leads])) == pytest.approx([open_])


@given(leads)
def test_it_lies_between_0_and_1_and_knows_no_sides(leads: list[float]) -> None:
    (one,), (other,) = disagreement(np.array([leads])), disagreement(-np.array([leads]))

    assert 0 <= one <= 1 + 1e-12
    assert one == pytest.approx(other)
