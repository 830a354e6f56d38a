"""Which answers of a round are put side by side."""

from __future__ import annotations

import random
from itertools import groupby

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Greatest
from django.utils.translation import gettext as _

from annotator.domain.pairing import Candidate, pairs_for_prompt
from annotator.exceptions import InputInvalid
from annotator.models import Comparison, Response, Round, Run

MOST_WANTED = 50


def comparisons_plan(*, round: Round, run: Run) -> int:
    """Make the comparisons of a round from the answers that `run` wrote; return how many.

    The draw depends only on the round and the prompt, so planning twice plans the same.
    """
    project = round.project
    planned: list[Comparison] = []
    responses = Response.objects.filter(run=run).order_by("prompt_id", "id").iterator()
    for prompt_id, answers in groupby(responses, key=lambda response: response.prompt_id):
        rng = random.Random(f"round {round.pk} prompt {prompt_id}")
        # An empty answer teaches nothing and cannot be trained on.
        candidates = [Candidate(a.pk, a.checkpoint_id, a.text) for a in answers if a.text.strip()]
        for first, second in pairs_for_prompt(candidates, wanted=project.comparisons_per_prompt, rng=rng):
            wanted = project.overlap if rng.random() < project.overlap_share else 1
            planned.append(
                Comparison(round=round, prompt_id=prompt_id, first_id=first, second_id=second, wanted=wanted)
            )
    # Raters meet prompts in a mixed order; two comparisons of one prompt stand apart.
    random.Random(f"round {round.pk}").shuffle(planned)
    Comparison.objects.bulk_create(planned, batch_size=1000)
    return len(planned)


def comparisons_want(*, comparisons: QuerySet[Comparison], wanted: int) -> int:
    """Ask for this many judgments of each from now on; return how many that changed.

    What is held or answered already stays: a comparison with more of both than
    `wanted` is finished with those. Raises InputInvalid for a number that is out of range.
    """
    if not 1 <= wanted <= MOST_WANTED:
        raise InputInvalid(_("Judgments wanted are a number from 1 to %(most)s.") % {"most": MOST_WANTED})
    with transaction.atomic():
        # All rows first, in one order: then two such changes wait for each other, and in no circle.
        rows = list(comparisons.order_by("pk").select_for_update().values_list("pk", flat=True))
        return (
            Comparison.objects.filter(pk__in=rows)
            .exclude(wanted=Greatest(wanted, F("held") + F("answered")))
            .update(wanted=Greatest(wanted, F("held") + F("answered")))
        )
