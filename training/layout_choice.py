"""Which layout and attention a run computes in: the fastest that is proven to change no number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from training import attention
from training.errors import ModelUnusable
from training.layout import PACKED_ROW, Kind, Layout, layout_of_pairs
from training.models import Policy
from training.rows import PairRows

Wanted = Literal["auto", "shared", "separate", "packed"]


def layout_for_pairs(
    policy: Policy, rows: PairRows, wanted: Wanted, score: Callable[[Layout], Tensor]
) -> tuple[Kind, str | None]:
    """The layout of these comparisons, tried on the two longest; `score` gives a number per sequence."""
    longest = rows.longest(2)
    return layout_choose(
        policy,
        wanted,
        rows.longest_sequence,
        lambda kind: layout_of_pairs(longest, kind, row_length=PACKED_ROW),
        lambda layout: score(layout)[layout.pair_B2],
    )


def layout_choose(
    policy: Policy,
    wanted: Wanted,
    longest: int,
    laid: Callable[[Kind], Layout],
    numbers: Callable[[Layout], Tensor],
) -> tuple[Kind, str | None]:
    """The layout to compute in, and a sentence when it is not the one that was hoped for; sets the attention.

    A shared or packed row is proven to change nothing, on the longest rows, rather than looked up by name:
    windows, state-space layers and position biases all break it, and new families appear monthly.
    longest  tokens of the longest sequence, to hold against attention windows
    laid     the rows to try it on, in a layout
    numbers  what must not change
    Raises ModelUnusable when a layout was asked for that would change the numbers.
    """
    if wanted == "separate":
        return "separate", None
    own = policy.inner.config._attn_implementation
    by_blocks = "flex_attention" if policy.device.type == "cuda" else attention.NAME
    # Without padding where empty blocks cost nothing; a mask over a packed row would be mostly blocked.
    tries: list[tuple[str, Kind]] = [(by_blocks, "packed"), (own, "shared")]
    if wanted != "auto":
        tries = [(by_blocks, wanted), (own, wanted)]
    reason = _why_not(policy, longest)
    for how, kind in () if reason else tries:
        pays_in: Kind = "shared" if wanted == "auto" else kind
        if how == attention.NAME and not attention.blocks_pay(laid(pays_in), policy.heads):
            continue  # what is not used on these rows is not proven on them
        reason = _numbers_change(policy, how, kind, laid, numbers)
        if reason is None:
            return kind, None
    if wanted != "auto":
        raise ModelUnusable(f"The layout {wanted} does not work for this model: {reason}. Choose separate or auto.")
    return "separate", f"Every answer is computed in a row of its own: {reason}."


def _why_not(policy: Policy, longest: int) -> str | None:
    window = _window(policy.inner.config.get_text_config())
    if window is not None and longest > window:
        return f"its attention window of {window} is shorter than the longest row of {longest} tokens"
    return None


def _numbers_change(
    policy: Policy, how: str, kind: Kind, laid: Callable[[Kind], Layout], numbers: Callable[[Layout], Tensor]
) -> str | None:
    """Why this attention does not do, or None; it is set when it does, and the model's own otherwise."""
    before = policy.inner.config._attn_implementation
    try:
        with torch.no_grad():
            apart = numbers(laid("separate"))
            attention.by_segments(policy.inner) if how == attention.NAME else policy.inner.set_attn_implementation(how)
            ours = numbers(laid(kind))
    except (RuntimeError, NotImplementedError, ValueError, TypeError) as error:
        policy.inner.set_attn_implementation(before)
        return f"the model refuses it ({(str(error).splitlines() or ['without a word'])[0][:120]})"
    tolerance = 1e-4 if policy.inner.dtype == torch.float32 and not policy.mixed else 2e-2
    if torch.allclose(ours, apart, rtol=tolerance, atol=tolerance):
        return None
    policy.inner.set_attn_implementation(before)
    return f"its numbers change by up to {float((ours - apart).abs().max()):.2g}"


def _window(config: Any) -> int | None:
    """Places that its narrowest layers look back, or None when all look back to the beginning."""
    kinds = getattr(config, "layer_types", None)
    slides = any("sliding" in kind or "chunked" in kind for kind in kinds) if kinds else True
    window = getattr(config, "sliding_window", None) or getattr(config, "attention_chunk_size", None)
    return int(window) if window and slides and getattr(config, "use_sliding_window", True) else None
