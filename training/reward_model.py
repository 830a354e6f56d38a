"""Reward models: linear heads on a backbone, one per question and member of the ensemble.

S sequences, R rows, T positions, D width, C questions (the overall one first), E heads per question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from training.adapters import adapter_of, adapter_prepare, quantises
from training.bases import base_move, base_resolve, tokenizer_load
from training.config import RewardSettings
from training.contract import PolicyRef, checkpoint_verify
from training.errors import CheckpointIncomplete, ModelUnusable
from training.layout import Layout
from training.models import Backbone, Policy, policy_load
from training.tokens import Speech

REWARD_HEAD = "reward_head.safetensors"
# Length differences enter the length control in tens of tokens: its weight then moves about as fast as the rewards.
LENGTH_UNIT = 10.0


@dataclass
class Encoder(Backbone):
    """A BERT-like model: it reads prompt and answer as a pair of texts, in both directions."""

    @property
    def speech(self) -> Speech:
        vocabulary = int(self.inner.config.vocab_size)
        return Speech(self.tokenizer, frozenset(), -1, vocabulary, self.positions, is_chat=False, is_author=False)

    @property
    def positions(self) -> int | None:
        """RoBERTa's configuration counts two positions that no token can have; its tokenizer knows better."""
        positions = super().positions
        return None if positions is None else min(positions, self.tokenizer.model_max_length)

    def pooled(self, layout: Layout) -> Tensor:
        """The mean hidden state of each sequence, shape (S, D); padding is told by length, never by a token id."""
        place_T = torch.arange(layout.ids_RT.shape[1], device=self.device)
        last_S1 = (layout.last_S - torch.arange(layout.sequences, device=self.device) * len(place_T))[:, None]
        is_real_ST = place_T <= last_S1
        with self.autocast():
            output = self.inner(input_ids=layout.ids_RT, attention_mask=is_real_ST.to(torch.long))
        hidden_STD: Tensor = output.last_hidden_state.float() * is_real_ST[:, :, None]
        return hidden_STD.sum(1) / (last_S1 + 1)


@dataclass
class RewardModel:
    """A reward model.

    questions       names of the C questions
    head_CED        reward = head . pooled state, in float32
    length_weight_C sway of length per LENGTH_UNIT tokens, learned beside the rewards and left out of them
    """

    backbone: Policy | Encoder
    questions: list[str]
    head_CED: nn.Parameter
    length_weight_C: nn.Parameter

    @classmethod
    def fresh(
        cls, backbone: Policy | Encoder, questions: Sequence[str], settings: RewardSettings, seed: int
    ) -> RewardModel:
        """Small random heads, so that the first gradient already reaches the backbone."""
        shape = (len(questions), settings.ensemble, backbone.width)
        head_CED = torch.randn(shape, generator=torch.Generator().manual_seed(seed)) / (backbone.width + 1) ** 0.5
        return cls(
            backbone,
            list(questions),
            nn.Parameter(head_CED.to(backbone.device)),
            nn.Parameter(torch.zeros(len(questions), device=backbone.device), requires_grad=settings.length_control),
        )

    @property
    def trained(self) -> dict[str, nn.Parameter]:
        heads = {"reward_head.weight": self.head_CED, "reward_head.length": self.length_weight_C}
        return {**self.backbone.trained, **{name: p for name, p in heads.items() if p.requires_grad}}

    def rewards(self, layout: Layout) -> Tensor:
        """Reward of each sequence for each question and head, shape (S, C, E)."""
        layout = layout.to(self.backbone.device)
        if isinstance(self.backbone, Encoder):
            pooled_SD = self.backbone.pooled(layout)
        else:
            # The last token by length: looking for the padding id would read one place too early where the two are one.
            pooled_SD = self.backbone.hidden(layout).index_select(0, layout.last_S)
        return torch.einsum("sd,ced->sce", pooled_SD.float(), self.head_CED)

    def scores(self, layout: Layout) -> Tensor:
        """The reward for the overall question, mean over its heads, shape (S,)."""
        return self.rewards(layout)[:, 0].mean(-1)

    def head_tensors(self) -> dict[str, Tensor]:
        """What is saved beside the backbone. Questions are stored as bytes, so that a head never loses its name."""
        names = "\n".join(self.questions).encode()
        return {
            "weight": self.head_CED.detach().cpu().contiguous(),
            "length": self.length_weight_C.detach().cpu().contiguous(),
            "questions": torch.tensor(list(names), dtype=torch.uint8),
        }


def backbone_load(
    ref: PolicyRef, device: torch.device, *, settings: RewardSettings | None = None, seed: int = 0
) -> Policy | Encoder:
    """The backbone behind `ref`: a causal language model, or else an encoder. Frozen without `settings`."""
    folder = base_resolve(ref.base_model)
    precision = "auto" if settings is None else settings.precision
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise ModelUnusable(f"{folder} has no usable config.json: {error}") from error
    writes = any("CausalLM" in name or "LMHead" in name for name in config.architectures or ())
    if writes or (not config.architectures and config.model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES):
        return policy_load(ref, device, lora=settings, seed=seed, merge=settings is None, precision=precision)
    return _encoder_load(folder, ref, device, settings, seed)


def _encoder_load(
    folder: str, ref: PolicyRef, device: torch.device, settings: RewardSettings | None, seed: int
) -> Encoder:
    tokenizer, _ = tokenizer_load(folder, needs_turns=False)
    manifest_sha, adapter = adapter_of(ref)
    trains_all = settings is not None and settings.lora_rank == 0
    if quantises(settings):
        raise ModelUnusable("qlora is for causal language models; encoders are small enough without it. Choose lora.")
    if settings is not None and settings.layout not in ("auto", "separate"):
        raise ModelUnusable(f"The layout {settings.layout} does not exist for encoders; choose separate or auto.")
    try:
        loaded: PreTrainedModel = AutoModel.from_pretrained(folder, use_safetensors=True, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise ModelUnusable(f"{folder} cannot be loaded as an encoder: {error}") from error
    precision = "float32" if settings is None else settings.precision
    halves = precision == "bfloat16"  # only when asked for: encoders are small
    base = base_move(loaded, device, torch.bfloat16 if halves and not trains_all else torch.float32)
    model, notes = adapter_prepare(base, adapter, settings, seed=seed, merge=settings is None)
    return Encoder(
        model=model,
        inner=base if not hasattr(model, "get_base_model") else model.get_base_model(),  # type: ignore[operator]
        tokenizer=tokenizer,
        ref=ref,
        device=device,
        has_adapter=hasattr(model, "peft_config"),
        parent_sha256=manifest_sha,
        notes=notes,
        mixed=trains_all and (halves or (precision == "auto" and device.type == "cuda")),
    )


def reward_model_load(folder: Path, device: torch.device) -> RewardModel:
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
    backbone = backbone_load(ref, device)
    tensors = load_file(str(folder / REWARD_HEAD), device=str(device))
    if "questions" in tensors:
        questions = bytes(tensors["questions"].tolist()).decode().split("\n")
        head_CED, length_C = tensors["weight"], tensors["length"]
    else:  # written before reward models had several heads
        questions, head_CED, length_C = ["overall"], tensors["weight"][None, None], torch.zeros(1, device=device)
    if head_CED.shape[0] != len(questions) or head_CED.shape[-1] != backbone.width:
        raise CheckpointIncomplete(f"{folder}: {REWARD_HEAD} does not fit its backbone of width {backbone.width}.")
    return RewardModel(
        backbone, questions, nn.Parameter(head_CED, requires_grad=False), nn.Parameter(length_C, requires_grad=False)
    )
