"""Adapters: the small trained part on top of a frozen base.

A checkpoint is one adapter over the base that its line began with: a run copies its parent's adapter and trains
the copy further. Folding the parent into the base and adding a fresh adapter would write all weights every round,
and nothing would load over the original base any more. The price: the first run of a line settles kind, rank,
scale and targets; only dropout belongs to each run.

A base may be bfloat16 or 4 bits. What is trained is float32 always: the steps of a small learning rate are smaller
than the gaps between bfloat16 numbers and would vanish.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from training.config import LoraSettings
from training.contract import MANIFEST, PolicyRef, checkpoint_verify, file_sha256
from training.errors import ModelUnusable
from training.fused import adapters_fuse

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
# Kernels of state-space layers read the weight of this layer themselves and would pass an adapter by; peft refuses it.
PASSED_BY = "out_proj"
PASSED_BY_IN = ("falcon_h1", "falcon_mamba", "mamba", "mamba2", "nemotron_h")


def adapter_of(ref: PolicyRef) -> tuple[str | None, Path | None]:
    """Digest and folder of the adapter. Raises CheckpointIncomplete or ModelUnusable."""
    if ref.adapter is None:
        return None, None
    folder = Path(ref.adapter)
    checkpoint_verify(folder)
    if not (folder / ADAPTER_CONFIG).is_file() or not (folder / ADAPTER_WEIGHTS).is_file():
        raise ModelUnusable(f"{folder} holds no {ADAPTER_WEIGHTS}; only adapters in safetensors are loaded.")
    if whole := _config_of(folder).get("modules_to_save"):
        raise ModelUnusable(
            f"{folder} trains whole layers beside its adapter ({', '.join(whole)}). Servers load the adapter without "
            "them and answer as another model would; name them as LoRA targets instead."
        )
    return file_sha256(folder / MANIFEST), folder


def quantises(lora: LoraSettings | None) -> bool:
    """Whether the base is to be kept in 4 bits. Raises ModelUnusable when it is also to be trained."""
    if lora is None or lora.adapter != "qlora":
        return False
    if lora.lora_rank == 0:
        raise ModelUnusable("Weights in 4 bits cannot be trained; give qlora a LoRA rank above 0.")
    return True


def adapter_prepare(
    base: PreTrainedModel, adapter: Path | None, lora: LoraSettings | None, *, seed: int, merge: bool
) -> tuple[nn.Module, list[str]]:
    """The model to compute with, in evaluation mode, and what people should know about it.

    lora   None: frozen. Otherwise the parent's adapter is continued, or else a fresh one added that starts
           as the identity; rank 0 trains all weights, the parent's adapter merged in first.
    merge  fold a frozen adapter into float32 weights; bfloat16 would round most of it away.
    """
    model: nn.Module = base
    notes: list[str] = []
    trains_all = lora is not None and lora.lora_rank == 0
    if adapter is not None:
        if lora is not None and not trains_all:
            notes = _settled_by_parent(_config_of(adapter), lora, base)
        model = adapter_attach(base, adapter, lora)
        if trains_all or (lora is None and merge and base.dtype == torch.float32):
            model = adapter_merge(model)
    elif lora is not None and not trains_all:
        model = adapter_add(base, lora, seed)
    if lora is None or trains_all:
        model.requires_grad_(trains_all)
    adapters_fuse(model)
    return model.eval(), notes


def adapter_attach(base: PreTrainedModel, adapter: Path, lora: LoraSettings | None) -> nn.Module:
    """The adapter in a folder on top of `base`: frozen, or with the run's own dropout to be trained further."""
    from peft import PeftConfig, PeftModel

    config = PeftConfig.from_pretrained(str(adapter))
    config.lora_dropout = 0.0 if lora is None else lora.lora_dropout
    with _peft_quiet():
        model: nn.Module = PeftModel.from_pretrained(base, str(adapter), config=config, is_trainable=lora is not None)
    return model


def adapter_add(base: PreTrainedModel, lora: LoraSettings, seed: int) -> nn.Module:
    """A fresh adapter; B is zero, so it starts as the identity. Raises ModelUnusable for targets that are not there."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=lora.lora_rank,
        lora_alpha=lora.lora_alpha,  # type: ignore[arg-type]
        lora_dropout=lora.lora_dropout,
        target_modules=_targets(base, lora),
        use_dora=lora.adapter == "dora",
        use_rslora=lora.adapter == "rslora",
        task_type="CAUSAL_LM" if base.can_generate() else "FEATURE_EXTRACTION",
    )
    torch.manual_seed(seed)
    with _peft_quiet():
        model: nn.Module = get_peft_model(base, config)
    for name, module in model.named_modules():
        for dora in getattr(module, "lora_magnitude_vector", {}).values():
            # peft measures the columns in the base's precision, and bfloat16 moves them by up to 0.4 percent.
            weight = module.get_base_layer().weight.float()
            dora.weight.data = dora.get_weight_norm(weight, torch.zeros_like(weight[:1, :1]), scaling=0)
            if not dora.weight.all():
                raise ModelUnusable(
                    f"dora learns lengths and directions, and {name.removeprefix('base_model.model.')} has columns of "
                    "length zero, as a head has for padding; choose other LoRA targets or adapter lora."
                )
    return model


def adapter_merge(model: nn.Module) -> PreTrainedModel:
    """The base with the adapter folded into its weights."""
    base: PreTrainedModel = model.get_base_model()  # type: ignore[operator]
    head = base.get_output_embeddings()  # type: ignore[no-untyped-call]
    tied: Any = base.get_input_embeddings().weight
    if hasattr(head, "base_layer") and head.base_layer.weight is tied:
        # The adapter is the head's alone: folded into a shared weight it would change the embeddings too.
        head.base_layer.weight = nn.Parameter(tied.detach().clone(), requires_grad=False)
        base.config.tie_word_embeddings = False
        base.all_tied_weights_keys = {}
    merged: PreTrainedModel = model.merge_and_unload()  # type: ignore[operator]
    return merged


def adapter_detach(model: nn.Module) -> None:
    """Take an adapter that was never merged off its base, which then computes what it did before, to the bit."""
    model.unload()  # type: ignore[operator]


def adapter_save(model: nn.Module, folder: Path) -> None:
    """Adapter and configuration, as peft reads them, and as equal bytes for equal adapters."""
    model.save_pretrained(str(folder), save_embedding_layers=False)  # type: ignore[operator]
    (folder / "README.md").unlink(missing_ok=True)  # peft's model card is an unfilled form
    config = _config_of(folder)
    config["target_modules"] = sorted(config["target_modules"])  # peft writes a set, in the order of this process
    (folder / ADAPTER_CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _config_of(folder: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    return config


def _targets(base: PreTrainedModel, lora: LoraSettings) -> list[str]:
    """Names of the layers that get an adapter: all linear ones but the head, or the ones that were asked for."""
    head = base.get_output_embeddings()  # type: ignore[no-untyped-call]
    linear = {
        name.rsplit(".", 1)[-1]: module
        for name, module in base.named_modules()
        if isinstance(module, nn.Linear | Conv1D)
    }
    if base.config.model_type in PASSED_BY_IN:
        linear.pop(PASSED_BY, None)
    if lora.lora_targets == "all-linear":
        return sorted(name for name, module in linear.items() if module is not head)
    wanted = sorted({name.strip() for name in lora.lora_targets.split(",")} - {""})
    if not wanted or set(wanted) - set(linear):
        raise ModelUnusable(
            f"LoRA targets: {lora.lora_targets!r} does not name linear layers of this model, which has "
            f"{', '.join(sorted(linear))}."
        )
    return wanted


def _settled_by_parent(config: dict[str, Any], lora: LoraSettings, base: PreTrainedModel) -> list[str]:
    """What the run asks for and its parent's adapter settled otherwise, as a sentence."""
    kind = "dora" if config["use_dora"] else "rslora" if config["use_rslora"] else "lora"
    had = {
        f"kind {kind}": kind == lora.adapter.removeprefix("q"),
        f"rank {config['r']}": config["r"] == lora.lora_rank,
        f"alpha {config['lora_alpha']:g}": config["lora_alpha"] == lora.lora_alpha,
        f"targets {', '.join(config['target_modules'])}": set(config["target_modules"]) == set(_targets(base, lora)),
    }
    differing = [what for what, is_same in had.items() if not is_same]
    return [f"The parent's adapter has {' and '.join(differing)}, and is continued so."] if differing else []


@contextmanager
def _peft_quiet() -> Iterator[None]:
    """Silence warnings that concern nobody here.

    peft 0.21 still asks transformers for a name that it is leaving behind. It warns of an adapter on a head that is
    tied to the embeddings, which `adapter_merge` unties, and of transposed weights, which it then handles.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
        warnings.filterwarnings("ignore", message=".*(tie_word_embeddings|fan_in_fan_out).*")
        yield
