"""All shapes by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from annotator.domain.datasets import battles, judgments, preference, prompts, reward, sft, triples, unpaired
from annotator.domain.datasets.columns import Columns
from annotator.domain.datasets.facts import Asked, Lone, Pair, Rows, Said
from annotator.domain.wording import gettext_noop as _


@dataclass(frozen=True)
class Rowing:
    """What turns facts into rows, for one dataset; None for facts that the shape does not read."""

    of_pair: Callable[[Pair], Rows] | None = None
    of_lone: Callable[[Lone], Rows] | None = None
    of_said: Callable[[Said], Rows] | None = None
    of_prompt: Callable[[Asked], Rows] | None = None


@dataclass(frozen=True)
class Shape:
    """One way in which judgments leave.

    title, what  for people
    rowing       a fresh one for each dataset, because some remember
    """

    name: str
    title: str
    what: str
    columns: Columns
    rowing: Callable[[], Rowing]


SHAPES: dict[str, Shape] = {
    shape.name: shape
    for shape in (
        Shape(
            "preference",
            _("Preference"),
            _("prompt, chosen and rejected with margin, weight and vote fraction: DPO and its kin"),
            preference.COLUMNS,
            lambda: Rowing(of_pair=preference.of_pair),
        ),
        Shape(
            "reward",
            _("Reward pairs"),
            _("whole conversations, chosen and rejected, with a margin: reward models"),
            reward.COLUMNS,
            lambda: Rowing(of_pair=reward.of_pair),
        ),
        Shape(
            "unpaired",
            _("Unpaired"),
            _("prompt, completion and a label, good or not: KTO"),
            unpaired.COLUMNS,
            lambda: Rowing(of_pair=unpaired.of_pair, of_lone=unpaired.of_lone),
        ),
        Shape(
            "sft",
            _("Winners"),
            _("prompt and completion of what won, as raters improved it: SFT"),
            sft.COLUMNS,
            lambda: Rowing(of_pair=sft.Winners().of_pair, of_lone=sft.of_lone),
        ),
        Shape(
            "triples",
            _("Triples"),
            _("edited, chosen and rejected, for each answer that a rater improved"),
            triples.COLUMNS,
            lambda: Rowing(of_pair=triples.of_pair),
        ),
        Shape(
            "prompts",
            _("Prompts"),
            _("prompts alone: online methods such as GRPO"),
            prompts.COLUMNS,
            lambda: Rowing(of_prompt=prompts.of_prompt),
        ),
        Shape(
            "judgments",
            _("Judgments"),
            _("every judgment of every rater, with what was corrected: your own analysis"),
            judgments.COLUMNS,
            lambda: Rowing(of_said=judgments.of_said),
        ),
        Shape(
            "battles",
            _("Arena battles"),
            _("two conversations and a winner for each judgment: leaderboards"),
            battles.COLUMNS,
            lambda: Rowing(of_said=battles.of_said),
        ),
    )
}
