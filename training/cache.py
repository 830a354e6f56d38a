"""What a model remembers of answers that are written side by side: keys, values, and who may be seen.

B rows, H heads of the queries, G heads of keys and values, C columns, K key width.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface, DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

# Columns that are added at once. Each is read, masked, before it is filled; each time all others are copied.
ROOM = 32

Rows = Tensor | slice


class GrowingLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """Keys and values of one layer, with room behind the filled columns.

    The model is shown the room too, masked. Cutting it off would leave gaps in memory between the heads, and
    reading around them takes up to three times as long as reading through.
    """

    keys: Tensor
    values: Tensor

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.filled = 0

    def update(self, key_states: Tensor, value_states: Tensor, *_: object, **__: object) -> tuple[Tensor, Tensor]:
        """Keep the new columns; the first call may bring any number of them, later ones no more than there is room."""
        done, self.filled = self.filled, self.filled + key_states.shape[-2]
        if done == 0:
            self.lazy_initialization(key_states, value_states)
            self.keys, self.values = key_states, value_states
        else:
            self.keys[:, :, done : self.filled] = key_states
            self.values[:, :, done : self.filled] = value_states
        return self.keys, self.values

    def get_seq_length(self) -> int:
        return self.filled

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return (self.keys.shape[-2] if self.filled else query_length), 0

    def rows_keep(self, rows: Rows, first: int) -> None:
        self.keys, self.values = (
            F.pad(states[rows, :, first : self.filled], (0, 0, 0, ROOM)) for states in (self.keys, self.values)
        )
        self.filled -= first

    def rows_put(self, slots: Tensor, other: GrowingLayer, rows: Tensor) -> None:
        begin = self.filled - other.filled
        self.keys[slots, :, begin : self.filled] = other.keys[rows]
        self.values[slots, :, begin : self.filled] = other.values[rows]


class AnswerCache:
    """The cache of B rows. All end at the newest column, whenever they began:

        column   0  1  2  3  4  5  6  7  8  9
        row 0    .  p  p  p  p  a  a  a  .  .     p prompt, a answer, . masked
        row 1    .  .  .  .  p  p  p  a  .  .     joined when row 0 had two tokens
                                      └ filled = 8, and two columns of room

    can_join  whether rows may join while others are being written. Families with windows or with a state
              instead of keys keep the library's own cache, in which they may not.
    """

    def __init__(self, model: PreTrainedModel, mask_BC: Tensor) -> None:
        self.states = DynamicCache(config=model.config)
        self.can_join = all(type(layer) is DynamicLayer for layer in self.states.layers)
        self.growing = [GrowingLayer() for _ in self.states.layers if self.can_join]
        self.states.layers = list(self.growing) or self.states.layers
        # Families with a state spell it differently, and ignore what they do not know.
        accepted = inspect.signature(model.base_model.forward).parameters
        self.argument = {"cache_params" if "cache_params" in accepted else "past_key_values": self.states}
        self.mask_BC = mask_BC
        self.filled = mask_BC.shape[1]

    def rows_keep(self, rows: Tensor, first: int) -> None:
        """Keep these rows, in this order and as often as they are named, without the columns before `first`."""
        if self.can_join:
            self._copy(rows, first)
        else:
            self.states.reorder_cache(rows)  # type: ignore[arg-type]
            self.mask_BC = self.mask_BC[rows]

    def rows_put(self, slots: Tensor, other: AnswerCache, rows: Tensor) -> None:
        """Put rows of a fresh cache, none longer than this one, into `slots`; what was there is forgotten."""
        for layer, fresh in zip(self.growing, other.growing, strict=True):
            layer.rows_put(slots, fresh, rows)
        self.mask_BC[slots] = False
        self.mask_BC[slots, self.filled - other.filled : self.filled] = other.mask_BC[rows]

    def column_open(self, first: int) -> None:
        """Let every row see one more column; if that takes new room, drop the columns before `first`."""
        if not self.can_join:
            self.mask_BC = F.pad(self.mask_BC, (0, 1), value=True)
        elif self.filled == self.mask_BC.shape[1]:
            self._copy(slice(None), first)
        self.mask_BC[:, self.filled] = True
        self.filled += 1

    def _copy(self, rows: Rows, first: int) -> None:
        for layer in self.growing:
            layer.rows_keep(rows, first)
        self.mask_BC = F.pad(self.mask_BC[rows, first : self.filled], (0, ROOM))
        self.filled -= first


# --- attention of one new token per row --------------------------------------

ONE_TOKEN = "tiebreak_one_token"


@contextmanager
def attention_for_writing(model: PreTrainedModel) -> Iterator[None]:
    """On a CPU, read the cache with two matrix products per layer; torch's kernel is made for many queries per row.

    Only in float32: the products would round the scores of lower precisions, where torch's kernel does not.
    """
    usual = model.config._attn_implementation
    if usual != "sdpa" or model.device.type != "cpu" or model.dtype != torch.float32:
        yield
        return
    model.set_attn_implementation(ONE_TOKEN)
    try:
        yield
    finally:
        model.set_attn_implementation(usual)


def _attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """What torch's attention computes, shape (B, 1, H, K); left to torch where there is more than the usual."""
    rows, heads, queries, width = query.shape
    groups, columns = key.shape[1:3]
    is_masked_per_row = attention_mask is None or attention_mask.shape[1] == 1
    if queries > 1 or not is_masked_per_row or others.get("position_bias") is not None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **others)
    scale = width**-0.5 if scaling is None else scaling
    # The heads that share keys become the rows of one product.
    scaled = (query * scale).reshape(rows * groups, heads // groups, width)
    score = scaled @ key.reshape(rows * groups, columns, width).transpose(1, 2)
    if attention_mask is not None:
        score.view(rows, heads, columns).masked_fill_(~attention_mask[:, 0], -torch.inf)
    seen = score.softmax(-1) @ value.reshape(rows * groups, columns, -1)
    return seen.view(rows, 1, heads, -1), None


AttentionInterface.register(ONE_TOKEN, _attention)
AttentionMaskInterface.register(ONE_TOKEN, sdpa_mask)
