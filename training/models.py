"""Backbones and policies: run the layers, run the head.

R rows, T positions, M = R x T places, N gathered places, S sequences, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from training import attention
from training.adapters import adapter_of, adapter_prepare, quantises
from training.bases import PROBE, base_load, base_resolve, ends_of, tokenizer_load
from training.config import LoraSettings
from training.contract import PolicyRef
from training.errors import ModelUnusable
from training.layout import Layout
from training.logprobs import TokenScores, chunk_rows, token_logprobs, token_scores
from training.losses import sequence_sums
from training.tokens import Speech


@dataclass
class Backbone:
    """The layers of a language model, without what is done with their last hidden states.

    model      what is saved: a PeftModel over the base, or the base itself
    inner      the Hugging Face model inside, adapter layers included
    ref        what it was loaded from; label and base model go into checkpoints
    notes      what people should know about how it was loaded
    mixed      arithmetic in bfloat16 over float32 weights: when all weights are trained
    """

    model: nn.Module
    inner: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    ref: PolicyRef
    device: torch.device
    has_adapter: bool
    parent_sha256: str | None
    notes: list[str]
    mixed: bool

    @property
    def trained(self) -> dict[str, nn.Parameter]:
        """The parameters that training moves, by name."""
        return {name: p for name, p in self.model.named_parameters() if p.requires_grad}

    @property
    def width(self) -> int:
        return int(self.inner.config.get_text_config().hidden_size)

    @property
    def heads(self) -> int:
        """Attention heads of a layer; 0 for models without attention."""
        return int(getattr(self.inner.config.get_text_config(), "num_attention_heads", 0))

    @property
    def positions(self) -> int | None:
        """Tokens that it reads at most; None when its configuration sets no end."""
        positions = getattr(self.inner.config.get_text_config(), "max_position_embeddings", None)
        return None if positions is None else int(positions)

    def autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.mixed)


@dataclass
class Policy(Backbone):
    """A causal language model ready to score, to train or to write.

    end_ids    every token that ends a turn; end_id is the one that we write
    """

    end_ids: frozenset[int]
    end_id: int

    @property
    def speech(self) -> Speech:
        return Speech(self.tokenizer, self.end_ids, self.end_id, self.vocabulary, self.positions)

    @property
    def head_is_frozen(self) -> bool:
        return not any(p.requires_grad for p in self._head_module.parameters())

    @property
    def vocabulary(self) -> int:
        return int(self._head_module.weight.shape[0])

    @property
    def _head_module(self) -> nn.Linear:
        module: nn.Linear = self.inner.get_output_embeddings()  # type: ignore[no-untyped-call]
        return module

    @property
    def head_chunk(self) -> int:
        """Rows of the head computed at once."""
        return chunk_rows(self.vocabulary, self.device.type)

    @property
    def head_weight(self) -> Tensor | None:
        """The head's weight, shape (V, D), when the head is nothing but a product with it."""
        head, config = self._head_module, self.inner.config.get_text_config()
        has_bias = getattr(head, "bias", None) is not None
        is_plain = type(head) is nn.Linear and not has_bias and not any(_shaping(config))
        return head.weight if is_plain else None

    def hidden(self, layout: Layout) -> Tensor:
        """Last hidden states of every place, shape (M, D)."""
        inputs: dict[str, Any] = {"input_ids": layout.ids_RT, "use_cache": False}
        if layout.segment_RT is not None:
            inputs |= self._who_sees_whom(layout) | {"position_ids": layout.position_RT}
        with self.autocast():
            hidden_RTD: Tensor = self.inner.base_model(**inputs).last_hidden_state
        return hidden_RTD.flatten(0, 1)

    def _who_sees_whom(self, layout: Layout) -> dict[str, Any]:
        """Blocks for attention by segments and for FlexAttention, else one number per pair of places."""
        by_segments = self.inner.config._attn_implementation == attention.NAME
        if by_segments and attention.blocks_pay(layout, self.heads):
            return {"attention_mask": torch.zeros(1, 1, 1, 1), "blocks": layout.blocks}
        if self.inner.config._attn_implementation == "flex_attention":
            return {"attention_mask": _block_mask(layout)}
        dtype = torch.bfloat16 if self.mixed else self.inner.dtype
        mask_RTT = layout.mask_RTT()
        seen_RTT = torch.zeros(mask_RTT.shape, dtype=dtype, device=self.device)
        return {"attention_mask": seen_RTT.masked_fill_(~mask_RTT, torch.finfo(dtype).min)[:, None]}

    def head(self, hidden_ND: Tensor) -> Tensor:
        """Logits of the next token, shape (N, V), as the whole model would give them."""
        with self.autocast():
            logits_NV: Tensor = self._head_module(hidden_ND)
        return _logits_shaped(logits_NV, self.inner.config.get_text_config())

    def token_logprobs(self, layout: Layout) -> Tensor:
        """log p of each counted token, shape (N,), in nats."""
        return token_logprobs(*self._counted(layout), **self._how)

    def token_scores(self, layout: Layout) -> TokenScores:
        """The same, and what else the head says about each counted token."""
        return token_scores(*self._counted(layout), **self._how)

    def logprobs(self, layout: Layout) -> Tensor:
        """Summed log-probability of the counted tokens of each sequence, shape (S,), in nats."""
        layout = layout.to(self.device)
        return sequence_sums(self.token_logprobs(layout), layout.sequence_N, layout.sequences)

    def _counted(self, layout: Layout) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]:
        return self.hidden(layout).index_select(0, layout.source_N), layout.target_N, self.head

    @property
    def _how(self) -> dict[str, Any]:
        return {"head_is_frozen": self.head_is_frozen, "chunk": self.head_chunk, "weight_VD": self.head_weight}


def _block_mask(layout: Layout) -> Any:
    from torch.nn.attention.flex_attention import create_block_mask

    assert layout.segment_RT is not None
    assert layout.parent_RT is not None
    segment_RT, parent_RT = layout.segment_RT, layout.parent_RT

    def sees(row: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        seen = segment_RT[row, key]
        return (query >= key) & ((segment_RT[row, query] == seen) | (parent_RT[row, query] == seen))

    rows, width = segment_RT.shape
    return create_block_mask(sees, rows, None, width, width, device=str(segment_RT.device))


def _shaping(config: Any) -> tuple[float | None, float | None, float | None]:
    """(factor, divisor, soft cap) that a few families apply to logits after the head; `_head_check` proves it."""
    names = ("logit_scale", "logits_scaling", "final_logit_softcapping")  # Cohere; Granite; Gemma 2 and 3
    factor, divisor, cap = (getattr(config, name, None) for name in names)
    return factor, divisor, cap


def _logits_shaped(logits_NV: Tensor, config: Any) -> Tensor:
    factor, divisor, cap = _shaping(config)
    if factor:
        logits_NV = logits_NV * factor
    if divisor:
        logits_NV = logits_NV / divisor
    if cap:
        logits_NV = torch.tanh(logits_NV / cap) * cap
    return logits_NV


def policy_load(
    ref: PolicyRef,
    device: torch.device,
    *,
    lora: LoraSettings | None = None,
    seed: int = 0,
    merge: bool = False,
    precision: Literal["auto", "float32", "bfloat16"] = "auto",
    base: PreTrainedModel | None = None,
) -> Policy:
    """The policy behind `ref`: frozen without `lora`, to score or to write; otherwise ready to be trained.

    merge      fold a frozen adapter into the weights, which makes writing faster; only where they are float32
    precision  of frozen weights; when all weights are trained they are float32 and computed in bfloat16
    base       the base of `ref` where it is already loaded; the adapter goes onto this very model
    """
    folder = base_resolve(ref.base_model)
    tokenizer, notes = tokenizer_load(folder)
    manifest_sha, adapter = adapter_of(ref)
    trains_all = lora is not None and lora.lora_rank == 0
    if base is None:
        base = base_load(folder, device, precision="float32" if trains_all else precision, quantised=quantises(lora))
    model, said = adapter_prepare(base, adapter, lora, seed=seed, merge=merge)
    notes += said
    inner = base if not hasattr(model, "get_base_model") else model.get_base_model()  # type: ignore[operator]
    end_ids, end_id = ends_of(tokenizer, inner)
    policy = Policy(
        model=model,
        inner=inner,
        tokenizer=tokenizer,
        ref=ref,
        device=device,
        has_adapter=hasattr(model, "peft_config"),
        parent_sha256=manifest_sha,
        notes=notes,
        mixed=trains_all and precision != "float32" and (precision == "bfloat16" or device.type == "cuda"),
        end_ids=end_ids,
        end_id=end_id,
    )
    _head_check(policy)
    return policy


def _head_check(policy: Policy) -> None:
    """Prove on a few tokens that backbone + head give the model's own logits.

    A family that does something else in between would train on wrong
    probabilities without any error.
    """
    ids_1T = torch.tensor([policy.tokenizer(PROBE, add_special_tokens=False)["input_ids"][:8]], device=policy.device)
    with torch.no_grad():
        whole_TV = policy.inner(input_ids=ids_1T).logits[0].float()
        hidden_TD = policy.inner.base_model(input_ids=ids_1T).last_hidden_state[0]
        ours_TV = policy.head(hidden_TD).float()
    if not torch.allclose(whole_TV, ours_TV, rtol=2e-2, atol=2e-2):
        raise ModelUnusable(
            f"{policy.ref.base_model} changes its logits after the head in a way this engine does not know."
        )
