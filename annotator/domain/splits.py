"""The fixed train / holdout split of prompts, by content."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring as quoted

HOLDOUT_SHARE = 0.2


def content_sha256(messages: Sequence[Mapping[str, str]]) -> str:
    """The identity of a prompt: its roles and texts, Unicode-normalised and stripped."""
    turns = ", ".join([f"[{quoted(m['role'])}, {quoted(_canonical(m['content']))}]" for m in messages])
    return hashlib.sha256(f"[{turns}]".encode()).hexdigest()  # what json.dumps writes, in a third of its time


def _canonical(text: str) -> str:
    return (text if text.isascii() else unicodedata.normalize("NFC", text)).strip()


def split_of(sha256: str) -> str:
    """`holdout` for a fixed fifth of all prompts, `train` for the rest.

    It depends on the content alone, so a prompt never changes sides, in no
    project, no import and no later version.
    """
    return "holdout" if int(sha256[:8], 16) / 0x1_0000_0000 < HOLDOUT_SHARE else "train"
