"""Which comparisons somebody should decide, and why."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

from annotator.domain.overlap import LEAST, Tally, certainty
from annotator.domain.wording import gettext_noop as _

DOUBT = 0.95  # below this certainty it stays open who is right
CLOSE = 1  # votes between the sides that count as close


class Why(StrEnum):
    CLOSE = "close"  # the sides are one vote apart or none
    UNCERTAIN = "uncertain"  # they are further apart, and yet too few to be sure
    FLAGGED = "flagged"  # somebody found something wrong with it and judged it all the same


WORDS: dict[Why, str] = {
    Why.CLOSE: _("Close votes"),
    Why.UNCERTAIN: _("Still open"),
    Why.FLAGGED: _("Flagged"),
}


@dataclass(frozen=True)
class Case:
    """A comparison as the votes and flags leave it; `flags` counts the raters who flagged it and were not settled."""

    tally: Tally
    flags: int = 0

    @property
    def certainty(self) -> float:
        return certainty(self.tally)

    @property
    def reasons(self) -> list[Why]:
        """Why somebody should decide it, the strongest first; none where nobody needs to.

        Votes that all say the same are no case, however few: more judgments help there, not a decision.
        """
        tally, found = self.tally, []
        if tally.judgments >= LEAST and tally.differ:
            if abs(tally.for_first - tally.for_second) <= CLOSE:
                found.append(Why.CLOSE)
            elif self.certainty < DOUBT:
                found.append(Why.UNCERTAIN)
        if self.flags:
            found.append(Why.FLAGGED)
        return found

    @property
    def urgency(self) -> float:
        """What the queue is sorted by, in [0, 2): doubt about the better side, and flags that approach 1 in number.

        Worked: 1 : 1 and no flag is 1; 2 : 1 is 2 (1 - 0.6875) = 0.625; with one flag 0.625 + 1/2.
        """
        doubt = 2 * (1 - self.certainty) if self.tally.judgments >= LEAST and self.tally.differ else 0.0
        return doubt + self.flags / (self.flags + 1)


def first_on_left(comparison_id: int, adjudicator_id: int) -> bool:
    """Which side this person is shown the first answer on: by chance, and the same however often they look."""
    return random.Random(f"adjudication {comparison_id} {adjudicator_id}").random() < 0.5
