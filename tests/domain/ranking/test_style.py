from __future__ import annotations

import numpy as np
import pytest

from annotator.domain.ranking.style import style_differences, style_of


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("plain", (0, 0, 0)),
        ("# One\n\n## Two\ntext\n###no heading", (2, 0, 0)),
        ("- a\n- b\n* c\n1. d\n 2) e\n-no item", (0, 5, 0)),
        ("**bold** and __bold__, but not ** this ** nor 2**3", (0, 0, 2)),
        ("```\n# code\n- code\n**code**\n```\n- prose", (0, 1, 0)),
        ("~~~\n# never closed", (0, 0, 0)),
        ("", (0, 0, 0)),
    ],
)
def test_headings_lists_and_bold_are_counted_outside_of_code(text: str, marks: tuple[int, int, int]) -> None:
    assert style_of(text) == (len(text), *marks)


def test_differences_are_shares_of_both_by_their_spread() -> None:
    """Lengths 300 and 100: (300 - 100) / 400 = ½; 100 and 300: -½. Their spread is ½, so ±1. No lists: 0."""
    first, second = np.array([[300.0, 0], [100, 0]]), np.array([[100.0, 0], [300, 0]])

    assert style_differences(first, second).tolist() == [[1, 0], [-1, 0]]


def test_swapping_the_sides_mirrors_the_differences() -> None:
    first, second = np.random.default_rng(0).integers(0, 9, (2, 40, 4)).astype(float)

    assert style_differences(second, first) == pytest.approx(-style_differences(first, second))
