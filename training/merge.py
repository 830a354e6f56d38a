"""A checkpoint as whole weights that load without peft, and how far they drift from the adapter.

1. Base and adapter, in float32, answer a few prompts with their likeliest tokens.
2. The adapter is folded into the float32 weights. Folded into bfloat16 most of it would be rounded away; where the
   base is bfloat16, the result is rounded once, at the end.
3. The written folder is read back, as anyone would read it, and scores the same answers. What differs is in its
   merge.json. The folder is whole or absent.

T tokens of an answer, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerBase

from training import loop
from training.adapters import adapter_attach, adapter_merge, adapter_of
from training.bases import base_load, base_move, base_resolve, device_pick, tokenizer_load
from training.contract import (
    REPORT,
    AnyEvent,
    Frozen,
    MergeRequest,
    PolicyRef,
    RunReport,
    Started,
    checkpoint_verify,
    folder_whole_or_absent,
    manifest_write,
)
from training.errors import ModelUnusable, RequestInvalid

MERGE = "merge.json"
STAGES = 4
Dtype = Literal["base", "float32", "bfloat16"]
FLOATS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
PROBES = ("Hello, who are you?", "Where is my order?", "Write one sentence about the sea.", "What is 12 times 12?")
PROBE_TOKENS = 32


class Drift(Frozen):
    """How far merged weights are from the adapter that they were made of.

    max_logit_difference  largest difference of two logits, anywhere in the answers
    greedy_agreement      share of the answers' tokens where both find the same token likeliest, in [0, 1]
    prompts, tokens       what was measured on; every token is predicted from the adapter's own answer so far
    """

    checkpoint_sha256: str
    dtype: Literal["float32", "bfloat16", "float16"]
    max_logit_difference: float
    greedy_agreement: float
    prompts: int
    tokens: int


def merge(request: MergeRequest, report: Callable[[AnyEvent], None]) -> RunReport:
    """Fold the adapter of `checkpoint_dir` into its base; the folder of whole weights stands when this returns."""
    place = device_pick(request.device)
    report(Started(total_steps=STAGES, device=str(place)))
    return checkpoint_merge(
        Path(request.checkpoint_dir), Path(request.out_dir), device=place, journal=loop.Journal(report)
    )


def checkpoint_merge(
    checkpoint: Path, out: Path, *, device: torch.device, journal: loop.Journal, dtype: Dtype = "base"
) -> RunReport:
    """Make `out`, a model folder with the checkpoint's adapter inside its weights, and itself a checkpoint.

    dtype  of the weights that are written; "base": the one in which the base's own weights are kept

    Raises RequestInvalid when `out` is taken or there is no policy's adapter to merge; CheckpointIncomplete or
    ModelUnusable when checkpoint or base cannot be read, or the merged weights are not numbers.
    """
    journal.stage("Reading the adapter and its base.")
    manifest = checkpoint_verify(checkpoint)
    if out.exists():
        raise RequestInvalid(f"{out} exists; choose another folder.")
    if manifest.kind != "policy":
        raise RequestInvalid(f"{checkpoint} is a reward model; whole weights of a language model would lose its head.")
    if manifest.weights != "adapter":
        raise RequestInvalid(f"{checkpoint} holds whole weights already; there is no adapter to merge.")
    tokenizer, _ = tokenizer_load(str(checkpoint))
    sha256, adapter = adapter_of(PolicyRef(label="merged", base_model=manifest.base_model, adapter=str(checkpoint)))
    assert sha256 is not None
    assert adapter is not None
    base = base_load(base_resolve(manifest.base_model), device, precision="float32")
    kept_in = _kept_in(base, dtype)
    model = adapter_attach(base, adapter, None)

    journal.stage("Answering with the adapter on its base.")
    prompts = [_prompt_ids(tokenizer, text, device) for text in PROBES]
    answers = [_answer_ids(base, ids_1T) for ids_1T in prompts]
    before = [_answer_logits(base, ids_1T, row) for ids_1T, row in zip(prompts, answers, strict=True)]

    with folder_whole_or_absent(out) as folder:
        journal.stage("Folding the adapter into the weights.")
        merged = adapter_merge(model)
        base_move(merged, device, kept_in).save_pretrained(str(folder))
        tokenizer.save_pretrained(str(folder))
        del base, model, merged

        journal.stage("Reading the weights back and answering the same.")
        published = base_move(AutoModelForCausalLM.from_pretrained(str(folder)), device, kept_in)
        after = [_answer_logits(published, ids_1T, row) for ids_1T, row in zip(prompts, answers, strict=True)]
        drift = _drift(torch.cat(before), torch.cat(after), sha256, kept_in)
        finished = _report(journal, drift, device)
        (folder / MERGE).write_text(drift.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (folder / REPORT).write_text(finished.model_dump_json(indent=2) + "\n", encoding="utf-8")
        for file in folder.rglob("*"):
            file.chmod(0o644 if file.is_file() else 0o755)  # safetensors writes for its own account only
        manifest_write(folder, manifest.model_copy(update={"weights": "full", "parent_sha256": sha256}))
    return finished


def _kept_in(base: PreTrainedModel, dtype: Dtype) -> torch.dtype:
    """What the weights are written in. The configuration says what the base's own are kept in."""
    if dtype != "base":
        return FLOATS[dtype]
    own = base.config.dtype
    return own if isinstance(own, torch.dtype) and own in FLOATS.values() else torch.float32


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


def _drift(before_TV: Tensor, after_TV: Tensor, sha256: str, dtype: torch.dtype) -> Drift:
    difference = float((before_TV - after_TV).abs().max())
    if not torch.isfinite(after_TV).all():
        raise ModelUnusable("The merged weights answer with something that is not a number; nothing was written.")
    (name,) = (name for name, known in FLOATS.items() if known == dtype)
    return Drift.model_validate(
        {
            "checkpoint_sha256": sha256,
            "dtype": name,
            "max_logit_difference": difference,
            "greedy_agreement": float((before_TV.argmax(-1) == after_TV.argmax(-1)).float().mean()),
            "prompts": len(PROBES),
            "tokens": len(before_TV),
        }
    )


def _report(journal: loop.Journal, drift: Drift, device: torch.device) -> RunReport:
    return RunReport(
        kind="merge",
        seconds=journal.seconds,
        steps=STAGES,
        metrics={
            "merge/logit_difference": drift.max_logit_difference,
            "merge/greedy_agreement": drift.greedy_agreement,
            "merge/tokens": float(drift.tokens),
        },
        notes=journal.notes,
        versions=loop.versions(),
        device=str(device),
    )
