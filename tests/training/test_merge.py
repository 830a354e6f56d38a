"""What is published loads with the plain libraries, from its folder alone, and says how far it drifted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from annotator.domain.model_card import loading_line
from tests.training.test_adapters import CPU, IDS, logits, prepared, saved, settings, trained
from tests.training.tiny import Listener, dpo_request, merge_request, model_save, tokenizer_make
from training.bases import base_load, tokenizer_load
from training.checkpoints import checkpoint_save
from training.contract import (
    CheckpointManifest,
    PolicyRef,
    RunReport,
    checkpoint_verify,
    file_sha256,
    manifest_write,
    report_read,
)
from training.errors import ModelUnusable, RequestInvalid
from training.export import main
from training.loop import Journal
from training.merge import Drift, Dtype, checkpoint_merge
from training.models import policy_load

TEXT = "Hello, where is order #4711? Ünïcode"
# A process that knows nothing of ours: it reads a folder, and writes logits and ids.
READER = """
import json, sys, torch
from transformers import AutoTokenizer
folder, ids, text, how, line = sys.argv[1], json.loads(sys.argv[2]), *sys.argv[3:]
if how == "whole":
    from transformers import AutoModelForCausalLM
else:
    from peft import AutoPeftModelForCausalLM
exec(line)
model, tokenizer = model.eval(), AutoTokenizer.from_pretrained(folder)
turns = [{"role": "user", "content": text}]
said = {
    "peft": "peft" in sys.modules,
    "logits": model(torch.tensor(ids)).logits.tolist(),
    "ids": tokenizer(text)["input_ids"],
    "turns": tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True),
}
json.dump(said, sys.stdout)
"""


def merged(folder: Path, out: Path, dtype: Dtype = "base") -> Drift:
    checkpoint_merge(folder, out, device=CPU, journal=Journal(report=lambda event: None), dtype=dtype)
    return Drift.model_validate_json((out / "merge.json").read_bytes())


def read_elsewhere(folder: Path, how: str) -> dict[str, Any]:
    """What the plain libraries make of a folder, in a process of their own, by the line that pages and cards show."""
    line = loading_line(how, str(folder))
    command = [sys.executable, "-W", "ignore", "-c", READER, str(folder), json.dumps(IDS.tolist()), TEXT, how, line]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    said = subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, check=True).stdout
    return json.loads(said)  # type: ignore[no-any-return]


def checkpoint(base: Path, folder: Path, kind: str = "lora", **options: Any) -> Path:
    """A trained checkpoint with its tokenizer."""
    saved(trained(prepared(base, settings(kind, **options))), base, folder)
    tokenizer_load(str(base))[0].save_pretrained(str(folder))
    return folder


@pytest.mark.parametrize("how", ["adapter", "whole"])
def test_a_published_folder_is_read_by_a_process_that_knows_nothing_of_us(base: Path, tmp_path: Path, how: str) -> None:
    folder = checkpoint(base, tmp_path / "checkpoint")
    ours = logits(prepared(base, None, folder))
    if how == "whole":
        merged(folder, tmp_path / "merged")
        folder = tmp_path / "merged"

    said = read_elsewhere(folder, how)

    torch.testing.assert_close(torch.tensor(said["logits"]), ours, rtol=1e-4, atol=1e-4)
    assert said["ids"] == tokenizer_make()(TEXT)["input_ids"]
    assert said["turns"] == f"<|bos|><|user|>{TEXT}<|end|><|assistant|>"
    assert said["peft"] == (how == "adapter")


@pytest.mark.parametrize(
    ("kind", "targets"), [("lora", "all-linear"), ("dora", "all-linear"), ("rslora", "all-linear"), ("lora", "lm_head")]
)
def test_merging_in_float32_drifts_by_rounding_only(base: Path, tmp_path: Path, kind: str, targets: str) -> None:
    folder = checkpoint(base, tmp_path / "checkpoint", kind, lora_targets=targets)

    drift = merged(folder, tmp_path / "merged")

    assert drift.max_logit_difference < 1e-4
    assert drift.greedy_agreement == 1
    assert (drift.prompts, drift.tokens) == (4, 128)
    assert drift.dtype == "float32"


def test_bfloat16_halves_the_files_and_shows_what_it_costs(base: Path, tmp_path: Path) -> None:
    folder = checkpoint(base, tmp_path / "checkpoint")

    exact = merged(folder, tmp_path / "exact")
    rounded = merged(folder, tmp_path / "rounded", dtype="bfloat16")

    sizes = [(tmp_path / name / "model.safetensors").stat().st_size for name in ("exact", "rounded")]
    assert sizes[1] < 0.6 * sizes[0]
    assert rounded.max_logit_difference > 10 * exact.max_logit_difference


def test_weights_are_kept_as_those_of_the_base_are(tmp_path: Path) -> None:
    base = model_save(tmp_path / "base")
    AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16).save_pretrained(base)
    folder = checkpoint(base, tmp_path / "checkpoint")

    drift = merged(folder, tmp_path / "merged")

    kept = {tensor.dtype for tensor in load_file(tmp_path / "merged" / "model.safetensors").values()}
    assert (drift.dtype, kept) == ("bfloat16", {torch.bfloat16})


def test_as_a_run_it_tells_what_it_does_and_a_second_delivery_does_nothing(base: Path, tmp_path: Path) -> None:
    request = merge_request(tmp_path, checkpoint(base, tmp_path / "checkpoint"))
    first, second = Listener(), Listener()

    report = first.run(request)

    assert [event.event for event in first.events] == ["started", "stage", "stage", "stage", "stage"]
    assert report.metrics["merge/logit_difference"] < 1e-4
    assert report_read(tmp_path / "merge") == report
    assert (second.run(request), second.events) == (report, [])


def test_a_merged_folder_is_a_checkpoint_and_a_base_of_its_own(base: Path, tmp_path: Path) -> None:
    folder = checkpoint(base, tmp_path / "checkpoint")

    merged(folder, tmp_path / "merged")

    manifest = checkpoint_verify(tmp_path / "merged")
    assert manifest.weights == "full"
    assert manifest.parent_sha256 == file_sha256(folder / "manifest.json")
    assert "merge.json" in manifest.files
    whole = base_load(str(tmp_path / "merged"), CPU)
    torch.testing.assert_close(logits(whole), logits(prepared(base, None, folder)), rtol=1e-4, atol=1e-4)
    assert not list(tmp_path.rglob("*.bin")) + list(tmp_path.rglob("*.pt"))


def test_what_cannot_be_merged_is_refused_and_nothing_is_left(base: Path, tmp_path: Path) -> None:
    folder = checkpoint(base, tmp_path / "checkpoint")
    with pytest.raises(RequestInvalid, match="exists; choose another folder"):
        merged(folder, folder)
    merged(folder, tmp_path / "merged")
    with pytest.raises(RequestInvalid, match="holds whole weights already"):
        merged(tmp_path / "merged", tmp_path / "again")
    (folder / "manifest.json").unlink()
    report = RunReport(kind="reward", seconds=0)
    manifest_write(folder, CheckpointManifest(kind="reward", base_model=str(base), request={}, report=report))
    with pytest.raises(RequestInvalid, match="is a reward model"):
        merged(folder, tmp_path / "again")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint", "merged"]


def test_weights_that_became_no_number_are_not_published(base: Path, tmp_path: Path) -> None:
    model = prepared(base, settings())
    torch.nn.init.constant_(next(p for name, p in model.named_parameters() if "lora_B" in name), float("inf"))
    folder = saved(model, base, tmp_path / "checkpoint")
    tokenizer_load(str(base))[0].save_pretrained(str(folder))

    with pytest.raises(ModelUnusable, match="not a number"):
        merged(folder, tmp_path / "merged")

    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_the_command_prints_the_drift_or_one_sentence(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = checkpoint(base, tmp_path / "checkpoint")
    arguments = ["merge", "--checkpoint", str(folder), "--out", str(tmp_path / "merged")]

    assert main(arguments) == 0
    assert Drift.model_validate_json(capsys.readouterr().out).greedy_agreement == 1
    assert main(arguments) == 1
    assert capsys.readouterr().err == f"{tmp_path / 'merged'} exists; choose another folder.\n"


def test_the_weights_of_another_step_are_a_checkpoint_inside_the_checkpoint(
    base: Path, snapshot: Path, tmp_path: Path
) -> None:
    ref = PolicyRef(label="policy", base_model=str(base))
    policy = policy_load(ref, CPU, lora=settings())
    trained(policy.model)
    best_logits = logits(policy.model)
    best = {name: parameter.detach().clone() for name, parameter in policy.trained.items()}
    trained(policy.model)

    checkpoint_save(
        policy,
        out_dir=tmp_path / "dpo",
        kind="policy",
        request=dpo_request(tmp_path, base, snapshot),
        report=RunReport(kind="dpo", seconds=0),
        snapshot_dir=snapshot,
        beside=best,
    )

    for folder, expected in ((tmp_path / "dpo", logits(policy.model)), (tmp_path / "dpo" / "best", best_logits)):
        child = policy_load(ref.model_copy(update={"adapter": str(folder)}), CPU)
        assert torch.equal(logits(child.model), expected)
    assert "best/adapter_model.safetensors" in checkpoint_verify(tmp_path / "dpo").files
