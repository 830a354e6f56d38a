"""Prompts that say the same in nearly the same words: alike but for case, spaces, punctuation and digits."""

from __future__ import annotations

import re
from hashlib import blake2b

MOST = 100_000  # prompts that are remembered, eight bytes each; what comes later is compared with these
SHOWN = 5
NOT_LETTERS = re.compile(r"[\W\d_]+")


class NearPrompts:
    """Sees prompts go by and remembers which were nearly there already."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()
        self._examples: list[str] = []
        self.count = 0

    def see(self, text: str) -> None:
        key = blake2b(NOT_LETTERS.sub(" ", text.casefold()).strip().encode("utf-8", "replace"), digest_size=8).digest()
        if key in self._seen:
            self.count += 1
            if len(self._examples) < SHOWN:
                self._examples.append(" ".join(text.split())[:80])
        elif len(self._seen) < MOST:
            self._seen.add(key)

    def notes(self) -> list[str]:
        if not self.count:
            return []
        examples = ", ".join(f"“{example}”" for example in self._examples)
        return [f"{self.count:,} prompts differ from an earlier one only in case, digits or punctuation: {examples}."]
