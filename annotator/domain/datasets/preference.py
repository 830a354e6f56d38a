"""TRL's preference type with an explicit prompt, conversational: what DPO and its kin read.

margin         mean strength of the judgments that prefer a side, in [0, 1]
weight         judgments behind the row, or what the consensus makes of them
vote_fraction  share of the judgments for `chosen`, a tie counting one half, in (0.5, 1]
tie_fraction   share of the judgments that put both on a level
adjudicated    whether one person decided it where the votes left it open
"""

from __future__ import annotations

from annotator.domain.datasets.columns import ORIGIN, Columns, Holds
from annotator.domain.datasets.facts import Pair, Rows

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
    """Names and one literal, because a million rows pass here."""
    id_, round, asked, first, second, target, _votes, _good, _bad, is_adjudicated, _edits = pair
    if target is None or target.prefer_first == 0.5:
        return ()
    _, sha256, messages, _split, tags, source, license = asked
    is_first = target.prefer_first > 0.5
    (_, chosen, chosen_model), (_, rejected, rejected_model) = (first, second) if is_first else (second, first)
    row = {
        "prompt": messages,
        "chosen": [{"role": "assistant", "content": chosen}],
        "rejected": [{"role": "assistant", "content": rejected}],
        "margin": target.strength,
        "weight": target.weight,
        "vote_fraction": target.prefer_first if is_first else 1 - target.prefer_first,
        "tie_fraction": target.tie_share,
        "adjudicated": is_adjudicated,
        "chosen_model": chosen_model,
        "rejected_model": rejected_model,
        "comparison": id_,
        "round": round,
        "prompt_id": sha256,
        "source": source,
        "license": license,
        "tags": tags,
    }
    return ((id_, row),)
