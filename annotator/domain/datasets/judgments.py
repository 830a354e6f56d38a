"""Every judgment of every rater as it was given, with what replaced it and what it replaced.

Nothing is summed up here and nothing left out: `current` tells what counts from what was corrected later, `excluded`
what an owner took out. `value` is negative where the first response is better; null where there is no axis.
"""

from __future__ import annotations

from annotator.domain.datasets.columns import ORIGIN, Columns, Holds
from annotator.domain.datasets.facts import Rows, Said, origin

COLUMNS: Columns = {
    "judgment": Holds.WHOLE,
    "comparison": Holds.WHOLE,
    "round": Holds.WHOLE,
    "prompt": Holds.MESSAGES,
    "first": Holds.TEXT,
    "second": Holds.TEXT,
    "first_model": Holds.TEXT,
    "second_model": Holds.TEXT,
    "rater": Holds.TEXT,
    "first_on_left": Holds.FLAG,
    "outcome": Holds.TEXT,
    "value": Holds.NUMBER,
    "answer": Holds.TEXT,
    "preset": Holds.TEXT,
    "protocol": Holds.WHOLE,
    "guideline": Holds.WHOLE,
    "criteria": Holds.CRITERIA,
    "ratings": Holds.RATINGS,
    "reasons": Holds.TEXTS,
    "rationale": Holds.TEXT,
    "edited": Holds.TEXT,
    "seconds": Holds.NUMBER,
    "created_at": Holds.TEXT,
    "supersedes": Holds.WHOLE,
    "current": Holds.FLAG,
    "excluded": Holds.FLAG,
    **ORIGIN,
}


def of_said(said: Said) -> Rows:
    yield (
        said.id,
        {
            "judgment": said.id,
            "comparison": said.comparison,
            "round": said.round,
            "prompt": said.asked.messages,
            "first": said.first.text,
            "second": said.second.text,
            "first_model": said.first.model,
            "second_model": said.second.model,
            "rater": said.rater,
            "first_on_left": said.first_on_left,
            "outcome": said.outcome,
            "value": said.value,
            "answer": said.answer,
            "preset": said.preset,
            "protocol": said.protocol,
            "guideline": said.guideline,
            # Lists rather than objects, so that a criterion that was added later is no new column.
            "criteria": [{"code": code, **answer} for code, answer in said.criteria.items()],
            "ratings": [{"code": code, **points} for code, points in said.ratings.items()],
            "reasons": said.reasons,
            "rationale": said.rationale,
            "edited": said.edited,
            "seconds": said.seconds,
            "created_at": said.created_at,
            "supersedes": said.supersedes,
            "current": said.is_current,
            "excluded": said.is_excluded,
            **origin(said.asked),
        },
    )
