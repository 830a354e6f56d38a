"""PRISM: each answer on a slider from 1 to 100; the difference is the preference."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace

from annotator.domain.verdicts import Answer, Outcome, Preset
from annotator.domain.wording import gettext_noop as _

LOWEST, HIGHEST = 1, 100


@dataclass(frozen=True)
class Sliders(Preset):
    """The raw answer is both places, as shown: "37-82" is left at 37 and right at 82."""

    def allowing(self, outcomes: Collection[Outcome]) -> Sliders:
        """A tie is two sliders in the same place, so it needs no button."""
        return replace(self, apart=super().allowing(outcomes).apart, outcomes=frozenset(outcomes))

    def answer(self, code: str) -> Answer:
        """What the two places say. Raises KeyError for anything else, and for a tie where none is allowed."""
        found = re.fullmatch(r"([0-9]{1,3})-([0-9]{1,3})", code)
        if found is None:
            return super().answer(code)
        left, right = int(found[1]), int(found[2])
        if not (LOWEST <= left <= HIGHEST and LOWEST <= right <= HIGHEST):
            raise KeyError(code)
        label = f"A {left}, B {right}"
        if left == right:
            if Outcome.TIE not in self.outcomes:
                raise KeyError(code)
            return Answer(code, label, Outcome.TIE, 0.0)
        return Answer(code, label, Outcome.PREFER, (right - left) / (HIGHEST - LOWEST))


PRESET = Sliders(
    code="prism",
    name=_("PRISM, a slider each"),
    question=_("How good is each answer?"),
    scale=(),
    outcomes=frozenset([Outcome.TIE]),
    source="Kirk et al. (2024), arXiv 2404.16019",
    template="annotate/scales/sliders.html",
)
