"""Gold comparisons are written down once and retired, never changed: sittings refer to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.domain.gold import GoldUse, Right
from annotator.exceptions import InputInvalid
from annotator.models import Gold, Project, User


def gold_add(
    *, project: Project, use: str, messages: Sequence[Mapping[str, str]], first: str, second: str,
    right: Collection[str], explanation: str, by: User | None,
) -> Gold:  # fmt: skip
    """Write a gold comparison down. Raises InputInvalid for one that could not be asked or explained."""
    if use not in set(GoldUse):
        raise InputInvalid(_("“%(use)s” is not a use of gold.") % {"use": use})
    if not right or not set(right) <= set(Right):
        raise InputInvalid(_("Say which answers are right."))
    if not messages or not first.strip() or not second.strip():
        raise InputInvalid(_("A pair needs a question and two answers."))
    if first == second:
        raise InputInvalid(_("The two answers are the same; nobody could tell them apart."))
    return Gold.objects.create(
        project=project,
        use=use,
        messages=[{"role": turn["role"], "content": turn["content"]} for turn in messages],
        first=first,
        second=second,
        right=[kind.value for kind in Right if kind in right],
        explanation=explanation.strip(),
        created_by=by,
    )


def gold_retire(*, gold: Gold) -> None:
    """Ask it no more; sittings that asked it keep it."""
    Gold.objects.filter(pk=gold.pk, retired_at=None).update(retired_at=timezone.now())
