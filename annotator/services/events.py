"""What happens in a project is written down for those who want to hear of it, in the transaction of what happens."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from annotator.domain.webhooks import EventKind
from annotator.models import (
    Checkpoint,
    Delivery,
    Member,
    Project,
    Round,
    RoundTally,
    Run,
    Snapshot,
    Webhook,
    WebhookEvent,
)


def event_add(*, project_id: int, kind: EventKind, data: dict[str, Any], only: Webhook | None = None) -> None:
    """Each webhook that hears of this kind has a delivery waiting. Nothing is written where none does.

    only  the one webhook to tell, whatever it listens to
    """
    hearing = (
        [only] if only else list(Webhook.objects.filter(project=project_id, kinds__contains=[kind], stopped_at=None))
    )
    if not hearing:
        return
    with transaction.atomic():
        event = WebhookEvent.objects.create(project_id=project_id, kind=kind, data=data)
        Delivery.objects.bulk_create(Delivery(webhook=webhook, event=event) for webhook in hearing)


def round_happened(round: Round, kind: EventKind) -> None:
    event_add(project_id=round.project_id, kind=kind, data=_of_round(round))


def run_happened(run: Run, kind: EventKind) -> None:
    about = {"run": run.pk, "kind": run.kind, "round": run.round.number if run.round else None}
    page = _page("run", run.project, run.pk)
    event_add(project_id=run.project_id, kind=kind, data={"project": run.project.slug, **about, "url": page})


def snapshot_happened(snapshot: Snapshot, kind: EventKind) -> None:
    project = snapshot.project
    data = {
        "project": project.slug, "snapshot": snapshot.version, "round": snapshot.round.number,
        "sha256": snapshot.sha256, "counts": snapshot.counts, "url": _page("snapshot", project, snapshot.version),
    }  # fmt: skip
    event_add(project_id=project.pk, kind=kind, data=data)


def checkpoint_happened(checkpoint: Checkpoint, kind: EventKind) -> None:
    project = checkpoint.project
    data = {
        "project": project.slug, "checkpoint": checkpoint.pk, "name": checkpoint.name, "kind": checkpoint.kind,
        "sha256": checkpoint.sha256, "parent": checkpoint.parent_id, "run": checkpoint.run_id,
        "url": _page("checkpoint", project, checkpoint.pk),
    }  # fmt: skip
    event_add(project_id=project.pk, kind=kind, data=data)


def rater_paused(member: Member, measure: str) -> None:
    """Which member and why; their name stays on the page behind the link."""
    data = {
        "project": member.project.slug,
        "member": member.pk,
        "measure": measure,
        "url": _page("checks", member.project),
    }
    event_add(project_id=member.project_id, kind=EventKind.RATER_PAUSED, data=data)


def judgments_tell() -> None:
    """Tell how many judgments rounds have now, where that changed since it was last told.

    From the sums that triggers keep, so storing a judgment costs nothing more, and
    nothing is missed: a judgment is in the sum in the moment in which it is stored.
    """
    listening = Webhook.objects.filter(kinds__contains=[EventKind.JUDGMENT_STORED], stopped_at=None)
    for project in Project.objects.filter(pk__in=listening.values("project")):
        for round in project.rounds.order_by("-number")[
            :2
        ]:  # the one that collects, and late answers to the one before
            _judgments_tell(round)


@transaction.atomic
def _judgments_tell(round: Round) -> None:
    judgments = RoundTally.objects.filter(round=round).sums()["answered"]
    before = round.judgments_told
    # Two clocks at once: the second finds the number changed.
    told = Round.objects.filter(pk=round.pk, judgments_told=before).update(judgments_told=judgments)
    if told and judgments > before:  # fewer: pairs were set aside
        data = {**_of_round(round), "judgments": judgments, "before": before}
        event_add(project_id=round.project_id, kind=EventKind.JUDGMENT_STORED, data=data)


def _of_round(round: Round) -> dict[str, Any]:
    return {
        "project": round.project.slug, "round": round.number, "state": round.state,
        "url": _page("round", round.project, round.number),
    }  # fmt: skip


def _page(name: str, project: Project, *numbers: int) -> str:
    """The address of a page of ours, as people reach it."""
    return settings.TIEBREAK_URL + reverse(name, args=[project.slug, *numbers])
