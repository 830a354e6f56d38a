"""What is known is frozen into a folder that never changes."""

from __future__ import annotations

import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator

from django.db import transaction
from django.db.models import Count, Max, Q
from django.utils import timezone

from annotator import store
from annotator.domain.aggregation import Consensus, Target, target_adjudicated, target_of, targets_of
from annotator.domain.lifecycles import RoundState
from annotator.domain.verdicts import Outcome, Verdict
from annotator.domain.webhooks import EventKind
from annotator.models import Adjudication, Comparison, Judgment, Response, Round, Snapshot
from annotator.selectors.judgments import OVERALL, judgments_known
from annotator.services.events import snapshot_happened
from training.config import RoundSettings
from training.contract import (
    COMPARISONS,
    Completion,
    CriterionVotes,
    Message,
    PreferenceRecord,
    SnapshotManifest,
    TrlPreference,
    folder_whole_or_absent,
    manifest_write,
    rows_read,
    rows_write,
)

TRL_PREFERENCES = "preferences.jsonl"
PAGE = 200  # comparisons in memory at once


@transaction.atomic
def snapshot_freeze(*, round: Round) -> Snapshot:
    """Write what this round and those before it know into a folder, once per round.

    `comparisons.jsonl` is what the engine reads; `preferences.jsonl` holds the
    decided rows as prompt / chosen / rejected, which TRL loads as they are.
    Rows of one prompt stand side by side, of whatever round they are: the engine
    then computes their prompt once. How judgments become a row is the round's consensus,
    unless somebody adjudicated the comparison: then it is what they decided.
    """
    if (known := Snapshot.objects.filter(round=round).first()) is not None:
        return known
    project = round.project
    version = (project.snapshots.aggregate(newest=Max("version"))["newest"] or 0) + 1
    path = store.snapshot_folder(project.slug, version)
    folder = store.store_path(path)
    shutil.rmtree(folder, ignore_errors=True)  # left by a freeze that was rolled back
    consensus = Consensus(RoundSettings.model_validate(round.settings).consensus)
    agreed = _agreed(round, consensus)
    counts: Counter[str] = Counter(_left_out(round))
    guidelines: set[int] = set()
    asked: set[str] = set()
    with folder_whole_or_absent(folder) as partial:
        rows_write(partial / COMPARISONS, _records(round, agreed, counts, guidelines, asked))
        written = rows_read(partial / COMPARISONS, PreferenceRecord)  # read back rather than held
        decided = (record for record in written if record.prefer_first != 0.5)
        rows_write(partial / TRL_PREFERENCES, map(_trl_preference, decided))
        sha256 = manifest_write(
            partial,
            SnapshotManifest(
                project=project.slug,
                round=round.number,
                created_at=timezone.now().isoformat(),
                counts=dict(counts),
                guideline_versions=sorted(guidelines),
                criteria=sorted(asked),
                consensus=consensus.value,
                filters={
                    "rounds": f"1–{round.number}, abandoned ones left out",
                    "flags": "comparisons that were set aside left out",
                    "raters": "judgments of excluded raters left out",
                    "checks": "answers to hidden checks left out",
                },
            ),
        )
    snapshot = Snapshot.objects.create(
        project=project, round=round, version=version, path=path, sha256=sha256, counts=dict(counts)
    )
    snapshot_happened(snapshot, EventKind.SNAPSHOT_MADE)
    return snapshot


def _left_out(round: Round) -> dict[str, int]:
    """How many judgments of how many excluded raters nothing is learnt from, where there are any."""
    found = (
        Judgment.objects.current()
        .excluded()
        .filter(
            assignment__comparison__round__project=round.project_id,
            assignment__comparison__round__number__lte=round.number,
            assignment__comparison__set_aside_at=None,
        )
        .exclude(assignment__comparison__round__state=RoundState.ABANDONED)
        .aggregate(judgments=Count("pk"), raters=Count("assignment__rater", distinct=True))
    )
    counts = {"judgments_of_excluded_raters": found["judgments"], "excluded_raters": found["raters"]}
    return {name: count for name, count in counts.items() if count}


# Criterion → comparison → what all judgments together teach; without an entry its own votes are all that counts.
Agreed = dict[str, dict[int, Target]]


def _agreed(round: Round, consensus: Consensus) -> Agreed:
    """Vote shares need no look at the other comparisons, so they are counted row by row, in constant memory."""
    if consensus is Consensus.VOTES:
        return {}
    agreed: Agreed = {}
    for criterion, known in judgments_known(round).items():
        targets = targets_of(known.judgments, consensus)
        found = ((pk, targets.of(place)) for place, pk in enumerate(known.comparison_ids))
        agreed[criterion] = {pk: target for pk, target in found if target is not None}
    return agreed


def _records(
    round: Round, agreed: Agreed, counts: Counter[str], guidelines: set[int], asked: set[str]
) -> Iterator[PreferenceRecord]:
    """One row per judged comparison, by prompt; fills `counts`, `guidelines` and the criteria `asked` on the way."""
    for comparisons in _pages(round):
        judgments = (
            Judgment.objects.current()
            .trusted()
            .filter(assignment__comparison__in=comparisons)
            .order_by("id")
            .values_list("assignment__comparison_id", "outcome", "value", "guideline__version", "criteria")
        )
        verdicts: dict[int, list[Verdict]] = defaultdict(list)
        by_criterion: dict[int, dict[str, list[Verdict]]] = defaultdict(lambda: defaultdict(list))
        for comparison_id, outcome, value, version, criteria in judgments:
            verdicts[comparison_id].append(Verdict(Outcome(outcome), value))
            for code, said in criteria.items():
                by_criterion[comparison_id][code].append(Verdict(Outcome(said["outcome"]), said["value"]))
            if version is not None:
                guidelines.add(version)
        decided = {one.comparison_id: one for one in Adjudication.objects.current().filter(comparison__in=comparisons)}
        for comparison in comparisons:
            if not verdicts[comparison.pk]:
                counts["comparisons_of_excluded_raters"] += 1
                continue
            counts["judgments"] += len(verdicts[comparison.pk])
            target = _target(verdicts[comparison.pk], OVERALL, comparison, agreed)
            if comparison.pk in decided:
                target = target_adjudicated(decided[comparison.pk].verdict, target)
            if target is None:
                counts["comparisons_nobody_could_judge"] += 1
                continue
            counts["comparisons"] += 1
            counts[comparison.prompt.split] += 1
            counts["ties"] += target.prefer_first == 0.5
            if comparison.pk in decided:
                counts["adjudicated"] += 1
            yield PreferenceRecord(
                comparison_id=str(comparison.pk),
                prompt_id=str(comparison.prompt_id),
                prompt=[Message(**turn) for turn in comparison.prompt.messages],
                first=_completion(comparison.first),
                second=_completion(comparison.second),
                prefer_first=target.prefer_first,
                weight=target.weight,
                tie_share=target.tie_share,
                strength=target.strength,
                criteria=_criteria(by_criterion[comparison.pk], comparison, agreed, asked),
                adjudicated=comparison.pk in decided,
                round=comparison.round.number,
                split=comparison.prompt.split,
            )


def _pages(round: Round) -> Iterator[list[Comparison]]:
    """The judged comparisons of this round and those before it, by prompt, a page at a time.

    Each page starts behind the last row of the one before: a pooled connection has no cursor to stream from.
    """
    judged = (
        Comparison.objects.in_play()
        .filter(round__project=round.project_id, round__number__lte=round.number, answered__gt=0)
        .exclude(round__state=RoundState.ABANDONED)
        .select_related("prompt", "first", "second", "round")
        .order_by("prompt_id", "id")
    )
    behind = Q()
    while page := list(judged.filter(behind)[:PAGE]):
        yield page
        last = page[-1]
        behind = Q(prompt__gte=last.prompt_id) & (Q(prompt__gt=last.prompt_id) | Q(id__gt=last.pk))


def _target(verdicts: list[Verdict], criterion: str, comparison: Comparison, agreed: Agreed) -> Target | None:
    """A judgment that came in after the others were looked at together counts as a vote where it is the only one."""
    return agreed.get(criterion, {}).get(comparison.pk) or target_of(verdicts)


def _criteria(
    verdicts: dict[str, list[Verdict]], comparison: Comparison, agreed: Agreed, asked: set[str]
) -> dict[str, CriterionVotes]:
    """The target of each criterion that somebody could judge."""
    targets = {code: target for code, said in verdicts.items() if (target := _target(said, code, comparison, agreed))}
    asked.update(targets)
    return {
        code: CriterionVotes(
            prefer_first=target.prefer_first, weight=target.weight, tie_share=target.tie_share, strength=target.strength
        )
        for code, target in targets.items()
    }


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
