"""The fixed train / holdout split of prompts, by content."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence

HOLDOUT_SHARE = 0.2


def content_sha256(messages: Sequence[Mapping[str, str]]) -> str:
    """The identity of a prompt: its roles and texts, Unicode-normalised and stripped."""
    canonical = [[m["role"], unicodedata.normalize("NFC", m["content"]).strip()] for m in messages]
    return hashlib.sha256(json.dumps(canonical, ensure_ascii=False).encode()).hexdigest()


def split_of(sha256: str) -> str:
    """`holdout` for a fixed fifth of all prompts, `train` for the rest.

    It depends on the content alone, so a prompt never changes sides, in no
    project, no import and no later version.
    """
    return "holdout" if int(sha256[:8], 16) / 0x1_0000_0000 < HOLDOUT_SHARE else "train"
