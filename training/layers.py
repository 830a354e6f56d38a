"""What can be done to the layers of a model without changing what it computes: recompute, compile, silence dropout."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

# torch.compile makes a step about a quarter faster and takes about a minute for one layer, which all layers share.
COMPILE_SECONDS = 60.0
COMPILE_SAVES = 0.2


def layers_of(model: nn.Module) -> list[nn.Module]:
    """The blocks that a transformer repeats: those that Hugging Face marks as fit to be recomputed, outermost only."""
    from transformers.modeling_layers import GradientCheckpointingLayer

    found: list[nn.Module] = []
    inside: set[nn.Module] = set()
    for module in model.modules():
        if isinstance(module, GradientCheckpointingLayer) and module not in inside:
            found.append(module)
            inside |= set(module.modules())
    return found


def layers_recompute(model: nn.Module) -> bool:
    """Keep only what enters each layer and compute the layer again in the backward pass; False without layers.

    The model's own switch acts only in training mode, and the base stays in evaluation mode so that policy
    and reference agree; hence this one.
    """
    layers = layers_of(model)
    for layer in layers:
        layer.forward = partial(checkpoint, layer.forward, use_reentrant=False)
    return bool(layers)


def layers_compile(model: nn.Module) -> bool:
    """Compile the layers when they are next used; they are alike, so one compilation serves them all."""
    layers = layers_of(model)
    for layer in layers:
        layer.compile(dynamic=True)
    return bool(layers)


def compiler_trouble() -> str | None:
    """Why torch.compile does not work on this machine. Otherwise that would show in the middle of a step."""
    try:
        torch.compile(torch.sin)(torch.ones(2))
    except Exception as error:  # whatever the tool chain raises, it means that it is not usable
        return str(error).splitlines()[0]
    return None


def compile_if_it_pays(model: nn.Module, steps_left: int, seconds_per_step: float) -> bool:
    """Compile when that promises to end the run more than a minute earlier, and works; whether it was done."""
    pays = steps_left * seconds_per_step * COMPILE_SAVES > COMPILE_SECONDS + 60
    return pays and compiler_trouble() is None and layers_compile(model)


def dropouts_of(model: nn.Module | None) -> list[nn.Module]:
    """The dropout of adapters, switched off; the base's own never acts."""
    named = model.named_modules() if model is not None else ()
    return [module.eval() for name, module in named if "lora_dropout" in name and isinstance(module, nn.Dropout)]


@contextmanager
def dropping(dropouts: list[nn.Module]) -> Iterator[None]:
    """Adapters drop inputs inside the block, where they learn, and not outside, where they are looked at."""
    for module in dropouts:
        module.train()
    try:
        yield
    finally:
        for module in dropouts:
            module.eval()
