"""Makes the starter policy from nothing: corpus, tokenizer, random weights, then the project's own SFT recipe.

1. Write the corpus by grammar.
2. Learn the tokenizer from it.
3. Draw random weights in the Llama shape.
4. Train all weights with `training.sft`; only the replies count in the loss.
5. Round the weights to float16 and write the model folder, whole or not at all.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from training.config import SftSettings
from training.contract import (
    AnyEvent,
    PolicyRef,
    RunReport,
    SftRequest,
    file_sha256,
    folder_whole_or_absent,
    rows_write,
)
from training.sft import train_sft
from training.starter import grammar
from training.starter.tokenizer import tokenizer_learn
from training.threads import threads_set

LONGEST = 2048

# A batch of the SFT recipe holds conversations of similar length and averages
# over its tokens, so a token of a concise reply (27 tokens on average) counts 2.5
# times as much as one of a rambling reply (69). Drawn evenly, 27 % of the trained
# policy's answers rambled; drawn by this share, about half of them do.
RAMBLING_SHARE = 0.73
METADATA = "build.json"

README = """# The starter policy

A language model of {millions:.1f} million weights for one narrow domain, the support desk of a made-up shop:
Llama shape, byte-level BPE, float16 on disk (load it as float32). The project wrote its corpus by grammar
and trained it with its own SFT recipe; `docs/starter.md` tells how, `build.json` says with what result. Made by

    {command}
"""


@dataclass(frozen=True)
class Shape:
    """How large the starter is.

    Four layers are enough to copy the number and the item from the prompt (two
    layers make an induction head); width buys fluency, vocabulary buys speed,
    because every word of the corpus is then about one token.
    """

    vocabulary: int = 2048
    width: int = 192
    layers: int = 4
    heads: int = 6
    feed_forward: int = 512


def starter_build(
    out_dir: Path,
    *,
    seed: int,
    conversations: int,
    learning_rate: float,
    report: Callable[[AnyEvent], None],
    shape: Shape = Shape(),
) -> RunReport:
    """A model folder stands at `out_dir` when this returns; an older one there is replaced."""
    threads_set()
    with tempfile.TemporaryDirectory(prefix="starter-") as scratch:
        work = Path(scratch)
        corpus = work / "demonstrations.jsonl"
        rows = list(grammar.demonstrations(conversations, seed, rambling=RAMBLING_SHARE))
        rows_write(corpus, rows)
        tokenizer = tokenizer_learn(rows, vocabulary=shape.vocabulary, longest=LONGEST)
        _weights_draw(tokenizer, shape, seed, work / "random")
        request = SftRequest(
            policy=PolicyRef(label="starter", base_model=str(work / "random")),
            demonstrations=str(corpus),
            settings=_settings(learning_rate),
            out_dir=str(work / "trained"),
            work_dir=str(work / "state"),
            seed=seed,
            device="cpu",
        )
        finished = train_sft(request, report)
        with folder_whole_or_absent(out_dir) as folder:
            _model_write(folder, work / "trained", tokenizer)
            _metadata_write(folder, seed, conversations, learning_rate, shape, file_sha256(corpus), finished)
            shutil.rmtree(out_dir, ignore_errors=True)
    return finished


def _settings(learning_rate: float) -> SftSettings:
    """One pass over text that never repeats: there is nothing to overfit, so the rate is high and falls to zero."""
    return SftSettings(
        lora_rank=0,
        epochs=1,
        learning_rate=learning_rate,
        warmup_share=0.05,
        weight_decay=0.05,
        batch_size=16,
        micro_batch_size=16,
        eval_every=500,
        save_every=10_000,
    )


def _weights_draw(tokenizer: PreTrainedTokenizerFast, shape: Shape, seed: int, folder: Path) -> None:
    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.feed_forward,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=LONGEST,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(seed)
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _model_write(folder: Path, trained: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    model = LlamaForCausalLM.from_pretrained(trained, dtype=torch.float16)
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=True,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        max_new_tokens=160,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _metadata_write(
    folder: Path,
    seed: int,
    conversations: int,
    learning_rate: float,
    shape: Shape,
    corpus_sha256: str,
    finished: RunReport,
) -> None:
    made: dict[str, Any] = {
        "command": (
            f"python -m training.starter build --out DIR --seed {seed}"
            f" --conversations {conversations} --learning-rate {learning_rate:g}"
        ),
        "shape": vars(shape),
        "corpus_sha256": corpus_sha256,
        "weights_sha256": file_sha256(folder / "model.safetensors"),
        "seconds": finished.seconds,
        "steps": finished.steps,
        "metrics": {name: round(value, 4) for name, value in finished.metrics.items()},
        "versions": finished.versions,
    }
    (folder / METADATA).write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    millions = (folder / "model.safetensors").stat().st_size / 2e6  # two bytes a weight
    readme = README.format(millions=millions, command=made["command"])
    (folder / "README.md").write_text(readme, encoding="utf-8")
