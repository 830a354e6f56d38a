"""Which answers of a round are put side by side, who is asked about them, and how soon."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import groupby

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Greatest
from django.utils.translation import gettext as _

from annotator.domain.pairing import Candidate, pairs_for_prompt
from annotator.domain.placing import PRIORITIES, placed, rules_of
from annotator.exceptions import InputInvalid
from annotator.models import Comparison, Project, Prompt, Response, Round, Run
from annotator.selectors.votes import Author
from annotator.services.renderings import renderings_ensure
from annotator.sql import rows

MOST_WANTED = 50
BATCH = 500  # comparisons whose texts are rendered at a time
PAGE = 5000  # comparisons that are locked at once while they are placed anew


def comparisons_plan(*, round: Round, run: Run) -> int:
    """Make the comparisons of a round from the answers that `run` wrote; return how many.

    The draw depends only on the round and the prompt, so planning twice plans the same.
    """
    project = round.project
    place = Placing(project)
    planned: list[Comparison] = []
    responses = Response.objects.filter(run=run).annotate(tags=F("prompt__tags")).order_by("prompt_id", "id").iterator()
    for prompt_id, group in groupby(responses, key=lambda response: response.prompt_id):
        answers = list(group)
        rng = random.Random(f"round {round.pk} prompt {prompt_id}")
        # An empty answer teaches nothing and cannot be trained on.
        candidates = [Candidate(a.pk, a.checkpoint_id, a.text) for a in answers if a.text.strip()]
        for first, second in pairs_for_prompt(candidates, wanted=project.comparisons_per_prompt, rng=rng):
            wanted = project.overlap if rng.random() < project.overlap_share else 1
            planned.append(
                place(
                    Comparison(round=round, prompt_id=prompt_id, first_id=first, second_id=second, wanted=wanted),
                    answers[0].tags,
                )
            )
    # Raters meet prompts in a mixed order; two comparisons of one prompt stand apart.
    random.Random(f"round {round.pk}").shuffle(planned)
    Comparison.objects.bulk_create(planned, batch_size=1000)
    texts_render(planned)
    return len(planned)


from annotator.models import Comparison, Project, Prompt, Response, Round, Run
from annotator.selectors.votes import Author
from annotator.services.renderings import renderings_ensure
from annotator.sql import rows

MOST_WANTED = 50
BATCH = 500  # comparisons whose texts are rendered at a time
PAGE = 5000  # comparisons that are locked at once while they are placed anew


def comparisons_want(*, comparisons: QuerySet[Comparison], wanted: int) -> int:
    """Ask for this many judgments of each from now on; return how many that changed.

    What is held or answered already stays: a comparison with more of both than
    `wanted` is finished with those. Raises InputInvalid for a number that is out of range.
    """
    if not 1 <= wanted <= MOST_WANTED:
        raise InputInvalid(_("Judgments wanted are a number from 1 to %(most)s.") % {"most": MOST_WANTED})
    with transaction.atomic():
        # All rows first, in one order: then two such changes wait for each other, and in no circle.
        found = list(comparisons.order_by("pk").select_for_update().values_list("pk", flat=True))
        return (
            Comparison.objects.filter(pk__in=found)
            .exclude(wanted=Greatest(wanted, F("held") + F("answered")))
            .update(wanted=Greatest(wanted, F("held") + F("answered")))
        )
