"""The three axes of the starter's replies, as rules on the text alone.

A simulated rater prefers the reply that fits one of these rules, and the
share of replies that fit it shows how far a round has moved the policy.
Each axis has two directions that vary independently of the other axes, each
in about half of the starter's replies.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

# A courteous reply has at least one of these words; a curt one has none.
COURTESY = r"(?i)\b(thanks?|sorry|please|glad|happy to)\b"

# A reply that follows the policy cites it by name; one that invents never does.
POLICY = r"(?i)\bpolicy\b"

# A reply that invents says so in one of these wordings; one that follows the policy never does.
INVENTING = r"(?i)\b(exception|just this once|special favour|bend the rules)\b"

# Three ends of sentences: no concise reply has them, every rambling one does.
RAMBLING = r"(?s)[.!?].*[.!?].*[.!?]"

Direction = Literal["matches", "lacks", "shorter", "longer"]


@dataclass(frozen=True)
class Rule:
    """What one simulated rater likes.

    spelling   the rule as the simulated raters take it: shorter, longer, matches:REGEX or lacks:REGEX
    """

    name: str
    axis: Literal["courtesy", "brevity", "policy"]
    opposite: str
    direction: Direction
    pattern: str = ""

    @property
    def spelling(self) -> str:
        return f"{self.direction}:{self.pattern}" if self.pattern else self.direction

    def prefer_first(self, first: str, second: str) -> float:
        """1 when the rater prefers `first`, 0 when `second`, one half when neither is better."""
        a, b = self._score(first), self._score(second)
        return 0.5 if a == b else float(a > b)

    def share(self, replies: Sequence[str], reference: Sequence[str]) -> float:
        """The share of `replies` that fit; for length, on the right side of the median of `reference`."""
        if self.pattern:
            return sum(self._score(reply) for reply in replies) / len(replies)
        middle = median(self._score(reply) for reply in reference)
        return sum(self._score(reply) > middle for reply in replies) / len(replies)

    def _score(self, reply: str) -> float:
        match self.direction:
            case "matches":
                return float(bool(re.search(self.pattern, reply)))
            case "lacks":
                return float(not re.search(self.pattern, reply))
            case "longer":
                return float(len(reply))
            case "shorter":
                return -float(len(reply))


RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule("courtesy", "courtesy", "curt", "matches", COURTESY),
        Rule("curt", "courtesy", "courtesy", "lacks", COURTESY),
        Rule("shorter", "brevity", "longer", "shorter"),
        Rule("longer", "brevity", "shorter", "longer"),
        Rule("policy", "policy", "inventing", "matches", POLICY),
        Rule("inventing", "policy", "policy", "matches", INVENTING),
    )
}


def is_courteous(reply: str) -> bool:
    return bool(re.search(COURTESY, reply))


def is_rambling(reply: str) -> bool:
    return bool(re.search(RAMBLING, reply))


def follows_policy(reply: str) -> bool:
    return bool(re.search(POLICY, reply))


def invents_policy(reply: str) -> bool:
    return bool(re.search(INVENTING, reply))
