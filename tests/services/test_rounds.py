from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import transaction
from django.utils import timezone

from annotator.domain.asking import Said
from annotator.domain.lifecycles import CheckpointState, RoundState, RunKind, RunState
from annotator.exceptions import ChildKilled, RoundNotReady, RoundOpenAlready, StateNotAllowed
from annotator.models import Checkpoint, Comparison, Project, Prompt, Round, Run, Snapshot, Split, User
from annotator.services.assignments import assignment_claim
from annotator.services.judgments import judgment_submit
from annotator.services.prompts import prompts_add
from annotator.services.rounds import (
    promoted_policy,
    round_abandon,
    round_advance,
    round_launch,
    round_prepare,
    round_retry,
    rounds_launch_due,
    standard_settings,
)
from annotator.services.runs import (
    MAX_ATTEMPTS,
    run_cancel,
    run_claim,
    run_execute,
    run_finish,
    run_heartbeat,
    run_resume_later,
    runs_to_ring,
)
from annotator.store import store_path
from tests.fakes import FakeEngine
from tests.keys import key
from tests.workers import work
from training.contract import COMPARISONS, PreferenceRecord, RunReport, rows_read, snapshot_verify


def judge(project: Project, rater: User, count: int, start: int = 0) -> None:
    for number in range(start, start + count):
        assignment = assignment_claim(rater=rater, project=project)
        assert assignment is not None
        judgment_submit(assignment=assignment, said=Said("a"), key=key(1000 + number))


def launch(round: Round) -> Round:
    return round_launch(round=round, settings=standard_settings(), by=None)


@pytest.fixture
def judged(project: Project, round: Round, raters: list[User]) -> Round:
    judge(project, raters[0], 20)
    return round


def test_one_turn_of_the_loop_ends_with_fresh_comparisons_from_the_new_checkpoint_and_its_parent(
    project: Project, judged: Round
) -> None:
    base = promoted_policy(project)
    engine = FakeEngine()
    launch(judged)

    work(project, engine)

    assert [request.kind for request in engine.requests] == ["reward", "dpo", "evaluate", "generate"]
    candidate = Checkpoint.objects.get(name="round-1")
    assert (candidate.parent, candidate.snapshot) == (base, Snapshot.objects.get())
    assert candidate.metrics["win_rate"]["n"] == 64
    judged.refresh_from_db()
    assert judged.state == RoundState.CLOSED
    following = Round.objects.get(number=2)
    assert following.state == RoundState.COLLECTING
    pairs = Comparison.objects.filter(round=following).values_list("first__checkpoint", "second__checkpoint")
    assert {frozenset(pair) for pair in pairs} == {frozenset({candidate.pk, base.pk})}


def test_a_better_checkpoint_is_promoted_and_its_parent_retires(project: Project, judged: Round) -> None:
    base = promoted_policy(project)
    launch(judged)

    work(project, FakeEngine(win_rate_low=0.51))

    assert promoted_policy(project).name == "round-1"
    base.refresh_from_db()
    assert base.state == CheckpointState.RETIRED


def test_a_checkpoint_that_may_be_no_better_stays_a_candidate(project: Project, judged: Round) -> None:
    launch(judged)

    work(project, FakeEngine(win_rate_low=0.5))

    assert promoted_policy(project).name == "base"
    assert Checkpoint.objects.get(name="round-1").state == CheckpointState.CANDIDATE


def test_the_snapshot_holds_each_judged_comparison_once_and_verifies(project: Project, judged: Round) -> None:
    launch(judged)

    round_advance(round_id=judged.pk)

    folder = store_path(Snapshot.objects.get().path)
    assert snapshot_verify(folder).counts["judgments"] == 20
    rows = list(rows_read(folder / COMPARISONS, PreferenceRecord))
    assert len({row.comparison_id for row in rows}) == len(rows) == 20
    assert {row.prefer_first for row in rows} == {0.0, 1.0}
    assert all(row.first.token_ids == list(row.first.text.encode()) for row in rows)


def test_a_round_without_decided_judgments_cannot_be_launched(project: Project, round: Round) -> None:
    with pytest.raises(RoundNotReady, match="Judge some more"):
        launch(round)


def test_launching_twice_is_refused(project: Project, judged: Round) -> None:
    launch(judged)

    with pytest.raises(StateNotAllowed):
        launch(judged)


def test_a_second_open_round_is_refused(project: Project, round: Round) -> None:
    with pytest.raises(RoundOpenAlready), transaction.atomic():
        round_prepare(project=project)


def test_a_failed_stage_waits_for_a_person_and_goes_on_when_retried(project: Project, judged: Round) -> None:
    launch(judged)
    round_advance(round_id=judged.pk)
    Run.objects.filter(kind=RunKind.REWARD).update(state=RunState.FAILED)
    work(project, FakeEngine())
    assert Run.objects.filter(kind=RunKind.DPO).count() == 0

    round_retry(round=judged)
    work(project, FakeEngine())

    judged.refresh_from_db()
    assert judged.state == RoundState.CLOSED


def test_retrying_when_nothing_failed_is_refused(project: Project, judged: Round) -> None:
    with pytest.raises(StateNotAllowed):
        round_retry(round=judged)


def test_an_abandoned_round_cancels_its_runs_and_is_left_out_of_later_snapshots(
    project: Project, judged: Round, raters: list[User]
) -> None:
    launch(judged)
    round_advance(round_id=judged.pk)

    round_abandon(round=judged)

    assert Run.objects.get(kind=RunKind.REWARD).state == RunState.CANCELLED
    round_prepare(project=project)
    work(project, FakeEngine())
    judge(project, raters[1], 10, start=100)
    following = Round.objects.get(number=2)
    launch(following)
    round_advance(round_id=following.pk)
    assert Snapshot.objects.get(round=following).counts["judgments"] == 10


def test_a_round_launches_itself_at_the_number_of_judgments_that_its_project_set(
    project: Project, judged: Round
) -> None:
    Project.objects.update(launch_at_judgments=21)
    assert rounds_launch_due() == []

    Project.objects.update(launch_at_judgments=20)

    assert [round.pk for round in rounds_launch_due()] == [judged.pk]


def test_a_round_launches_itself_after_the_hours_that_its_project_set(project: Project, judged: Round) -> None:
    Project.objects.update(launch_every_hours=2)
    assert rounds_launch_due() == []

    Round.objects.update(opened_at=timezone.now() - timedelta(hours=2))

    assert [round.pk for round in rounds_launch_due()] == [judged.pk]


# --- runs ---------------------------------------------------------------------


@pytest.fixture
def queued(project: Project) -> Run:
    return round_prepare(project=project).runs.get()


def test_a_run_is_claimed_once_however_often_its_message_comes(queued: Run) -> None:
    claims = [run_claim(run_id=queued.pk, worker=f"worker {number}") for number in range(2)]

    assert [claim is not None for claim in claims] == [True, False]


def test_a_silent_worker_loses_its_run_and_its_late_result_is_not_kept(queued: Run) -> None:
    first = run_claim(run_id=queued.pk, worker="first")
    assert first is not None
    later = timezone.now() + timedelta(minutes=1)

    second = run_claim(run_id=queued.pk, worker="second", now=later)

    assert second is not None
    assert not run_heartbeat(run=first)
    run_finish(run=first, report=RunReport(kind="generate", seconds=1))
    queued.refresh_from_db()
    assert queued.state == RunState.RUNNING


def test_a_queued_run_is_rung_at_once_and_again_when_nobody_came(queued: Run) -> None:
    now = timezone.now()

    rung = [len(runs_to_ring(now=now + timedelta(seconds=after))) for after in (0, 10, 31)]

    assert rung == [1, 0, 1]


def test_cancelling_a_running_run_stops_its_child_at_the_next_heartbeat(queued: Run) -> None:
    class Cancelling(FakeEngine):
        def _events(self, request):  # type: ignore[no-untyped-def]
            events = super()._events(request)
            yield next(events)
            run_cancel(run=queued)
            yield from events

    run_execute(run_id=queued.pk, worker="test", engine=Cancelling())

    queued.refresh_from_db()
    assert (queued.state, queued.responses.count()) == (RunState.CANCELLED, 0)


def test_cancelling_twice_is_harmless_and_cancelling_what_is_over_is_refused(queued: Run) -> None:
    run_cancel(run=queued)
    run_cancel(run=queued)
    Run.objects.update(state=RunState.SUCCEEDED)

    with pytest.raises(StateNotAllowed):
        run_cancel(run=queued)


def test_a_killed_child_is_resumed_and_given_up_after_too_many_deaths(queued: Run) -> None:
    class Killed(FakeEngine):
        def _events(self, request):  # type: ignore[no-untyped-def]
            yield None
            raise ChildKilled("killed")

    for _ in range(MAX_ATTEMPTS):
        run_execute(run_id=queued.pk, worker="test", engine=Killed())

    queued.refresh_from_db()
    assert (queued.state, queued.attempt) == (RunState.FAILED, MAX_ATTEMPTS)
    assert "memory" in queued.error


def test_a_resumed_run_keeps_its_answers_once(queued: Run) -> None:
    first = run_claim(run_id=queued.pk, worker="first")
    assert first is not None
    run_resume_later(run=first, error="killed")

    run_execute(run_id=queued.pk, worker="second", engine=FakeEngine())
    run_execute(run_id=queued.pk, worker="third", engine=FakeEngine())

    assert queued.responses.count() == 20 * 4


def test_the_request_of_a_run_names_folders_below_the_store(queued: Run, store: Path) -> None:
    engine = FakeEngine()

    run_execute(run_id=queued.pk, worker="test", engine=engine)

    assert Path(engine.requests[0].out_dir).is_relative_to(store)


def test_runs_of_every_round_share_what_the_parent_thinks_of_an_answer(
    project: Project, judged: Round, store: Path
) -> None:
    engine = FakeEngine()
    launch(judged)

    work(project, engine)

    assert {request.cache_dir for request in engine.requests} == {str(store / "cache" / "logprobs")}


def test_a_round_draws_training_and_held_out_prompts_in_their_natural_shares(project: Project) -> None:
    prompts_add(
        project=project, conversations=[[{"role": "user", "content": f"Further question {n}?"}] for n in range(500)]
    )
    Project.objects.update(prompts_per_round=200)
    project.refresh_from_db()

    drawn = round_prepare(project=project).runs.get().details["prompts"]

    held_out = Prompt.objects.filter(pk__in=drawn, split=Split.HOLDOUT).count()
    assert 20 < held_out < 60  # a fifth of 200, give or take four standard deviations
