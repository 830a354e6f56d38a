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
from annotator.domain.strategies import is_by_count
from annotator.exceptions import InputInvalid
from annotator.models import Comparison, Project, Prompt, Response, Round, Run
from annotator.selectors.votes import Author
from annotator.services.renderings import renderings_ensure
from annotator.sql import rows

MOST_WANTED = 50
BATCH = 500  # comparisons whose texts are rendered at a time
PAGE = 1000  # comparisons that are placed anew at once


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


def texts_render(comparisons: Sequence[Comparison]) -> None:
    """Make the HTML of all that their cards will show now, so that no rater waits for it."""
    for at in range(0, len(comparisons), BATCH):
        batch = comparisons[at : at + BATCH]
        answers = Response.objects.filter(pk__in=[pk for one in batch for pk in (one.first_id, one.second_id)])
        prompts = Prompt.objects.filter(pk__in=[one.prompt_id for one in batch])
        turns = prompts.values_list("messages", flat=True)
        said = [turn["content"] for conversation in turns for turn in conversation]
        renderings_ensure([*answers.values_list("text", flat=True), *said])


class Placing:
    """Which arm a new comparison belongs to, who is asked about it, and how soon.

    The draw depends only on the round and the two answers. What is in the control
    arm has no priority: then it is handed out by nothing but chance.
    """

    def __init__(self, project: Project) -> None:
        self.rules = rules_of(project.tag_rules)
        self.control_share = project.control_share
        self.is_by_count = is_by_count(project.strategy)

    def __call__(self, comparison: Comparison, tags: Sequence[str]) -> Comparison:
        comparison.is_control = self.draws_control(comparison.round_id, comparison.first_id, comparison.second_id)
        comparison.is_by_count = self.is_by_count and not comparison.is_control
        comparison.audience, priority = placed(tags, self.rules)
        comparison.priority = 0 if comparison.is_control else priority
        return comparison

    def draws_control(self, round_id: int, first_id: int, second_id: int) -> bool:
        if not self.control_share:  # seeding takes its time
            return False
        return random.Random(f"control {round_id} {first_id} {second_id}").random() < self.control_share


def rounds_to_place() -> list[int]:
    """Rounds with comparisons that are not placed by the present rules yet."""
    return list(
        Round.objects.filter(placing_since__isnull=False).order_by("placing_since").values_list("pk", flat=True)
    )


def comparisons_place(*, round_id: int) -> int:
    """Place the comparisons of a round by the project's present rules, from where the last call stopped; return how
    many moved.

    A page of them is one statement that locks only what moves, so nobody who judges waits long. Leaves it to the
    other one when another worker is at it, and begins anew where an owner changes the rules meanwhile.
    """
    moved = 0
    while True:
        # Read in one statement: these rules belong to this beginning.
        round = Round.objects.select_related("project").filter(pk=round_id, placing_since__isnull=False).first()
        if round is None:
            return moved
        rules = rules_of(round.project.tag_rules)
        columns = [list(column) for column in zip(*((r.tag, r.group, r.priority) for r in rules), strict=True)]
        tags, groups, priorities = columns or [[], [], []]
        by_count = is_by_count(round.project.strategy)
        [(last, seen, changed)] = rows(
            PLACE, [tags, groups, priorities, round.pk, round.placing_behind, PAGE, by_count]
        )
        here = Round.objects.filter(pk=round_id, placing_since=round.placing_since, placing_behind=round.placing_behind)
        if last is None:
            here.update(placing_since=None)
            return moved
        if here.update(placing_behind=last, placing_seen=F("placing_seen") + seen) != 1:
            return moved
        moved += changed


PLACE = """
WITH rule AS (
    SELECT * FROM unnest(%s::text[], %s::text[], %s::smallint[]) WITH ORDINALITY r(tag, audience, priority, place)
), page AS MATERIALIZED (
    SELECT id, prompt_id, is_control FROM annotator_comparison
     WHERE round_id = %s AND id > %s AND gold_id IS NULL ORDER BY id LIMIT %s
), placed AS (
    SELECT page.id,
           coalesce((SELECT r.audience FROM rule r WHERE r.tag = ANY(p.tags) AND r.audience <> ''
                      ORDER BY r.place LIMIT 1), '') AS audience,
           CASE WHEN page.is_control THEN 0 ELSE
           coalesce((SELECT r.priority FROM rule r WHERE r.tag = ANY(p.tags) AND r.priority <> 0
                      ORDER BY r.place LIMIT 1), 0) END AS priority,
           %s::boolean AND NOT page.is_control AS is_by_count
      FROM page JOIN annotator_prompt p ON p.id = page.prompt_id
), moving AS (
    SELECT c.id, n.audience, n.priority, n.is_by_count FROM placed n JOIN annotator_comparison c ON c.id = n.id
     WHERE (c.audience, c.priority, c.is_by_count) IS DISTINCT FROM (n.audience, n.priority, n.is_by_count)
     ORDER BY c.id FOR NO KEY UPDATE OF c
), changed AS (
    UPDATE annotator_comparison c SET audience = n.audience, priority = n.priority, is_by_count = n.is_by_count
      FROM moving n
     WHERE c.id = n.id RETURNING c.id
)
SELECT (SELECT max(id) FROM page), (SELECT count(*) FROM page), (SELECT count(*) FROM changed)
"""


def comparisons_prioritise(*, round: Round, one: Author, other: Author, priority: int) -> int:
    """Put what compares these two authors before or behind the rest of the round; return how many that moved.

    The control arm stays in its order by chance. Raises InputInvalid for an unknown priority, and for one author
    against itself, where nothing is compared.
    """
    if priority not in PRIORITIES.values():
        raise InputInvalid(_("A priority is a whole number from −2 to 2."))
    if one == other:
        raise InputInvalid(_("Choose two different ones."))
    pair = _written(one, "first") & _written(other, "second") | _written(other, "first") & _written(one, "second")
    comparisons = round.comparisons.filter(pair, is_control=False).exclude(priority=priority)
    with transaction.atomic():
        found = list(
            comparisons.order_by("pk").select_for_update(of=("self",), no_key=True).values_list("pk", flat=True)
        )
        return Comparison.objects.filter(pk__in=found).update(priority=priority)


def _written(author: Author, side: str) -> Q:
    checkpoint, name = author
    if checkpoint is not None:
        return Q(**{f"{side}__checkpoint": checkpoint})
    return Q(**{f"{side}__checkpoint": None, f"{side}__author": name})


def comparisons_want(*, comparisons: QuerySet[Comparison], wanted: int) -> int:
    """Ask for this many judgments of each from now on; return how many that changed.

    What is held or answered already stays: a comparison with more of both than
    `wanted` is finished with those. Raises InputInvalid for a number that is out of range.
    """
    if not 1 <= wanted <= MOST_WANTED:
        raise InputInvalid(_("Judgments wanted are a number from 1 to %(most)s.") % {"most": MOST_WANTED})
    with transaction.atomic():
        # All rows first, in one order: then two such changes wait for each other, and in no circle.
        found = list(comparisons.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True))
        return (
            Comparison.objects.filter(pk__in=found)
            .exclude(wanted=Greatest(wanted, F("held") + F("answered")))
            .update(wanted=Greatest(wanted, F("held") + F("answered")))
        )
