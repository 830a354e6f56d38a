"""Gold comparisons are written down once and retired, never changed: sittings refer to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.domain.gold import GoldUse, Right
from annotator.domain.lifecycles import RoundState
from annotator.domain.splits import content_sha256, split_of
from annotator.exceptions import InputInvalid
from annotator.models import Comparison, Gold, Project, Prompt, Response, User
from annotator.selectors.entrance import gold_for
from annotator.services.prompts import text_sha256
from annotator.services.renderings import renderings_ensure


def gold_add(
    *, project: Project, use: str, messages: Sequence[Mapping[str, str]], first: str, second: str,
    right: Collection[str], explanation: str, by: User | None,
) -> Gold:  # fmt: skip
    """Write a gold comparison down; a hidden check stands in the collecting round at once.

    Raises InputInvalid for one that could not be asked or explained.
    """
    if use not in set(GoldUse):
        raise InputInvalid(_("“%(use)s” is not a use of gold.") % {"use": use})
    if not right or not set(right) <= set(Right):
        raise InputInvalid(_("Say which answers are right."))
    if not messages or not first.strip() or not second.strip():
        raise InputInvalid(_("A pair needs a question and two answers."))
    if first == second:
        raise InputInvalid(_("The two answers are the same; nobody could tell them apart."))
    gold = Gold.objects.create(
        project=project,
        use=use,
        messages=[{"role": turn["role"], "content": turn["content"]} for turn in messages],
        first=first,
        second=second,
        right=[kind.value for kind in Right if kind in right],
        explanation=explanation.strip(),
        created_by=by,
    )
    if gold.use == GoldUse.CHECK:
        gold_stage(project=project)
    return gold


@transaction.atomic
def gold_stage(*, project: Project) -> None:
    """Put the hidden checks of a project into its collecting round, where they are not yet there.

    A comparison made of gold looks to its raters like every other, and wants nobody: it is no work of the round.
    """
    # Two owners, or an owner and the conductor: the second finds what the first made.
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    round = project.rounds.filter(state=RoundState.COLLECTING).first()
    if round is None:
        return
    there = set(Comparison.with_checks.filter(round=round, gold__isnull=False).values_list("gold", flat=True))
    for gold in gold_for(project, GoldUse.CHECK):
        if gold.pk not in there:
            first, second = _responses(gold)
            Comparison.with_checks.create(
                round=round, prompt_id=first.prompt_id, first=first, second=second, wanted=0, gold=gold
            )


def _responses(gold: Gold) -> tuple[Response, Response]:
    """The two answers as rows, made when they are first shown."""
    prompt = Prompt.with_checks.filter(gold=gold).first()
    if prompt is not None:
        first, second = prompt.responses.order_by("pk")
        return first, second
    sha256 = content_sha256(gold.messages)
    prompt = Prompt.with_checks.create(
        project_id=gold.project_id, messages=gold.messages, content_sha256=sha256, split=split_of(sha256), gold=gold
    )
    renderings_ensure([gold.first, gold.second, *(turn["content"] for turn in gold.messages)])
    first, second = (
        Response.objects.create(prompt=prompt, text=text, text_sha256=text_sha256(text))
        for text in (gold.first, gold.second)
    )
    return first, second


def gold_retire(*, gold: Gold) -> None:
    """Ask it no more; sittings and rounds that asked it keep it."""
    Gold.objects.filter(pk=gold.pk, retired_at=None).update(retired_at=timezone.now())
