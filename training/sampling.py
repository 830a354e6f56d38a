"""How answers are drawn: left-padded batches, a key-value cache that grows in place, finished rows leave in groups.

B answers of a batch, T positions so far, H heads, K key width, V vocabulary.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from training import data
from training.config import SamplingSettings
from training.contract import PromptRecord, ResponseRecord
from training.models import Policy

# Places added to the cache at once. Growing by one copies the whole cache at
# every token; doubling wastes memory on short answers.
CACHE_STRIDE = 64

# Finished rows leave once this share or less is still being written: leaving
# copies the cache of all others, so it should not happen at every token.
COMPACT_BELOW = 0.85


@dataclass(frozen=True)
class Batch:
    """Answers that were written together."""

    responses: list[ResponseRecord]
    tokens: int
    seconds: float


@dataclass(frozen=True)
class _Wanted:
    """One answer to write."""

    prompt: PromptRecord
    sample: int
    prompt_ids: list[int]


def answers_written(
    policy: Policy, prompts: Sequence[PromptRecord], settings: SamplingSettings, seed: int
) -> Iterator[Batch]:
    """Every prompt answered `answers_per_prompt` times, in batches of similar prompt length."""
    openings = data.conversation_texts(policy.tokenizer, [row.prompt for row in prompts], answer_opened=True)
    wanted = [
        _Wanted(prompt, sample, ids)
        for prompt, ids in zip(prompts, data.texts_encoded(policy.tokenizer, openings), strict=True)
        for sample in range(settings.answers_per_prompt)
    ]
    wanted.sort(key=lambda answer: len(answer.prompt_ids))
    for at in range(0, len(wanted), settings.batch_size):
        began = time.monotonic()
        answers = wanted[at : at + settings.batch_size]
        dice_BT = _dice(policy.ref.label, answers, settings.max_new_tokens, seed)
        written = _write(policy, [answer.prompt_ids for answer in answers], dice_BT, settings)
        responses = [
            ResponseRecord(
                prompt_id=answer.prompt.prompt_id,
                policy=policy.ref.label,
                sample=answer.sample,
                text=data.answer_text(policy.tokenizer, ids),
                token_ids=ids,
                finish="stop" if ids[-1] in policy.end_ids else "length",
            )
            for answer, ids in zip(answers, written, strict=True)
        ]
        yield Batch(responses, sum(map(len, written)), time.monotonic() - began)


def _dice(label: str, answers: Sequence[_Wanted], length: int, seed: int) -> Tensor:
    """One uniform number per answer and token, in [0, 1)."""
    rows = []
    for answer in answers:
        name = f"{seed}/{label}/{answer.prompt.prompt_id}/{answer.sample}"
        own = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) >> 1
        rows.append(torch.rand(length, generator=torch.Generator().manual_seed(own), dtype=torch.float64))
    return torch.stack(rows)


class _GrowingLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """Keys and values of one layer in buffers with room to spare; `keys` and `values` are views of the filled part."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.filled = 0

    def update(self, key_states: Tensor, value_states: Tensor, *_: object, **__: object) -> tuple[Tensor, Tensor]:
        done, new = self.filled, self.filled + key_states.shape[-2]
        if done == 0:
            self.lazy_initialization(key_states, value_states)
            self.room_keys = self.room_values = key_states[:, :, :0]
        if new > self.room_keys.shape[-2]:
            self.room_keys = _with_room(self.room_keys[:, :, :done], key_states, new + CACHE_STRIDE)
            self.room_values = _with_room(self.room_values[:, :, :done], value_states, new + CACHE_STRIDE)
        self.room_keys[:, :, done:new] = key_states
        self.room_values[:, :, done:new] = value_states
        return self._show(new)

    def batch_select_indices(self, indices: Tensor) -> None:
        self.room_keys, self.room_values = self.room_keys[indices], self.room_values[indices]
        self._show(self.filled)

    def _show(self, filled: int) -> tuple[Tensor, Tensor]:
        self.filled = filled
        keys, values = self.room_keys[:, :, :filled], self.room_values[:, :, :filled]
        self.keys, self.values = keys, values
        return keys, values


def _with_room(old_BHTK: Tensor, like_BHTK: Tensor, room: int) -> Tensor:
    batch, heads, _, width = like_BHTK.shape
    new_BHTK = like_BHTK.new_empty(batch, heads, room, width)
    if old_BHTK.shape[-2]:
        new_BHTK[:, :, : old_BHTK.shape[-2]] = old_BHTK
    return new_BHTK


def _cache_make(policy: Policy) -> DynamicCache:
    """A cache for this model; layers that attend to everything grow in place, all others keep their own kind."""
    cache = DynamicCache(config=policy.causal_lm.config)
    cache.layers = [_GrowingLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


@torch.no_grad()
def _write(
    policy: Policy, prompts: Sequence[list[int]], dice_BT: Tensor, settings: SamplingSettings
) -> list[list[int]]:
    """An answer to each prompt, in tokens, with the end-of-turn token where the policy wrote one."""
    device, backbone = policy.device, policy.causal_lm.base_model
    # Answers to one prompt read it once: the first pass sees each prompt, then its row is copied for every answer.
    once = list(dict.fromkeys(map(tuple, prompts)))
    place = {ids: row for row, ids in enumerate(once)}
    copies_B = torch.tensor([place[tuple(ids)] for ids in prompts], device=device)
    width = max(map(len, once))
    ids_BT = torch.tensor([[0] * (width - len(ids)) + list(ids) for ids in once], device=device)
    mask_BT = torch.tensor([[0] * (width - len(ids)) + [1] * len(ids) for ids in once], device=device)
    position_BT = (mask_BT.cumsum(-1) - 1).clamp(min=0)
    dice_BT = dice_BT.to(device)
    ends = torch.tensor(sorted(policy.end_ids), device=device)
    cache = _cache_make(policy)
    answers: list[list[int]] = [[] for _ in prompts]
    live = list(range(len(prompts)))
    going_B = torch.ones(len(prompts), dtype=torch.bool, device=device)
    for step in range(settings.max_new_tokens):
        hidden_BTD = backbone(
            input_ids=ids_BT, attention_mask=mask_BT, position_ids=position_BT, past_key_values=cache, use_cache=True
        ).last_hidden_state[:, -1:]
        if step == 0:
            cache.batch_select_indices(copies_B)
            hidden_BTD, mask_BT, position_BT = hidden_BTD[copies_B], mask_BT[copies_B], position_BT[copies_B]
        token_B = tokens_drawn(policy.head(hidden_BTD[:, -1]).float(), dice_BT[:, step], settings)
        for row, token, is_going in zip(live, token_B.tolist(), going_B.tolist(), strict=True):
            if is_going:
                answers[row].append(token)
        going_B &= ~torch.isin(token_B, ends)
        keep = going_B.nonzero()[:, 0]
        if len(keep) == 0:
            break
        if len(keep) <= COMPACT_BELOW * len(live):
            cache.batch_select_indices(keep)
            live = [live[row] for row in keep.tolist()]
            token_B, mask_BT, position_BT, dice_BT = token_B[keep], mask_BT[keep], position_BT[keep], dice_BT[keep]
            going_B = going_B[keep]
        ids_BT = token_B[:, None]
        mask_BT = torch.cat([mask_BT, mask_BT.new_ones(len(live), 1)], dim=-1)
        position_BT = position_BT[:, -1:] + 1
    return answers


def tokens_drawn(logits_BV: Tensor, dice_B: Tensor, settings: SamplingSettings) -> Tensor:
    """One token per row: the first whose cumulative probability passes that row's dice, shape (B,).

    Temperature 0 takes the likeliest token and looks at no dice.
    """
    if settings.temperature == 0:
        return logits_BV.argmax(-1)
    probability_BV = (logits_BV / settings.temperature).softmax(-1)
    if settings.top_p == 1:
        return _inverse(probability_BV, dice_B)
    sorted_BV, order_BV = probability_BV.sort(dim=-1, descending=True, stable=True)
    before_BV = sorted_BV.cumsum(-1) - sorted_BV
    sorted_BV = sorted_BV.masked_fill(before_BV >= settings.top_p, 0.0)
    return order_BV.gather(-1, _inverse(sorted_BV, dice_B)[:, None])[:, 0]


def _inverse(probability_BV: Tensor, dice_B: Tensor) -> Tensor:
    """Inverse of the cumulative distribution; in float64, because float32 loses the tail of large vocabularies."""
    cumulative_BV = probability_BV.double().cumsum(-1)
    total_B1 = cumulative_BV[:, -1:].contiguous()
    drawn_B1 = torch.searchsorted(cumulative_BV, dice_B[:, None] * total_B1, right=True)
    # A dice just below 1 rounds to the total and would fall off the end, or on a token that is impossible.
    last_B1 = torch.searchsorted(cumulative_BV, total_B1)
    return torch.minimum(drawn_B1, last_B1)[:, 0]
