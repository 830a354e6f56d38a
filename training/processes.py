"""Several processes that train one model together: who they are and what they tell each other.

Every process holds the model, computes the gradients of its share of the rows of a step, and receives the
sum of all. A run on its own is a group of one, in which everything here does nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from training.errors import RequestInvalid

Value = TypeVar("Value")

# The longest that one may wait for another, who may be saving a checkpoint meanwhile. A dead one is noticed sooner.
PATIENCE = timedelta(hours=6)
BUCKET = 2**24  # numbers that travel at once
FAILURE = "failure"

_store: Store | None = None


def processes_join(device: str) -> None:
    """Join the group that `accelerate launch` or `torchrun` announces in the environment, if there is one.

    Raises RequestInvalid when this machine has fewer GPUs than processes.
    """
    global _store
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or dist.is_initialized():
        return
    uses_cuda = device != "cpu" and torch.cuda.is_available()
    if uses_cuda:
        local = int(os.environ["LOCAL_RANK"])
        if local >= torch.cuda.device_count():
            raise RequestInvalid(f"There are more processes than the {torch.cuda.device_count()} GPUs of this machine.")
        torch.cuda.set_device(local)
    store, me, count = next(rendezvous("env://", timeout=PATIENCE))
    _store = PrefixStore("tiebreak", store)
    backend = "cpu:gloo,cuda:nccl" if uses_cuda else "gloo"
    dist.init_process_group(backend, store=_store, rank=me, world_size=count, timeout=PATIENCE)


def world() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def is_first() -> bool:
    """Whether this is the process that reports and writes."""
    return rank() == 0


# --- failure -----------------------------------------------------------------


def failure_tell(error: str, sentence: str) -> None:
    """Leave the reason for the others, who only see that this process is gone; the first one told stands."""
    if _store is not None:
        _store.compare_set(FAILURE, "", json.dumps([error, sentence]))


def failure_told() -> tuple[str, str] | None:
    """(name of the error, sentence) of the process that ended first, if it left them."""
    if _store is None or not _store.check([FAILURE]):
        return None
    error, sentence = json.loads(_store.get(FAILURE))
    return error, sentence


def is_loss(error: Exception) -> bool:
    """Whether this only says that another process is gone; gloo says so in a plain RuntimeError."""
    return isinstance(error, dist.DistError) or "by peer" in str(error) or "gloo" in str(error)


# --- sharing -----------------------------------------------------------------


def rows_mine(rows: Sequence[int], cost_of: Callable[[int], float]) -> list[int]:
    """This process's share: a run of neighbours, who may share their prompt, of about the cost of every other share."""
    if world() == 1:
        return list(rows)
    costs = [max(1.0, cost_of(row)) for row in rows]
    total, before, mine = sum(costs), 0.0, []
    for row, cost in zip(rows, costs, strict=True):
        if int((before + cost / 2) * world() / total) == rank():
            mine.append(row)
        before += cost
    return mine


def shared(value: Value) -> Value:
    """What the first process holds, for all."""
    if world() == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def gathered(value: Value) -> list[Value]:
    """What every process holds, in their order, for all."""
    if world() == 1:
        return [value]
    found: list[Value] = [value] * world()
    dist.all_gather_object(found, value)
    return found


def summed(*values: float) -> list[float]:
    """Each of the numbers, summed over all processes."""
    if world() == 1:
        return list(values)
    total = torch.tensor(values, dtype=torch.float64)
    dist.all_reduce(total)
    return [float(value) for value in total]


def broadcast(tensor: Tensor) -> None:
    """Replace the tensor by that of the first process."""
    if world() > 1:
        dist.broadcast(tensor, src=0)


def gradients_sum(parameters: Iterable[nn.Parameter]) -> None:
    """Replace each gradient by the sum over all processes; it stays None where it is None in all."""
    if world() == 1:
        return
    bucket: list[nn.Parameter] = []
    room = BUCKET
    for parameter in parameters:
        bucket.append(parameter)
        room -= parameter.numel()
        if room < 0:
            _bucket_sum(bucket)
            bucket, room = [], BUCKET
    if bucket:
        _bucket_sum(bucket)


def _bucket_sum(bucket: list[nn.Parameter]) -> None:
    device = bucket[0].device
    has = torch.tensor([float(parameter.grad is not None) for parameter in bucket], device=device)
    gradients = [(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in bucket]
    flat = torch.cat([*gradients, has])
    dist.all_reduce(flat)
    *parts, has = flat.split(  # type: ignore[no-untyped-call]
        [*(parameter.numel() for parameter in bucket), len(bucket)]
    )
    for parameter, gradient, count in zip(bucket, parts, has.tolist(), strict=True):
        parameter.grad = gradient.view_as(parameter) if count else None
