"""The gradients of one optimizer step: its rows dealt to processes, cut into micro-batches, computed, summed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from torch import Tensor, nn

from training import processes
from training.config import OptimSettings
from training.errors import OutOfMemory
from training.layers import layers_recompute
from training.microbatches import CostOf, is_out_of_memory, memory_release, size_of
from training.progress import Progress, Tally, tallies_add
from training.sharding import is_spread

Total = TypeVar("Total")  # of a batch: what its loss is divided by, as the recipe likes it
LossOf = Callable[[Sequence[int], Total], tuple[Tensor, Tally]]


def gradients_add(
    rows: Sequence[int],
    total: Total,
    loss_of: LossOf[Total],
    cost_of: CostOf,
    trained: Collection[nn.Parameter],
    settings: OptimSettings,
    progress: Progress,
    model: nn.Module | None,
) -> tuple[float, Tally, str | None]:
    """Leave the gradients of the mean loss of `rows` in `trained`: (loss, tally of this process, a note if any).

    When memory runs out, what was added is dropped, room is made, and the step starts again: the result is the
    same. Raises OutOfMemory when no room is left to make.
    """
    mine = processes.rows_mine(rows, cost_of)
    spread = any(map(is_spread, trained))
    note = None
    while True:
        groups = [(group, 1.0) for group in progress.fit.groups(mine, cost_of)]
        if spread:  # a pass gathers layers from all processes, so all make as many; the additional ones weigh nothing
            most = max(processes.gathered(len(groups)))
            groups += [([rows[0]], 0.0)] * (most - len(groups))
        loss, tally, too_large = 0.0, Tally(), None
        for group, scale in groups:
            if (computed := _computed(group, total, loss_of, scale)) is None:
                too_large = group
                break
            if scale:
                loss += computed[0]
                tallies_add(tally, computed[1])
        if too_large is None:
            break
        for parameter in trained:
            parameter.grad = None
        memory_release()
        note = _room_made(too_large, cost_of, settings, progress, model, spread)
    processes.gradients_sum(parameter for parameter in trained if not is_spread(parameter))
    return processes.summed(loss)[0], tally, note


def _computed(group: Sequence[int], total: Total, loss_of: LossOf[Total], scale: float) -> tuple[float, Tally] | None:
    """Add the gradients of a micro-batch; None when memory ran out, and then nothing here holds any of it."""
    try:
        loss, tally = loss_of(group, total)
        (loss * scale if scale != 1 else loss).backward()  # type: ignore[no-untyped-call]
        return float(loss.detach()), tally
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    return None


def _room_made(
    group: Sequence[int],
    cost_of: CostOf,
    settings: OptimSettings,
    progress: Progress,
    model: nn.Module | None,
    spread: bool,
) -> str:
    """Halve the micro-batch, or recompute activations, so that `group` may fit; return what was done."""
    size, fit = size_of(group, cost_of), progress.fit
    if spread:
        raise OutOfMemory(
            f"Memory does not hold {size}, and processes that share weights out cannot start a step again: "
            "set a smaller micro_batch_size or switch gradient_checkpointing on."
        )
    if fit.halve(group, cost_of):
        return f"Memory ran out with {size} at once; half as many are computed from here on, with the same result."
    if settings.gradient_checkpointing == "auto" and not progress.recomputes and model is not None:
        progress.recomputes = layers_recompute(model)
        if progress.recomputes:
            return f"Memory ran out with {size}; activations are recomputed from here on, which takes a third longer."
    then = "its loss needs all of them at once; lower the batch size" if fit.whole else "lower max_length"
    raise OutOfMemory(
        f"Memory does not hold {size}: {then}, choose a smaller adapter or base, or a machine with more memory."
    )
