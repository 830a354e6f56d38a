"""What training made is registered with where it came from, then trusted or turned down."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator import store
from annotator.domain.lifecycles import CheckpointState, is_allowed
from annotator.domain.webhooks import EventKind
from annotator.exceptions import StateNotAllowed
from annotator.models import Checkpoint, CheckpointKind, Run, Snapshot
from annotator.services.events import checkpoint_happened
from training.contract import MANIFEST, CheckpointManifest, RunReport, file_sha256


@transaction.atomic
def checkpoint_register(
    *, run: Run, kind: CheckpointKind, path: str, manifest: CheckpointManifest, parent: Checkpoint
) -> Checkpoint:
    """Register what a training run left at `path`, with parent, snapshot, settings, hashes and metrics."""
    snapshot = Snapshot.objects.filter(round=run.round).first() if run.round_id else None
    number = run.round.number if run.round else 0
    name = f"round-{number}" if kind == CheckpointKind.POLICY else f"round-{number}-reward"
    if Checkpoint.objects.filter(project=run.project, name=name).exists():
        name = f"{name}-run-{run.pk}"
    checkpoint = Checkpoint.objects.create(
        project=run.project,
        kind=kind,
        name=name,
        base_model=parent.base_model,
        parent=parent,
        snapshot=snapshot,
        run=run,
        path=path,
        sha256=file_sha256(store.store_path(path) / MANIFEST),
        settings=run.settings,
        metrics=estimates_of(manifest.report, prefix=run.kind),
    )
    checkpoint_happened(checkpoint, EventKind.CHECKPOINT_REGISTERED)
    return checkpoint


def checkpoint_measured(*, checkpoint: Checkpoint, report: RunReport) -> None:
    """Keep what an evaluation found beside what training found."""
    checkpoint.metrics = {**checkpoint.metrics, **estimates_of(report)}
    checkpoint.save(update_fields=["metrics"])


@transaction.atomic
def checkpoint_promote(*, checkpoint: Checkpoint) -> Checkpoint:
    """Make this the policy that the next round starts from; the one before retires.

    Promoting a retired checkpoint again is the roll-back. Promoting the
    promoted one changes nothing. Raises StateNotAllowed for a reward model.
    """
    if checkpoint.kind != CheckpointKind.POLICY:
        raise StateNotAllowed(_("Only a policy can be promoted; this is a reward model."))
    siblings = Checkpoint.objects.select_for_update().filter(
        project_id=checkpoint.project_id, kind=CheckpointKind.POLICY
    )
    list(siblings)  # two owners promoting at once take turns
    siblings.filter(state=CheckpointState.PROMOTED).exclude(pk=checkpoint.pk).update(state=CheckpointState.RETIRED)
    promoted = (
        siblings.filter(pk=checkpoint.pk)
        .exclude(state=CheckpointState.PROMOTED)
        .update(state=CheckpointState.PROMOTED, promoted_at=timezone.now())
    )
    checkpoint.refresh_from_db()
    if promoted:
        checkpoint_happened(checkpoint, EventKind.CHECKPOINT_PROMOTED)
    return checkpoint


@transaction.atomic
def checkpoint_retire(*, checkpoint: Checkpoint) -> Checkpoint:
    """Turn a candidate down. The promoted policy cannot be retired: promote another one instead."""
    row = Checkpoint.objects.select_for_update().get(pk=checkpoint.pk)
    if row.state == CheckpointState.PROMOTED:
        raise StateNotAllowed(_("This is the promoted policy; promote another checkpoint instead, and it retires."))
    if is_allowed(CheckpointState(row.state), CheckpointState.RETIRED):
        row.state = CheckpointState.RETIRED
        row.save(update_fields=["state"])
    return row


def estimates_of(report: RunReport, prefix: str = "") -> dict[str, dict[str, float]]:
    """A report's estimates as JSON, their names led by the run's kind unless they say it already."""
    return {
        name if not prefix or "/" in name else f"{prefix}/{name}": estimate.model_dump()
        for name, estimate in report.estimates.items()
    }
