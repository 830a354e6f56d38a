"""Drawing comparisons again. A comparison comes with all its judgments, because these hang together.

Source: Efron and Tibshirani (1993), An Introduction to the Bootstrap; for clusters, Field and Welsh (2007).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from annotator.domain.agreement.chance import Chance
from annotator.domain.agreement.votes import Indices, Numbers, Patterns

RESAMPLES = 400
SEED = 20_260_101
ROOM = 4_000_000  # numbers held at once

Coefficient = Callable[[Numbers, Patterns], Chance]


def resampled(times_P: Indices) -> Iterator[Numbers]:
    """How often each pattern comes: first as it is, then in RESAMPLES draws; in blocks of shape (B, P)."""
    dice = np.random.default_rng(SEED)
    total = int(times_P.sum())
    share_P = times_P / max(total, 1)
    block = max(ROOM // max(len(times_P), 1), 1)
    yield times_P[None, :].astype(float)
    for start in range(0, RESAMPLES, block):
        yield dice.multinomial(total, share_P, size=min(block, RESAMPLES - start)).astype(float)


def resampled_coefficients(
    patterns: Patterns, times_P: Indices, coefficients: Mapping[str, Coefficient]
) -> dict[str, Chance]:
    """Each coefficient as it is and in every resample, the same ones for all; place 0 is the estimate."""
    present = times_P > 0
    counts_PK = patterns.counts_PK[present]
    here = Patterns(counts_PK, patterns.of_unit_U, patterns.position_K)
    found: dict[str, list[Chance]] = {name: [] for name in coefficients}
    for times_BP in resampled(times_P[present]):
        for name, coefficient in coefficients.items():
            found[name].append(coefficient(times_BP, here))
    return {name: joined(blocks) for name, blocks in found.items()}


def joined(blocks: list[Chance]) -> Chance:
    return Chance(
        np.concatenate([block.observed_B for block in blocks]), np.concatenate([block.expected_B for block in blocks])
    )
