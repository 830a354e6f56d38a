"""Random models of known shapes, saved as Hugging Face folders that every trainer here can load.

    python -m bench.peers.shapes hh FOLDER [--seed 0] [--dtype bfloat16] [--device cuda]

llama, qwen2, gemma, neox    two layers, one of each family whose places see all earlier ones; for parity
tiny, hh, uf, 135m           for speed on a CPU; uf is hh, 135m is the shape of SmolLM2-135M
1b, 3b, 8b                   for speed on a GPU: the Llama 3 shapes; write them on the GPU, in bfloat16

Speed does not depend on what the weights are, and parity must hold for any:
so nothing is downloaded. No model drops anything out.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    GemmaConfig,
    GPTNeoXConfig,
    LlamaConfig,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
)

SPECIALS = ["<|pad|>", "<|bos|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
PAD, BOS, END = (SPECIALS.index(token) for token in ("<|pad|>", "<|bos|>", "<|end|>"))
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for turn in messages %}<|{{ turn['role'] }}|>{{ turn['content'] }}{{ eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)

Settings = dict[str, Any]
ENDS: Settings = {"pad_token_id": PAD, "bos_token_id": BOS, "eos_token_id": END}

# The usual 0.02 makes so small a model all but uniform, and a wrong log-probability would look right.
SMALL: Settings = {
    **ENDS,
    "vocab_size": 320,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 512,
    "initializer_range": 0.2,
}
GROUPED: Settings = {**SMALL, "num_key_value_heads": 2}
MILLIONS_13: Settings = {
    **ENDS,
    "vocab_size": 32_000,
    "hidden_size": 256,
    "intermediate_size": 704,
    "num_hidden_layers": 6,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": True,
}
MILLION_1: Settings = {
    **MILLIONS_13,
    "vocab_size": 2048,
    "hidden_size": 128,
    "intermediate_size": 352,
    "num_hidden_layers": 4,
}
SMOLLM2_135M: Settings = {
    **ENDS,
    "vocab_size": 49_152,
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "max_position_embeddings": 8192,
    "rms_norm_eps": 1e-5,
    "rope_parameters": {"rope_theta": 100_000.0, "rope_type": "default"},
    "tie_word_embeddings": True,
}


def llama_3(width: int, inner: int, layers: int, heads: int, *, tied: bool) -> Settings:
    return {
        **ENDS,
        "vocab_size": 128_256,
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": 8,
        "max_position_embeddings": 8192,
        "rms_norm_eps": 1e-5,
        "rope_parameters": {"rope_theta": 500_000.0, "rope_type": "default"},
        "tie_word_embeddings": tied,
    }


SHAPES: dict[str, tuple[type[PreTrainedConfig], Settings]] = {
    "llama": (LlamaConfig, {**GROUPED, "tie_word_embeddings": True}),
    "qwen2": (Qwen2Config, {**GROUPED, "tie_word_embeddings": False}),
    "gemma": (GemmaConfig, {**GROUPED, "head_dim": 16, "tie_word_embeddings": True}),  # the first: no window
    "neox": (GPTNeoXConfig, {**SMALL, "tie_word_embeddings": False}),
    "tiny": (Qwen2Config, MILLION_1),
    "hh": (Qwen2Config, MILLIONS_13),
    "uf": (Qwen2Config, MILLIONS_13),
    "135m": (LlamaConfig, SMOLLM2_135M),
    "1b": (LlamaConfig, llama_3(2048, 8192, 16, 32, tied=True)),
    "3b": (LlamaConfig, llama_3(3072, 8192, 28, 24, tied=True)),
    "8b": (LlamaConfig, llama_3(4096, 14_336, 32, 32, tied=False)),
}
PARITY = ["llama", "qwen2", "gemma", "neox"]


def model_save(
    name: str, folder: Path, *, seed: int = 0, dtype: torch.dtype = torch.float32, device: str = "cpu"
) -> Path:
    """Write the shape called `name` with random weights and a tokenizer; the same seed gives the same weights.

    The vocabulary is larger than the tokenizer, whose 262 tokens are the special
    ones and the bytes: workloads are token ids, and no text is read or written.
    """
    kind, settings = SHAPES[name]
    torch.manual_seed(seed)
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(kind(**settings), dtype=dtype)  # type: ignore[no-untyped-call]
    if name in PARITY:
        _vectors_stir(model)
    model.save_pretrained(folder)
    tokenizer_make().save_pretrained(folder)
    return folder


@torch.no_grad()
def _vectors_stir(model: torch.nn.Module) -> None:
    """Move norms and biases off the 1 and 0 at which they start and at which a forgotten one goes unnoticed."""
    for parameter in model.parameters():
        if parameter.ndim == 1:
            parameter.add_(torch.randn_like(parameter), alpha=0.1)


def tokenizer_make() -> PreTrainedTokenizerFast:
    """One token per byte, and the special ones."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*SPECIALS, *alphabet])}
    plain = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=plain,
        pad_token=SPECIALS[PAD],
        bos_token=SPECIALS[BOS],
        eos_token=SPECIALS[END],
        additional_special_tokens=SPECIALS[2:5],
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.peers.shapes")
    parser.add_argument("name", choices=SHAPES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    dtype = torch.bfloat16 if arguments.dtype == "bfloat16" else torch.float32
    model_save(arguments.name, arguments.folder, seed=arguments.seed, dtype=dtype, device=arguments.device)
    return 0


if __name__ == "__main__":
    sys.exit(main())
