"""Where checkpoints come from, down to the judgments, and what came of them."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet

from annotator.models import Checkpoint, CheckpointKind, Project, Response, Snapshot

MAX_ANCESTORS = 50


@dataclass(frozen=True)
class Lineage:
    """One checkpoint's family.

    ancestors  from the base model down to the parent
    reward     the reward model trained in the same round
    judgments  judgments in the snapshot that trained it
    responses  answers that it has written
    """

    ancestors: list[Checkpoint]
    children: list[Checkpoint]
    reward: Checkpoint | None
    judgments: int | None
    responses: int


def checkpoints_of(project: Project, kind: str = CheckpointKind.POLICY) -> QuerySet[Checkpoint]:
    """Newest first, with what their rows show."""
    return project.checkpoints.filter(kind=kind).select_related("parent", "snapshot", "run__round").order_by("-id")


def checkpoint_lineage(checkpoint: Checkpoint) -> Lineage:
    return Lineage(
        ancestors=_ancestors(checkpoint),
        children=list(checkpoint.children.filter(kind=CheckpointKind.POLICY).order_by("id")),
        reward=_reward_of(checkpoint),
        judgments=checkpoint.snapshot.counts.get("judgments") if checkpoint.snapshot else None,
        responses=Response.objects.filter(checkpoint=checkpoint).count(),
    )


def snapshots_of(project: Project) -> QuerySet[Snapshot]:
    """Newest first, with their rounds."""
    return project.snapshots.select_related("round").order_by("-version")


def checkpoints_from(snapshot: Snapshot) -> QuerySet[Checkpoint]:
    """What was trained on a snapshot."""
    return snapshot.checkpoints.select_related("run__round", "parent").order_by("id")


def _ancestors(checkpoint: Checkpoint) -> list[Checkpoint]:
    """In two queries however long the line is: all policies of the project, then a walk in memory."""
    policies = {row.pk: row for row in Checkpoint.objects.filter(project=checkpoint.project_id)}
    line: list[Checkpoint] = []
    parent_id = checkpoint.parent_id
    while parent_id is not None and len(line) < MAX_ANCESTORS:
        line.append(policies[parent_id])
        parent_id = policies[parent_id].parent_id
    return line[::-1]


def _reward_of(checkpoint: Checkpoint) -> Checkpoint | None:
    if checkpoint.kind == CheckpointKind.REWARD or checkpoint.run is None or checkpoint.run.round_id is None:
        return None
    made = Checkpoint.objects.filter(run__round=checkpoint.run.round_id, kind=CheckpointKind.REWARD)
    return made.order_by("-id").first()
