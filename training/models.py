"""Policies and reward models: run the backbone, run the head.

B comparisons, T positions, M = rows x T places, N gathered places, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from training import data, losses
from training.adapters import adapter_of, adapter_prepare, quantises
from training.bases import PROBE, base_load, base_resolve, ends_of, tokenizer_load
from training.config import LoraSettings
from training.contract import PolicyRef, PreferenceRecord, checkpoint_verify
from training.data import Layout, PairTokens
from training.errors import CheckpointIncomplete, ModelUnusable

REWARD_HEAD = "reward_head.safetensors"


@dataclass
class Policy:
    """A causal language model ready to score, to train or to write.

    model      what is saved: a PeftModel over the base, or the base itself
    causal_lm  the Hugging Face model inside, adapter layers included
    end_ids    every token that ends a turn; end_id is the one that we write
    notes      what people should know about how it was loaded
    """

    model: nn.Module
    causal_lm: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    ref: PolicyRef
    device: torch.device
    end_ids: frozenset[int]
    end_id: int
    has_adapter: bool
    parent_sha256: str | None
    notes: list[str]

    @property
    def trained(self) -> dict[str, nn.Parameter]:
        """The parameters that training moves, by name."""
        return {name: p for name, p in self.model.named_parameters() if p.requires_grad}

    @property
    def head_is_frozen(self) -> bool:
        return not any(p.requires_grad for p in self._head_module.parameters())

    @property
    def vocabulary(self) -> int:
        return int(self._head_module.weight.shape[0])

    @property
    def _head_module(self) -> nn.Linear:
        module: nn.Linear = self.causal_lm.get_output_embeddings()  # type: ignore[no-untyped-call]
        return module

    @property
    def head_chunk(self) -> int:
        """Rows of the head computed at once: 16 MiB of float32 logits on CPU, 1 GiB on CUDA."""
        room = 2**28 if self.device.type == "cuda" else 2**22
        return max(64, room // self.vocabulary)

    def hidden(self, layout: Layout) -> Tensor:
        """Last hidden states of every place, shape (M, D)."""
        inputs: dict[str, Any] = {"input_ids": layout.ids_BT, "use_cache": False}
        if layout.mask_BTT is not None:
            blocked = torch.finfo(self.causal_lm.dtype).min
            mask_BTT = torch.zeros(layout.mask_BTT.shape, dtype=self.causal_lm.dtype, device=self.device)
            inputs["attention_mask"] = mask_BTT.masked_fill_(~layout.mask_BTT, blocked)[:, None]
            inputs["position_ids"] = layout.position_BT
        with self.autocast():
            hidden_BTD: Tensor = self.causal_lm.base_model(**inputs).last_hidden_state
        return hidden_BTD.flatten(0, 1)

    def head(self, hidden_ND: Tensor) -> Tensor:
        """Logits of the next token, shape (N, V), as the whole model would give them."""
        with self.autocast():
            logits_NV: Tensor = self._head_module(hidden_ND)
        return _logits_shaped(logits_NV, self.causal_lm.config.get_text_config())

    def logprobs(self, layout: Layout, sequences: int) -> Tensor:
        """Summed log-probability of the counted tokens of each sequence, shape (S,), in nats."""
        layout = layout.to(self.device)
        logprob_N = losses.token_logprobs(
            self.hidden(layout)[layout.source_N],
            layout.target_N,
            self.head,
            head_is_frozen=self.head_is_frozen,
            chunk=self.head_chunk,
        )
        return losses.sequence_sums(logprob_N, layout.sequence_N, sequences)

    def preferences(self, records: Sequence[PreferenceRecord], max_length: int) -> data.Preferences:
        """The comparisons in this model's tokens."""
        return data.preferences_encoded(
            self.tokenizer,
            records,
            end_ids=self.end_ids,
            end_id=self.end_id,
            max_length=max_length,
            vocabulary=self.vocabulary,
        )

    def autocast(self) -> torch.autocast:
        """bfloat16 arithmetic over float32 weights: only when all weights are trained on CUDA."""
        mixed = self.device.type == "cuda" and self.causal_lm.dtype == torch.float32 and torch.cuda.is_bf16_supported()
        return torch.autocast(self.device.type, torch.bfloat16, enabled=mixed)


@dataclass
class RewardModel:
    """A scalar head on a policy's backbone.

    weight_D  reward = weight . hidden state of an answer's last token, in float32
    """

    policy: Policy
    weight_D: nn.Parameter

    @classmethod
    def fresh(cls, policy: Policy, seed: int) -> RewardModel:
        """A small random head, so that the first gradient already reaches the backbone."""
        width = policy.causal_lm.config.get_text_config().hidden_size
        dice = torch.Generator().manual_seed(seed)
        weight_D = torch.randn(width, generator=dice) / (width + 1) ** 0.5
        return cls(policy, nn.Parameter(weight_D.to(policy.device)))

    @property
    def trained(self) -> dict[str, nn.Parameter]:
        return {**self.policy.trained, "reward_head.weight": self.weight_D}

    def rewards(self, layout: Layout) -> Tensor:
        """Reward of each sequence, shape (S,)."""
        layout = layout.to(self.policy.device)
        hidden_SD = self.policy.hidden(layout)[layout.last_S]
        return hidden_SD.float() @ self.weight_D

    def head_tensors(self) -> dict[str, Tensor]:
        return {"weight": self.weight_D.detach().cpu()}


def reward_load(folder: Path, device: torch.device) -> RewardModel:
    """A trained reward model, frozen. Raises CheckpointIncomplete when it is damaged or its head is missing."""
    from safetensors.torch import load_file

    manifest = checkpoint_verify(folder)
    if manifest.kind != "reward" or not (folder / REWARD_HEAD).is_file():
        raise CheckpointIncomplete(f"{folder} has no {REWARD_HEAD}; a reward model without its head would score noise.")
    is_adapter = manifest.weights == "adapter"
    ref = PolicyRef(
        label="reward",
        base_model=manifest.base_model if is_adapter else str(folder),
        adapter=str(folder) if is_adapter else None,
    )
    weight_D = load_file(str(folder / REWARD_HEAD), device=str(device))["weight"]
    return RewardModel(policy_load(ref, device, merge=True), nn.Parameter(weight_D, requires_grad=False))


def pairs_share_prompt(policy: Policy, pairs: Sequence[PairTokens]) -> bool:
    """Whether this model gives one row with a shared prompt the same log-probabilities as two rows.

    Proven on two comparisons rather than looked up by name: windows, state-space
    layers and position biases all break it, and new families appear monthly.
    """
    probe = sorted(pairs, key=lambda pair: pair.length)[-2:]
    with torch.no_grad():
        shared_S, apart_S = (
            policy.logprobs(data.layout_of_pairs(probe, shared_prompt=shared), 2 * len(probe))
            for shared in (True, False)
        )
    tolerance = 1e-4 if policy.causal_lm.dtype == torch.float32 and policy.device.type == "cpu" else 2e-2
    return bool(torch.allclose(shared_S, apart_S, rtol=tolerance, atol=tolerance))


def _logits_shaped(logits_NV: Tensor, config: Any) -> Tensor:
    """What a few families do to logits after the head; `_head_check` proves it per model."""
    if scale := getattr(config, "logit_scale", None):  # Cohere
        logits_NV = logits_NV * scale
    if scaling := getattr(config, "logits_scaling", None):  # Granite
        logits_NV = logits_NV / scaling
    if cap := getattr(config, "final_logit_softcapping", None):  # Gemma 2 and 3
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
) -> Policy:
    """The policy behind `ref`: frozen without `lora`, to score or to write; otherwise ready to be trained.

    merge      fold a frozen adapter into the weights, which makes writing faster; only where they are float32
    precision  of frozen weights; when all weights are trained they are float32
    """
    folder = base_resolve(ref.base_model)
    tokenizer, notes = tokenizer_load(folder)
    manifest_sha, adapter = adapter_of(ref)
    trains_all = lora is not None and lora.lora_rank == 0
    base = base_load(folder, device, precision="float32" if trains_all else precision, quantised=quantises(lora))
    model, said = adapter_prepare(base, adapter, lora, seed=seed, merge=merge)
    notes += said
    causal_lm = base if not hasattr(model, "get_base_model") else model.get_base_model()  # type: ignore[operator]
    end_ids, end_id = ends_of(tokenizer, causal_lm)
    policy = Policy(
        model=model,
        causal_lm=causal_lm,
        tokenizer=tokenizer,
        ref=ref,
        device=device,
        end_ids=end_ids,
        end_id=end_id,
        has_adapter=hasattr(model, "peft_config"),
        parent_sha256=manifest_sha,
        notes=notes,
    )
    _head_check(policy)
    return policy


def dropout_enable(policy: Policy) -> None:
    """Switch on the adapter's own dropout; the base stays in evaluation mode, so that policy and reference agree."""
    for name, module in policy.model.named_modules():
        if "lora_dropout" in name:
            module.train()


def _head_check(policy: Policy) -> None:
    """Prove on a few tokens that backbone + head give the model's own logits.

    A family that does something else in between would train on wrong
    probabilities without any error.
    """
    ids_1T = torch.tensor([policy.tokenizer(PROBE, add_special_tokens=False)["input_ids"][:8]], device=policy.device)
    with torch.no_grad():
        whole_TV = policy.causal_lm(input_ids=ids_1T).logits[0].float()
        hidden_TD = policy.causal_lm.base_model(input_ids=ids_1T).last_hidden_state[0]
        ours_TV = policy.head(hidden_TD).float()
    if not torch.allclose(whole_TV, ours_TV, rtol=2e-2, atol=2e-2):
        raise ModelUnusable(
            f"{policy.ref.base_model} changes its logits after the head in a way this engine does not know."
        )
