"""Every policy answers every prompt; policies over one base share it and answer as they do alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.tiny import END, Listener, dpo_request, prompts_save
from training import generate as recipe
from training.bases import base_load
from training.config import SamplingSettings
from training.contract import (
    RESPONSES,
    GenerateRequest,
    PolicyRef,
    PromptRecord,
    ResponseRecord,
    report_read,
    rows_read,
    rows_write,
)
from training.errors import PromptTooLong

CPU = torch.device("cpu")


def generate_request(tmp_path: Path, policies: list[PolicyRef], prompts: Path, name: str = "out") -> GenerateRequest:
    return GenerateRequest(
        out_dir=str(tmp_path / name),
        work_dir=str(tmp_path / "work"),
        policies=policies,
        prompts=str(prompts),
        settings=SamplingSettings(answers_per_prompt=2, max_new_tokens=16),
    )


def line_of(tmp_path: Path, base: Path, snapshot: Path, listener: Listener) -> list[PolicyRef]:
    """A base and two adapters over it."""
    for name in ("one", "two"):
        listener.run(
            dpo_request(tmp_path, base, snapshot, name, learning_rate=1e-2, max_steps=2 if name == "one" else 4)
        )
    adapters = {"parent": None, "one": str(tmp_path / "one"), "two": str(tmp_path / "two")}
    return [PolicyRef(label=label, base_model=str(base), adapter=adapter) for label, adapter in adapters.items()]


def test_every_policy_answers_every_prompt_and_the_folder_says_so(
    base: Path, snapshot: Path, tmp_path: Path, listener: Listener
) -> None:
    policies = line_of(tmp_path, base, snapshot, listener)[:2]
    prompts = prompts_save(tmp_path / "prompts.jsonl", 3)

    report = listener.run(generate_request(tmp_path, policies, prompts))

    rows = list(rows_read(tmp_path / "out" / RESPONSES, ResponseRecord))
    assert [(row.policy, row.prompt_id, row.sample) for row in rows] == [
        (policy, prompt, sample) for policy in ("parent", "one") for prompt in ("p0", "p1", "p2") for sample in (0, 1)
    ]
    assert all((row.finish == "stop") == (row.token_ids[-1] == END) for row in rows)
    assert report == report_read(tmp_path / "out")
    assert report.metrics["responses"] == 12
    assert any("were cut off, after 16 tokens" in note for note in listener.notes())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("copied_below", [0, 10**9])
def test_policies_over_one_base_answer_as_they_do_alone(
    base: Path,
    snapshot: Path,
    tmp_path: Path,
    listener: Listener,
    monkeypatch: pytest.MonkeyPatch,
    precision: Any,
    copied_below: int,
) -> None:
    refs = line_of(tmp_path, base, snapshot, listener)
    loaded: list[str] = []

    def load(folder: str, device: torch.device) -> Any:
        loaded.append(folder)
        return base_load(folder, device, precision=precision)

    monkeypatch.setattr(recipe, "base_load", load)
    monkeypatch.setattr(recipe, "COPIED_BELOW", copied_below)
    ids = torch.arange(6, 60)[None]

    def logits_of(policies: list[PolicyRef]) -> list[torch.Tensor]:
        return [policy.inner(input_ids=ids).logits for policy in recipe.policies_in_turn(policies, CPU)]

    together = logits_of([refs[1], refs[0], refs[2], refs[1]])
    loads = len(loaded)
    alone = [logits_of([ref])[0] for ref in (refs[1], refs[0], refs[2], refs[1])]

    assert all(torch.equal(shared, own) for shared, own in zip(together, alone, strict=True))
    assert not torch.equal(together[0], together[1])
    assert loads == (1 if precision == "bfloat16" or copied_below else 3)


def test_nothing_is_left_behind_by_a_prompt_that_fills_the_model(
    base: Path, tmp_path: Path, listener: Listener
) -> None:
    prompts = prompts_save(tmp_path / "prompts.jsonl", 2)
    short, long = rows_read(prompts, PromptRecord)
    content = long.prompt[0].model_copy(update={"content": "?" * 600})
    rows_write(prompts, [short, long.model_copy(update={"prompt": [content]})])

    with pytest.raises(PromptTooLong, match="Prompt p1 takes 604 tokens"):
        listener.run(generate_request(tmp_path, [PolicyRef(label="parent", base_model=str(base))], prompts))

    assert [path.name for path in tmp_path.iterdir()] == ["prompts.jsonl"]
