"""Domain states as database choices."""

from __future__ import annotations

from enum import StrEnum


def choices_of(states: type[StrEnum]) -> list[tuple[str, str]]:
    """The members of a domain enum in the form that Django fields take."""
    return [(state.value, state.value.replace("_", " ").capitalize()) for state in states]


def one_of(states: type[StrEnum]) -> list[str]:
    """The values that a check constraint admits."""
    return [state.value for state in states]
