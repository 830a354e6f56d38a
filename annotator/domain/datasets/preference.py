"""TRL's preference type with an explicit prompt, conversational: what DPO and its kin read.

margin         mean strength of the judgments that prefer a side, in [0, 1]
weight         judgments behind the row, or what the consensus makes of them
vote_fraction  share of the judgments for `chosen`, a tie counting one half, in (0.5, 1]
tie_fraction   share of the judgments that put both on a level
adjudicated    whether one person decided it where the votes left it open
"""

from __future__ import annotations

from annotator.domain.datasets.columns import ORIGIN, TRUST, Columns, Holds
from annotator.domain.datasets.facts import Pair, Row, Rows, origin, told

COLUMNS: Columns = {
    "prompt": Holds.MESSAGES,
    "chosen": Holds.MESSAGES,
    "rejected": Holds.MESSAGES,
    **TRUST,
    "chosen_model": Holds.TEXT,
    "rejected_model": Holds.TEXT,
    "comparison": Holds.WHOLE,
    "round": Holds.WHOLE,
    **ORIGIN,
}


def of_pair(pair: Pair) -> Rows:
    if not pair.is_decided:
        return
    chosen, rejected = pair.in_order
    yield (
        pair.id,
        {
            "prompt": pair.asked.messages,
            "chosen": told(chosen.text),
            "rejected": told(rejected.text),
            **trust(pair),
            "chosen_model": chosen.model,
            "rejected_model": rejected.model,
            "comparison": pair.id,
            "round": pair.round,
            **origin(pair.asked),
        },
    )


def trust(pair: Pair) -> Row:
    """How far to go by a pair."""
    target = pair.target
    assert target is not None
    return {
        "margin": target.strength,
        "weight": target.weight,
        "vote_fraction": max(target.prefer_first, 1 - target.prefer_first),
        "tie_fraction": target.tie_share,
        "adjudicated": pair.is_adjudicated,
    }
