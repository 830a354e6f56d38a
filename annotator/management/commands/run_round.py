"""Launch the round that collects, and wait for what comes of it."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import close_old_connections
from django.utils import timezone
from kombu.exceptions import OperationalError

from annotator.domain.lifecycles import RoundState, RunKind, RunState
from annotator.exceptions import TiebreakError
from annotator.management.project_named import project_that_exists
from annotator.models import Checkpoint, CheckpointKind, Comparison, Judgment, Project, Round, Run, Snapshot
from annotator.selectors.rounds import round_newest
from annotator.selectors.runs import run_status
from annotator.services.rounds import round_launch
from annotator.tasks import ring
from training.config import PRESETS

POLL_SECONDS = 0.5
SAY_AGAIN_SECONDS = 10.0  # a stage that goes on says so this often
NO_WORKER_SECONDS = 60.0
LEARNING = (RoundState.FROZEN, RoundState.TRAINING, RoundState.EVALUATED)
STOPPED = (RunState.FAILED, RunState.CANCELLED)


class Command(BaseCommand):
    help = (
        "Launch the collecting round of a project. With --wait, wait for its checkpoint and for the fresh comparisons "
        "of the next round, say how far it is on standard error, and end with one line of JSON."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, help="slug or name of the project")
        parser.add_argument("--preset", default="standard", choices=PRESETS, help="settings of the round (standard)")
        parser.add_argument("--seed", type=int, default=0, help="seed of the round (0)")
        parser.add_argument("--wait", action="store_true", help="wait until fresh comparisons are in the queue")
        parser.add_argument("--timeout", type=float, default=3600.0, help="seconds to wait at most (3600)")

    def handle(self, *args: Any, **options: Any) -> None:
        project = project_that_exists(options["project"])
        round = self._launched(project, options)
        if not options["wait"]:
            return
        following = self._wait(round, time.monotonic() + options["timeout"])
        round.refresh_from_db()
        report = report_of(round, following)
        if not report["fresh_comparisons"]:
            self.stderr.write("No two of the new answers differ, so there is nothing new to judge.")
        self.stdout.write(json.dumps(report))

    def _launched(self, project: Project, options: dict[str, Any]) -> Round:
        """The round that this command is about: launched now, or found learning when there is waiting to do."""
        round = round_newest(project)
        if round is None:
            raise CommandError(f"“{project.name}” has no round yet. Prepare one on its page, or import judgments.")
        if round.state == RoundState.DRAFT and round.number > 1 and options["wait"]:
            before = project.rounds.filter(number__lt=round.number, state__in=LEARNING).order_by("-number").first()
            round = before or round
        if round.state in LEARNING and options["wait"]:
            self.stderr.write(f"{round} is {round.state} already; waiting for it.")
            return round
        settings = PRESETS[options["preset"]][1].model_copy(update={"seed": options["seed"]})
        try:
            round = round_launch(round=round, settings=settings, by=None)
        except TiebreakError as error:
            raise CommandError(error.message) from error
        self.stderr.write(f"{round} of “{project.name}” is launched.")
        try:
            ring()
        except OperationalError:
            self.stderr.write("The broker does not answer; the round starts when it is back.")
        return round

    def _wait(self, round: Round, deadline: float) -> Round:
        """The round that follows, once it collects. Raises CommandError when that will not happen."""
        saying = _Saying(self)
        while True:
            close_old_connections()  # waiting takes longer than some databases keep a silent connection
            round.refresh_from_db()
            following = _following(round)
            saying.say(round, _runs(round, following))
            if following is not None and following.state != RoundState.DRAFT:
                return following
            if reason := _why_it_stopped(round, following):
                raise CommandError(reason)
            if time.monotonic() > deadline:
                raise CommandError(
                    f"{round} is {round.state} and not done in time. It goes on; wait again with --wait."
                )
            time.sleep(POLL_SECONDS)


class _Saying:
    """Says what changed, and now and then what goes on."""

    def __init__(self, command: BaseCommand) -> None:
        self._write = command.stderr.write
        self._states: dict[int, str] = {}
        self._round_state = ""
        self._last = time.monotonic()
        self._warned: set[int] = set()

    def say(self, round: Round, runs: list[Run]) -> None:
        if round.state != self._round_state:
            self._round_state = round.state
            self._line(f"{round}: {round.state}")
        for run in runs:
            if run.state != self._states.get(run.pk):
                self._states[run.pk] = run.state
                took = f" in {run.seconds:.1f} s" if run.state == RunState.SUCCEEDED and run.seconds else ""
                self._line(f"  {run.kind}: {run.state}{took}")
        live = next((run for run in runs if run.is_live), None)
        if live is not None and time.monotonic() - self._last > SAY_AGAIN_SECONDS:
            self._line(f"  {live.kind}: {run_status(live).sentence}")
        if live is not None and _waits_for_long(live) and live.pk not in self._warned:
            self._warned.add(live.pk)
            self._line("  No worker has taken this up yet. Does the instance run?")

    def _line(self, text: str) -> None:
        self._last = time.monotonic()
        self._write(text)


def report_of(round: Round, following: Round) -> dict[str, Any]:
    """What the round was made from, how long each stage took, and what it brought."""
    policy = Checkpoint.objects.select_related("parent", "run").get(run__round=round, kind=CheckpointKind.POLICY)
    reward = Checkpoint.objects.get(run__round=round, kind=CheckpointKind.REWARD)
    metrics = {**reward.metrics, **policy.metrics}
    snapshot = Snapshot.objects.get(round=round)
    judged = Judgment.objects.current().filter(assignment__comparison__round=round)
    return {
        "project": round.project.slug,
        "round": round.number,
        "judgments": judged.count(),
        "judgments_in_snapshot": snapshot.counts.get("judgments"),
        "seconds": _seconds(round, following, snapshot),
        "reward": _accuracy(metrics, "reward/accuracy"),
        "dpo": _accuracy(metrics, "dpo/accuracy"),
        **_estimate(metrics, "win_rate"),
        **_estimate(metrics, "kl"),
        **_estimate(metrics, "length_ratio"),
        "checkpoint": policy.pk,
        "checkpoint_name": policy.name,
        "checkpoint_state": policy.state,
        "parent": policy.parent_id,
        "parent_name": policy.parent.name if policy.parent else None,
        "reward_checkpoint": reward.pk,
        "next_round": following.number,
        "fresh_comparisons": Comparison.objects.filter(round=following).count(),
    }


def _seconds(round: Round, following: Round, snapshot: Snapshot) -> dict[str, float | None]:
    """Wall-clock seconds of each stage, and from the launch until the next round collects."""
    launched, collects = round.launched_at, following.opened_at
    assert launched is not None
    assert collects is not None
    took = {run.kind: run.seconds for run in _runs(round, following) if run.state == RunState.SUCCEEDED}
    stages = {kind.value: took.get(kind) for kind in (RunKind.REWARD, RunKind.DPO, RunKind.EVALUATE, RunKind.GENERATE)}
    seconds = {"freeze": (snapshot.created_at - launched).total_seconds(), **stages}
    seconds["total"] = (collects - launched).total_seconds()
    return {name: None if value is None else round_to_ms(value) for name, value in seconds.items()}


def round_to_ms(seconds: float) -> float:
    return float(f"{seconds:.3f}")


def _accuracy(metrics: dict[str, Any], name: str) -> dict[str, float | None]:
    found = metrics.get(name) or {}
    return {"accuracy": _number(found, "value"), **{key: _number(found, key) for key in ("n", "low", "high")}}


def _estimate(metrics: dict[str, Any], name: str) -> dict[str, float | None]:
    found = metrics.get(name) or {}
    return {name: _number(found, "value"), **{f"{name}_{key}": _number(found, key) for key in ("n", "low", "high")}}


def _number(estimate: dict[str, Any], key: str) -> float | None:
    """A measured number; None where it is unknown, because JSON has no word for NaN."""
    value = estimate.get(key)
    return value if value is not None and math.isfinite(value) else None


def _following(round: Round) -> Round | None:
    rounds = Round.objects.filter(project=round.project_id, number__gt=round.number)
    return rounds.exclude(state=RoundState.ABANDONED).order_by("number").first()


def _runs(round: Round, following: Round | None) -> list[Run]:
    """The stages of a turn: what follows the launch, and the writing of the next answers."""
    own = Run.objects.filter(round=round).exclude(kind__in=[RunKind.GENERATE, RunKind.SCORE])
    fresh = Run.objects.filter(round=following, kind=RunKind.GENERATE) if following else Run.objects.none()
    return [*own.order_by("id"), *fresh.order_by("id")]


def _why_it_stopped(round: Round, following: Round | None) -> str:
    """Why no fresh comparisons will come, empty while they still may."""
    if round.state == RoundState.ABANDONED:
        return f"{round} was given up."
    for newest in _newest_of_each(round, following):
        if newest.state in STOPPED:
            return f"The {newest.kind} stage {newest.state}: {newest.error or 'by a person'} (run {newest.pk})"
    return ""


def _newest_of_each(round: Round, following: Round | None) -> Iterator[Run]:
    """The newest run of the round, and that of the next one: a retried stage leaves its failed run behind."""
    by_round = {run.round_id: run for run in _runs(round, following)}
    yield from by_round.values()


def _waits_for_long(run: Run) -> bool:
    return run.state == RunState.QUEUED and (timezone.now() - run.queued_at).total_seconds() > NO_WORKER_SECONDS
