"""Which strengths the votes define, and why not the others.

A finite most likely strength exists for all contestants exactly when, however one divides them into two groups,
somebody of each group beat somebody of the other (Ford 1957); a tie, unless dropped, counts for both sides. In the
graph with an arrow from each winner to whom it beat, that is one strongly connected component. What Davidson's nu asks
for besides stands at `ties_have_worth`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotator.domain.ranking.votes import Places, Votes
from annotator.domain.wording import gettext_noop as _

NEVER_COMPARED = _("It was never compared with the rated ones, not even through others.")
NEVER_BEATEN = _("No judgment went against it, so its strength has no upper bound.")
NEVER_WON = _("No judgment went in its favour, so its strength has no lower bound.")
TIES_WORTH_ANYTHING = _("The judgments leave open how much a tie is worth. Count ties as half a win instead.")


@dataclass(frozen=True)
class Connection:
    """rated_Q: contestants with a defined strength, in order; reasons: of all K, empty for those who are rated."""

    rated_Q: Places
    reasons: tuple[str, ...]


def connection_of(votes: Votes) -> Connection:
    """The largest group whose strengths are defined; of equal ones, the one with most votes.

    votes: with ties treated. A group of one is no group.
    """
    reach_KK = reached(votes)
    both_KK = reach_KK & reach_KK.T
    sizes_K = both_KK.sum(axis=1)
    best = max(range(votes.contestants), key=lambda k: (sizes_K[k], votes.n_of_each()[k]), default=None)
    if best is None:
        return Connection(np.zeros(0, np.int64), ())
    is_rated_K = both_KK[best] & (sizes_K[best] > 1)
    reasons = [
        "" if is_rated_K[k] else _reason(reach_KK, k, best, is_alone=sizes_K[best] == 1)
        for k in range(votes.contestants)
    ]
    return Connection(np.flatnonzero(is_rated_K), tuple(reasons))


def reached(votes: Votes) -> NDArray[np.bool_]:
    """Whom each contestant beat or tied, directly or through others, itself included. Shape (K, K).

    The relation is squared until it reaches round the longest path: log2(K) products.
    """
    reach_KK = np.eye(votes.contestants, dtype=bool)
    won_R, lost_R = (votes.wins_R + votes.ties_R) > 0, (votes.losses_R + votes.ties_R) > 0
    reach_KK[votes.first_R[won_R], votes.second_R[won_R]] = True
    reach_KK[votes.second_R[lost_R], votes.first_R[lost_R]] = True
    for _step in range(max(votes.contestants - 1, 1).bit_length()):
        reach_KK = (reach_KK.astype(np.float32) @ reach_KK.astype(np.float32)) > 0
    return reach_KK


def ties_have_worth(votes: Votes) -> bool:
    """Whether Davidson's model, its nu included, has a finite top on votes of one strongly connected component.

    It has none when strengths b can be given such that every winner leads by at least 1 and every tie lies within 1:
    stretching b and log nu together then never lowers the likelihood. These are constraints on differences, which
    contradict each other exactly when some cycle has more wins than ties. It is found as Bellman and Ford do.
    """
    size = votes.contestants
    longest_KK = np.full((size, size), np.inf)
    for count_R, weight in ((votes.ties_R, 1.0), (votes.wins_R, -1.0)):
        longest_KK[votes.first_R[count_R > 0], votes.second_R[count_R > 0]] = weight
    tied_R, lost_R = votes.ties_R > 0, votes.losses_R > 0
    back_KK = np.full((size, size), np.inf)
    back_KK[votes.second_R[tied_R], votes.first_R[tied_R]] = 1.0
    back_KK[votes.second_R[lost_R], votes.first_R[lost_R]] = -1.0
    longest_KK = np.minimum(longest_KK, back_KK)
    within_K = np.zeros(size)
    for _step in range(size):
        nearer_K = np.minimum(within_K, (within_K[:, None] + longest_KK).min(axis=0, initial=np.inf))
        if (nearer_K == within_K).all():
            return False
        within_K = nearer_K
    return True


def _reason(reach_KK: NDArray[np.bool_], k: int, best: int, *, is_alone: bool) -> str:
    others = np.arange(len(reach_KK)) != k
    beats = reach_KK[k, others].any() if is_alone else reach_KK[k, best]
    loses = reach_KK[others, k].any() if is_alone else reach_KK[best, k]
    return NEVER_BEATEN if beats else NEVER_WON if loses else NEVER_COMPARED
