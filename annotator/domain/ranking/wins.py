"""Who beat whom how often."""

from __future__ import annotations

from annotator.domain.ranking.votes import Numbers, Votes, totals


def won_and_met(votes: Votes) -> tuple[Numbers, Numbers]:
    """How many votes each won over each, a tie counting one half, and how many there were. Shapes (K, K)."""
    size = votes.contestants
    won_R, lost_R = votes.wins_R + votes.ties_R / 2, votes.losses_R + votes.ties_R / 2

    def placed(first: Numbers, second: Numbers) -> Numbers:
        there = totals(votes.first_R * size + votes.second_R, first, size * size)
        back = totals(votes.second_R * size + votes.first_R, second, size * size)
        return (there + back).reshape(size, size)

    return placed(won_R, lost_R), placed(votes.n_R, votes.n_R)
