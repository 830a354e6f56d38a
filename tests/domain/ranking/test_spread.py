from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from annotator.domain.ranking.bradley_terry import fit
from annotator.domain.ranking.spread import MIN_CLUSTERS, bootstrap, sandwich, student_975
from annotator.domain.ranking.standings import POINTS, Standing, standings
from annotator.domain.ranking.votes import Ties, Votes, votes_counted
from tests.domain.ranking.elections import drawn, elections, mt_bench, wmt16
from tests.real_data import real


def lead_error(votes: Votes, ties: Ties = Ties.HALF) -> float:
    """The standard error of the first contestant's lead over the last."""
    cov = sandwich(fit(votes, ties)).cov_PP
    last = votes.contestants - 1
    return math.sqrt(cov[0, 0] + cov[last, last] - 2 * cov[0, last])


def board(votes: Votes, ties: Ties = Ties.HALF, anchor: int | None = None) -> list[Standing]:
    found = fit(votes, ties)
    return standings(votes, found, sandwich(found), anchor=anchor)


# --- errors --------------------------------------------------------------------


def test_with_few_raters_each_vote_is_a_unit_and_the_error_is_the_binomial_one() -> None:
    """30 wins to 10: the logit of 3/4 has the error sqrt(1 / 30 + 1 / 10)."""
    votes = votes_counted(2, [(0, 1, 30, 10, 0)])

    assert lead_error(votes) == pytest.approx(math.sqrt(1 / 30 + 1 / 10))
    assert not sandwich(fit(votes)).is_clustered


def test_ties_as_half_wins_stray_less_than_decided_votes() -> None:
    """40 raters, one vote each: 10 wins, 10 losses, 20 ties. Scores are ±½ and 0, so the meat is 20 / 4 where 40 votes
    bend by 40 / 4; times 40 / 39, and the fortieth part of the bread."""
    rows = [(0, 1, 1, 0, 0)] * 10 + [(0, 1, 0, 1, 0)] * 10 + [(0, 1, 0, 0, 1)] * 20

    assert lead_error(votes_counted(2, rows)) ** 2 == pytest.approx(5 / 10**2 * 40 / 39 + 1 / 10 / 40)


def test_raters_who_fit_perfectly_do_not_know_everything() -> None:
    """Four raters, a tie each: their scores are zero, and so would be the error."""
    assert lead_error(votes_counted(2, [(0, 1, 0, 0, 1)] * 4)) ** 2 == pytest.approx(1 / (4 / 4) / 4)


def test_raters_with_one_vote_each_are_as_good_as_independent_votes() -> None:
    """But for C / (C - 1) and the fortieth part of the bread."""
    rows = [(0, 1, 1, 0, 0)] * 30 + [(0, 1, 0, 1, 0)] * 10

    assert lead_error(votes_counted(2, rows)) == pytest.approx(math.sqrt((1 / 30 + 1 / 10) * (40 / 39 + 1 / 40)))


def test_raters_who_vote_alike_say_less_than_as_many_votes() -> None:
    """Eight raters with five equal votes each: a rater's score is five times a vote's, so the meat is five times as
    large, times 8 / 7 in place of 40 / 39, and the bread's part an eighth in place of a fortieth."""
    each_vote = [(0, 1, 1, 0, 0)] * 30 + [(0, 1, 0, 1, 0)] * 10
    each_rater = [(0, 1, 5, 0, 0)] * 6 + [(0, 1, 0, 5, 0)] * 2

    ratio = lead_error(votes_counted(2, each_rater)) / lead_error(votes_counted(2, each_vote))

    assert ratio**2 == pytest.approx((5 * (8 / 7) + 1 / 8) / (40 / 39 + 1 / 40))


@pytest.mark.parametrize(("freedom", "quantile"), [(3, 3.1824), (4, 2.7764), (10, 2.2281), (30, 2.0423), (10**6, 1.96)])
def test_students_quantile_is_that_of_the_tables(freedom: int, quantile: float) -> None:
    assert student_975(freedom) == pytest.approx(quantile, abs=0.004)


@pytest.mark.parametrize(
    ("raters", "votes_each", "taste"), [(MIN_CLUSTERS, 60, 0.5), (12, 40, 0.5), (30, 30, 0.5), (30, 30, 0.0)]
)
def test_intervals_hold_the_truth_as_often_as_they_say(raters: int, votes_each: int, taste: float) -> None:
    """Two hundred elections whose raters differ in taste. Around 0.95, chance alone strays 0.05 once in a thousand.

    The truth is what endless raters would give: their tastes flatten the planted strengths.
    """
    rng = np.random.default_rng(11)
    _, endless = drawn(rng, contestants=4, raters=20_000, votes_each=10, taste=taste)
    truth = float(np.subtract(*fit(endless, Ties.DAVIDSON).strength_Q[[3, 0]]))

    held = []
    for _election in range(200):
        _, votes = drawn(rng, contestants=4, raters=raters, votes_each=votes_each, taste=taste)
        found = fit(votes, Ties.DAVIDSON)
        reach = sandwich(found).reach * lead_error(votes, Ties.DAVIDSON)
        held.append(abs(found.strength_Q[3] - found.strength_Q[0] - truth) < reach)

    assert 0.90 <= np.mean(held) <= 0.995


# --- bootstrap -------------------------------------------------------------------


@given(votes=elections(), seed=some.integers(0, 1000))
def test_the_same_seed_draws_the_same_raters(votes: Votes, seed: int) -> None:
    found = fit(votes)

    assert (bootstrap(found, resamples=5, seed=seed) == bootstrap(found, resamples=5, seed=seed)).all()


def test_another_seed_draws_others() -> None:
    _, votes = drawn(np.random.default_rng(1), contestants=3, raters=12, votes_each=30)
    found = fit(votes)

    assert not (bootstrap(found, resamples=5, seed=1) == bootstrap(found, resamples=5, seed=2)).all()


def test_resamples_that_leave_a_strength_open_are_left_out() -> None:
    """Only one rater of four ever preferred 1, and a resample misses that rater with (3/4)^4 = 0.32."""
    votes = votes_counted(2, [(0, 1, 4, 1, 0), (0, 1, 5, 0, 0), (0, 1, 5, 0, 0), (0, 1, 5, 0, 0)])

    drawn_B = bootstrap(fit(votes), resamples=400)

    assert 0.6 < len(drawn_B) / 400 < 0.76


@pytest.mark.parametrize("ties", [Ties.HALF, Ties.DAVIDSON])
def test_bootstrap_and_sandwich_agree_on_real_votes(ties: Ties) -> None:
    """Errors of 64 experts' strengths of six models; 300 resamples know an error to about 4 %."""
    _, votes = mt_bench()
    found = fit(votes, ties)

    by_formula = np.sqrt(np.diag(sandwich(found).cov_PP)[: len(found.rated_Q)])
    assert bootstrap(found, resamples=300).std(axis=0) == pytest.approx(by_formula, rel=0.2)


# --- standings ---------------------------------------------------------------------


def test_four_hundred_points_are_odds_of_ten_to_one() -> None:
    first, second = board(votes_counted(2, [(0, 1, 10, 1, 0)]))

    assert (first.contestant, second.contestant) == (0, 1)
    assert first.rating == pytest.approx(1200)
    assert second.rating == pytest.approx(800)
    assert pytest.approx(400 / math.log(10)) == POINTS


def test_the_anchor_has_a_thousand_points_and_no_interval() -> None:
    placed = {one.contestant: one for one in board(votes_counted(2, [(0, 1, 30, 10, 0)]), anchor=1)}

    assert (placed[1].low, placed[1].rating, placed[1].high) == (1000, 1000, 1000)
    lead, reach = POINTS * math.log(3), POINTS * 1.96 * math.sqrt(1 / 30 + 1 / 10)
    assert (placed[0].low, placed[0].rating, placed[0].high) == pytest.approx(
        (1000 + lead - reach, 1000 + lead, 1000 + lead + reach), rel=1e-5
    )


def test_an_anchor_without_a_strength_leaves_the_mean_at_a_thousand() -> None:
    votes = votes_counted(3, [(0, 1, 3, 1, 0)])

    assert board(votes, anchor=2) == board(votes)


def test_who_has_no_rating_stands_last_with_the_reason_and_its_votes() -> None:
    last = board(votes_counted(3, [(0, 1, 3, 1, 0), (2, 0, 2, 0, 0)]))[-1]

    assert (last.contestant, last.rating, last.best, last.n) == (2, None, None, 2)
    assert last.reason.startswith("No judgment went against it")


def test_ranks_count_who_is_significantly_better_and_worse() -> None:
    """300 to 100 is settled, 11 to 10 is not."""
    rows = [(0, 2, 300, 100, 0), (1, 2, 300, 100, 0), (0, 1, 11, 10, 0)]

    assert [(one.contestant, one.best, one.worst) for one in board(votes_counted(3, rows))] == [
        (0, 1, 2), (1, 1, 2), (2, 3, 3),
    ]  # fmt: skip


@given(votes=elections())
def test_a_place_lies_between_the_best_and_the_worst_rank(votes: Votes) -> None:
    placed = [one for one in board(votes) if one.rating is not None]

    for rank, one in enumerate(placed, 1):
        assert one.best is not None
        assert one.worst is not None
        assert 1 <= one.best <= rank <= one.worst <= len(placed)


def test_turkish_systems_have_the_official_rank_ranges() -> None:
    """The organisers' come from a bootstrap of TrueSkill, ours from the sandwich over 33 judges; all nine agree."""
    lines = real("02b_wmt16_human_ranking/published_ranking.wmt16.tur-eng.txt").read_text().splitlines()
    official = [line.partition("(")[2].rstrip(")").split(",") for line in lines if not line.startswith("+")]
    _, votes = wmt16("tur-eng")

    assert [(one.best, one.worst) for one in board(votes)] == [(float(low), float(high)) for low, high in official]
