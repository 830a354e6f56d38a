"""Each rater against the others who judged the same comparisons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from annotator.domain.agreement.chance import Chance, cohen
from annotator.domain.agreement.estimates import Agreement, estimated, undefined
from annotator.domain.agreement.groups import Views
from annotator.domain.agreement.resampling import joined, resampled
from annotator.domain.agreement.votes import Indices, Numbers, Votes
from annotator.domain.agreement.weights import identity
from annotator.domain.wording import gettext_noop as _

SHARES_NOTHING = _("Shares no comparison with others yet.")
SHARES_NOTHING_DECIDED = _("Shares no comparison on which both prefer a side yet.")


@dataclass(frozen=True)
class RaterAgreement:
    """One rater.

    rater         index in the votes
    judgments     how many they gave
    with_ties     share of the others that said the same, averaged over their comparisons
    without_ties  the same among judgments that prefer a side
    kappa         Cohen's kappa of the rater and the others taken together, each comparison counting once
    """

    rater: int
    judgments: int
    with_ties: Agreement
    without_ties: Agreement
    kappa: Agreement


def raters_against_others(views: Views, at_most: int = 100) -> list[RaterAgreement]:
    """The raters with the most judgments, at most so many of them, busiest first."""
    judgments_R = np.bincount(views.sides.rater_J, minlength=views.sides.raters)
    busiest = [int(rater) for rater in np.argsort(-judgments_R, kind="stable")[:at_most] if judgments_R[rater]]
    sides, decided = _Rows.of(views.sides), _Rows.of(views.decided)
    found = []
    for rater in busiest:
        with_ties, kappa = sides.against_others(rater, SHARES_NOTHING)
        without_ties, _kappa = decided.against_others(rater, SHARES_NOTHING_DECIDED)
        found.append(RaterAgreement(rater, int(judgments_R[rater]), with_ties, without_ties, kappa))
    return found


@dataclass(frozen=True)
class _Rows:
    """Judgments of comparisons that others judged too, by rater. Each is a pattern and the rater's own answer in it.

    code_J  pattern × K + answer;  start_R  where each rater's rows begin, and the end
    """

    votes: Votes
    code_J: Indices
    start_R: Indices

    @classmethod
    def of(cls, votes: Votes) -> _Rows:
        pattern_J = votes.patterns.of_unit_U[votes.unit_J]
        shared_J = votes.patterns.has_pair_P[pattern_J]
        code_J = (pattern_J * len(votes.position_K) + votes.answer_J)[shared_J]
        rater_J = votes.rater_J[shared_J]
        order_J = np.argsort(rater_J, kind="stable")
        return cls(votes, code_J[order_J], np.searchsorted(rater_J[order_J], np.arange(votes.raters + 1)))

    def against_others(self, rater: int, nothing: str) -> tuple[Agreement, Agreement]:
        """Percent agreement and kappa."""
        mine_J = self.code_J[self.start_R[rater] : self.start_R[rater + 1]]
        if not len(mine_J):
            return undefined(0, nothing), undefined(0, nothing)
        code_P, times_P = np.unique(mine_J, return_counts=True)
        answers = len(self.votes.position_K)
        own_P = code_P % answers
        others_PK = self.votes.patterns.counts_PK[code_P // answers] - np.eye(answers)[own_P]
        share_PK = others_PK / others_PK.sum(axis=1, keepdims=True)
        tables = [_table(times_BP, own_P, share_PK) for times_BP in resampled(times_P)]
        kappa = joined([cohen(table_BKK, identity(self.votes.position_K)) for table_BKK in tables])
        percent = Chance(kappa.observed_B, np.zeros_like(kappa.observed_B))
        return estimated(percent, len(mine_J)), estimated(kappa, len(mine_J))


def _table(times_BP: Numbers, own_P: Indices, share_PK: Numbers) -> Numbers:
    """How often the rater says k while the others say l, a comparison's others sharing one count."""
    answers = share_PK.shape[1]
    return np.stack([times_BP[:, own_P == own] @ share_PK[own_P == own] for own in range(answers)], axis=1)
