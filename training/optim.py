"""How weights move: parameter groups, optimizer, learning-rate curve."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from training.config import OptimSettings


def optimizer_make(parameters: Iterable[nn.Parameter], settings: OptimSettings) -> torch.optim.AdamW:
    """AdamW over the trained parameters; weight decay pulls on matrices only, never on gains and biases."""
    trained = list(parameters)
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": settings.weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=settings.learning_rate,
        betas=(0.9, 0.99),  # a longer memory than 0.99 for the second moment is mostly warm-up in rounds of 100 steps
        fused=True,  # one kernel for all adapters; on tiny models the per-tensor loop costs more than the arithmetic
    )


def learning_rate_at(step: int, total_steps: int, settings: OptimSettings) -> float:
    """Rate of update number `step` (from 0): a linear rise, then half a cosine down to 0.

    The first update already moves (a rate of 0 would waste it), and the curve
    is a function of the step alone, so that a resumed run needs no scheduler state.
    """
    warmup = math.ceil(settings.warmup_share * total_steps)
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, total_steps - warmup)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))


def learning_rate_set(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
