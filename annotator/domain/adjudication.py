"""Which comparisons somebody should decide, and why."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from enum import StrEnum

from annotator.domain.overlap import LEAST, Tally, certainty
from annotator.domain.wording import gettext_noop as _

DOUBT = 0.95  # below this certainty it stays open who is right
CLOSE = 1  # votes between the sides that count as close
SURPRISED = 0.1  # a reward model that gave what most raters said no more than this is surprised
MISSED_BY = 3  # good raters who miss a piece of gold, and at least half of those who met it
GOOD = 0.75  # of other gold, a good rater has (right + 1) / (asked + 2) of this or more: two of two is the least


class Why(StrEnum):
    CLOSE = "close"  # the sides are one vote apart or none
    UNCERTAIN = "uncertain"  # they are further apart, and yet too few to be sure
    FLAGGED = "flagged"  # somebody found something wrong with it and judged it all the same
    SURPRISING = "surprising"  # a reward model that has not learnt from it expected the opposite
    GOLD_MISSED = "gold_missed"  # raters who get other gold right say that this gold is wrong


WORDS: dict[Why, str] = {
    Why.CLOSE: _("Close votes"),
    Why.UNCERTAIN: _("Still open"),
    Why.FLAGGED: _("Flagged"),
    Why.SURPRISING: _("Surprising"),
    Why.GOLD_MISSED: _("Missed gold"),
}


@dataclass(frozen=True)
class Case:
    """A comparison as votes, flags, a reward model and, where it was made of gold, good raters leave it.

    flags   raters who flagged it and were not settled
    lead    by how much the first answer leads the second under the reward model, None where none has read both
    met     good raters who answered the gold; `missed` of them against it
    """

    tally: Tally
    flags: int = 0
    lead: float | None = None
    met: int = 0
    missed: int = 0

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
        if self.is_surprising:
            found.append(Why.SURPRISING)
        if self.is_gold_missed:
            found.insert(0, Why.GOLD_MISSED)
        return found

    @property
    def expected(self) -> float | None:
        """What probability the reward model gives to the side with more votes; None without one, or without it."""
        ahead = self.tally.for_first - self.tally.for_second
        if self.lead is None or not ahead:
            return None
        lead = self.lead if ahead > 0 else -self.lead
        return math.exp(min(lead, 0.0)) / (1 + math.exp(-abs(lead)))

    @property
    def surprise(self) -> float:
        """−log of that, in nats: 0 where nothing was expected, or everything."""
        return -math.log(max(self.expected, 1e-300)) if self.expected is not None else 0.0

    @property
    def is_surprising(self) -> bool:
        """Whether enough raters said so, most of them, and the reward model gave it next to nothing."""
        return self.tally.judgments >= LEAST and self.surprise >= -math.log(SURPRISED)

    @property
    def is_gold_missed(self) -> bool:
        return self.missed >= MISSED_BY and 2 * self.missed >= self.met

    @property
    def urgency(self) -> float:
        """What the queue is sorted by, in [0, 5): doubt about the better side, and parts for flags, surprise and gold.

        Worked: 1 : 1 and no flag is 1; 2 : 1 is 2 (1 - 0.6875) = 0.625; with one flag 0.625 + 1/2. A surprise counts
        1/2 where it begins, at a probability of 0.1, and 2/3 at 0.01. Gold that three good raters miss counts 1 + 3/4:
        until it is looked at, it speaks against everybody who answers it.
        """
        doubt = 2 * (1 - self.certainty) if self.tally.judgments >= LEAST and self.tally.differ else 0.0
        surprise = self.surprise / (self.surprise - math.log(SURPRISED)) if self.is_surprising else 0.0
        gold = 1 + self.missed / (self.missed + 1) if self.is_gold_missed else 0.0
        return doubt + self.flags / (self.flags + 1) + surprise + gold


def first_on_left(comparison_id: int, adjudicator_id: int) -> bool:
    """Which side this person is shown the first answer on: by chance, and the same however often they look."""
    return random.Random(f"adjudication {comparison_id} {adjudicator_id}").random() < 0.5
