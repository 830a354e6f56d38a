"""Fakes at the outer edge: an engine that writes real folders without training anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from training.contract import (
    REPORT,
    RESPONSES,
    REWARDS,
    AnswerRecord,
    AnyEvent,
    AnyRequest,
    CheckpointManifest,
    Estimate,
    EvaluateRequest,
    Finished,
    GenerateRequest,
    Metrics,
    PromptRecord,
    PushRequest,
    ResponseRecord,
    RewardRecord,
    RunReport,
    ScoreRequest,
    Started,
    folder_whole_or_absent,
    manifest_write,
    rows_read,
    rows_write,
)

# How often a reward model's predictions came true, on 40 comparisons.
RELIABILITY = [
    {"low": 0.1, "high": 0.2, "n": 20.0, "weight": 40.0, "predicted": 0.15, "observed": 0.2},
    {"low": 0.8, "high": 0.9, "n": 20.0, "weight": 40.0, "predicted": 0.85, "observed": 0.8},
]

MERGED = {"merge/tokens": 128.0, "merge/greedy_agreement": 1.0, "merge/logit_difference": 2e-5}


@dataclass
class FakeEngine:
    """Writes what the engine would leave behind, whole, and says what it would say.

    win_rate_low  the lower bound that an evaluation reports
    heads         what each head of a reward model says of an answer, as (label of the model, answer) → numbers;
                  without it, what is longer is better
    """

    win_rate_low: float = 0.6
    heads: Callable[[str, AnswerRecord], list[float]] = lambda _judge, answer: [len(answer.text) / 100]
    requests: list[AnyRequest] = field(default_factory=list)

    @contextmanager
    def __call__(self, request: AnyRequest, folder: Path) -> Iterator[Iterator[AnyEvent | None]]:
        self.requests.append(request)
        yield self._events(request)

    def _events(self, request: AnyRequest) -> Iterator[AnyEvent | None]:
        is_reward = request.kind == "reward"
        yield Started(total_steps=1, device="cpu")
        yield None
        yield Metrics(step=1, total_steps=1, values={"train/loss": 0.5})
        report = RunReport(
            kind=request.kind,
            seconds=0.1,
            steps=1,
            estimates=self._estimates(request),
            metrics=MERGED
            if request.kind == "merge"
            else {"train/loss": 0.5, "rows/train": 12.0, **({"calibration/ece": 0.05} if is_reward else {})},
            tables={"reliability": RELIABILITY} if is_reward else {},
        )
        with folder_whole_or_absent(Path(request.out_dir)) as partial:
            self._leave(request, partial, report)
        yield Finished(report=report)

    def _leave(self, request: AnyRequest, partial: Path, report: RunReport) -> None:
        (partial / REPORT).write_text(report.model_dump_json())
        if isinstance(request, GenerateRequest):
            each = request.settings.answers_per_prompt
            rows_write(
                partial / RESPONSES, _responses(Path(request.prompts), [p.label for p in request.policies], each)
            )
        elif isinstance(request, EvaluateRequest):
            labels = [request.candidate.label, request.parent.label]
            rows_write(partial / RESPONSES, _responses(Path(request.prompts), labels, 1))
        elif isinstance(request, PushRequest):
            pass  # what it leaves is elsewhere
        elif isinstance(request, ScoreRequest):
            rows_write(
                partial / REWARDS,
                (
                    RewardRecord(response_id=row.response_id, judge=judge.label, heads=self.heads(judge.label, row))
                    for judge in request.judges
                    for row in rows_read(Path(request.answers), AnswerRecord)
                ),
            )
        else:
            is_merge = request.kind == "merge"
            manifest = CheckpointManifest(
                kind="reward" if request.kind == "reward" else "policy",
                weights="full" if is_merge else "adapter",
                base_model="starter",
                request=request.model_dump(mode="json"),
                report=report,
            )
            (partial / ("whole.txt" if is_merge else "adapter.txt")).write_text("weights would be here")
            if not is_merge:
                (partial / "best").mkdir()
                (partial / "best" / "adapter.txt").write_text("those of another step")
            manifest_write(partial, manifest)

    def _estimates(self, request: AnyRequest) -> dict[str, Estimate]:
        if isinstance(request, EvaluateRequest):
            return {
                "reward/accuracy": Estimate(value=0.9, n=40, low=0.8, high=0.95),
                "dpo/accuracy": Estimate(value=0.85, n=40, low=0.75, high=0.92),
                "win_rate": Estimate(value=0.75, n=64, low=self.win_rate_low, high=0.85),
                "kl": Estimate(value=2.0, n=64, low=1.5, high=2.5),
                "length_ratio": Estimate(value=0.9, n=64, low=0.8, high=1.0),
            }
        accuracy = Estimate(value=0.9, n=40, low=0.8, high=0.95)
        tone = Estimate(value=0.7, n=18, low=0.49, high=0.86)
        found = {"reward": {"accuracy": accuracy, "accuracy/tone": tone}, "dpo": {"accuracy": accuracy}}
        return found.get(request.kind, {})


def _responses(prompts: Path, labels: list[str], each: int) -> Iterator[ResponseRecord]:
    for prompt in rows_read(prompts, PromptRecord):
        for label in labels:
            for sample in range(each):
                text = f"Answer {sample} of {label} to prompt {prompt.prompt_id}."
                yield ResponseRecord(
                    prompt_id=prompt.prompt_id,
                    policy=label,
                    sample=sample,
                    text=text,
                    token_ids=list(text.encode()),
                    finish="stop",
                )
