"""What is new in a text, line by line."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import Literal


def changes_between(before: str, after: str) -> list[tuple[Literal["gone", "new"], str]]:
    """The lines that went and the lines that came, in the order of the text; empty lines say nothing."""
    old, new = before.splitlines(), after.splitlines()
    found: list[tuple[Literal["gone", "new"], str]] = []
    for kind, old_from, old_to, new_from, new_to in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            found += [("gone", line) for line in old[old_from:old_to]]
            found += [("new", line) for line in new[new_from:new_to]]
    return [(kind, line) for kind, line in found if line.strip()]
