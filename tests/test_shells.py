"""Parts of pages that are drawn once and filled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.shells import Shell, hole, hole_number, shell


@given(st.lists(st.text(), min_size=3, max_size=3), st.integers(0, 10**12))
def test_a_filled_shell_is_what_would_have_been_drawn(texts: list[str], number: int) -> None:
    def drawn(one: object, two: object, three: object, place: object) -> str:
        return f"<a href='/{place}/'>{one}</a>{two}<b>{three}{two}</b> at {place}"

    kept = Shell(drawn(hole("one"), hole("two"), hole("three"), hole_number(4)))

    values = dict(zip(("one", "two", "three"), texts, strict=True))
    assert kept.filled({**values, "4": str(number)}) == drawn(texts[0], texts[1], texts[2], number)


def test_a_shell_is_drawn_once() -> None:
    times: list[int] = []

    def draw() -> str:
        times.append(1)
        return "once"

    for _time in range(3):
        shell("the same", draw)

    assert len(times) == 1


def test_a_hole_without_a_value_is_an_error_and_not_a_gap() -> None:
    with pytest.raises(KeyError):
        Shell(hole("one")).filled({})
