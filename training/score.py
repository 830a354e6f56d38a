"""What reward models say of answers: every judge reads every answer.

Answers are read in pages. Each finished page stays in the scratch space, so a run that was killed goes on behind it,
and memory stays the same however many answers there are.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from training import loop
from training.bases import device_pick
from training.batches import batches_in_order
from training.contract import (
    REPORT,
    REWARDS,
    AnswerRecord,
    AnyEvent,
    Completion,
    JudgeRef,
    Metrics,
    PreferenceRecord,
    RewardRecord,
    RunReport,
    ScoreRequest,
    Started,
    folder_whole_or_absent,
    rows_read,
    rows_write,
)
from training.errors import NothingToLearn
from training.layout import layout_of_pairs
from training.reward_model import RewardModel, reward_model_load
from training.rows import PairTokens
from training.tokens import LeftOut, PairIds, preferences_encoded

PAGE = 1024  # answers
ANY_LENGTH = 1 << 30  # tokens: only what the model itself cannot read is left out


def score(request: ScoreRequest, report: Callable[[AnyEvent], None]) -> RunReport:
    """Let every judge score every answer; `rewards.jsonl` stands when this returns."""
    journal = loop.Journal(report)
    device = device_pick(request.device)
    work_dir = Path(request.work_dir)
    answers = Path(request.answers)
    total = sum(1 for _answer in rows_read(answers, AnswerRecord))
    if not total:
        raise NothingToLearn(f"{answers.name} holds no answer to score.")
    places = [
        _Place(work_dir, judge, page) for judge in range(len(request.judges)) for page in range(-(-total // PAGE))
    ]
    resumed_from = sum(min(PAGE, total - place.page * PAGE) for place in places if place.rows.exists())
    report(Started(total_steps=total * len(request.judges), device=str(device), resumed_from=resumed_from))

    done = resumed_from
    for number, judge in enumerate(request.judges):
        missing = {place.page: place for place in places if place.judge == number and not place.rows.exists()}
        if not missing:
            continue
        journal.stage(f"{judge.label} reads {total:,} answers.")
        model = reward_model_load(Path(judge.reward_dir), device)
        for page, records in enumerate(_pages(answers)):
            if page not in missing:
                continue
            _page_keep(missing[page], judge, records, rewards_of(model, records, request.settings.micro_batch_size))
            done += len(records)
            report(Metrics(step=done, total_steps=total * len(request.judges), values={"rewards": float(done)}))
        del model  # its weights make place for the next one's

    with folder_whole_or_absent(Path(request.out_dir)) as folder:
        written = (row for place in places for row in rows_read(place.rows, RewardRecord))
        count = rows_write(folder / REWARDS, written)
        if unread := total * len(request.judges) - count:
            journal.note(f"{unread} rewards are missing: these answers are empty, or longer than the model reads.")
        finished = RunReport(
            kind="score",
            seconds=journal.seconds,
            metrics={"rewards": float(count)},
            notes=journal.notes,
            versions=loop.versions(),
            device=str(device),
        )
        (folder / REPORT).write_text(finished.model_dump_json(indent=2) + "\n", encoding="utf-8")
    shutil.rmtree(work_dir, ignore_errors=True)
    return finished


@dataclass(frozen=True)
class _Place:
    """Where the rewards of one page by one judge are kept until all are there."""

    folder: Path
    judge: int
    page: int

    @property
    def rows(self) -> Path:
        return self.folder / f"rewards-{self.judge}-{self.page}.jsonl"


def _pages(answers: Path) -> Iterator[list[AnswerRecord]]:
    rows = rows_read(answers, AnswerRecord)
    while page := list(itertools.islice(rows, PAGE)):
        yield page


def _page_keep(
    place: _Place, judge: JudgeRef, records: Sequence[AnswerRecord], rewards: dict[str, list[float]]
) -> None:
    """Whole or absent: the name that counts appears when all of it is written."""
    place.folder.mkdir(parents=True, exist_ok=True)
    partial = place.rows.with_suffix(".partial")
    names = (record.response_id for record in records if record.response_id in rewards)
    rows_write(partial, (RewardRecord(response_id=name, judge=judge.label, heads=rewards[name]) for name in names))
    partial.replace(place.rows)


@torch.no_grad()
def rewards_of(model: RewardModel, records: Sequence[AnswerRecord], batch_size: int) -> dict[str, list[float]]:
    """The reward of each answer for the overall question by each head; without those that the model cannot read."""
    rows = list(_encoded(model, records))
    found: dict[str, list[float]] = {}
    lengths = np.array([row.length for row in rows])
    for batch in batches_in_order(lengths, batch_size):
        # Both sides of a pair are the same answer here, and equal completions are computed once.
        pairs = [_tokens(place, rows[row]) for place, row in enumerate(batch)]
        layout = layout_of_pairs(pairs, "separate")
        said_BE = model.rewards(layout)[layout.pair_B2[:, 0], 0].float().cpu()
        found.update(zip((rows[row].record.first.response_id for row in batch), said_BE.tolist(), strict=True))
    return found


def _encoded(model: RewardModel, records: Sequence[AnswerRecord]) -> Iterator[PairIds]:
    """Ids that the policy of another base wrote mean nothing to the model: it reads the text then."""
    speech = model.backbone.speech
    for is_own in (True, False):
        mine = [record for record in records if (record.base_model == model.backbone.ref.base_model) == is_own]
        reads = replace(speech, is_author=speech.is_author and is_own)
        yield from preferences_encoded(
            reads, [_twice(record) for record in mine], max_length=ANY_LENGTH, left_out=LeftOut("answer")
        )


def _twice(record: AnswerRecord) -> PreferenceRecord:
    """An answer as a comparison with itself, which is how answers are read everywhere else."""
    answer = Completion(response_id=record.response_id, text=record.text, token_ids=record.token_ids)
    return PreferenceRecord(
        comparison_id=record.response_id, prompt_id=record.prompt_id, prompt=record.prompt, first=answer, second=answer,
        prefer_first=0.5, weight=1.0, split="train",
    )  # fmt: skip


def _tokens(place: int, row: PairIds) -> PairTokens:
    prompt, answer = np.array(row.prompt_ids, np.int32), np.array(row.first_ids, np.int32)
    return PairTokens(place, prompt, answer, answer, np.zeros((1, 4)))
