"""What an owner sees of the pairs that raters flagged."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from django.db.models import QuerySet

from annotator.models import Comparison, Flag, Project

PAGE = 20  # flagged comparisons on a page


@dataclass(frozen=True)
class Flagged:
    """A comparison with its open flags, by what was found wrong, and who found it."""

    comparison: Comparison
    found: list[tuple[str, list[str]]]

    @property
    def is_aside(self) -> bool:
        return self.comparison.set_aside_at is not None


@dataclass(frozen=True)
class Page:
    """older: where the next page begins, None on the last one."""

    flagged: list[Flagged]
    older: int | None


def comparisons_flagged(project: Project, *, before: int | None = None) -> Page:
    """Comparisons with open flags, and those that are set aside, newest first.

    Both kinds are few and have an index. Asked for in order, the database would go through all comparisons instead.
    """
    rounds = list(project.rounds.values_list("pk", flat=True))
    aside = Comparison.objects.filter(round__in=rounds, set_aside_at__isnull=False).order_by()
    flags = _open().filter(assignment__comparison__round__in=rounds).order_by()
    some = {*aside.values_list("pk", flat=True), *flags.values_list("assignment__comparison", flat=True)}
    newest = sorted((pk for pk in some if before is None or pk < before), reverse=True)[: PAGE + 1]
    rows = Comparison.objects.filter(pk__in=newest).select_related("prompt", "first", "second", "round")
    found = list(rows.order_by("-pk"))
    shown = found[:PAGE]
    by_comparison: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for flag in _open().filter(assignment__comparison__in=shown).select_related("assignment__rater"):
        by_comparison[flag.assignment.comparison_id][flag.words].append(str(flag.assignment.rater))
    return Page(
        [Flagged(one, sorted(by_comparison[one.pk].items())) for one in shown],
        shown[-1].pk if len(found) > PAGE else None,
    )


def _open() -> QuerySet[Flag]:
    return Flag.objects.filter(settled_at=None)


def flags_open(project: Project, *, kind: str = "", comparison: int | None = None) -> QuerySet[Flag]:
    """One by one, with whoever raised them; what raters find wrong with gold is another matter."""
    flags = _open().filter(assignment__comparison__round__project=project, assignment__comparison__gold=None)
    if kind:
        flags = flags.filter(kind=kind)
    if comparison is not None:
        flags = flags.filter(assignment__comparison=comparison)
    return flags.select_related("assignment__rater")
