"""Raters made of a rule: what they prefer, and how often they err."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

RULES = "shorter, longer, matches:REGEX or lacks:REGEX"

# left text, right text → "a" (left is better), "b" or "tie"
Rule = Callable[[str, str], str]


class RuleUnknown(ValueError):
    """The rule is none of those that can be read."""


def rule_of(text: str) -> Rule:
    """The rule that `text` names. Raises RuleUnknown."""
    name, _, pattern = text.partition(":")
    if text == "shorter":
        return lambda left, right: _smaller(len(left), len(right))
    if text == "longer":
        return lambda left, right: _smaller(len(right), len(left))
    if name in ("matches", "lacks") and pattern:
        try:
            found = re.compile(pattern).search
        except re.error as error:
            raise RuleUnknown(f"{pattern!r} is not a regular expression: {error}.") from None
        wanted = name == "matches"
        return lambda left, right: _smaller(bool(found(left)) != wanted, bool(found(right)) != wanted)
    raise RuleUnknown(f"“{text}” is not a rule; use {RULES}.")


@dataclass(frozen=True)
class RuleRater:
    """Follows a rule and errs in a share of the answers.

    Whether it errs hangs on the seed, its own name and the two texts alone:
    not on the side a text is shown on, nor on who judges when.
    """

    name: str
    rule: Rule
    noise: float = 0.0
    seed: int = 0

    def answer(self, left: str, right: str, *, tie_is_allowed: bool = True) -> str:
        """`a`, `b` or `tie`. An error turns a preference round, and a tie into either."""
        answer = self.rule(left, right)
        errs, coin = self._draws(left, right)
        by_coin = "a" if coin == (left < right) else "b"
        if answer == "tie":
            return by_coin if errs or not tie_is_allowed else "tie"
        return {"a": "b", "b": "a"}[answer] if errs else answer

    def _draws(self, left: str, right: str) -> tuple[bool, bool]:
        said = "\x00".join((str(self.seed), self.name, *sorted((left, right))))
        digest = hashlib.sha256(said.encode(errors="surrogatepass")).digest()
        return int.from_bytes(digest[:7]) / 2**56 < self.noise, bool(digest[7] & 1)


def _smaller(left: float, right: float) -> str:
    if left == right:
        return "tie"
    return "a" if left < right else "b"
