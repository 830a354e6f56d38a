"""Reward models read what is collected, and the queue may go by what they do not know."""

from __future__ import annotations

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotator.domain.disagreement import disagreement
from annotator.domain.lifecycles import RunKind, RunState
from annotator.models import Checkpoint, Comparison, Project, Reward, Round, Run, User
from annotator.selectors.rewards import judges_of, leads_under
from annotator.services.assignments import assignment_claim
from annotator.services.checkpoints import checkpoint_retire
from annotator.services.projects import project_update
from annotator.services.rewards import rewards_add
from annotator.services.rounds import round_advance
from annotator.services.runs import run_cancel, run_execute
from annotator.services.scores import scores_refresh
from annotator.services.scoring import scoring_due, scoring_queue
from annotator.tasks import score
from tests.fakes import FakeEngine
from training.contract import AnswerRecord, RewardRecord, ScoreRequest


def reward_model(project: Project, name: str, ensemble: int = 1) -> Checkpoint:
    settings = {"ensemble": ensemble}
    return Checkpoint.objects.create(
        project=project, kind="reward", name=name, base_model="starter", path=f"runs/{name}", settings=settings
    )


def executed(run: Run | None, engine: FakeEngine | None = None) -> Run:
    assert run is not None
    done = run_execute(run_id=run.pk, worker="test", engine=engine or FakeEngine())
    assert done is not None
    assert done.state == RunState.SUCCEEDED, done.error
    return done


def strange(judge: str, answer: AnswerRecord) -> list[float]:
    """Two heads that disagree about some answers more than about others."""
    number = int(answer.response_id)
    return [number % 7 / 3, -(number % 5) / 3]


@pytest.fixture
def informative(project: Project) -> Project:
    return project_update(project=project, strategy={"informative": 1}, informative_by="disagreement")


# --- what is scored -----------------------------------------------------------------


def test_without_a_reward_model_nothing_is_scored(round: Round) -> None:
    assert scoring_due() == []


def test_the_answers_of_a_round_are_read_once_by_each_reward_model(project: Project, round: Round) -> None:
    first, second = reward_model(project, "one"), reward_model(project, "two")
    engine = FakeEngine()

    (run,) = scoring_due()
    assert scoring_due() == []  # it is queued
    executed(run, engine)
    assert scoring_due() == []  # it is done

    (request,) = engine.requests
    assert isinstance(request, ScoreRequest)
    assert [judge.label for judge in request.judges] == [str(second.pk), str(first.pk)]
    compared = {one for pair in round.comparisons.values_list("first", "second") for one in pair}
    found = set(Reward.objects.values_list("response_id", "checkpoint_id"))
    assert found == {(answer, judge.pk) for answer in compared for judge in (first, second)}
    assert all(row.value == row.heads[0] == len(row.response.text) / 100 for row in Reward.objects.all())


def test_a_newer_reward_model_and_later_comparisons_are_read_too(project: Project, round: Round) -> None:
    reward_model(project, "one")
    held_back = round.comparisons.order_by("pk").last()
    assert held_back is not None
    later, kept = held_back.pk, Comparison.objects.filter(pk=held_back.pk).values().get()
    held_back.delete()
    executed(scoring_queue(round=round))

    newer = reward_model(project, "two")
    run = executed(scoring_queue(round=round))
    assert (run.details["judges"], run.details["after"]) == ([newer.pk], 0)

    Comparison.objects.create(**kept)
    run = executed(scoring_queue(round=round))
    assert len(run.details["judges"]) == 2
    assert run.details["after"] < later == run.details["upto"]


def test_the_newest_three_are_asked_or_an_ensemble_alone_and_no_retired_one(project: Project) -> None:
    models = [reward_model(project, f"m{number}") for number in range(4)]
    assert judges_of(project) == models[:0:-1]

    checkpoint_retire(checkpoint=models[3])
    assert judges_of(project) == models[2::-1]

    ensemble = reward_model(project, "ensemble", ensemble=4)
    assert judges_of(project) == [ensemble]


def test_a_run_that_was_cancelled_is_not_queued_again_by_itself(project: Project, round: Round) -> None:
    reward_model(project, "one")
    run = scoring_queue(round=round)
    assert run is not None
    run_cancel(run=run)

    assert scoring_due() == []
    assert not Reward.objects.exists()


def test_a_run_that_scores_holds_up_no_round(turned: Round) -> None:
    following = turned.project.rounds.get(number=2)
    assert scoring_due()[0].round == following

    for round in (turned, following):
        round_advance(round_id=round.pk)

    assert following.runs.get(kind=RunKind.SCORE).state == RunState.QUEUED
    assert following.runs.exclude(kind=RunKind.SCORE).get().kind == RunKind.GENERATE


def test_the_same_rewards_twice_are_stored_once(project: Project, round: Round) -> None:
    reward_model(project, "one")
    run = executed(scoring_queue(round=round))
    there = Reward.objects.count()
    again = Reward.objects.values_list("response", flat=True)
    records = [RewardRecord(response_id=str(pk), judge="other", heads=[0.0]) for pk in [*again, 0]]

    assert list(rewards_add(judges={"other": run.details["judges"][0]}, records=records)) == [there + 1]

    assert Reward.objects.count() == there
    assert not Reward.objects.filter(value=0.0).exists()


# --- what the queue makes of it ------------------------------------------------------


def test_what_the_heads_disagree_about_comes_first(informative: Project, round: Round, raters: list[User]) -> None:
    reward_model(informative, "ensemble", ensemble=2)
    executed(scoring_queue(round=round), FakeEngine(heads=strange))

    scores_refresh(round=round)

    free = list(round.comparisons.order_by("pk"))
    leads = [
        [a - b for a, b in zip(*(one.rewards.get().heads for one in (pair.first, pair.second)), strict=True)]
        for pair in free
    ]
    assert [pair.score for pair in free] == pytest.approx(disagreement(np.array(leads)).tolist(), rel=0.01)
    claimed = assignment_claim(rater=raters[0], project=informative)
    assert claimed is not None
    assert claimed.comparison.score == max(pair.score for pair in free)


def test_until_a_reward_model_has_read_the_answers_the_ranking_is_what_counts(
    informative: Project, round: Round
) -> None:
    """Two authors are needed for a ranking; of one, every score is 0."""
    reward_model(informative, "one")
    scores_refresh(round=round)
    assert set(round.comparisons.values_list("score", flat=True)) == {0.0}

    score()
    executed(round.runs.get(kind=RunKind.SCORE), FakeEngine(heads=lambda _judge, answer: [int(answer.response_id) % 3]))
    score()
    assert len(set(round.comparisons.values_list("score", flat=True))) > 1

    project_update(project=informative, informative_by="ranking")
    round.project.refresh_from_db()
    scores_refresh(round=round)
    assert set(round.comparisons.values_list("score", flat=True)) == {0.0}


def test_a_pair_that_a_model_could_not_read_has_no_score(project: Project, round: Round) -> None:
    judges = [reward_model(project, name) for name in ("one", "two")]
    executed(scoring_queue(round=round))
    first, second, *_rest = round.comparisons.order_by("pk")
    Reward.objects.filter(checkpoint=judges[0], response=first.first_id).delete()
    pairs = [(one.first_id, one.second_id) for one in (first, second)]

    lead_RM, is_read_R = leads_under(judges, pairs)

    assert list(is_read_R) == [False, second.first_id != first.first_id]
    assert lead_RM.shape == (2, 2)


def test_scores_cost_as_many_queries_for_many_as_for_few(informative: Project, round: Round) -> None:
    reward_model(informative, "ensemble", ensemble=2)
    executed(scoring_queue(round=round), FakeEngine(heads=strange))

    with CaptureQueriesContext(connection) as queries:
        scores_refresh(round=round)

    assert len(queries) <= 6
