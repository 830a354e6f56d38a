"""The fast forward pass of an adapted layer: base and adapter in one step, with peft's numbers.

M places, I width in, O width out, R rank.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

NAME = "default"  # what peft calls an adapter that nobody named


def adapters_fuse(model: nn.Module) -> int:
    """Compute every plain adapted linear layer in one step, with peft's numbers; return how many were plain.

    Left as they are: DoRA, 4-bit weights, adapter dropout, several adapters, transposed weights. Names of
    parameters and what is saved do not change. A layer that is merged or switched off later falls back by itself.
    """
    fused = 0
    for module in model.modules():
        if hasattr(module, "lora_A") and _is_plain(module):
            module.forward = MethodType(_forward, module)
            fused += 1
    return fused


def _is_plain(layer: Any) -> bool:
    from peft.tuners.lora.layer import Linear

    return (
        type(layer) is Linear
        and type(layer.get_base_layer()) is nn.Linear
        and list(layer.active_adapters) == list(layer.lora_A) == [NAME]
        and not layer.lora_variant
        and not layer.lora_bias[NAME]
        and isinstance(layer.lora_dropout[NAME], nn.Identity)
    )


def _forward(layer: Any, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    base = layer.base_layer
    changed = layer.merged or layer.disable_adapters or len(layer.lora_A) > 1 or args or kwargs
    if changed or x.dtype != base.weight.dtype or torch.is_autocast_enabled(x.device.type):
        return type(layer).forward(layer, x, *args, **kwargs)  # type: ignore[no-any-return]
    down, up = layer.lora_A[NAME].weight, layer.lora_B[NAME].weight
    y: Tensor = _AdaptedLinear.apply(x, base.weight, base.bias, down, up, layer.scaling[NAME])  # type: ignore[no-untyped-call]
    return y


class _AdaptedLinear(torch.autograd.Function):
    """y = x Wᵀ + bias + scale (x Aᵀ) Bᵀ in the precision of W, from float32 A (R, I) and B (O, R).

    peft computes the adapter in float32 and adds it as a separate array of the size of y. Here the second product
    adds into the first, and only x and x Aᵀ are kept. The gradients are those of x, A and B; W is frozen:

        with g = dL/dy:   dx = g W + scale (g B) A,   dA = scale (g B)ᵀ x,   dB = scale gᵀ (x Aᵀ)
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight_OI: Tensor, bias_O: Tensor | None, a_RI: Tensor, b_OR: Tensor, scale: float
    ) -> Tensor:
        ctx.scale, ctx.master = scale, a_RI.dtype
        x_MI, a_RI, b_OR = x.reshape(-1, x.shape[-1]), a_RI.to(x.dtype), b_OR.to(x.dtype)
        low_MR = x_MI @ a_RI.T
        y_MO = F.linear(x_MI, weight_OI, bias_O).addmm_(low_MR, b_OR.T, alpha=scale)
        ctx.save_for_backward(x_MI, low_MR, weight_OI, a_RI, b_OR)
        return y_MO.view(*x.shape[:-1], -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, None, None, Tensor, Tensor, None]:
        x_MI, low_MR, weight_OI, a_RI, b_OR = ctx.saved_tensors
        g_MO = g.reshape(-1, g.shape[-1])
        g_MR = g_MO @ b_OR * ctx.scale
        da_RI = (g_MR.T @ x_MI).to(ctx.master)
        db_OR = (g_MO.T @ low_MR).to(ctx.master) * ctx.scale
        dx = None
        if ctx.needs_input_grad[0]:
            dx = (g_MO @ weight_OI).addmm_(g_MR, a_RI).view(*g.shape[:-1], -1)
        return dx, None, None, da_RI, db_OR, None
