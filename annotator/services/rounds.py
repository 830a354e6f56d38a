"""The conductor: a round is opened, launched, trained, evaluated and followed by the next."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Count, Max, Q
from django.db.models.functions import Right
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from annotator.domain.lifecycles import CheckpointState, RoundState, RunKind, RunState, is_allowed
from annotator.domain.verdicts import Outcome
from annotator.domain.webhooks import EventKind
from annotator.exceptions import RoundNotReady, StateNotAllowed, violations_as_errors
from annotator.models import (
    Checkpoint,
    CheckpointKind,
    Judgment,
    Project,
    Prompt,
    Round,
    Run,
    Split,
    User,
)
from annotator.services.checkpoints import checkpoint_promote
from annotator.services.comparisons import comparisons_plan
from annotator.services.events import round_happened
from annotator.services.gold import gold_stage
from annotator.services.runs import run_queue
from annotator.services.snapshots import snapshot_freeze
from training.config import PRESETS, RoundSettings

MIN_DECIDED = 2  # judgments that prefer a side, on prompts that may be trained on


@transaction.atomic
def round_prepare(*, project: Project, settings: RoundSettings | None = None) -> Round:
    """Begin the next round as a draft and queue the writing of its answers.

    The promoted policy writes them, together with the newest candidate if
    there is one: comparing the two is then free. Raises RoundNotReady when the
    project has no prompts, RoundOpenAlready when a round is open.
    """
    settings = settings or standard_settings()
    policies = _writers(project)
    prompts = _prompts_for_round(project)
    if not prompts:
        raise RoundNotReady(_("This project has no prompts yet. Add some first."))
    sampling = settings.generate
    if len(policies) == 1:  # one writer must fill both sides of every comparison
        sampling = sampling.model_copy(update={"answers_per_prompt": 2 * sampling.answers_per_prompt})
    with violations_as_errors():
        round = Round.objects.create(
            project=project, number=_next_number(project), settings=settings.model_dump(mode="json")
        )
    run_queue(
        project=project,
        round=round,
        kind=RunKind.GENERATE,
        settings=sampling.model_dump(mode="json"),
        seed=settings.seed + round.number,
        details={"policies": [policy.pk for policy in policies], "prompts": prompts},
    )
    return round


@transaction.atomic
def round_launch(*, round: Round, settings: RoundSettings, by: User | None) -> Round:
    """Freeze a collecting round so that it is learnt from. The caller rings; the tick would too.

    Raises RoundNotReady while too little is judged, StateNotAllowed unless it is collecting.
    """
    locked = Round.objects.select_for_update().get(pk=round.pk)
    _require(locked, RoundState.FROZEN)
    decided = decided_for_training(locked)
    if decided < MIN_DECIDED:
        raise RoundNotReady(
            ngettext(
                "Nothing to learn from yet: %(decided)s judgments of this round prefer one side on a training prompt, "
                "and %(least)s are needed. Judge some more comparisons first.",
                "Nothing to learn from yet: %(decided)s judgments of this round prefer one side on a training prompt, "
                "and %(least)s are needed. Judge some more comparisons first.",
                decided,
            )
            % {"decided": decided, "least": MIN_DECIDED}
        )
    locked.settings = settings.model_dump(mode="json")
    locked.parent = promoted_policy(locked.project)
    locked.launched_by, locked.launched_at = by, timezone.now()
    locked.state = RoundState.FROZEN
    locked.save(update_fields=["settings", "parent", "launched_by", "launched_at", "state"])
    round_happened(locked, EventKind.ROUND_FROZEN)
    return locked


def round_advance(*, round_id: int) -> None:
    """Take every step that this round is ready for. Safe to call at any time, by anybody, again."""
    while _step(round_id):
        pass


def round_abandon(*, round: Round) -> Round:
    """Give a round up: its live runs are cancelled, its judgments stay, later snapshots leave it out."""
    with transaction.atomic():
        locked = Round.objects.select_for_update().get(pk=round.pk)
        if locked.state == RoundState.ABANDONED:
            return locked
        _require(locked, RoundState.ABANDONED)
        Run.objects.filter(round=locked, state__in=[RunState.QUEUED, RunState.RUNNING]).update(
            state=RunState.CANCELLED, finished_at=timezone.now()
        )
        _move(locked, RoundState.ABANDONED)
        return locked


@transaction.atomic
def round_retry(*, round: Round) -> Run:
    """Queue the stage again that failed or was cancelled. Raises StateNotAllowed when nothing did."""
    locked = Round.objects.select_for_update().get(pk=round.pk)
    newest = locked.runs.exclude(kind=RunKind.SCORE).order_by("-id").first()
    if newest is None or newest.state not in (RunState.FAILED, RunState.CANCELLED) or not locked.is_moving:
        raise StateNotAllowed(_("No stage of this round has failed or was cancelled, so there is nothing to retry."))
    return run_queue(
        project=locked.project,
        round=locked,
        kind=RunKind(newest.kind),
        settings=newest.settings,
        seed=newest.seed,
        details=newest.details,
    )


def rounds_to_advance() -> list[int]:
    """Rounds that may be ready for a step."""
    moving = [RoundState.DRAFT, RoundState.FROZEN, RoundState.TRAINING, RoundState.EVALUATED]
    return list(Round.objects.filter(state__in=moving).order_by("id").values_list("id", flat=True))


def rounds_launch_due() -> list[Round]:
    """Launch the rounds whose project asked for it at a number of judgments or after some hours."""
    launched = []
    waiting = Round.objects.filter(state=RoundState.COLLECTING).exclude(
        project__launch_at_judgments=None, project__launch_every_hours=None
    )
    for round in waiting.select_related("project"):
        if _is_due(round):
            try:
                settings = RoundSettings.model_validate(round.settings or {})
                launched.append(round_launch(round=round, settings=settings, by=None))
            except (RoundNotReady, StateNotAllowed):
                continue  # too little to learn from, or an owner was faster: the next tick looks again
    return launched


def promoted_policy(project: Project) -> Checkpoint:
    """The policy that rounds start from; a project has one from its first moment."""
    return Checkpoint.objects.get(project=project, kind=CheckpointKind.POLICY, state=CheckpointState.PROMOTED)


def decided_for_training(round: Round) -> int:
    """Judgments of this round that prefer a side on a prompt that may be trained on, of raters who are trusted."""
    return (
        Judgment.objects.current()
        .trusted()
        .filter(
            assignment__comparison__round=round,
            assignment__comparison__prompt__split=Split.TRAIN,
            outcome=Outcome.PREFER,
        )
        .count()
    )


def standard_settings() -> RoundSettings:
    return PRESETS["standard"][1]


TOLD = {
    RoundState.COLLECTING: EventKind.ROUND_OPENED,
    RoundState.EVALUATED: EventKind.ROUND_EVALUATED,
    RoundState.CLOSED: EventKind.ROUND_CLOSED,
    RoundState.ABANDONED: EventKind.ROUND_ABANDONED,
}


# --- one step -----------------------------------------------------------------


@transaction.atomic
def _step(round_id: int) -> bool:
    """Take one step if the round is ready for one, and say whether it was."""
    # Another worker on the same round has the lock and will take the step.
    round = (
        Round.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("project", "parent")
        .filter(pk=round_id)
        .first()
    )
    if round is None:
        return False
    match RoundState(round.state):
        case RoundState.DRAFT:
            return _open(round)
        case RoundState.FROZEN:
            snapshot_freeze(round=round)
            _queue_stage(round, RunKind.REWARD, RoundSettings.model_validate(round.settings).reward.model_dump())
            _move(round, RoundState.TRAINING)
            return True
        case RoundState.TRAINING:
            return _train(round)
        case RoundState.EVALUATED:
            return _follow_up(round)
        case _:
            return False


def _open(round: Round) -> bool:
    """A draft whose answers are written becomes a round that collects."""
    written = round.runs.filter(kind=RunKind.GENERATE, state=RunState.SUCCEEDED).order_by("-id").first()
    if written is None:
        return False
    comparisons_plan(round=round, run=written)
    round.opened_at = timezone.now()
    round.save(update_fields=["opened_at"])
    _move(round, RoundState.COLLECTING)
    gold_stage(project=round.project)
    return True


def _train(round: Round) -> bool:
    """Queue the stage that follows the last one that succeeded: reward, dpo, evaluate."""
    settings = RoundSettings.model_validate(round.settings)
    made = {
        kind: round.runs.filter(kind=kind, state=RunState.SUCCEEDED).order_by("-id").first()
        for kind in (RunKind.REWARD, RunKind.DPO, RunKind.EVALUATE)
    }
    if round.runs.exclude(kind=RunKind.SCORE).filter(state__in=[RunState.QUEUED, RunState.RUNNING]).exists():
        return False
    newest = round.runs.exclude(kind__in=[RunKind.GENERATE, RunKind.SCORE]).order_by("-id").first()
    if newest is None or newest.state != RunState.SUCCEEDED:
        return False  # failed or cancelled: a person decides
    reward, dpo, evaluated = made.values()
    if reward and not dpo:
        _queue_stage(round, RunKind.DPO, settings.dpo.model_dump())
    elif reward and dpo and not evaluated:
        details = {
            "candidate": dpo.checkpoint.pk,
            "reward": reward.checkpoint.pk,
            "prompts": _held_out_prompts(round.project, settings.evaluate.held_out_prompts),
        }
        _queue_stage(round, RunKind.EVALUATE, settings.evaluate.model_dump(), details)
    elif dpo and evaluated:
        _promote_if_better(round, dpo.checkpoint)
        _move(round, RoundState.EVALUATED)
    return True


def _queue_stage(round: Round, kind: RunKind, settings: dict[str, Any], details: dict[str, Any] | None = None) -> None:
    run_queue(
        project=round.project,
        round=round,
        kind=kind,
        settings=settings,
        seed=RoundSettings.model_validate(round.settings).seed,
        details={"parent": round.parent_id, **(details or {})},
    )


def _promote_if_better(round: Round, candidate: Checkpoint) -> None:
    """The gate: promote when the win rate over the parent is above one half with 95 % confidence."""
    win_rate = candidate.metrics.get("win_rate")
    if round.project.auto_promote and win_rate and win_rate["n"] > 0 and win_rate["low"] > 0.5:
        checkpoint_promote(checkpoint=candidate)


def _follow_up(round: Round) -> bool:
    """Prepare the next round, and close this one once the next collects."""
    following = Round.objects.filter(project=round.project, number__gt=round.number).exclude(state=RoundState.ABANDONED)
    if not following.exists():
        round_prepare(project=round.project, settings=RoundSettings.model_validate(round.settings))
        return False
    if not following.exclude(state=RoundState.DRAFT).exists():
        return False
    round.closed_at = timezone.now()
    round.save(update_fields=["closed_at"])
    _move(round, RoundState.CLOSED)
    return True


def _is_due(round: Round) -> bool:
    project = round.project
    if project.launch_every_hours is not None and round.opened_at is not None:
        hours = (timezone.now() - round.opened_at).total_seconds() / 3600
        if hours >= project.launch_every_hours:
            return True
    if project.launch_at_judgments is None:
        return False
    judged = Judgment.objects.current().filter(assignment__comparison__round=round).count()
    return judged >= project.launch_at_judgments


def _writers(project: Project) -> list[Checkpoint]:
    """The policies that answer the next prompts: the newest trained one and the promoted one.

    When the newest is the promoted one, its parent writes beside it, so that
    people go on comparing the new checkpoint with the one before.
    """
    promoted = promoted_policy(project)
    policies = Checkpoint.objects.filter(project=project, kind=CheckpointKind.POLICY)
    newest = policies.exclude(state=CheckpointState.RETIRED).order_by("-id").first() or promoted
    beside = promoted if newest != promoted else newest.parent
    return [newest, *([beside] if beside else [])]


def _prompts_for_round(project: Project) -> list[int]:
    """The least used prompts first; among equals a draw that depends on their content alone.

    The draw is the end of the content's hash, because its beginning decides the split:
    sorted by that, a round would hold nothing but held-out prompts.
    """
    prompts = (
        project.prompts.annotate(
            used=Count("comparisons", filter=~Q(comparisons__round__state=RoundState.ABANDONED)),
            draw=Right("content_sha256", 16),
        )
        .order_by("used", "draw")
        .values_list("id", flat=True)[: project.prompts_per_round]
    )
    return list(prompts)


def _held_out_prompts(project: Project, count: int) -> list[int]:
    """The same held-out prompts for every round of a project, so that rounds can be compared."""
    return list(
        Prompt.objects.filter(project=project, split=Split.HOLDOUT)
        .order_by("content_sha256")
        .values_list("id", flat=True)[:count]
    )


def _next_number(project: Project) -> int:
    return (project.rounds.aggregate(newest=Max("number"))["newest"] or 0) + 1


def _require(round: Round, after: RoundState) -> None:
    if not is_allowed(RoundState(round.state), after):
        raise StateNotAllowed(
            _("%(round)s is %(state)s, so it cannot become %(wanted)s. Reload the page.")
            % {"round": round, "state": _(round.state), "wanted": _(after.value)}
        )


def _move(round: Round, after: RoundState) -> None:
    _require(round, after)
    round.state = after
    round.save(update_fields=["state"])
    if after in TOLD:
        round_happened(round, TOLD[after])
