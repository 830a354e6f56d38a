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

# Subqueries rather than joins: each is one look into an index, whatever the planner believes about the table.
STATEMENT = """
SELECT a.id, a.first_on_left, f.text, s.text,
       (SELECT html FROM annotator_rendering WHERE sha256 = f.text_sha256 AND version = %(version)s),
       (SELECT html FROM annotator_rendering WHERE sha256 = s.text_sha256 AND version = %(version)s),
       (SELECT jsonb_agg(jsonb_build_array(turn ->> 'role', turn ->> 'content',
                                           (SELECT html FROM annotator_rendering
                                             WHERE version = %(version)s AND sha256 = encode(sha256(
                                                   convert_to(turn ->> 'content', 'UTF8')), 'hex'))) ORDER BY place)
          FROM jsonb_array_elements(p.messages) WITH ORDINALITY m(turn, place))
  FROM annotator_assignment a
  JOIN annotator_comparison c ON c.id = a.comparison_id
  JOIN annotator_prompt p ON p.id = c.prompt_id
  JOIN annotator_response f ON f.id = c.first_id
  JOIN annotator_response s ON s.id = c.second_id
 WHERE a.id = %(assignment)s
"""


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
    return [face for pk in assignments for face in map(_face, rows(STATEMENT, {"version": VERSION, "assignment": pk}))]


def _face(row: Sequence[Any]) -> Face:
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
