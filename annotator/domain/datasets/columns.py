"""What stands in a column. Texts are never null and lists never missing, so that every reader guesses the same type."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Holds(StrEnum):
    TEXT = "text"
    WHOLE = "whole number"
    NUMBER = "number"
    FLAG = "true or false"
    TEXTS = "list of texts"
    MESSAGES = "list of messages"  # {"role", "content"}
    CRITERIA = "list of criteria"  # {"code", "answer", "outcome", "value"}
    RATINGS = "list of ratings"  # {"code", "first", "second"}


LISTS = (Holds.TEXTS, Holds.MESSAGES, Holds.CRITERIA, Holds.RATINGS)

Columns = Mapping[str, Holds]

ORIGIN: Columns = {
    "prompt_id": Holds.TEXT,
    "source": Holds.TEXT,
    "license": Holds.TEXT,
    "tags": Holds.TEXTS,
}
