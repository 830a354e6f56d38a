"""Attention by segments is attention with a mask, only without the mask."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.training.test_layout import pair_of
from training.attention import _BlockAttention, blocks_pay
from training.layout import Layout, layout_of_pairs

HEADS, GROUPS, WIDTH = 4, 2, 8


def long_layout() -> Layout:
    """A prompt and a completion longer than one block of queries, two prompts in a row, and padding."""
    pairs = [pair_of(range(300), range(150), range(7)), pair_of(range(5), range(3), range(4), group=1)]
    return layout_of_pairs([*pairs, pair_of(range(20), range(9), range(8), group=2)], "packed", row_length=480)


def tensors(layout: Layout) -> tuple[Tensor, Tensor, Tensor]:
    dice = torch.Generator().manual_seed(0)
    rows, places = layout.ids_RT.shape
    query, key, value = (
        torch.randn(rows, places, heads, WIDTH, generator=dice).transpose(1, 2).requires_grad_()
        for heads in (HEADS, GROUPS, GROUPS)
    )
    return query, key, value


def masked(layout: Layout, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    key, value = (tensor.repeat_interleave(HEADS // GROUPS, 1) for tensor in (key, value))
    mask_RTT = layout.mask_RTT()[:, None]
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask_RTT, scale=0.3).transpose(1, 2)


def by_blocks(layout: Layout, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    attended: Tensor = _BlockAttention.apply(query, key, value, layout.blocks, 0.3)  # type: ignore[no-untyped-call]
    return attended


def test_blocks_give_the_values_and_gradients_of_a_mask() -> None:
    layout = long_layout()
    assert layout.segment_RT is not None
    is_real_RT = layout.segment_RT >= 0
    found = []
    for attend in (masked, by_blocks):
        inputs = tensors(layout)
        # What stands on padding is nobody's, so it carries no gradient here either.
        attended = attend(layout, *inputs) * is_real_RT[:, :, None, None]
        total = (attended * torch.linspace(-1, 1, attended.numel()).view_as(attended)).sum()
        total.backward()  # type: ignore[no-untyped-call]
        found.append([attended, *(tensor.grad for tensor in inputs)])

    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_padding_attends_to_nothing_and_is_zero() -> None:
    layout = long_layout()

    attended = by_blocks(layout, *tensors(layout))

    assert layout.segment_RT is not None
    assert torch.all(attended[layout.segment_RT < 0] == 0)


@pytest.mark.parametrize(("prompt", "answer", "pays"), [(10, 5, False), (400, 100, True)])
def test_short_rows_keep_the_mask(prompt: int, answer: int, pays: bool) -> None:
    layout = layout_of_pairs([pair_of(range(prompt), range(answer), range(answer + 1))], "shared")

    assert blocks_pay(layout, heads=8) is pays
