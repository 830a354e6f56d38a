"""Attention over the segments of a row, on CPU: only the blocks that are seen, and no mask.

A place sees the prompt of its segment whole, and its own segment up to itself:
one block of scores per segment. A row of prompt, first and second answer costs
about half of what a masked square costs, and each block stays in the cache.

R rows, H heads, G heads of keys and values, T positions, K width of a head,
n queries of a block, m keys of a block.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from training.layout import Block, Layout

NAME = "segments"


# Measured on one core of a server CPU: time per head and number of a masked square and of a block, and per block.
SQUARE_SECONDS, BLOCK_NUMBER_SECONDS, BLOCK_SECONDS = 14e-9, 8e-9, 3e-4


def blocks_pay(layout: Layout, heads: int) -> bool:
    """Whether blocks are faster than a mask, forward and backward; short rows are over before a loop has begun."""
    rows, places = layout.ids_RT.shape
    seen = sum(
        (past - first) * (past - start + after - before) for _, first, past, start, before, after in layout.blocks
    )
    masked = heads * rows * places * places * SQUARE_SECONDS
    return heads * seen * BLOCK_NUMBER_SECONDS + len(layout.blocks) * BLOCK_SECONDS < masked


def by_segments(model: PreTrainedModel) -> None:
    """Let `model` attend by segments where it is given blocks, and as usual where it is not."""
    AttentionInterface.register(NAME, _forward)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    model.set_attn_implementation(NAME)


def _forward(
    module: torch.nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **more: Any
) -> tuple[Tensor, None]:
    blocks: list[Block] | None = more.pop("blocks", None)
    if blocks is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **more)
    if odd := [name for name in ("softcap", "s_aux", "position_bias") if more.get(name) is not None]:
        raise NotImplementedError(f"its attention uses {odd[0]}")
    scale = more.get("scaling") or query.shape[-1] ** -0.5
    attended: Tensor = _BlockAttention.apply(query, key, value, blocks, scale)  # type: ignore[no-untyped-call]
    return attended, None


class _BlockAttention(torch.autograd.Function):
    """softmax(scale Q Kᵀ) V over blocks, as (R, T, H, K); places outside all blocks give 0.

    Probabilities are computed again in the backward pass rather than kept. With g the gradient of the output,
    P the probabilities and S the scores:

        dV = Pᵀ g,   dP = g Vᵀ,   dS = P (dP - sum(P dP)),   dQ = scale dS K,   dK = scale dSᵀ Q
    """

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, blocks: list[Block], scale: float) -> Tensor:
        rows, heads, places, width = query.shape
        ctx.save_for_backward(query, key, value)
        ctx.blocks, ctx.scale = blocks, scale
        attended_RTHK = query.new_zeros(rows, places, heads, width)
        for block in blocks:
            row, first, past = block[:3]
            q_GnK, k_GmK, v_GmK = _gathered(query, key, value, block, scale)
            p_Gnm = _probabilities(q_GnK, k_GmK, past - first).to(query.dtype)
            attended_HnK = (p_Gnm @ v_GmK).view(heads, past - first, width)
            attended_RTHK[row, first:past] = attended_HnK.transpose(0, 1)
        return attended_RTHK

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient_RTHK: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        query, key, value = ctx.saved_tensors
        d_query, d_key, d_value = (torch.zeros_like(tensor) for tensor in (query, key, value))
        for block in ctx.blocks:
            row, first, past, start, prompt_start, prompt_past = block
            q_GnK, k_GmK, v_GmK = _gathered(query, key, value, block, ctx.scale)
            g_GnK = gradient_RTHK[row, first:past].transpose(0, 1).reshape(q_GnK.shape)
            p_Gnm = _probabilities(q_GnK, k_GmK, past - first)
            ds_Gnm = (g_GnK @ v_GmK.transpose(1, 2)).float()
            ds_Gnm = ds_Gnm.sub_((p_Gnm * ds_Gnm).sum(-1, keepdim=True)).mul_(p_Gnm).to(query.dtype)
            dv_GmK = p_Gnm.to(query.dtype).transpose(1, 2) @ g_GnK
            dk_GmK = ds_Gnm.transpose(1, 2) @ q_GnK
            d_query[row, :, first:past] = (ds_Gnm @ k_GmK).mul_(ctx.scale).view(-1, past - first, q_GnK.shape[-1])
            size = prompt_past - prompt_start
            for whole, part_GmK in ((d_key, dk_GmK), (d_value, dv_GmK)):
                whole[row, :, prompt_start:prompt_past] += part_GmK[:, :size]
                whole[row, :, start:past] += part_GmK[:, size:]
        return d_query, d_key, d_value, None, None


def _gathered(query: Tensor, key: Tensor, value: Tensor, block: Block, scale: float) -> tuple[Tensor, Tensor, Tensor]:
    """Scaled queries, keys and values of a block; query heads that share keys stand below each other."""
    row, first, past, start, prompt_start, prompt_past = block
    groups = key.shape[1]
    q_GnK = (query[row, :, first:past] * scale).reshape(groups, -1, query.shape[-1])
    k_GmK, v_GmK = (
        torch.cat([tensor[row, :, prompt_start:prompt_past], tensor[row, :, start:past]], 1) for tensor in (key, value)
    )
    return q_GnK, k_GmK, v_GmK


def _probabilities(q_GnK: Tensor, k_GmK: Tensor, queries: int) -> Tensor:
    """Probabilities in float32; the last `queries` keys are the queries' own places, which see each other backwards."""
    score_Gnm = (q_GnK @ k_GmK.transpose(1, 2)).float()
    own = score_Gnm.view(score_Gnm.shape[0], -1, queries, score_Gnm.shape[-1])[..., -queries:]
    own += _later(queries)
    return torch.softmax(score_Gnm, -1)


@lru_cache(maxsize=128)
def _later(size: int) -> Tensor:
    """-inf above the diagonal, for keys that come after their query; adding it is faster than filling."""
    return torch.full((size, size), float("-inf")).triu_(1)
