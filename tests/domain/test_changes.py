from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.domain.changes import changes_between

TEXTS = st.lists(st.sampled_from(["", "  ", "Be kind.", "Be short.", "Be right."]), max_size=12).map("\n".join)


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ("Be kind.", "Be kind.\nBe short.", [("new", "Be short.")]),
        ("Be kind.\nBe short.", "Be short.", [("gone", "Be kind.")]),
        ("Be kind.\nBe long.", "Be kind.\nBe short.", [("gone", "Be long."), ("new", "Be short.")]),
        ("Be kind.\nBe short.", "Be short.\nBe kind.", [("new", "Be short."), ("gone", "Be short.")]),
        ("1\n2\n3\n4", "1\n2a\n2b\n4\n5", [("gone", "2"), ("gone", "3"), ("new", "2a"), ("new", "2b"), ("new", "5")]),
        ("", "Be kind.", [("new", "Be kind.")]),
        ("Be kind.", "", [("gone", "Be kind.")]),
        ("- kind", "  - kind", [("gone", "- kind"), ("new", "  - kind")]),  # Markdown means something by it
    ],
    ids=["added", "removed", "replaced", "reordered", "several", "from nothing", "to nothing", "indented"],
)
def test_what_is_new_is_said_line_by_line_in_the_order_of_the_text(
    before: str, after: str, changes: list[tuple[str, str]]
) -> None:
    assert changes_between(before, after) == changes


@pytest.mark.parametrize(
    "after",
    [
        "Be kind.\nBe short.",
        "Be kind.\nBe short.\n",
        "Be kind.\r\nBe short.",  # as a browser sends it
        "\n\nBe kind.\n\n  \nBe short.",
    ],
    ids=["unchanged", "a last line break", "other line breaks", "blank lines"],
)
def test_what_nobody_would_see_is_no_change(after: str) -> None:
    assert changes_between("Be kind.\nBe short.", after) == []


def test_a_line_that_stands_there_hundreds_of_times_hides_no_change() -> None:
    same = ["- and so on"] * 300

    assert changes_between("\n".join(same), "\n".join([*same[:150], "Be kind.", *same[150:]])) == [("new", "Be kind.")]


@given(before=TEXTS, after=TEXTS)
def test_the_old_lines_without_those_that_went_and_with_those_that_came_are_the_new_lines(
    before: str, after: str
) -> None:
    changes = changes_between(before, after)

    lines = Counter(before.splitlines())
    lines.subtract(line for kind, line in changes if kind == "gone")
    lines.update(line for kind, line in changes if kind == "new")
    assert {line: n for line, n in lines.items() if line.strip() and n} == {
        line: n for line, n in Counter(after.splitlines()).items() if line.strip()
    }
