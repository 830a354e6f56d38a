"""How weights move: parameter groups, optimizer, learning-rate curve."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from training import processes
from training.config import OptimSettings
from training.sharding import is_spread, part


def optimizer_make(parameters: Iterable[nn.Parameter], settings: OptimSettings) -> torch.optim.AdamW:
    """AdamW over the trained parameters; weight decay pulls on matrices only, never on gains and biases."""
    trained = list(parameters)
    groups = [
        # The fused kernel cannot mix weights that are spread over processes with whole ones.
        {"params": [p for p in trained if (p.ndim >= 2) is is_matrix and is_spread(p) is spread], "weight_decay": decay}
        for is_matrix, decay in ((True, settings.weight_decay), (False, 0.0))
        for spread in (False, True)
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=settings.learning_rate,
        betas=(0.9, settings.adam_beta2),
        fused=True,  # one kernel for all adapters; on tiny models the per-tensor loop costs more than the arithmetic
    )


def moments(optimizer: torch.optim.Optimizer, trained: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """What AdamW remembers of each trained parameter, as `<name>.exp_avg` and so on.

    Made of zeros before the first update, as AdamW itself would in its first step: then memory that does not
    suffice is noticed before any weight has moved.
    """
    for parameter in trained.values():
        if not optimizer.state[parameter]:
            optimizer.state[parameter] = {
                "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }
    return {
        f"{name}.{key}": value
        for name, parameter in trained.items()
        for key, value in optimizer.state[parameter].items()
    }


def learning_rate_at(step: int, total_steps: int, settings: OptimSettings) -> float:
    """Rate of update number `step` (from 0): a linear rise, then the schedule.

    The first update already moves (a rate of 0 would waste it), and the curve
    is a function of the step alone, so that a resumed run needs no scheduler state.
    """
    warmup = math.ceil(settings.warmup_share * total_steps)
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, total_steps - warmup)
    match settings.schedule:
        case "cosine":
            return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))
        case "linear":
            return settings.learning_rate * (1 - progress)
        case "constant":
            return settings.learning_rate


def learning_rate_set(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def gradients_clip(parameters: Iterable[nn.Parameter], longest: float) -> float:
    """Scale all gradients down to `longest` together; return their length before, which may not be finite."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    length = float(nn.utils.get_total_norm([gradient for gradient in gradients if not is_spread(gradient)]))
    if spread := [part(gradient) for gradient in gradients if is_spread(gradient)]:
        length = math.hypot(length, processes.summed(float(nn.utils.get_total_norm(spread)) ** 2)[0] ** 0.5)
    if math.isfinite(length) and length > longest:
        for gradient in gradients:
            gradient.mul_(longest / length)
    return length
