"""What is known is frozen into a folder that never changes."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from itertools import groupby

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from annotator import store
from annotator.domain.aggregation import target_of
from annotator.domain.lifecycles import RoundState
from annotator.domain.verdicts import Outcome, Verdict
from annotator.models import Comparison, Judgment, Response, Round, Snapshot
from training.contract import (
    COMPARISONS,
    Completion,
    Message,
    PreferenceRecord,
    SnapshotManifest,
    TrlPreference,
    folder_whole_or_absent,
    manifest_write,
    rows_write,
)

TRL_PREFERENCES = "preferences.jsonl"

# comparison id, outcome, value, guideline version
Row = tuple[int, str, float | None, int | None]


@transaction.atomic
def snapshot_freeze(*, round: Round) -> Snapshot:
    """Write what this round and those before it know into a folder, once per round.

    `comparisons.jsonl` is what the engine reads; `preferences.jsonl` holds the
    decided rows as prompt / chosen / rejected, which TRL loads as they are.
    """
    if (known := Snapshot.objects.filter(round=round).first()) is not None:
        return known
    project = round.project
    version = (project.snapshots.aggregate(newest=Max("version"))["newest"] or 0) + 1
    path = store.snapshot_folder(project.slug, version)
    folder = store.store_path(path)
    shutil.rmtree(folder, ignore_errors=True)  # left by a freeze that was rolled back
    counts: Counter[str] = Counter()
    guidelines: set[int] = set()
    with folder_whole_or_absent(folder) as partial:
        records = list(_records(round, counts, guidelines))
        rows_write(partial / COMPARISONS, records)
        decided = (record for record in records if record.prefer_first != 0.5)
        rows_write(partial / TRL_PREFERENCES, map(_trl_preference, decided))
        sha256 = manifest_write(
            partial,
            SnapshotManifest(
                project=project.slug,
                round=round.number,
                created_at=timezone.now().isoformat(),
                counts=dict(counts),
                guideline_versions=sorted(guidelines),
                filters={"rounds": f"1–{round.number}, abandoned ones left out"},
            ),
        )
    return Snapshot.objects.create(
        project=project, round=round, version=version, path=path, sha256=sha256, counts=dict(counts)
    )


def _records(round: Round, counts: Counter[str], guidelines: set[int]) -> Iterator[PreferenceRecord]:
    """One row per judged comparison; fills `counts` and `guidelines` on the way."""
    rounds = round.project.rounds.filter(number__lte=round.number).exclude(state=RoundState.ABANDONED)
    judgments = (
        Judgment.objects.current()
        .filter(assignment__comparison__round__in=rounds)
        .order_by("assignment__comparison_id", "id")
        .values_list("assignment__comparison_id", "outcome", "value", "guideline__version")
    )
    for chunk in _chunks(groupby(judgments.iterator(chunk_size=2000), key=lambda row: row[0])):
        comparisons = Comparison.objects.select_related("prompt", "first", "second", "round").in_bulk(list(chunk))
        for comparison_id, rows in chunk.items():
            comparison = comparisons[comparison_id]
            counts["judgments"] += len(rows)
            guidelines.update(version for *_, version in rows if version is not None)
            target = target_of([Verdict(Outcome(outcome), value) for _, outcome, value, _ in rows])
            if target is None:
                counts["comparisons_nobody_could_judge"] += 1
                continue
            counts["comparisons"] += 1
            counts[comparison.prompt.split] += 1
            counts["ties"] += target.prefer_first == 0.5
            yield PreferenceRecord(
                comparison_id=str(comparison_id),
                prompt_id=str(comparison.prompt_id),
                prompt=[Message(**turn) for turn in comparison.prompt.messages],
                first=_completion(comparison.first),
                second=_completion(comparison.second),
                prefer_first=target.prefer_first,
                weight=target.weight,
                tie_share=target.tie_share,
                strength=target.strength,
                round=comparison.round.number,
                split=comparison.prompt.split,
            )


def _chunks(groups: Iterator[tuple[int, Iterator[Row]]], size: int = 500) -> Iterator[dict[int, list[Row]]]:
    chunk: dict[int, list[Row]] = {}
    for comparison_id, rows in groups:
        chunk[comparison_id] = list(rows)
        if len(chunk) == size:
            yield chunk
            chunk = {}
    if chunk:
        yield chunk


def _completion(response: Response) -> Completion:
    return Completion(response_id=str(response.pk), text=response.text, token_ids=response.token_ids)


def _trl_preference(record: PreferenceRecord) -> TrlPreference:
    chosen, rejected = (record.first, record.second) if record.prefer_first > 0.5 else (record.second, record.first)
    return TrlPreference(
        prompt=record.prompt,
        chosen=[Message(role="assistant", content=chosen.text)],
        rejected=[Message(role="assistant", content=rejected.text)],
        vote_share=max(record.prefer_first, 1 - record.prefer_first),
        weight=record.weight,
        split=record.split,
    )
