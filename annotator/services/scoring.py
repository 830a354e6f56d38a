"""Reward models read the answers of rounds that collect, while people judge them."""

from __future__ import annotations

from annotator.domain.lifecycles import LIVE_RUN, RoundState, RunKind
from annotator.exceptions import Conflict
from annotator.models import Round, Run
from annotator.selectors.rewards import Reach, comparison_newest, judges_of, reach_of
from annotator.services.runs import run_queue
from training.config import ScoreSettings


def scoring_due() -> list[Run]:
    """Queue a run for every collecting round with answers that one of its project's reward models was not asked about.

    That is so when a round opens, when a newer reward model is registered and when comparisons are added.
    """
    collecting = Round.objects.filter(state=RoundState.COLLECTING).select_related("project")
    return [run for round in collecting if (run := scoring_queue(round=round)) is not None]


def scoring_queue(*, round: Round) -> Run | None:
    """Queue the scoring of what reward models were not asked about; None where there is nothing, or a run is live.

    Nobody who judges waits for it: until rewards are there, the queue goes by what it knows.
    """
    if round.runs.filter(kind=RunKind.SCORE, state__in=LIVE_RUN).exists():
        return None
    upto, reach = comparison_newest(round), reach_of(round)
    behind = {
        judge.pk: asked for judge in judges_of(round.project) if (asked := reach.get(judge.pk, Reach()).asked) < upto
    }
    if not behind:
        return None
    try:
        return run_queue(
            project=round.project,
            round=round,
            kind=RunKind.SCORE,
            settings=ScoreSettings().model_dump(),
            details={"judges": list(behind), "after": min(behind.values()), "upto": upto},
        )
    except Conflict:  # another worker was faster
        return None
