"""Dice of an answer's own, and the tokens that they draw.

B rows, V vocabulary, K candidates, N blocks of W tokens.
"""

from __future__ import annotations

import hashlib

import torch
import torch.nn.functional as F
from torch import Tensor

from training.config import SamplingSettings

# Vocabulary is summed in blocks of this size, and token by token only within the block that is drawn.
BLOCK = 128

# Top-p first looks among this many likeliest tokens, and sorts the vocabulary only where they hold too little.
CANDIDATES = 256


def dice_of(name: str, count: int) -> list[float]:
    """Uniform numbers in [0, 1) that depend on the name alone; with a larger count the same ones come first."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) >> 1
    numbers = torch.rand(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return numbers.tolist()


def tokens_drawn(logits_BV: Tensor, dice_B: Tensor, settings: SamplingSettings) -> Tensor:
    """One token per row: the first whose cumulative probability passes that row's dice, shape (B,).

    Temperature 0 takes the likeliest token and looks at no dice.
    """
    if settings.temperature == 0:
        return logits_BV.argmax(-1)
    probability_BV = (logits_BV / settings.temperature).softmax(-1)
    if settings.top_p == 1:
        return _inverse(probability_BV, dice_B)
    likely_BK, order_BK = probability_BV.topk(min(CANDIDATES, probability_BV.shape[-1]))
    if (likely_BK.sum(-1) < settings.top_p).any():
        likely_BK, order_BK = probability_BV.sort(dim=-1, descending=True, stable=True)
    before_BK = likely_BK.cumsum(-1) - likely_BK
    likely_BK = likely_BK.masked_fill(before_BK >= settings.top_p, 0.0)
    return order_BK.gather(-1, _inverse(likely_BK, dice_B)[:, None])[:, 0]


def _inverse(weight_BV: Tensor, dice_B: Tensor) -> Tensor:
    """The first place where the sum of weights passes the dice's share of their total, shape (B,).

    In float64, because float32 loses the tail of large vocabularies; in two steps, first the block and then the
    place within it, because summing up a whole vocabulary takes longer than drawing all else.
    """
    weight_BNW = F.pad(weight_BV, (0, -weight_BV.shape[-1] % BLOCK)).view(len(weight_BV), -1, BLOCK)
    block_BN = weight_BNW.sum(-1, dtype=torch.float64)
    until_BN = block_BN.cumsum(-1)
    aim_B1 = dice_B[:, None] * until_BN[:, -1:]
    drawn_B1 = _passed(until_BN, aim_B1)
    rest_B1 = (aim_B1 - (until_BN - block_BN).gather(-1, drawn_B1)).clamp(min=0)
    inside_BW = weight_BNW.take_along_dim(drawn_B1[..., None], dim=1)[:, 0].double().cumsum(-1)
    return (drawn_B1 * BLOCK + _passed(inside_BW, rest_B1))[:, 0]


def _passed(sum_BN: Tensor, aim_B1: Tensor) -> Tensor:
    """The first place whose sum is above the aim. An aim that rounds to the total takes the last that adds to it."""
    last_B1 = torch.searchsorted(sum_BN, sum_BN[:, -1:].contiguous())
    return torch.minimum(torch.searchsorted(sum_BN, aim_B1, right=True), last_B1)
