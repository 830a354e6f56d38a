"""Adapters: the small trained part on top of a frozen base."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn
from transformers import PreTrainedModel

from training.config import LoraSettings
from training.contract import MANIFEST, PolicyRef, checkpoint_verify, file_sha256
from training.errors import ModelUnusable

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"


def adapter_of(ref: PolicyRef) -> tuple[str | None, Path | None]:
    """Digest and folder of the adapter. Raises CheckpointIncomplete or ModelUnusable."""
    if ref.adapter is None:
        return None, None
    folder = Path(ref.adapter)
    checkpoint_verify(folder)
    if not (folder / ADAPTER_CONFIG).is_file() or not (folder / ADAPTER_WEIGHTS).is_file():
        raise ModelUnusable(f"{folder} holds no {ADAPTER_WEIGHTS}; only adapters in safetensors are loaded.")
    return file_sha256(folder / MANIFEST), folder


def rank_of(adapter: Path) -> int:
    return int(json.loads((adapter / ADAPTER_CONFIG).read_text(encoding="utf-8"))["r"])


@contextmanager
def _renamed_in_peft() -> Iterator[None]:
    """peft 0.21 still asks transformers for a name that it is leaving behind; that is between the two of them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
        yield


def adapter_attach(base: PreTrainedModel, adapter: Path, *, is_trainable: bool) -> nn.Module:
    from peft import PeftModel

    with _renamed_in_peft():
        model: nn.Module = PeftModel.from_pretrained(base, str(adapter), is_trainable=is_trainable)
    return model


def adapter_add(base: PreTrainedModel, lora: LoraSettings, seed: int) -> nn.Module:
    """A fresh adapter on every linear layer except the head; B is zero, so it starts as the identity."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=lora.lora_rank,
        lora_alpha=lora.lora_alpha,  # type: ignore[arg-type]
        lora_dropout=lora.lora_dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    torch.manual_seed(seed)
    with _renamed_in_peft():
        model: nn.Module = get_peft_model(base, config)
    return model
