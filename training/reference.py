"""What the parent thinks of each completion: computed once, kept for every later run that asks the same.

The reference of a run is its parent: the base as it is, or the base with the
parent's adapter. The policy *is* the parent until its first update, so its own
log-probabilities before that update are the reference; no second model is loaded.

They are kept by content. A key is the digest of all that the number depends on:
the weights of base and adapter, precision and attention, the token ids of
prompt and completion, and what was summed. Text, row numbers and the order of
rows are no part of it, so nothing can go stale or be mixed up.
"""

from __future__ import annotations

import hashlib
import math
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from training.bases import base_resolve
from training.contract import file_sha256
from training.microbatches import passes
from training.models import Policy
from training.rows import PairTokens

LogprobsR2 = npt.NDArray[np.float64]  # of (first, second) of every row, summed, in nats
STORE = "logprobs.sqlite"
CHUNK = 64  # comparisons per pass
SPOT_CHECKED = 0.01  # share of the kept numbers that every run computes again
SPOT_CHECKS_AT_LEAST = 8


class LogprobStore:
    """Log-probabilities by digest, in one file that several runs may use at once."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / STORE
        with self._open() as database:
            database.execute("CREATE TABLE IF NOT EXISTS logprobs (key BLOB PRIMARY KEY, value REAL) WITHOUT ROWID")

    def get(self, keys: Sequence[bytes]) -> list[float]:
        """The kept numbers; NaN where there is none."""
        with self._open() as database:
            rows = (database.execute("SELECT value FROM logprobs WHERE key = ?", [key]).fetchone() for key in keys)
            return [math.nan if row is None else float(row[0]) for row in rows]

    def put(self, keys: Sequence[bytes], values: Sequence[float]) -> None:
        with self._open() as database:
            database.executemany("INSERT OR REPLACE INTO logprobs VALUES (?, ?)", zip(keys, values, strict=True))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, timeout=60)) as database:
            database.execute("PRAGMA synchronous = OFF")  # a lost number is computed again
            with database:
                yield database


def policy_identity(policy: Policy, *how: object) -> str:
    """A digest of everything but the ids that a log-probability depends on; `how` it is laid out and summed."""
    folder = Path(base_resolve(policy.ref.base_model))
    config = policy.inner.config
    files = [*folder.glob("config.json"), *sorted(folder.glob("*.safetensors"))]
    parts = [
        *(f"{path.name} {file_sha256(path)}" for path in files),
        str(getattr(config, "_commit_hash", None)),  # a hub model has no folder here, but a commit
        policy.ref.base_model if not folder.is_dir() else "",
        policy.parent_sha256 or "base",
        f"{policy.inner.dtype} {policy.mixed} {policy.device.type} {config._attn_implementation}",
        str(getattr(config, "quantization_config", None)),
        *map(str, how),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def reference_of(
    rows: Sequence[PairTokens],
    file: Path,
    store: LogprobStore,
    identity: str,
    *,
    score: Callable[[Sequence[PairTokens]], Tensor],
    batch_size: int,
    by_pair: bool = False,
) -> tuple[LogprobsR2, str]:
    """(log-probabilities of first and second completion of each row, what was done as a sentence).

    score    summed log-probabilities of (first, second) of some comparisons under the parent, shape (B, 2)
    by_pair  True when the number of one side also depends on the other side
    Returns an array of shape (R, 2) that is mapped from `file`, not held in memory.
    """
    if len(rows) == 0:
        return np.zeros((0, 2)), ""
    logprob_R2 = np.memmap(file, np.float64, "w+", shape=(len(rows), 2))
    trusts, computed, start = True, 0, 0
    while start < len(rows):
        pairs = [rows[row] for row in range(start, min(start + CHUNK, len(rows)))]
        keys = [key for pair in pairs for key in _keys(identity, pair, by_pair)]
        kept_B2 = np.array(store.get(keys)).reshape(-1, 2) if trusts else np.full((len(pairs), 2), np.nan)
        missing = np.isnan(kept_B2).any(1)
        checked = ~missing & _drawn(keys[::2], start == 0)
        wanted = np.flatnonzero(missing | checked)
        if len(wanted):
            fresh_B2 = _computed([pairs[at] for at in wanted], score, batch_size)
            if not _agree(kept_B2[wanted], fresh_B2):
                # Something that the key does not know has changed, so nothing that was kept can be trusted: once more.
                trusts, computed, start = False, 0, 0
                continue
            # What held stays as it is kept, to the last bit: a second start of a run must see the same reference.
            kept_B2[wanted] = np.where(np.isnan(kept_B2[wanted]), fresh_B2, kept_B2[wanted])
            computed += len(wanted)
            store.put([keys[2 * at + side] for at in wanted for side in (0, 1)], kept_B2[wanted].flatten().tolist())
        logprob_R2[start : start + len(pairs)] = kept_B2
        start += len(pairs)
    logprob_R2.flush()
    known = len(rows) - computed
    sentence = f"The parent was asked about {computed:,} comparisons; its answers to {known:,} were known from before."
    if not trusts:
        sentence += " Answers that were kept did not hold when checked, so all were computed anew."
    return logprob_R2, sentence


def _keys(identity: str, pair: PairTokens, by_pair: bool) -> tuple[bytes, bytes]:
    shorter = min(len(pair.first_ids), len(pair.second_ids)) if by_pair else 0
    opening = hashlib.sha256(f"{identity} {shorter} ".encode() + pair.prompt_ids.tobytes()).digest()
    first, second = (hashlib.sha256(opening + ids.tobytes()).digest() for ids in (pair.first_ids, pair.second_ids))
    return first, second


def _drawn(keys: Sequence[bytes], is_first: bool) -> npt.NDArray[np.bool_]:
    """Which rows are computed again though they are known: a share of all by digest, and a few for certain."""
    drawn = np.array([int.from_bytes(key[:4]) / 2**32 < SPOT_CHECKED for key in keys])
    if is_first:
        drawn[:SPOT_CHECKS_AT_LEAST] = True
    return drawn


def _agree(kept_B2: npt.NDArray[np.float64], fresh_B2: npt.NDArray[np.float64]) -> bool:
    known = ~np.isnan(kept_B2)
    return bool(np.allclose(kept_B2[known], fresh_B2[known], rtol=1e-3, atol=1e-2))


@torch.no_grad()
def _computed(
    pairs: Sequence[PairTokens], score: Callable[[Sequence[PairTokens]], Tensor], batch_size: int
) -> npt.NDArray[np.float64]:
    """Summed log-probabilities of (first, second) of each comparison, in their order, shape (B, 2)."""
    logprob_B2 = np.zeros((len(pairs), 2))
    lengths = [len(pair.prompt_ids) + len(pair.first_ids) + len(pair.second_ids) for pair in pairs]
    done = passes(range(len(pairs)), lengths.__getitem__, batch_size, lambda batch: score([pairs[at] for at in batch]))
    for batch, summed_B2 in done:
        logprob_B2[batch] = summed_B2.double().cpu().numpy()
    return logprob_B2
