"""How far raters agree: coefficients with n and a 95 % interval, or the reason why they cannot be said.

Letters in names are the shapes of arrays: J judgments, U comparisons (units), R raters, K answers,
P patterns (comparisons that were answered alike), B resamples, N pairs of judgments, Q pairs of raters.

    votes       who said what about which comparison, and comparisons that were answered alike
    weights     how near two answers are
    chance      observed agreement and the agreement expected by chance, one function a coefficient
    resampling  intervals by drawing comparisons again
    groups      all judgments, or those of some comparisons
    raters      each rater against the others
    pairs       raters two by two
"""

from annotator.domain.agreement.estimates import Agreement
from annotator.domain.agreement.groups import COEFFICIENTS, Views, agreement_of
from annotator.domain.agreement.pairs import RaterPair, mean_pairwise_kappa, rater_pairs
from annotator.domain.agreement.raters import RaterAgreement, raters_against_others
from annotator.domain.agreement.votes import Votes

__all__ = [
    "COEFFICIENTS",
    "Agreement",
    "RaterAgreement",
    "RaterPair",
    "Views",
    "Votes",
    "agreement_of",
    "mean_pairwise_kappa",
    "rater_pairs",
    "raters_against_others",
]
