"""What runs are doing and what they said."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotator.domain.lifecycles import RunKind, RunState
from annotator.models import Checkpoint, Project, Run, RunEvent

PAGE = 40
EVENTS_SHOWN = 200
SILENT_AFTER = timedelta(seconds=20)  # as in services.runs: by then another worker may take over

KIND_TITLES = {
    "sft": gettext_lazy("Imitation"),
    "reward": gettext_lazy("Reward model"),
    "dpo": gettext_lazy("Policy training (DPO)"),
    "evaluate": gettext_lazy("Evaluation"),
    "generate": gettext_lazy("Writing answers"),
    "score": gettext_lazy("Scoring answers"),
    "merge": gettext_lazy("Making whole weights"),
    "push": gettext_lazy("Sending to a hub"),
}


@dataclass(frozen=True)
class RunStatus:
    """Where a run stands, in words.

    sentence  what happens right now, for people
    step, total_steps  0 while unknown
    """

    sentence: str
    step: int = 0
    total_steps: int = 0
    device: str = ""

    @property
    def share(self) -> float:
        return self.step / self.total_steps if self.total_steps else 0.0


@dataclass(frozen=True)
class Series:
    """One metric over the steps of a run."""

    name: str
    steps: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    @property
    def points(self) -> list[tuple[int, float]]:
        return list(zip(self.steps, self.values, strict=True))

    @property
    def last(self) -> float:
        return self.values[-1]


def runs_page(project: Project, *, before: int | None = None) -> tuple[list[Run], int | None]:
    """Runs, newest first, and the id that the next page starts behind."""
    runs = Run.objects.filter(project=project).select_related("round", "project")
    rows = list((runs.filter(pk__lt=before) if before else runs).order_by("-pk")[: PAGE + 1])
    return rows[:PAGE], rows[PAGE - 1].pk if len(rows) > PAGE else None


def run_status(run: Run) -> RunStatus:
    """One sentence about the run, made from its state and its newest events."""
    newest = {event.kind: event.payload for event in _newest_events(run)}
    metrics, started = newest.get("metrics", {}), newest.get("started", {})
    step = metrics.get("step", started.get("resumed_from", 0))
    if run.kind in (
        RunKind.EVALUATE,
        RunKind.MERGE,
        RunKind.PUSH,
    ):  # they measure nothing on the way: their steps are their stages
        step = max(run.events.filter(kind="stage").count() - 1, 0)
    total = metrics.get("total_steps", started.get("total_steps", 0))
    device = started.get("device", "")
    return RunStatus(_sentence(run, newest, step, total), step, total, device)


def run_events(run: Run) -> list[RunEvent]:
    """The newest things a run said apart from its measurements, oldest first."""
    events = list(run.events.exclude(kind="metrics").order_by("-number")[:EVENTS_SHOWN])[::-1]
    names = _checkpoint_names(run)
    for event in events:
        if "sentence" in event.payload:
            event.payload["sentence"] = _with_name(event.payload["sentence"], names)
    return events


def run_notes(run: Run) -> list[str]:
    """What people should know about a run, each thing once: what was left out and why, and alarms as they ring."""
    payloads = run.events.filter(kind="note").order_by("number").values_list("payload", flat=True)
    names = _checkpoint_names(run)
    return list(dict.fromkeys(_with_name(payload["sentence"], names) for payload in payloads))


def run_series(run: Run) -> list[Series]:
    """Every metric that the run measured, in the order of first appearance.

    A resumed run measures some steps again; the later value stands.
    """
    by_name: dict[str, dict[int, float]] = {}
    for payload in run.events.filter(kind="metrics").order_by("number").values_list("payload", flat=True):
        for name, value in payload["values"].items():
            by_name.setdefault(name, {})[payload["step"]] = value
    return [Series(name, sorted(points), [points[s] for s in sorted(points)]) for name, points in by_name.items()]


def run_last_measured(run: Run) -> int:
    """The number of the newest measurement, 0 before the first: it changes when the charts do."""
    return run.events.filter(kind="metrics").order_by("-number").values_list("number", flat=True).first() or 0


def runs_live(project: Project) -> QuerySet[Run]:
    return Run.objects.filter(project=project, state__in=["queued", "running"]).select_related("round", "project")


def _newest_events(run: Run) -> QuerySet[RunEvent]:
    """The newest event of each kind, in one query."""
    return run.events.order_by("kind", "-number").distinct("kind")


def _sentence(run: Run, newest: dict[str, Any], step: int, total: int) -> str:
    match RunState(run.state):
        case RunState.QUEUED:
            if run.error:
                return _("Starts again. %(error)s") % {"error": run.error}
            return _("Waiting for a free worker.")
        case RunState.RUNNING:
            if run.heartbeat_at and timezone.now() - run.heartbeat_at > SILENT_AFTER:
                return _("Its worker has gone silent. Another one goes on from the last saved step.")
            doing = newest.get("stage", {}).get("sentence") or _("Starting the engine.")
            doing = _with_name(doing, _checkpoint_names(run))
            if not (total and step):
                return doing
            return _("%(doing)s: step %(step)s of %(total)s.") % {
                "doing": doing.rstrip("."),
                "step": number_format(step, force_grouping=True),
                "total": number_format(total, force_grouping=True),
            }
        case RunState.SUCCEEDED:
            return _("Finished.")
        case RunState.FAILED:
            return run.error or _("Failed.")
        case RunState.CANCELLED:
            return _("Cancelled by a person.")


def _checkpoint_names(run: Run) -> dict[str, str]:
    """The engine knows checkpoints by their id; people know them by name."""
    named = {RunKind.GENERATE: "policies", RunKind.SCORE: "judges"}.get(RunKind(run.kind))
    if named is None:
        return {}
    return {str(row.pk): row.name for row in Checkpoint.objects.filter(pk__in=run.details.get(named, []))}


def _with_name(sentence: str, names: dict[str, str]) -> str:
    label, _space, rest = sentence.partition(" ")
    return f"{names[label]} {rest}" if label in names else sentence
