"""Is the candidate better? The report answers with intervals, and says so when nothing was measured."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from tests.training.tiny import Listener, dpo_request, planted, prompts_save, reward_request, snapshot_save
from training.config import EvaluateSettings, SamplingSettings, SftSettings
from training.contract import (
    RESPONSES,
    DemonstrationRecord,
    EvaluateRequest,
    Message,
    PolicyRef,
    ResponseRecord,
    SftRequest,
    rows_read,
    rows_write,
)


@pytest.fixture(scope="module")
def turn(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One turn of the loop: a policy that writes capitals half the time, a child that learned to, and a judge."""
    folder, listener = tmp_path_factory.mktemp("turn"), Listener()
    rows = planted(96, holdout=32)
    demonstrations = [
        DemonstrationRecord(messages=[*row.prompt, Message(role="assistant", content=answer.text)])
        for row in rows
        for answer in (row.first, row.second)
    ]
    rows_write(folder / "demonstrations.jsonl", demonstrations)
    listener.run(
        SftRequest(
            out_dir=str(folder / "sft"),
            work_dir=str(folder / "work"),
            policy=PolicyRef(label="base", base_model=str(base)),
            demonstrations=str(folder / "demonstrations.jsonl"),
            settings=SftSettings(lora_rank=0, epochs=8, learning_rate=1e-2),
        )
    )
    snapshot = snapshot_save(folder / "snapshot", rows)
    listener.run(dpo_request(folder, folder / "sft", snapshot, epochs=4, learning_rate=3e-3))
    listener.run(reward_request(folder, folder / "sft", snapshot, epochs=4, learning_rate=1e-2))
    return folder


def evaluate_request(
    folder: Path, out: Path, *, adapter: bool = True, snapshot: str = "snapshot", split: str = "holdout"
) -> EvaluateRequest:
    base = folder / "sft"
    child = PolicyRef(label="child", base_model=str(base), adapter=str(folder / "dpo") if adapter else None)
    return EvaluateRequest(
        out_dir=str(out / "evaluation"),
        work_dir=str(out / "work"),
        candidate=child,
        parent=PolicyRef(label="parent", base_model=str(base)),
        reward_dir=str(folder / "reward"),
        snapshot_dir=str(folder / snapshot),
        prompts=str(prompts_save(out / "prompts.jsonl", 64, split)),
        settings=EvaluateSettings(sampling=SamplingSettings(answers_per_prompt=1, max_new_tokens=24)),
    )


def test_a_better_candidate_is_found_to_be_better(turn: Path, tmp_path: Path, listener: Listener) -> None:
    report = listener.run(evaluate_request(turn, tmp_path))

    estimates = report.estimates
    assert estimates["reward/accuracy"].value > 0.9
    assert estimates["dpo/accuracy"].value > 0.9
    assert estimates["win_rate"].value > 0.6
    assert estimates["kl"].low > 0
    assert estimates["win_rate"].n == estimates["kl"].n == estimates["length_ratio"].n == 64
    assert all(e.low <= e.value <= e.high for e in estimates.values())


def test_a_candidate_that_only_learned_to_ramble_raises_an_alarm(
    turn: Path, tmp_path: Path, listener: Listener
) -> None:
    """Steps three times as long break the tiny policy: it repeats capitals, and its answers grow."""
    Listener().run(dpo_request(tmp_path, turn / "sft", turn / "snapshot", epochs=4, learning_rate=1e-2))
    request = evaluate_request(turn, tmp_path)
    rambler = request.candidate.model_copy(update={"adapter": str(tmp_path / "dpo")})

    report = listener.run(request.model_copy(update={"candidate": rambler}))

    assert report.estimates["length_ratio"].low > 1.25
    assert any("times as long as its parent's" in note for note in report.notes)


def test_the_answers_are_kept_with_who_wrote_them(turn: Path, tmp_path: Path, listener: Listener) -> None:
    listener.run(evaluate_request(turn, tmp_path))

    rows = list(rows_read(tmp_path / "evaluation" / RESPONSES, ResponseRecord))
    assert {row.policy for row in rows} == {"child", "parent"}
    assert len(rows) == 128
    assert not (tmp_path / "work").exists()


def test_a_candidate_that_is_its_parent_has_not_moved(turn: Path, tmp_path: Path, listener: Listener) -> None:
    report = listener.run(evaluate_request(turn, tmp_path, adapter=False))

    assert report.estimates["kl"].value == pytest.approx(0, abs=1e-6)
    assert report.estimates["win_rate"].low < 0.5 < report.estimates["win_rate"].high
    assert report.estimates["dpo/accuracy"].value == pytest.approx(0.5)


def test_without_held_out_rows_everything_is_unknown_and_nothing_is_nan(
    turn: Path, tmp_path: Path, listener: Listener
) -> None:
    snapshot_save(tmp_path / "trained-on", planted(4))

    report = listener.run(evaluate_request(turn, tmp_path, snapshot=str(tmp_path / "trained-on"), split="train"))

    assert all(estimate.n == 0 for estimate in report.estimates.values())
    assert len(report.notes) == 2
    numbers = json.loads((tmp_path / "evaluation" / "report.json").read_text())["estimates"].values()
    assert all(math.isfinite(value) for estimate in numbers for value in estimate.values())
