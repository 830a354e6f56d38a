"""Where a training stands: everything that its next step depends on, saved and put back."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from training import processes
from training.checkpoints import StateKeeper
from training.microbatches import Fit
from training.sharding import tensors_put, tensors_whole

# Sums and counts by metric name; a mean is taken once, over the whole optimizer
# step, so that micro-batches of different sizes weigh what they should.
Tally = dict[str, tuple[float, float]]


def tallies_add(total: Tally, part: Tally) -> None:
    for name, (value, count) in part.items():
        had_value, had_count = total.get(name, (0.0, 0.0))
        total[name] = (had_value + value, had_count + count)


def tally_means(tally: Tally) -> dict[str, float]:
    """The mean of each metric; one that nothing was counted for is absent rather than not a number."""
    return {name: value / count for name, (value, count) in tally.items() if count > 0}


@dataclass
class Progress:
    """All of it is saved, so that a second start goes on as if the first had not ended.

    recomputes, compiles  what was switched on while running
    best_…                the look at the held-out rows with the lowest loss, and how many came after it
    saved_best            `best_step` of the last saved state, whose weights must still be there for it
    window                sums since the last point of the curve
    points                the first and the last points, for the alarms; `rung` are those that rang
    """

    fit: Fit
    step: int = 0
    recomputes: bool = False
    compiles: bool = False
    best_loss: float = math.inf
    best_step: int | None = None
    best_values: dict[str, float] = field(default_factory=dict)
    looks_since_best: int = 0
    saved_best: int | None = None
    window: Tally = field(default_factory=dict)
    points: list[dict[str, float]] = field(default_factory=list)
    rung: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def progress_save(progress: Progress, keeper: StateKeeper, tensors: dict[str, Tensor]) -> None:
    """Save where all processes stand and the weights and moments that they share."""
    progress.saved_best = progress.best_step
    each = processes.gathered({**asdict(progress), "dice": _dice()})
    whole = tensors_whole(tensors)
    if processes.is_first():
        keeper.state_save({"each": each, "tensors": whole})


def progress_load(keeper: StateKeeper, tensors: dict[str, Tensor]) -> Progress | None:
    """Put the saved weights and moments back and return where this process stood; None when nothing was saved."""
    state = keeper.state_load() if processes.is_first() else None
    if state is not None and state["tensors"].keys() != tensors.keys():
        state = None
    each: list[dict[str, Any]] | None = processes.shared(state["each"] if state else None)
    if each is None:
        return None
    tensors_put(tensors, state["tensors"] if state else None)
    mine = dict(each[processes.rank() % len(each)])  # another number of processes may go on
    _dice_put(mine.pop("dice"))
    return Progress(**{**mine, "fit": Fit(**mine["fit"])})


def _dice() -> dict[str, Tensor]:
    """The state of everything random in torch."""
    cuda = {"cuda": torch.cuda.get_rng_state()} if torch.cuda.is_available() else {}
    return {"cpu": torch.get_rng_state(), **cuda}


def _dice_put(state: dict[str, Tensor]) -> None:
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
