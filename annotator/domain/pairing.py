"""Which two responses to compare next."""

from __future__ import annotations

import random
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations


@dataclass(frozen=True)
class Candidate:
    """A response that could be compared.

    origin  who wrote it: pairs across origins double as a comparison of checkpoints
    text    identical texts are never paired: there is nothing to prefer
    """

    response_id: int
    origin: Hashable
    text: str


def pairs_for_prompt(candidates: Sequence[Candidate], *, wanted: int, rng: random.Random) -> list[tuple[int, int]]:
    """Up to `wanted` pairs of response ids, chosen so that the judgments teach most.

    1. Pairs of identical texts are left out.
    2. A response that sits in no pair yet comes before one that does.
    3. Among equals, pairs across origins come first, then chance decides.
    Which of the two is `first` is chance as well, so that it means nothing.
    """
    possible = [pair for pair in combinations(candidates, 2) if pair[0].text.strip() != pair[1].text.strip()]
    rng.shuffle(possible)
    used: dict[int, int] = {}
    chosen: list[tuple[int, int]] = []
    while possible and len(chosen) < wanted:
        best = min(
            possible,
            key=lambda pair: (
                used.get(pair[0].response_id, 0) + used.get(pair[1].response_id, 0),
                pair[0].origin == pair[1].origin,
            ),
        )
        possible.remove(best)
        for candidate in best:
            used[candidate.response_id] = used.get(candidate.response_id, 0) + 1
        first, second = rng.sample([candidate.response_id for candidate in best], 2)
        chosen.append((first, second))
    return chosen
