"""A page part that differs in a few places only is drawn once as a shell, and filled from then on.

A card is the same for every pair but for its texts, its address and its keys; a
template takes a millisecond to say so again, a shell some microseconds.
"""

from __future__ import annotations

import re
import secrets
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from threading import Lock

from django.utils.safestring import SafeString, mark_safe

LIMIT = 500  # shells that a process keeps
# Drawn anew by each process, so that no text can contain one.
NUMBERS = secrets.randbelow(10**15) + 10**15
LETTERS = secrets.token_hex(12)


def hole(name: str) -> SafeString:
    """What stands in a shell where text or HTML will."""
    return SafeString(f"{LETTERS}.{name}.")


def hole_number(place: int) -> int:
    """What stands where a number will, as in an address; places count from 0 to 9."""
    return NUMBERS * 10 + place


HOLES = re.compile(rf"{LETTERS}\.([a-z_0-9]+)\.|{NUMBERS}(\d)")


class Shell:
    """parts: text, name of a hole, text, …; the names of numbers are their places."""

    def __init__(self, drawn: str) -> None:
        self.parts: list[str] = []
        self.names: list[str] = []
        end = 0
        for found in HOLES.finditer(drawn):
            self.parts.append(drawn[end : found.start()])
            self.names.append(found[1] or found[2])
            end = found.end()
        self.last = drawn[end:]

    def filled(self, values: Mapping[str, str]) -> SafeString:
        """Values are HTML already. Raises KeyError for a hole that has none."""
        filled: list[str] = []
        for part, name in zip(self.parts, self.names, strict=True):
            filled += (part, values[name])
        return mark_safe("".join(filled) + self.last)  # a template drew the parts, and values are HTML


_shells: OrderedDict[Hashable, Shell] = OrderedDict()
_lock = Lock()


def shell(key: Hashable, draw: Callable[[], str]) -> Shell:
    """The shell kept under `key`, drawn when it is first asked for."""
    with _lock:
        if (kept := _shells.get(key)) is not None:
            _shells.move_to_end(key)
            return kept
    made = Shell(draw())
    with _lock:
        _shells[key] = made
        while len(_shells) > LIMIT:
            _shells.popitem(last=False)
    return made


def forget() -> None:
    """After the database was replaced under a running process, where numbers in a key may mean other rows."""
    with _lock:
        _shells.clear()
