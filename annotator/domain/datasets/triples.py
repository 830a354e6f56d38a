"""edited > chosen > rejected: what a rater made of the better answer, the better answer, and the other one.

One row for each improved answer. The order is that of the judgment with the improvement, whatever others said.
"""

from __future__ import annotations

from annotator.domain.datasets.columns import ORIGIN, Columns, Holds
from annotator.domain.datasets.facts import Pair, Rows, origin, told

COLUMNS: Columns = {
    "prompt": Holds.MESSAGES,
    "edited": Holds.MESSAGES,
    "chosen": Holds.MESSAGES,
    "rejected": Holds.MESSAGES,
    "rater": Holds.TEXT,
    "chosen_model": Holds.TEXT,
    "rejected_model": Holds.TEXT,
    "comparison": Holds.WHOLE,
    "round": Holds.WHOLE,
    **ORIGIN,
}


def of_pair(pair: Pair) -> Rows:
    for edit in pair.edits:
        chosen, rejected = (pair.first, pair.second) if edit.of_first else (pair.second, pair.first)
        yield (
            edit.judgment,
            {
                "prompt": pair.asked.messages,
                "edited": told(edit.text),
                "chosen": told(chosen.text),
                "rejected": told(rejected.text),
                "rater": edit.rater,
                "chosen_model": chosen.model,
                "rejected_model": rejected.model,
                "comparison": pair.id,
                "round": pair.round,
                **origin(pair.asked),
            },
        )
