from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.domain.overlap import Tally, certainty, wanted_next

counts = st.integers(0, 12)
tallies = st.builds(Tally, counts, counts, counts)


@pytest.mark.parametrize(
    ("tally", "expected"),
    [
        (Tally(0, 0), 0.5),
        (Tally(1, 0), 0.75),  # Beta(2, 1): 1 - 1/2^2
        (Tally(2, 0), 0.875),
        (Tally(0, 2), 0.875),
        (Tally(1, 1), 0.5),
        (Tally(2, 1), 0.6875),
        (Tally(4, 0), 0.96875),
        (Tally(0, 0, 5), 0.5),
    ],
)
def test_certainty_is_what_it_is_by_hand(tally: Tally, expected: float) -> None:
    assert certainty(tally) == pytest.approx(expected, abs=1e-15)


@given(tallies)
def test_certainty_is_the_integral_of_the_beta_density_above_one_half(tally: Tally) -> None:
    """By Gauss and Legendre; with t = sin² u the density has no edge that a polynomial cannot follow."""
    a = 1 + max(tally.for_first, tally.for_second) + tally.level / 2
    b = 1 + min(tally.for_first, tally.for_second) + tally.level / 2
    node, weight = np.polynomial.legendre.leggauss(200)
    u = math.pi / 4 + (node + 1) * math.pi / 8
    density = 2 * np.sin(u) ** (2 * a - 1) * np.cos(u) ** (2 * b - 1)
    beta = math.exp(math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b))

    assert certainty(tally) == pytest.approx(float(weight @ density) * math.pi / 8 / beta, abs=1e-10)


@given(tallies)
def test_one_more_vote_for_the_better_side_makes_surer(tally: Tally) -> None:
    ahead = Tally(max(tally.for_first, tally.for_second) + 1, min(tally.for_first, tally.for_second), tally.level)

    assert certainty(ahead) > certainty(tally) or certainty(ahead) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("tally", "wanted", "held", "expected"),
    [
        (Tally(1, 0), 2, 0, 2),  # one judgment neither agrees nor disagrees
        (Tally(1, 1), 2, 0, 3),  # it disagrees: one more
        (Tally(1, 1), 5, 1, 5),  # what is wanted already may settle it
        (Tally(2, 1), 3, 0, 4),
        (Tally(4, 0), 5, 0, 4),  # sure: the fifth is not asked for
        (Tally(4, 0), 6, 1, 5),  # but who holds it may answer
        (Tally(3, 2), 5, 0, 5),  # the bound
        (Tally(4, 3), 7, 0, 7),  # an owner who asked for more than the bound gets it
    ],
)
def test_how_many_are_wanted_next(tally: Tally, wanted: int, held: int, expected: int) -> None:
    found = wanted_next(tally, wanted=wanted, held=held, answered=tally.judgments, most=5, certain=0.95)

    assert found == expected


@given(
    st.lists(st.sampled_from(["first", "second", "level", "cannot"]), max_size=30), st.integers(1, 6), st.integers(2, 9)
)
def test_whatever_is_said_k_stays_within_its_bound_and_ends(said: list[str], wanted: int, most: int) -> None:
    """Each answer is asked for by a k that was still open; nobody is ever asked beyond the bound."""
    tally = Tally()
    for answered, one in enumerate(said, 1):
        if answered > wanted:
            break
        tally = Tally(
            tally.for_first + (one == "first"), tally.for_second + (one == "second"), tally.level + (one == "level")
        )
        before = wanted
        wanted = wanted_next(tally, wanted=wanted, held=0, answered=answered, most=most, certain=0.9)
        assert answered <= wanted <= max(before, most)
        if tally.judgments >= 2 and certainty(tally) >= 0.9:
            assert wanted == answered
