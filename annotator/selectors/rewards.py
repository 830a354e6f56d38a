"""What reward models say of the answers of a round: which models, which answers, and how far they have come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import Max
from numpy.typing import NDArray

from annotator.domain.lifecycles import CheckpointState, RunKind, RunState
from annotator.models import Checkpoint, CheckpointKind, Comparison, Project, Response, Reward, Round, Run

MOST_JUDGES = 3  # the newest reward models, where the newest is not an ensemble by itself
PAGE = 2000  # answers that are read at once

Numbers = NDArray[np.float64]


def judges_of(project: Project) -> list[Checkpoint]:
    """Whose disagreement counts: the newest reward model if it is an ensemble, else the newest three; none retired."""
    models = project.checkpoints.filter(kind=CheckpointKind.REWARD).exclude(state=CheckpointState.RETIRED)
    newest = list(models.order_by("-pk")[:MOST_JUDGES])
    return newest[:1] if newest and newest[0].settings.get("ensemble", 1) > 1 else newest


def comparison_newest(round: Round) -> int:
    """The id of the newest comparison of a round, 0 where it has none; checks are no work and are never scored."""
    return round.comparisons.aggregate(newest=Max("pk"))["newest"] or 0


@dataclass(frozen=True)
class Reach:
    """Up to which comparison of a round a reward model was asked about the answers.

    asked    by any run: one that failed or was cancelled is not queued again by itself
    scored   by a run that succeeded
    """

    asked: int = 0
    scored: int = 0


def reach_of(round: Round) -> dict[int, Reach]:
    """By reward model."""
    found: dict[int, Reach] = {}
    for run in round.runs.filter(kind=RunKind.SCORE):
        upto, is_scored = run.details["upto"], run.state == RunState.SUCCEEDED
        for judge in run.details["judges"]:
            before = found.get(judge, Reach())
            found[judge] = Reach(max(before.asked, upto), max(before.scored, upto * is_scored))
    return found


def scoring_newest(round: Round) -> Run | None:
    """The newest run that scores the answers of this round."""
    return round.runs.filter(kind=RunKind.SCORE).select_related("project", "round").order_by("-pk").first()


def answers_to_score(round_id: int | None, *, after: int, upto: int) -> Iterator[tuple[Any, ...]]:
    """The answers that some comparisons of a round compare, those to one prompt side by side.

    Each as (id, text, token ids, base model of its author or None, id and messages of the prompt). The same
    comparisons give the same answers in the same order, so that a resumed run goes on with what it read before.
    """
    compared = Comparison.objects.filter(round=round_id, pk__gt=after, pk__lte=upto).order_by()
    answers = Response.objects.filter(pk__in=compared.values("first").union(compared.values("second"), all=True))
    return (
        answers.order_by("prompt_id", "pk")
        .values_list("pk", "text", "token_ids", "checkpoint__base_model", "prompt_id", "prompt__messages")
        .iterator(chunk_size=PAGE)
    )


def leads_under(judges: Sequence[Checkpoint], pairs: Sequence[tuple[int, int]]) -> tuple[Numbers, NDArray[np.bool_]]:
    """How far first answers lead second ones under each model, or each head of a single one: (R, M).

    With it, which of the pairs every model has read; the others lead by 0.
    """
    wanted = {response for pair in pairs for response in pair}
    heads: dict[tuple[int, int], list[float]] = {}
    for response, judge, value, said in Reward.objects.filter(response__in=wanted, checkpoint__in=judges).values_list(
        "response_id", "checkpoint_id", "value", "heads"
    ):
        heads[response, judge] = said if len(judges) == 1 else [value]
    width = len(judges) if len(judges) > 1 else max(map(len, heads.values()), default=1)
    lead_RM, is_read_R = np.zeros((len(pairs), width)), np.zeros(len(pairs), np.bool_)
    for row, (first, second) in enumerate(pairs):
        sides = [[number for judge in judges for number in heads.get((one, judge.pk), ())] for one in (first, second)]
        if is_read := len(sides[0]) == len(sides[1]) == width:
            lead_RM[row] = np.subtract(sides[0], sides[1])
        is_read_R[row] = is_read
    return lead_RM, is_read_R
