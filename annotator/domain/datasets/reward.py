"""TRL's preference type with an implicit prompt: whole conversations, as reward models score them.

The columns beside them are those of `preference`; TRL's RewardTrainer takes `margin` into its loss.
"""

from __future__ import annotations

from annotator.domain.datasets import preference
from annotator.domain.datasets.columns import Columns
from annotator.domain.datasets.facts import Pair, Rows

COLUMNS: Columns = {name: holds for name, holds in preference.COLUMNS.items() if name != "prompt"}


def of_pair(pair: Pair) -> Rows:
    for number, row in preference.of_pair(pair):
        prompt = row.pop("prompt")
        yield number, {**row, "chosen": prompt + row["chosen"], "rejected": prompt + row["rejected"]}
