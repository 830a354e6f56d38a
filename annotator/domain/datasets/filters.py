"""Which of what is known goes into a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from annotator.domain.aggregation import Consensus
from annotator.domain.datasets.facts import Pair


@dataclass(frozen=True)
class Filters:
    """What is wanted; each of them only makes less.

    rounds     their numbers; empty: all that were not abandoned
    tags       prompts with one of them; empty: all
    votes      judgments that a comparison must have at least
    agreement  share of the votes that the better side must have at least, in [0.5, 1]
    consensus  how judgments become a target
    named      whether raters stand under their user names instead of pseudonyms
    """

    rounds: tuple[int, ...] = ()
    tags: tuple[str, ...] = ()
    votes: int = 1
    agreement: float = 0.5
    consensus: Consensus = Consensus.VOTES
    named: bool = False

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Filters:
        found = {**stored}
        for name in ("rounds", "tags"):
            found[name] = tuple(found.get(name, ()))
        return cls(**{**found, "consensus": Consensus(found.get("consensus", Consensus.VOTES))})

    def stored(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "rounds": list(self.rounds),
            "tags": list(self.tags),
            "consensus": self.consensus.value,
        }

    def left_out(self, pair: Pair) -> str:
        """Why a pair is not wanted, as the name of what counts such pairs; empty where it is."""
        if pair.target is None:
            return "comparisons_nobody_could_judge"
        if pair.votes < self.votes and not pair.is_adjudicated:
            return "comparisons_with_too_few_votes"
        if self.agreement > 0.5 and pair.is_decided:
            share = max(pair.target.prefer_first, 1 - pair.target.prefer_first)
            if share < self.agreement - 1e-9:
                return "comparisons_with_too_little_agreement"
        return ""
