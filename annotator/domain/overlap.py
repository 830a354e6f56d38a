"""How sure some judgments make of which answer is better, and how many more are worth asking for.

The database holds the same rule as a trigger, so that it is applied whoever writes; a test holds the two together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

LEAST = 2  # judgments that can agree or disagree
LOWEST_BOUND, HIGHEST_BOUND = 2, 50


@dataclass(frozen=True)
class Tally:
    """The current judgments of one comparison; who could not judge is in none of them."""

    for_first: int = 0
    for_second: int = 0
    level: int = 0

    @property
    def judgments(self) -> int:
        return self.for_first + self.for_second + self.level

    @property
    def differ(self) -> bool:
        """Whether some said otherwise than others."""
        return max(self.for_first, self.for_second, self.level) < self.judgments


def certainty(tally: Tally) -> float:
    """How probable it is that the answer with more votes is the better one, in [0.5, 1).

    The share of all raters who would prefer it is unknown and, before anybody judged, anything with equal
    probability; a judgment that puts both on a level counts half for each. So the share is Beta(1 + its votes,
    1 + the other's votes), and this is the probability that it is above one half.

    The two parameters differ by a whole number of steps, so the incomplete beta function is a finite sum:
    I(a + 1, b) = I(a, b) - x^a (1 - x)^b / (a B(a, b)), and I(b, b) = 1/2 at x = 1/2 (DLMF 8.17.20 and 8.17.4).
    Worked: 2 : 0 is Beta(3, 1), 1 - 1/2^3 = 0.875; 1 : 1 is 0.5; 2 : 1 is Beta(3, 2), 0.6875.
    """
    least = 1 + min(tally.for_first, tally.for_second) + tally.level / 2
    m = 1.0 if least == math.floor(least) else 1.5
    term = 0.25 if m == 1.0 else 1 / (1.5 * math.pi)  # 1/2^(2m) / (m B(m, m))
    while m < least:
        term *= (2 * m + 1) / (2 * (m + 1))
        m += 1
    above = 0.5
    for step in range(abs(tally.for_first - tally.for_second)):
        above += term
        term *= (2 * m + step) / (2 * (m + step + 1))
    return min(above, 1.0)


def wanted_next(tally: Tally, *, wanted: int, held: int, answered: int, most: int, certain: float) -> int:
    """How many judgments to want of a comparison after one more came in.

    1. Fewer than two judgments neither agree nor disagree: as before.
    2. Certain enough: what is held and answered, and no more.
    3. Not certain, and everything wanted is answered: one more, up to `most`.
    Worked with k = 2, most = 5 and 0.95: A, B asks for a third; A, B, A is 0.6875 and asks for a fourth.
    With k = 5: A, A, A, A is 0.96875, and the fifth is not asked for.
    """
    if tally.judgments < LEAST:
        return wanted
    if certainty(tally) >= certain:
        return held + answered
    if answered >= wanted:
        return max(wanted, min(most, wanted + 1))
    return wanted
