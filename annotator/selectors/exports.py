"""What leaves as a stream: however many rows there are, few of them are in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Q

from annotator.models import Checkpoint, CheckpointKind, Project, Response

PAGE = 500


def checkpoint_by_name(project: Project, name: str) -> Checkpoint | None:
    """The policy with this id or name, None without one."""
    wanted = Q(name=name) | Q(pk=int(name)) if name.isdecimal() and len(name) < 19 else Q(name=name)
    found = Checkpoint.objects.filter(wanted, project=project, kind=CheckpointKind.POLICY)
    # An id is unique in the whole instance; a name made of digits only in its project, so the id comes first.
    return min(found, key=lambda checkpoint: checkpoint.name == name and str(checkpoint.pk) != name, default=None)


def responses_of_checkpoint(
    checkpoint: Checkpoint, *, split: str | None = None, round_number: int | None = None
) -> Iterator[dict[str, Any]]:
    """Every answer that a policy wrote, for comparisons and in evaluations, in the order of writing.

    round_number  only those that it wrote in this round
    """
    rows = Response.objects.filter(checkpoint=checkpoint).order_by("pk")
    if split is not None:
        rows = rows.filter(prompt__split=split)
    if round_number is not None:
        rows = rows.filter(run__round__number=round_number)
    columns = ("pk", "prompt__messages", "text", "prompt__split", "sample", "finish", "run__kind", "run__round__number")
    last = 0
    # Page by page from the last id on, because PgBouncer in transaction mode has no server-side cursors.
    while page := list(rows.filter(pk__gt=last).values_list(*columns)[:PAGE]):
        for _, messages, text, of_split, sample, finish, kind, number in page:
            yield {
                "prompt": messages,
                "response": text,
                "split": of_split,
                "sample": sample,
                "finish": finish,
                "written_for": kind,
                "round": number,
            }
        last = page[-1][0]
