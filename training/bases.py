"""Base models: find the folder, load weights and tokenizer safely, pick device and precision."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils.logging import disable_progress_bar

from training.errors import ModelUnusable

STARTER = Path(__file__).parent / "starter" / "model"

# From this width on, bfloat16 is the faster arithmetic on CPUs that have it; below, casts cost more than it saves.
BF16_ON_CPU_FROM = 256

# For base models that come without a chat template. Roles are words, turns end
# with the end-of-text token; it is saved with every checkpoint that uses it.
PLAIN_TEMPLATE = (
    "{{ bos_token or '' }}"
    "{% for message in messages %}{{ message['role'] | capitalize }}:\n{{ message['content'] }}"
    "{{ eos_token if message['role'] == 'assistant' else '' }}\n\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:\n{% endif %}"
)
PROBE = "Hello, where is order #4711? Ünïcode,  two spaces\nand a second line."


def device_pick(wanted: str) -> torch.device:
    """CUDA when it is there and not refused. Raises ModelUnusable when CUDA is demanded and absent."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise ModelUnusable("CUDA was asked for, but this machine has no usable GPU; choose device auto or cpu.")
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(wanted)


def base_resolve(base_model: str) -> str:
    """The folder or hub name behind a base model's name. Raises ModelUnusable when it holds no safetensors."""
    if base_model == "starter":
        if not (STARTER / "config.json").is_file():
            raise ModelUnusable(f"The starter policy is not built: {STARTER} has no config.json.")
        return str(STARTER)
    folder = Path(base_model)
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ModelUnusable(f"{folder} has no config.json; it is not a Hugging Face model folder.")
        if not any(folder.glob("*.safetensors")):
            raise ModelUnusable(
                f"{folder} holds no safetensors weights. Pickled weights can run code and are refused; "
                "load them where you trust them and save_pretrained() them again."
            )
        return str(folder)
    if folder.is_absolute() or base_model.startswith("."):
        raise ModelUnusable(f"There is no folder {base_model}.")
    return base_model


def base_load(
    folder: str,
    device: torch.device,
    *,
    precision: Literal["auto", "float32", "bfloat16"] = "auto",
    quantised: bool = False,
) -> PreTrainedModel:
    """The weights of a base model on `device`, in 4 bits when `quantised`. Raises ModelUnusable."""
    os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")
    disable_progress_bar()  # type: ignore[no-untyped-call]
    how = _in_4_bits(device) if quantised else {"dtype": "auto"}
    try:
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
            folder, use_safetensors=True, trust_remote_code=False, **how
        )
    except (OSError, ValueError) as error:
        raise ModelUnusable(f"{folder} cannot be loaded as a causal language model: {error}") from error
    if quantised:
        return model
    width = int(model.config.get_text_config().hidden_size)
    dtype = _dtype_for(device, width) if precision == "auto" else getattr(torch, precision)
    return base_move(model, device, dtype)


def base_move(model: PreTrainedModel, device: torch.device, dtype: torch.dtype) -> PreTrainedModel:
    moved: PreTrainedModel = nn.Module.to(model, device=device, dtype=dtype)
    return moved


def _in_4_bits(device: torch.device) -> dict[str, Any]:
    """How to load weights as 4-bit normal floats (QLoRA, Dettmers et al. 2023). The head keeps its precision."""
    if device.type != "cuda":
        raise ModelUnusable("qlora keeps the base in 4 bits, which needs an NVIDIA GPU; choose adapter lora here.")
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ModelUnusable(
            "qlora needs the package bitsandbytes, which is not installed: pip install bitsandbytes, "
            "or choose adapter lora."
        )
    arithmetic = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    config = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=arithmetic,
    )
    return {"dtype": arithmetic, "quantization_config": config, "device_map": {"": device}}


def _dtype_for(device: torch.device, width: int) -> torch.dtype:
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    native = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return torch.bfloat16 if native and width >= BF16_ON_CPU_FROM else torch.float32


def tokenizer_load(folder: str, *, needs_turns: bool = True) -> tuple[PreTrainedTokenizerBase, list[str]]:
    """The tokenizer of a model or checkpoint, and what people should know about it. Raises ModelUnusable.

    needs_turns  it must be able to end a turn, and gets PLAIN_TEMPLATE when it has no chat template
    """
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise ModelUnusable(f"{folder} has no usable tokenizer: {error}") from error
    tokenizer = _tokenizer_checked(folder, tokenizer)
    if not needs_turns:
        return tokenizer, []
    if tokenizer.eos_token_id is None:
        raise ModelUnusable(f"The tokenizer of {folder} names no eos_token, so no answer could ever end.")
    if tokenizer.chat_template is None:
        tokenizer.chat_template = PLAIN_TEMPLATE
        return tokenizer, [f"{folder} has no chat template; turns are written as 'User:' and 'Assistant:' lines."]
    return tokenizer, []


def _tokenizer_checked(folder: str, tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """The tokenizer that agrees with `tokenizer.json`.

    AutoTokenizer picks a class by model type, which can replace the pre-tokenizer
    that the file describes and turn every text into other ids.
    """
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    file = Path(folder) / "tokenizer.json"
    if not file.is_file():
        return tokenizer
    described = Tokenizer.from_file(str(file))
    # Encoders of sentences often keep a fixed length in the file; nobody who reads whole texts wants that part.
    described.no_truncation()
    described.no_padding()
    written = described.encode(PROBE, add_special_tokens=False).ids
    if tokenizer(PROBE, add_special_tokens=False)["input_ids"] == written:
        return tokenizer
    plain: PreTrainedTokenizerBase = PreTrainedTokenizerFast.from_pretrained(folder)
    if plain(PROBE, add_special_tokens=False)["input_ids"] != written:
        raise ModelUnusable(f"The tokenizer of {folder} does not encode text as its tokenizer.json says.")
    return plain


def ends_of(tokenizer: PreTrainedTokenizerBase, causal_lm: PreTrainedModel) -> tuple[frozenset[int], int]:
    """Every token that ends a turn, and the one the chat template writes."""
    generation = getattr(causal_lm, "generation_config", None)
    listed = getattr(generation, "eos_token_id", None)
    ends = {int(tokenizer.eos_token_id)}
    ends |= set(listed) if isinstance(listed, list) else {listed} if isinstance(listed, int) else set()
    return frozenset(ends), int(tokenizer.eos_token_id)
