"""Publish a checkpoint as whole weights that load without peft, and say how far they drift from the adapter.

    python -m training.export merge --checkpoint FOLDER --out FOLDER [--dtype float32]

1. Base and adapter, in float32, answer a few prompts with their likeliest tokens.
2. The adapter is folded into the float32 weights. Folded into bfloat16 most of it would be rounded away;
   `--dtype bfloat16` rounds once, at the end, for half the size.
3. The written folder is read back, as anyone would read it, and scores the same answers. What differs is in its
   merge.json. The folder is whole or absent.

T tokens of an answer, V vocabulary.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerBase

from training.adapters import adapter_attach, adapter_merge, adapter_of
from training.bases import base_load, base_move, base_resolve, device_pick, tokenizer_load
from training.contract import (
    REPORT,
    Frozen,
    PolicyRef,
    checkpoint_verify,
    folder_whole_or_absent,
    manifest_write,
)
from training.errors import EngineError, ModelUnusable, RequestInvalid

MERGE = "merge.json"
PROBES = ("Hello, who are you?", "Where is my order?", "Write one sentence about the sea.", "What is 12 times 12?")
PROBE_TOKENS = 32


class Drift(Frozen):
    """How far merged weights are from the adapter that they were made of.

    max_logit_difference  largest difference of two logits, anywhere in the answers
    greedy_agreement      share of the answers' tokens where both find the same token likeliest, in [0, 1]
    prompts, tokens       what was measured on; every token is predicted from the adapter's own answer so far
    """

    checkpoint_sha256: str
    dtype: Literal["float32", "bfloat16"]
    max_logit_difference: float
    greedy_agreement: float
    prompts: int
    tokens: int


def checkpoint_merge(
    checkpoint: Path, out: Path, *, dtype: Literal["float32", "bfloat16"] = "float32", device: str = "auto"
) -> Drift:
    """Make `out`, a model folder with the checkpoint's adapter inside its weights, and itself a checkpoint.

    Raises RequestInvalid when `out` is taken or there is no policy's adapter to merge; CheckpointIncomplete or
    ModelUnusable when checkpoint or base cannot be read, or the merged weights are not numbers.
    """
    manifest = checkpoint_verify(checkpoint)
    if out.exists():
        raise RequestInvalid(f"{out} exists; choose another folder.")
    if manifest.kind != "policy":
        raise RequestInvalid(f"{checkpoint} is a reward model; whole weights of a language model would lose its head.")
    if manifest.weights != "adapter":
        raise RequestInvalid(f"{checkpoint} holds whole weights already; there is no adapter to merge.")
    place = device_pick(device)
    tokenizer, _ = tokenizer_load(str(checkpoint))
    sha256, adapter = adapter_of(PolicyRef(label="merged", base_model=manifest.base_model, adapter=str(checkpoint)))
    assert sha256 is not None
    assert adapter is not None
    base = base_load(base_resolve(manifest.base_model), place, precision="float32")
    model = adapter_attach(base, adapter, None)
    prompts = [_prompt_ids(tokenizer, text, place) for text in PROBES]
    answers = [_answer_ids(base, ids_1T) for ids_1T in prompts]
    before = [_answer_logits(base, ids_1T, row) for ids_1T, row in zip(prompts, answers, strict=True)]

    with folder_whole_or_absent(out) as folder:
        merged = adapter_merge(model)
        base_move(merged, place, getattr(torch, dtype)).save_pretrained(str(folder))
        tokenizer.save_pretrained(str(folder))
        del base, model, merged
        published = base_move(AutoModelForCausalLM.from_pretrained(str(folder)), place, getattr(torch, dtype))
        after = [_answer_logits(published, ids_1T, row) for ids_1T, row in zip(prompts, answers, strict=True)]
        drift = _drift(torch.cat(before), torch.cat(after), sha256, dtype)
        (folder / MERGE).write_text(drift.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (folder / REPORT).write_text(manifest.report.model_dump_json(indent=2) + "\n", encoding="utf-8")
        for file in folder.rglob("*"):
            file.chmod(0o644 if file.is_file() else 0o755)  # safetensors writes for its own account only
        manifest_write(folder, manifest.model_copy(update={"weights": "full", "parent_sha256": sha256}))
    return drift


def _prompt_ids(tokenizer: PreTrainedTokenizerBase, text: str, device: torch.device) -> Tensor:
    turns = [{"role": "user", "content": text}]
    opened = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    return torch.tensor([tokenizer(opened, add_special_tokens=False)["input_ids"]], device=device)


@torch.no_grad()
def _answer_ids(model: PreTrainedModel, ids_1T: Tensor) -> Tensor:
    """Prompt and answer of PROBE_TOKENS tokens, ends of turn included: every token is one more comparison."""
    whole_1T: Tensor = model.generate(  # type: ignore[operator]
        ids_1T, max_new_tokens=PROBE_TOKENS, min_new_tokens=PROBE_TOKENS, do_sample=False, pad_token_id=0
    )
    return whole_1T


@torch.no_grad()
def _answer_logits(model: PreTrainedModel, ids_1T: Tensor, whole_1T: Tensor) -> Tensor:
    """Logits that predict each token of the answer, shape (T, V), on CPU."""
    logits_TV: Tensor = model(whole_1T).logits[0, ids_1T.shape[1] - 1 : -1]
    return logits_TV.float().cpu()


def _drift(before_TV: Tensor, after_TV: Tensor, sha256: str, dtype: Literal["float32", "bfloat16"]) -> Drift:
    difference = float((before_TV - after_TV).abs().max())
    if not torch.isfinite(after_TV).all():
        raise ModelUnusable("The merged weights answer with something that is not a number; nothing was written.")
    return Drift(
        checkpoint_sha256=sha256,
        dtype=dtype,
        max_logit_difference=difference,
        greedy_agreement=float((before_TV.argmax(-1) == after_TV.argmax(-1)).float().mean()),
        prompts=len(PROBES),
        tokens=len(before_TV),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.export", description=__doc__.splitlines()[0])
    merge = parser.add_subparsers(required=True).add_parser("merge", help="fold a checkpoint's adapter into its base")
    merge.add_argument("--checkpoint", type=Path, required=True)
    merge.add_argument("--out", type=Path, required=True)
    merge.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    merge.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    asked = parser.parse_args(arguments)
    try:
        drift = checkpoint_merge(asked.checkpoint, asked.out, dtype=asked.dtype, device=asked.device)
    except EngineError as error:
        print(error, file=sys.stderr)
        return 1
    print(drift.model_dump_json(indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
