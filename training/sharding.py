"""Weights spread over the processes, for full fine-tuning of models that one GPU cannot hold (FSDP2).

Each process keeps a part of every layer, and of its moments; a layer is gathered
when it is computed and its gradients are summed on their way back. What does not
belong to the backbone (the output head, a reward head) stays whole everywhere.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn

from training import processes
from training.errors import RequestInvalid
from training.layers import layers_of


def spread_is_asked(model: nn.Module | None) -> TypeGuard[nn.Module]:
    """Whether TIEBREAK_SHARD=1, there are several processes, and all weights are trained.

    Adapters are small, and a frozen base needs no moments. Raises RequestInvalid when TIEBREAK_SHARD is something
    else than 0 or 1.
    """
    wanted = os.environ.get("TIEBREAK_SHARD", "0")
    if wanted not in ("0", "1"):
        raise RequestInvalid(f"TIEBREAK_SHARD must be 0 or 1, not {wanted!r}.")
    if wanted == "0" or processes.world() == 1 or model is None:
        return False
    return all(parameter.requires_grad for parameter in model.parameters())


def weights_spread(model: nn.Module, trained: dict[str, nn.Parameter]) -> dict[str, nn.Parameter]:
    """Spread the weights of the backbone; return `trained` with what each process now holds of them."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, fully_shard

    names = {id(parameter): name for name, parameter in trained.items()}
    outside = {inside: names[id(parameter)] for inside, parameter in model.named_parameters()}
    # The recipes run backbone and head one after the other, so the backbone is the root, and the head, which may be
    # the embedding once more, is left alone.
    backbone: nn.Module = model.base_model  # type: ignore[assignment]
    head: nn.Module | None = model.get_output_embeddings()  # type: ignore[operator]
    mesh = init_device_mesh(next(model.parameters()).device.type, (processes.world(),))
    for layer in layers_of(backbone):
        fully_shard(layer, mesh=mesh)
    fully_shard(backbone, mesh=mesh, ignored_params=set(head.parameters()) if head is not None else None)
    for module in backbone.modules():
        if isinstance(module, FSDPModule):
            # Losses are already divided by the total weight of the batch, so gradients are summed, not averaged.
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)  # gloo cannot scale on the way
    return trained | {outside[inside]: parameter for inside, parameter in model.named_parameters()}


def is_spread(tensor: Tensor) -> bool:
    return hasattr(tensor, "full_tensor")


def part(tensor: Tensor) -> Tensor:
    """What this process holds of it."""
    return tensor.to_local() if is_spread(tensor) else tensor  # type: ignore[attr-defined]


def tensors_whole(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors without their gradients. All processes must ask, since each may hold a part only."""
    return {
        name: tensor.full_tensor().cpu() if is_spread(tensor) else tensor.detach()  # type: ignore[attr-defined]
        for name, tensor in tensors.items()
    }


@torch.no_grad()
def tensors_put(targets: Mapping[str, Tensor], values: Mapping[str, Tensor] | None) -> None:
    """Write the first process's `values` into `targets` of all; what the others pass does not matter."""
    for name, target in targets.items():
        value = values[name] if values is not None and processes.is_first() else target
        if is_spread(target):
            _scatter(target, value)
        else:
            target.copy_(value)
            processes.broadcast(target)


def _scatter(target: Any, value: Tensor) -> None:
    from torch.distributed.tensor import distribute_tensor

    full = torch.empty(target.shape, dtype=target.dtype, device=target.device) if value is target else value
    target.copy_(distribute_tensor(full.to(target.device, target.dtype), target.device_mesh, target.placements))
