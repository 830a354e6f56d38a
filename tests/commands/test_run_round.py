"""`run_round`: one turn of the loop from a shell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from annotator.domain.lifecycles import RoundState
from annotator.management.commands import run_round
from annotator.models import Checkpoint, CheckpointKind, Project, Round
from tests.commands.conftest import Worker, said
from tests.fakes import FakeEngine
from training.contract import AnyEvent, AnyRequest, Failed, Started


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_round, "POLL_SECONDS", 0.02)


@contextmanager
def broken_engine(request: AnyRequest, folder: Path) -> Iterator[Iterator[AnyEvent | None]]:
    yield iter([Started(total_steps=1, device="cpu"), Failed(error="Oops", message="The disk is full.")])


def test_waiting_ends_with_one_line_of_json(judged: Round, worker: Worker) -> None:
    with worker(FakeEngine()):
        report = json.loads(said("run_round", project="demo", wait=True)[-1])

    policy = Checkpoint.objects.get(run__round=judged, kind=CheckpointKind.POLICY)
    assert report["judgments"] == report["judgments_in_snapshot"] == 10
    assert report["reward"] == {"accuracy": 0.9, "n": 40, "low": 0.8, "high": 0.95}
    assert report["dpo"] == {"accuracy": 0.85, "n": 40, "low": 0.75, "high": 0.92}
    assert (report["win_rate"], report["win_rate_n"], report["kl"], report["length_ratio"]) == (0.75, 64, 2.0, 0.9)
    assert (report["checkpoint"], report["checkpoint_name"]) == (policy.pk, "round-1")
    assert (report["parent"], report["parent_name"]) == (policy.parent_id, "base")
    assert report["fresh_comparisons"] == Round.objects.get(number=2).comparisons.count() > 0
    assert list(report["seconds"]) == ["freeze", "reward", "dpo", "evaluate", "generate", "total"]
    assert all(seconds >= 0 for seconds in report["seconds"].values())


def test_progress_goes_to_standard_error(judged: Round, worker: Worker) -> None:
    errors = StringIO()
    with worker(FakeEngine()):
        call_command("run_round", project="demo", wait=True, stdout=StringIO(), stderr=errors)

    for stage in ("reward", "dpo", "evaluate", "generate"):
        assert f"{stage}: succeeded" in errors.getvalue()


def test_without_waiting_it_returns_after_the_launch(judged: Round) -> None:
    assert said("run_round", project="demo", preset="quick") == []

    judged.refresh_from_db()
    assert judged.state == RoundState.FROZEN
    assert judged.settings["dpo"]["epochs"] == 1


def test_a_stage_that_fails_fails_the_command(judged: Round, worker: Worker) -> None:
    with worker(broken_engine), pytest.raises(CommandError, match=r"The reward stage failed: The disk is full\."):
        said("run_round", project="demo", wait=True)


def test_a_round_that_learns_already_is_waited_for(judged: Round, worker: Worker) -> None:
    said("run_round", project="demo")

    with worker(FakeEngine()):
        assert json.loads(said("run_round", project="demo", wait=True)[-1])["round"] == 1


def test_waiting_has_an_end(judged: Round) -> None:
    with pytest.raises(CommandError, match="not done in time"):
        said("run_round", project="demo", wait=True, timeout=0.1)


def test_too_little_to_learn_from_is_said(collecting: Round) -> None:
    with pytest.raises(CommandError, match="Nothing to learn from yet"):
        said("run_round", project="demo", wait=True)


def test_a_project_without_a_round_is_said(demo: Project) -> None:
    with pytest.raises(CommandError, match="has no round yet"):
        said("run_round", project="demo")


def test_an_unknown_project_is_answered_with_those_there_are(demo: Project) -> None:
    with pytest.raises(CommandError, match=r"no project “nope”\. There is: demo"):
        said("run_round", project="nope")
