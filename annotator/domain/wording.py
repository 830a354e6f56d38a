"""Sentences that people read, marked for translators.

Thinking needs no framework: what is marked here is translated by whoever shows it.
"""

from __future__ import annotations


def gettext_noop(sentence: str) -> str:
    """Mark a sentence; translators' tools look for calls of this name."""
    return sentence


class Unfit(ValueError):
    """Something that was typed or pressed does not fit: a sentence with places, and what stands in them."""

    def __init__(self, sentence: str, **values: object) -> None:
        self.sentence, self.values = sentence, values
        super().__init__(sentence % values if values else sentence)
