"""What cards show of their pairs, each read in one statement with its stored HTML."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString, mark_safe

from annotator.models import Assignment
from annotator.rendering import VERSION, chat_html
from annotator.selectors.renderings import renderings_of
from annotator.sql import rows

STATEMENT = "SELECT * FROM card_face(%s, %s)"


@dataclass(frozen=True)
class Face:
    """One pair as it is shown: texts as written, and as sanitised HTML; turns are (role, HTML).

    unrendered  texts of which no HTML is stored
    """

    pk: int
    left_text: str
    right_text: str
    left: SafeString
    right: SafeString
    turns: list[tuple[str, SafeString]]
    unrendered: tuple[str, ...] = ()


def faces_of(assignments: Iterable[int]) -> list[Face]:
    """In the order of `assignments`; what has no stored HTML, as after an upgrade, is rendered on the spot.

    One after the other, as there is seldom more than one: for a list Postgres would plan anew each time.
    """
    return [face_from(row) for pk in assignments for row in rows(STATEMENT, [pk, VERSION])]


def face_from(row: Sequence[Any]) -> Face:
    """Of a row of `card_face` in the database."""
    pk, first_on_left, first, second, first_html, second_html, turns = row
    turns = json.loads(turns)  # Django leaves decoding JSON to its own fields
    sides = [(first, first_html), (second, second_html)]
    (left, left_html), (right, right_html) = sides if first_on_left else reversed(sides)
    texts = [*sides, *((text, html) for _role, text, html in turns)]
    return Face(
        pk, left, right, _html(left, left_html), _html(right, right_html),
        [(role, _html(text, html)) for role, text, html in turns],
        tuple(text for text, html in texts if html is None),
    )  # fmt: skip


def face_of(assignment: Assignment) -> Face:
    """Of an assignment whose comparison is read already."""
    turns = assignment.comparison.prompt.messages
    left, right = assignment.left.text, assignment.right.text
    html = renderings_of([left, right, *(turn["content"] for turn in turns)])
    shown = [(turn["role"], html[turn["content"]]) for turn in turns]
    return Face(assignment.pk, left, right, html[left], html[right], shown)


def _html(text: str, stored: str | None) -> SafeString:
    return chat_html(text) if stored is None else mark_safe(stored)  # what is stored was sanitised
