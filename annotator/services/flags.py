"""What raters find wrong with a pair, and what several of them find wrong is set aside."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.utils import timezone

from annotator.domain.flags import OF_THE_PAIR, WORDS, FlagKind
from annotator.exceptions import InputInvalid
from annotator.models import Assignment, Comparison, Flag


@transaction.atomic
def flags_raise(*, assignment: Assignment, kinds: Collection[str]) -> None:
    """Keep what this rater found wrong; the same flag again changes nothing.

    When as many raters as the project wants have flagged the pair itself, it is
    set aside: nobody is shown it any more, and snapshots leave it out, until an
    owner puts it back. Gold is not set aside but retired, by an owner. Raises
    InputInvalid for an unknown kind.
    """
    if unknown := set(kinds) - set(FlagKind):
        raise InputInvalid(f"“{min(unknown)}” is not a flag; use {', '.join(WORDS)}.")
    # Two raters in the same moment: the second waits here and then counts the first.
    comparison = Comparison.with_checks.select_for_update(no_key=True).get(pk=assignment.comparison_id)
    Flag.objects.bulk_create([Flag(assignment=assignment, kind=kind) for kind in kinds], ignore_conflicts=True)
    against = Flag.objects.filter(assignment__comparison=comparison, kind__in=OF_THE_PAIR, settled_at=None)
    raters = against.values("assignment__rater").distinct().count()
    if (
        comparison.gold_id is None
        and comparison.set_aside_at is None
        and raters >= assignment.comparison.round.project.flags_to_set_aside
    ):
        comparison_set_aside(comparison=comparison)


def comparison_set_aside(*, comparison: Comparison) -> None:
    """Take a comparison out of the queue and out of later snapshots; its judgments stay."""
    Comparison.objects.filter(pk=comparison.pk, set_aside_at=None).update(set_aside_at=timezone.now())


@transaction.atomic
def comparison_put_back(*, comparison: Comparison) -> None:
    """Let it be judged and learnt from again; the flags so far are settled and no longer count."""
    Comparison.objects.filter(pk=comparison.pk).update(set_aside_at=None)
    Flag.objects.filter(assignment__comparison=comparison, settled_at=None).update(settled_at=timezone.now())
