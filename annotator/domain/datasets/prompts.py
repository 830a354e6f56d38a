"""TRL's prompt-only type, as online methods read it: every prompt of the project, judged or not."""

from __future__ import annotations

from annotator.domain.datasets.columns import ORIGIN, Columns, Holds
from annotator.domain.datasets.facts import Asked, Rows, origin

COLUMNS: Columns = {"prompt": Holds.MESSAGES, **ORIGIN}


def of_prompt(asked: Asked) -> Rows:
    yield asked.id, {"prompt": asked.messages, **origin(asked)}
