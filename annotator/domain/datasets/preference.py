"""TRL's preference type with an explicit prompt, conversational: what DPO and its kin read.

margin         mean strength of the judgments that prefer a side, in [0, 1]
weight         judgments behind the row, or what the consensus makes of them
vote_fraction  share of the judgments for `chosen`, a tie counting one half, in (0.5, 1]
tie_fraction   share of the judgments that put both on a level
adjudicated    whether one person decided it where the votes left it open
"""

from __future__ import annotations

from annotator.domain.datasets.columns import ORIGIN, Columns, Holds
from annotator.domain.datasets.facts import Pair, Rows, told

COLUMNS: Columns = {
    "prompt": Holds.MESSAGES,
    "chosen": Holds.MESSAGES,
    "rejected": Holds.MESSAGES,
    "margin": Holds.NUMBER,
    "weight": Holds.NUMBER,
    "vote_fraction": Holds.NUMBER,
    "tie_fraction": Holds.NUMBER,
    "adjudicated": Holds.FLAG,
    "chosen_model": Holds.TEXT,
    "rejected_model": Holds.TEXT,
    "comparison": Holds.WHOLE,
    "round": Holds.WHOLE,
    **ORIGIN,
}


def of_pair(pair: Pair) -> Rows:
    """One literal, because a million rows pass here."""
    target, asked = pair.target, pair.asked
    if target is None or target.prefer_first == 0.5:
        return ()
    is_first = target.prefer_first > 0.5
    chosen, rejected = (pair.first, pair.second) if is_first else (pair.second, pair.first)
    row = {
        "prompt": asked.messages,
        "chosen": told(chosen.text),
        "rejected": told(rejected.text),
        "margin": target.strength,
        "weight": target.weight,
        "vote_fraction": target.prefer_first if is_first else 1 - target.prefer_first,
        "tie_fraction": target.tie_share,
        "adjudicated": pair.is_adjudicated,
        "chosen_model": chosen.model,
        "rejected_model": rejected.model,
        "comparison": pair.id,
        "round": pair.round,
        "prompt_id": asked.sha256,
        "source": asked.source,
        "license": asked.license,
        "tags": asked.tags,
    }
    return ((pair.id, row),)
