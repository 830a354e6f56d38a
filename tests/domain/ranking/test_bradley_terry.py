from __future__ import annotations

import csv
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from annotator.domain.ranking.bradley_terry import fit
from annotator.domain.ranking.connection import NEVER_BEATEN, NEVER_COMPARED, NEVER_WON, TIES_WORTH_ANYTHING
from annotator.domain.ranking.votes import Ties, Votes, votes_counted
from tests.domain.ranking.elections import drawn, elections, llmfao, mt_bench, wmt16
from tests.real_data import real

EVERY_WAY = pytest.mark.parametrize("ties", list(Ties))


def order_of(names: list[str], votes: Votes, ties: Ties = Ties.HALF) -> list[str]:
    return [names[k] for k in np.argsort(-fit(votes, ties).strength_Q)]


# --- worked on paper ---------------------------------------------------------


def test_three_wins_to_one_are_odds_of_three() -> None:
    found = fit(votes_counted(2, [(0, 1, 3, 1, 0)]))

    assert found.strength_Q == pytest.approx([math.log(3) / 2, -math.log(3) / 2])


def test_a_tie_is_half_a_win_an_outcome_of_its_own_or_nothing() -> None:
    """3 wins, 1 loss, 4 ties. Half: 5 to 3. Dropped: 3 to 1. Davidson: the odds of win and loss stay 3 to 1, and
    nu is the ties over the geometric mean of both, 4 / sqrt(3)."""
    votes = votes_counted(2, [(0, 1, 3, 1, 4)])

    def lead(ties: Ties) -> float:
        return float(np.subtract(*fit(votes, ties).strength_Q))

    assert lead(Ties.HALF) == pytest.approx(math.log(5 / 3))
    assert lead(Ties.DROPPED) == pytest.approx(math.log(3))
    assert lead(Ties.DAVIDSON) == pytest.approx(math.log(3))
    assert fit(votes, Ties.DAVIDSON).nu == pytest.approx(4 / math.sqrt(3))


def test_a_chain_adds_up() -> None:
    """A to B 2 to 1, B to C 3 to 1: A to C is 6 to 1 although they never met."""
    found = fit(votes_counted(3, [(0, 1, 2, 1, 0), (1, 2, 3, 1, 0)]))

    assert found.strength_Q[0] - found.strength_Q[2] == pytest.approx(math.log(6))


def test_what_is_expected_is_what_was_won() -> None:
    """At the top, the points of each contestant are as many as its strength expects."""
    _, votes = drawn(np.random.default_rng(3), contestants=5, raters=10, votes_each=40)
    found = fit(votes)
    pairs = votes.treated(Ties.HALF).by_pair()

    p = 1 / (1 + np.exp(found.strength_Q[pairs.second_R] - found.strength_Q[pairs.first_R]))
    points = np.bincount(pairs.first_R, pairs.wins_R, 5) + np.bincount(pairs.second_R, pairs.losses_R, 5)
    expected = np.bincount(pairs.first_R, pairs.n_R * p, 5) + np.bincount(pairs.second_R, pairs.n_R * (1 - p), 5)
    assert points == pytest.approx(expected)


def test_style_that_was_planted_is_taken_off_the_strengths() -> None:
    """Six thousand votes in which one spread of style is worth 0.6 logits."""
    planted, votes = drawn(np.random.default_rng(5), contestants=4, raters=60, votes_each=100, style=0.6)

    found = fit(votes, Ties.DAVIDSON)

    assert found.style_S == pytest.approx([0.6], abs=0.1)
    assert found.strength_Q == pytest.approx(planted, abs=0.12)
    assert math.log(found.nu) == pytest.approx(math.log(0.5), abs=0.15)


def test_style_that_never_varies_changes_nothing() -> None:
    rows = [(0, 1, 3, 1, 1), (1, 2, 4, 2, 0), (0, 2, 2, 2, 1)]

    with_style = fit(votes_counted(3, rows, style=[[0.0]] * 3))

    assert with_style.strength_Q == pytest.approx(fit(votes_counted(3, rows)).strength_Q)
    assert with_style.style_S == pytest.approx([0.0])


# --- what the votes leave open ------------------------------------------------


def test_who_won_everything_lost_everything_or_met_nobody_has_no_strength_and_it_is_said_why() -> None:
    """0 and 1 beat each other; 2 beat both, 3 lost to both, 4 met nobody, 5 and 6 met only each other."""
    rows = [(0, 1, 2, 1, 0), (2, 0, 1, 0, 0), (2, 1, 1, 0, 0), (3, 0, 0, 1, 0), (5, 6, 1, 1, 0)]

    found = fit(votes_counted(7, rows))

    assert found.rated_Q.tolist() == [0, 1]
    assert found.reasons == ("", "", NEVER_BEATEN, NEVER_WON, NEVER_COMPARED, NEVER_COMPARED, NEVER_COMPARED)


def test_of_two_where_one_won_everything_neither_has_a_strength() -> None:
    found = fit(votes_counted(3, [(0, 1, 5, 0, 0)]))

    assert found.reasons == (NEVER_BEATEN, NEVER_WON, NEVER_COMPARED)
    assert found.strength_Q.size == 0


def test_nobody_voted() -> None:
    assert fit(votes_counted(2, [])).reasons == (NEVER_COMPARED, NEVER_COMPARED)
    assert fit(votes_counted(0, [])).reasons == ()


def test_ties_alone_make_equals_or_say_that_they_cannot() -> None:
    votes = votes_counted(2, [(0, 1, 0, 0, 3)])

    assert fit(votes, Ties.HALF).strength_Q == pytest.approx([0, 0])
    assert fit(votes, Ties.DAVIDSON).reasons == (TIES_WORTH_ANYTHING, TIES_WORTH_ANYTHING)
    assert fit(votes, Ties.DROPPED).reasons == (NEVER_COMPARED, NEVER_COMPARED)


def test_a_win_and_a_tie_do_not_say_how_much_a_tie_is_worth() -> None:
    """Half: 1½ to ½. Davidson: ever stronger with ever likelier ties tends to ½ for both. A loss as well bounds it."""
    rows = [(0, 1, 1, 0, 1)]

    assert np.subtract(*fit(votes_counted(2, rows), Ties.HALF).strength_Q) == pytest.approx(math.log(3))
    assert fit(votes_counted(2, rows), Ties.DAVIDSON).reasons == (TIES_WORTH_ANYTHING, TIES_WORTH_ANYTHING)
    assert fit(votes_counted(2, [*rows, (0, 1, 0, 1, 0)]), Ties.DAVIDSON).nu == pytest.approx(1)


def test_a_circle_with_more_wins_than_ties_bounds_what_a_tie_is_worth() -> None:
    """0 beat 1, 1 beat 2, and 2 tied with 0: two wins, one tie. With a tie more there are as many as wins."""
    bounded = votes_counted(3, [(0, 1, 1, 0, 0), (1, 2, 1, 0, 0), (0, 2, 0, 0, 1)])
    open_ = votes_counted(4, [(0, 1, 1, 0, 0), (1, 2, 1, 0, 0), (2, 3, 0, 0, 1), (0, 3, 0, 0, 1)])

    assert fit(bounded, Ties.DAVIDSON).rated_Q.tolist() == [0, 1, 2]
    assert fit(open_, Ties.DAVIDSON).reasons == (TIES_WORTH_ANYTHING,) * 4


def test_with_a_prior_everybody_has_a_strength() -> None:
    found = fit(votes_counted(3, [(0, 1, 5, 0, 0)]), prior_sd=1.0)

    assert found.strength_Q[0] > found.strength_Q[2] > found.strength_Q[1]
    assert found.strength_Q[2] == pytest.approx(0)


@pytest.mark.parametrize(
    ("row", "says"),
    [((0, 0, 1, 0, 0), "with itself"), ((0, 2, 1, 0, 0), "from 0 to 1"), ((0, 1, -1, 0, 0), "never negative")],
)
def test_votes_that_cannot_be_are_refused(row: tuple[int, int, int, int, int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        votes_counted(2, [row])


# --- properties ----------------------------------------------------------------


@EVERY_WAY
@given(votes=elections())
def test_who_stands_first_means_nothing(votes: Votes, ties: Ties) -> None:
    found, again = fit(votes, ties), fit(votes.swapped(), ties)

    assert again.reasons == found.reasons
    assert again.theta_P == pytest.approx(found.theta_P, abs=1e-6)


@EVERY_WAY
@given(votes=elections())
def test_exchanging_winners_and_losers_turns_the_strengths_round(votes: Votes, ties: Ties) -> None:
    turned = replace(votes, first_R=votes.second_R, second_R=votes.first_R)
    found, again = fit(votes, ties), fit(turned, ties)

    assert len(again.rated_Q) == len(found.rated_Q)
    if again.rated_Q.tolist() == found.rated_Q.tolist():
        assert again.strength_Q == pytest.approx(-found.strength_Q, abs=1e-6)


@EVERY_WAY
@given(votes=elections(), times=some.integers(2, 50))
def test_the_same_votes_many_times_give_the_same_strengths(votes: Votes, ties: Ties, times: int) -> None:
    more = votes.weighted(np.full(len(votes.first_R), float(times)))

    assert fit(more, ties).theta_P == pytest.approx(fit(votes, ties).theta_P, abs=1e-6)


@EVERY_WAY
@given(votes=elections(), seed=some.integers(0, 1000))
def test_neither_the_order_of_rows_nor_where_the_search_begins_matters(votes: Votes, ties: Ties, seed: int) -> None:
    found = fit(votes, ties)
    shuffled = votes.of(np.random.default_rng(seed).permutation(len(votes.first_R)))

    assert fit(shuffled, ties, start=found).theta_P == pytest.approx(found.theta_P, abs=1e-6)


@EVERY_WAY
@given(votes=elections())
def test_every_contestant_has_a_finite_strength_or_a_reason(votes: Votes, ties: Ties) -> None:
    found = fit(votes, ties)

    assert np.isfinite(found.theta_P).all()
    assert np.isfinite(found.bread_PP).all()
    assert [k for k, reason in enumerate(found.reasons) if not reason] == found.rated_Q.tolist()
    assert found.strength_Q.sum() == pytest.approx(0, abs=1e-6)


# --- what was published ---------------------------------------------------------


def test_citations_of_statistical_journals_have_the_published_abilities() -> None:
    references = json.loads(real("04_reference_values/references.dev.json").read_text())
    reference = next(one for one in references if one["id"] == "bt_citations")
    names = reference["names"]
    pairs = reference["pairs(player1,player2,win1,win2)"]
    rows = [(names.index(first), names.index(second), won, lost, 0) for first, second, won, lost in pairs]

    found = fit(votes_counted(len(names), rows))

    for name, ability in reference["expected"]["log_ability_ref_Biometrika=0"].items():
        assert found.strength_Q[names.index(name)] - found.strength_Q[0] == pytest.approx(ability, abs=5e-5)


def test_a_small_election_has_the_scores_that_evalica_publishes() -> None:
    """Its scores are exp(strength), summing to one. Iterations stop at a tolerance there, so five digits are held."""
    folder = real("04_reference_values/evalica")
    with (folder / "simple.csv").open() as file:
        rows = [
            (int(row["left"]), int(row["right"]), won == "left", won == "right", won == "tie")
            for row in csv.DictReader(file)
            for won in [row["winner"]]
        ]
    with (folder / "simple-golden.csv").open() as file:
        of_ours = [row for row in csv.DictReader(file) if row["algorithm"] == "bradley_terry"]
        golden = {int(row["item"]): float(row["score"]) for row in of_ours}

    scores = np.exp(fit(votes_counted(5, rows)).strength_Q)

    assert dict(enumerate(scores / scores.sum())) == pytest.approx(golden, abs=2e-5)


@pytest.mark.parametrize("pair", ["tur-eng", "ron-eng"])
@pytest.mark.parametrize("ties", [Ties.HALF, Ties.DAVIDSON])
def test_translation_systems_stand_in_the_official_order(pair: str, ties: Ties) -> None:
    official = real(f"02b_wmt16_human_ranking/published_ranking.wmt16.{pair}.txt").read_text().splitlines()

    assert order_of(*wmt16(pair), ties) == [line.split()[0] for line in official if not line.startswith("+")]


def test_crowd_workers_put_the_models_in_the_published_order() -> None:
    reference = json.loads(real("02e_llmfao_llm_crowd_votes/computed_reference.json").read_text())

    assert order_of(*llmfao())[:10] == reference["bt_half_ties_top10"]


@EVERY_WAY
def test_experts_put_the_six_models_in_the_published_order(ties: Ties) -> None:
    reference = json.loads(real("02f_mtbench_human_votes/computed_reference.json").read_text())

    assert order_of(*mt_bench(), ties) == [name for name, _score in reference["bt_order"]]
