"""Engine work is queued, claimed, watched and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import F, Max, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator import store
from annotator.domain.lifecycles import LIVE_RUN, RunKind, RunState
from annotator.domain.webhooks import EventKind
from annotator.domain.weights import Weights
from annotator.exceptions import ChildKilled, EngineFailed, NotFound, StateNotAllowed, violations_as_errors
from annotator.models import Checkpoint, CheckpointKind, Project, Prompt, Round, Run, RunEvent, Snapshot
from annotator.selectors.model_cards import base_name, card_of
from annotator.selectors.rewards import answers_to_score
from annotator.selectors.weights import weights_folder
from annotator.services.checkpoints import checkpoint_measured, checkpoint_register
from annotator.services.events import run_happened
from annotator.services.prompts import responses_add
from annotator.services.rewards import rewards_add
from training.config import DpoSettings, EvaluateSettings, RewardSettings, SamplingSettings, ScoreSettings
from training.contract import (
    RESPONSES,
    REWARDS,
    AnswerRecord,
    AnyEvent,
    AnyRequest,
    CheckpointManifest,
    DpoRequest,
    EvaluateRequest,
    Failed,
    Finished,
    GenerateRequest,
    JudgeRef,
    MergeRequest,
    PolicyRef,
    PromptRecord,
    PushRequest,
    ResponseRecord,
    RewardRecord,
    RewardRequest,
    RunReport,
    ScoreRequest,
    checkpoint_verify,
    rows_read,
    rows_write,
)
from training.errors import EngineError

SILENT_AFTER = timedelta(seconds=20)  # a worker that sends no heartbeat for so long is gone
RING_AGAIN_AFTER = timedelta(seconds=30)  # a queued run that nobody claimed is rung again
MAX_ATTEMPTS = 5

# Starts the child process of a request. The context yields its events, and None
# at least once a second in between; leaving the context stops the child.
Engine = Callable[[AnyRequest, Path], AbstractContextManager[Iterator[AnyEvent | None]]]


def run_queue(
    *, project: Project, kind: RunKind, round: Round | None = None, settings: dict[str, Any], seed: int = 0,
    details: dict[str, Any] | None = None,
) -> Run:  # fmt: skip
    """Queue one piece of engine work. The caller rings the worker after commit; the tick would too."""
    with transaction.atomic(), violations_as_errors():
        return Run.objects.create(
            project=project, round=round, kind=kind, settings=settings, seed=seed, details=details or {}
        )


def run_cancel(*, run: Run) -> Run:
    """Cancel a live run; its worker notices within a second and stops the child. Twice is harmless."""
    Run.objects.filter(pk=run.pk, state__in=LIVE_RUN).update(state=RunState.CANCELLED, finished_at=timezone.now())
    run.refresh_from_db()
    if run.state == RunState.SUCCEEDED:
        raise StateNotAllowed(_("This run has succeeded already, so there is nothing to cancel."))
    if run.state == RunState.FAILED:
        raise StateNotAllowed(_("This run has failed already, so there is nothing to cancel."))
    return run


def runs_to_ring(*, now: datetime | None = None) -> list[Run]:
    """Live runs that no worker works on, marked as rung now.

    Queued ones that were never rung or not claimed since, and running ones
    whose worker went silent. A conditional update per run: two ticks at once
    ring each run once.
    """
    now = now or timezone.now()
    waiting = Q(state=RunState.QUEUED) & (Q(rung_at=None) | Q(rung_at__lt=now - RING_AGAIN_AFTER))
    silent = Q(state=RunState.RUNNING, heartbeat_at__lt=now - SILENT_AFTER) & (
        Q(rung_at=None) | Q(rung_at__lt=now - SILENT_AFTER)
    )
    return [
        run
        for run in Run.objects.filter(waiting | silent)
        if Run.objects.filter(waiting | silent, pk=run.pk).update(rung_at=now)
    ]


def run_claim(*, run_id: int, worker: str, now: datetime | None = None) -> Run | None:
    """Claim a queued run, or one whose worker went silent. None when another worker has it.

    The broker may deliver a message twice; the second delivery finds the row
    changed and claims nothing.
    """
    now = now or timezone.now()
    claimable = Q(state=RunState.QUEUED) | Q(state=RunState.RUNNING, heartbeat_at__lt=now - SILENT_AFTER)
    claimed = Run.objects.filter(claimable, pk=run_id).update(
        state=RunState.RUNNING,
        attempt=F("attempt") + 1,
        worker=worker,
        heartbeat_at=now,
        started_at=now,
        error="",
    )
    return Run.objects.select_related("project", "round__parent").get(pk=run_id) if claimed else None


def run_heartbeat(*, run: Run) -> bool:
    """Say that this attempt is alive; False when it was cancelled or another attempt took over."""
    return bool(
        Run.objects.filter(pk=run.pk, attempt=run.attempt, state=RunState.RUNNING).update(heartbeat_at=timezone.now())
    )


def run_execute(*, run_id: int, worker: str, engine: Engine) -> Run | None:
    """Claim a run, let the engine do it, and keep what it made. None when somebody else has it.

    Cancelling needs no message: the next heartbeat finds the row changed, and
    leaving the engine's context stops the child.
    """
    run = run_claim(run_id=run_id, worker=worker)
    if run is None:
        return None
    try:
        request = _request(run)
        with engine(request, store.store_path(store.run_folder(run.pk))) as events:
            for event in events:
                if not run_heartbeat(run=run):
                    break
                if isinstance(event, Finished):
                    _keep_rewards(run)
                    run_finish(run=run, report=event.report)
                elif isinstance(event, Failed):
                    run_fail(run=run, error=event.message)
                elif event is not None:
                    _event_add(run, event)
    except ChildKilled as error:
        run_resume_later(run=run, error=str(error))
    except (EngineFailed, EngineError) as error:
        run_fail(run=run, error=str(error))
    run.refresh_from_db()
    return run


@transaction.atomic
def run_finish(*, run: Run, report: RunReport) -> None:
    """Keep the report and what the run made, all or nothing. A cancelled run keeps nothing."""
    finished = Run.objects.filter(pk=run.pk, attempt=run.attempt, state=RunState.RUNNING).update(
        state=RunState.SUCCEEDED, report=report.model_dump(mode="json"), finished_at=timezone.now()
    )
    if not finished:
        return
    out = f"{store.run_folder(run.pk)}/out"
    match RunKind(run.kind):
        case RunKind.REWARD | RunKind.DPO | RunKind.SFT:
            checkpoint_register(
                run=run,
                kind=CheckpointKind.REWARD if run.kind == RunKind.REWARD else CheckpointKind.POLICY,
                path=out,
                manifest=_manifest(out),
                parent=_checkpoint(run, "parent"),
            )
        case RunKind.GENERATE:
            _keep_responses(run, out, {str(pk): _policy(pk) for pk in run.details["policies"]})
        case RunKind.EVALUATE:
            candidate, parent = _checkpoint(run, "candidate"), _checkpoint(run, "parent")
            _keep_responses(run, out, {str(candidate.pk): candidate, str(parent.pk): parent})
            checkpoint_measured(checkpoint=candidate, report=report)
        case RunKind.SCORE:
            pass  # its rewards are there already, in pages: they may be millions
        case RunKind.MERGE:
            pass  # its checkpoint names this run, whose folder has the weights
        case RunKind.PUSH:
            pass  # what it made is elsewhere
    run_happened(run, EventKind.RUN_FINISHED)


@transaction.atomic
def run_fail(*, run: Run, error: str) -> None:
    """End this attempt as failed, with a sentence for people."""
    failed = Run.objects.filter(pk=run.pk, attempt=run.attempt, state=RunState.RUNNING).update(
        state=RunState.FAILED, error=error, finished_at=timezone.now()
    )
    if failed:
        run_happened(run, EventKind.RUN_FAILED)


def run_resume_later(*, run: Run, error: str) -> None:
    """Queue the run again, to go on from its last saved step; after too many attempts it fails."""
    if run.attempt >= MAX_ATTEMPTS:
        run_fail(run=run, error=f"Killed {run.attempt} times, most likely for lack of memory. {error}")
        return
    Run.objects.filter(pk=run.pk, attempt=run.attempt, state=RunState.RUNNING).update(
        state=RunState.QUEUED, rung_at=None, error=error
    )


def _event_add(run: Run, event: AnyEvent) -> None:
    # Only the claiming attempt writes events, so counting up is safe.
    newest = RunEvent.objects.filter(run=run).aggregate(newest=Max("number"))["newest"] or 0
    RunEvent.objects.create(
        run=run, number=newest + 1, kind=event.event, payload=event.model_dump(mode="json", exclude={"event"})
    )


def _keep_responses(run: Run, out: str, checkpoints: dict[str, Checkpoint]) -> None:
    sampling = run.settings.get("sampling", run.settings)
    records = rows_read(store.store_path(out) / RESPONSES, ResponseRecord)
    responses_add(run=run, checkpoints=checkpoints, records=records, sampling=sampling)


def _keep_rewards(run: Run) -> None:
    """Page by page, each alive in between; a second delivery adds nothing."""
    if run.kind != RunKind.SCORE:
        return
    judges = {str(pk): pk for pk in run.details["judges"]}
    records = rows_read(store.store_path(store.run_folder(run.pk)) / "out" / REWARDS, RewardRecord)
    for _kept in rewards_add(judges=judges, records=records):
        if not run_heartbeat(run=run):
            return


def _manifest(out: str) -> CheckpointManifest:
    return checkpoint_verify(store.store_path(out))


def _policy(pk: int) -> Checkpoint:
    return Checkpoint.objects.get(pk=pk, kind=CheckpointKind.POLICY)


def _checkpoint(run: Run, role: str) -> Checkpoint:
    return Checkpoint.objects.get(pk=run.details[role])


# --- from rows to a request ---------------------------------------------------


def _request(run: Run) -> AnyRequest:
    """The engine's request for a run. Built from rows that do not change, so a resumed run asks the same."""
    folder = store.store_path(store.run_folder(run.pk))
    folder.mkdir(parents=True, exist_ok=True)
    place = {
        "out_dir": str(folder / "out"),
        "work_dir": str(folder / "work"),
        "cache_dir": str(store.store_path(store.logprobs_folder())),
        "seed": run.seed,
    }
    match RunKind(run.kind):
        case RunKind.REWARD:
            return RewardRequest(
                **place,
                # The backbone is the base as it is: a judge that drifts with the policy would flatter it.
                policy=_ref(_checkpoint(run, "parent")).model_copy(update={"adapter": None}),
                snapshot_dir=_snapshot_dir(run),
                settings=RewardSettings.model_validate(run.settings),
            )
        case RunKind.DPO:
            return DpoRequest(
                **place,
                parent=_ref(_checkpoint(run, "parent")),
                snapshot_dir=_snapshot_dir(run),
                settings=DpoSettings.model_validate(run.settings),
            )
        case RunKind.EVALUATE:
            return EvaluateRequest(
                **place,
                candidate=_ref(_checkpoint(run, "candidate")),
                parent=_ref(_checkpoint(run, "parent")),
                reward_dir=str(store.store_path(_checkpoint(run, "reward").path)),
                snapshot_dir=_snapshot_dir(run),
                prompts=_prompts_file(run, folder),
                settings=EvaluateSettings.model_validate(run.settings),
            )
        case RunKind.GENERATE:
            return GenerateRequest(
                **place,
                policies=[_ref(_policy(pk)) for pk in run.details["policies"]],
                prompts=_prompts_file(run, folder),
                settings=SamplingSettings.model_validate(run.settings),
            )
        case RunKind.SCORE:
            judges = Checkpoint.objects.in_bulk(run.details["judges"])
            return ScoreRequest(
                **place,
                judges=[
                    JudgeRef(label=str(pk), reward_dir=str(store.store_path(judges[pk].path)))
                    for pk in run.details["judges"]
                ],
                answers=_answers_file(run, folder),
                settings=ScoreSettings.model_validate(run.settings),
            )
        case RunKind.MERGE:
            checkpoint = _checkpoint(run, "checkpoint")
            return MergeRequest(**place, checkpoint_dir=str(store.store_path(checkpoint.path)))
        case RunKind.PUSH:
            return _push_request(run, place)
        case RunKind.SFT:
            raise EngineFailed("Imitation runs are started from the command line: python -m training sft.")


def _push_request(run: Run, place: dict[str, Any]) -> PushRequest:
    checkpoint, weights, repo = _checkpoint(run, "checkpoint"), Weights(run.details["weights"]), run.details["repo"]
    try:
        folder = weights_folder(checkpoint, weights)
    except NotFound as error:
        raise EngineFailed(error.message) from error
    return PushRequest(
        **place,
        folder=str(folder),
        hub=run.details["hub"],
        repo=repo,
        private=run.details["private"],
        card=card_of(checkpoint, weights, name=repo),
        base_name=base_name(checkpoint.base_model),
    )


def _ref(checkpoint: Checkpoint) -> PolicyRef:
    return PolicyRef(
        label=str(checkpoint.pk),
        base_model=checkpoint.base_model,
        adapter=str(store.store_path(checkpoint.path)) if checkpoint.path else None,
    )


def _snapshot_dir(run: Run) -> str:
    return str(store.store_path(Snapshot.objects.get(round=run.round).path))


def _prompts_file(run: Run, folder: Path) -> str:
    path = folder / "prompts.jsonl"
    prompts = Prompt.objects.in_bulk(run.details["prompts"])
    rows_write(
        path,
        (
            PromptRecord(prompt_id=str(pk), prompt=prompts[pk].messages, split=prompts[pk].split)
            for pk in run.details["prompts"]
        ),
    )
    return str(path)


def _answers_file(run: Run, folder: Path) -> str:
    path = folder / "answers.jsonl"
    answers = answers_to_score(run.round_id, after=run.details["after"], upto=run.details["upto"])
    rows_write(
        path,
        (
            AnswerRecord(
                response_id=str(pk), text=text, token_ids=token_ids, prompt_id=str(prompt_id), prompt=messages,
                base_model=base_model,
            )
            for pk, text, token_ids, base_model, prompt_id, messages in answers
        ),
    )  # fmt: skip
    return str(path)
