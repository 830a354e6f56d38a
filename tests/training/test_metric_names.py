"""One vocabulary: what the recipes say is what `metric_names.METRICS` explains, no more and no less."""

from __future__ import annotations

from pathlib import Path

from tests.training.tiny import (
    Listener,
    demonstrations_save,
    dpo_request,
    merge_request,
    planted,
    prompts_save,
    reward_request,
    score_request,
)
from training.config import EvaluateSettings, SamplingSettings, SftSettings
from training.contract import (
    COMPARISONS,
    AnyRequest,
    Completion,
    CriterionVotes,
    EvaluateRequest,
    GenerateRequest,
    PolicyRef,
    SftRequest,
    SnapshotManifest,
    manifest_write,
    rows_write,
)
from training.metric_names import METRICS

SHORT = SamplingSettings(answers_per_prompt=1, max_new_tokens=4)


def snapshot_with_a_criterion(folder: Path) -> Path:
    """Answers of different lengths, or there would be no correlation with length."""
    folder.mkdir()
    tone = CriterionVotes(prefer_first=1.0, weight=1.0)
    rows = (
        row.model_copy(update={"criteria": {"tone": tone}, "first": longer(row.first, number % 3)})
        for number, row in enumerate(planted(16, holdout=8))
    )
    rows_write(folder / COMPARISONS, rows)
    manifest_write(
        folder,
        SnapshotManifest(project="tiny", round=1, created_at="2026-01-01T00:00:00Z", counts={}, criteria=["tone"]),
    )
    return folder


def longer(completion: Completion, by: int) -> Completion:
    return completion.model_copy(update={"text": completion.text + "!" * by})


def requests_of_every_kind(base: Path, folder: Path) -> list[AnyRequest]:
    snapshot = snapshot_with_a_criterion(folder / "snapshot")
    prompts, demonstrations = folder / "prompts.jsonl", folder / "demonstrations.jsonl"
    parent = PolicyRef(label="parent", base_model=str(base))
    return [
        SftRequest(
            out_dir=str(folder / "sft"),
            work_dir=str(folder / "sft-work"),
            policy=parent,
            demonstrations=str(demonstrations_save(demonstrations, count=120)),
            settings=SftSettings(lora_rank=2, max_steps=2),
        ),
        reward_request(folder, base, snapshot, ensemble=2, max_steps=2, batch_size=8),
        dpo_request(folder, base, snapshot, max_steps=2, batch_size=8),
        GenerateRequest(
            out_dir=str(folder / "generate"),
            work_dir=str(folder / "generate-work"),
            policies=[parent],
            prompts=str(prompts_save(prompts, count=2)),
            settings=SHORT,
        ),
        EvaluateRequest(
            out_dir=str(folder / "evaluate"),
            work_dir=str(folder / "evaluate-work"),
            candidate=PolicyRef(label="candidate", base_model=str(base), adapter=str(folder / "dpo")),
            parent=parent,
            reward_dir=str(folder / "reward"),
            snapshot_dir=str(snapshot),
            prompts=str(prompts),
            settings=EvaluateSettings(sampling=SHORT),
        ),
        score_request(folder, folder / "reward", planted(2)),
        merge_request(folder, folder / "dpo"),
    ]


def names_said(request: AnyRequest) -> set[str]:
    """Every name on the way and in the report, criteria by their star."""
    listener = Listener()
    report = listener.run(request)
    on_the_way = {name for event in listener.events if event.event == "metrics" for name in event.values}
    names = on_the_way | set(report.metrics) | set(report.estimates)
    return {"accuracy/*" if name.startswith("accuracy/") else name for name in names}


def test_every_number_that_a_run_says_is_explained_and_nothing_else_is(base: Path, tmp_path: Path) -> None:
    said = set().union(*map(names_said, requests_of_every_kind(base, tmp_path)))

    assert sorted(said - METRICS.keys()) == []
    assert sorted(METRICS.keys() - said) == []
