"""Whole weights are made once, kept, and removed on request."""

from __future__ import annotations

import shutil

import pytest

from annotator.domain.lifecycles import RunState
from annotator.domain.weights import Weights
from annotator.exceptions import NotFound, StateNotAllowed
from annotator.models import Checkpoint, Round, Run
from annotator.selectors.weights import weights_folder
from annotator.services.merges import merge_queue, merge_remove
from annotator.services.runs import run_cancel, run_execute
from tests.cast import Cast
from tests.fakes import FakeEngine
from training.contract import MergeRequest


@pytest.fixture
def policy(turned: Round) -> Checkpoint:
    found: Checkpoint = turned.runs.get(kind="dpo").checkpoint
    return found


def made(checkpoint: Checkpoint) -> FakeEngine:
    """A worker does what was queued."""
    engine = FakeEngine()
    run_execute(run_id=merge_queue(checkpoint=checkpoint).pk, worker="test", engine=engine)
    checkpoint.refresh_from_db()
    return engine


def test_a_worker_makes_them_of_the_folder_of_the_checkpoint(policy: Checkpoint) -> None:
    engine = made(policy)

    (request,) = engine.requests
    assert isinstance(request, MergeRequest)
    assert request.checkpoint_dir == str(weights_folder(policy, Weights.TRAINED))
    assert (weights_folder(policy, Weights.MERGED) / "whole.txt").is_file()


def test_asked_twice_it_is_one_run_while_it_waits_and_when_it_is_done(policy: Checkpoint) -> None:
    waiting = merge_queue(checkpoint=policy)
    assert merge_queue(checkpoint=policy) == waiting
    run_execute(run_id=waiting.pk, worker="test", engine=FakeEngine())

    assert merge_queue(checkpoint=policy) == waiting
    assert Run.objects.filter(kind="merge").count() == 1


def test_after_a_run_that_came_to_nothing_it_is_tried_again(policy: Checkpoint) -> None:
    cancelled = run_cancel(run=merge_queue(checkpoint=policy))

    again = merge_queue(checkpoint=policy)

    assert again != cancelled
    assert again.state == RunState.QUEUED


def test_what_is_missing_from_the_store_is_made_again(policy: Checkpoint) -> None:
    made(policy)
    shutil.rmtree(weights_folder(policy, Weights.MERGED))

    assert merge_queue(checkpoint=policy).state == RunState.QUEUED


def test_removing_frees_the_store_and_keeps_the_run(
    policy: Checkpoint, django_capture_on_commit_callbacks: object
) -> None:
    made(policy)
    folder = weights_folder(policy, Weights.MERGED)

    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        merge_remove(checkpoint=policy)
        merge_remove(checkpoint=policy)

    policy.refresh_from_db()
    assert not folder.parent.exists()
    assert Run.objects.get(kind="merge").state == RunState.SUCCEEDED
    with pytest.raises(NotFound, match="no whole weights"):
        weights_folder(policy, Weights.MERGED)
    assert weights_folder(policy, Weights.TRAINED).is_dir()


def test_what_is_being_made_is_not_removed(policy: Checkpoint) -> None:
    merge_queue(checkpoint=policy)

    with pytest.raises(StateNotAllowed, match="cancel their run first"):
        merge_remove(checkpoint=policy)


def test_only_an_adapter_of_a_policy_can_be_merged(cast: Cast, turned: Round, policy: Checkpoint) -> None:
    reward = turned.runs.get(kind="reward").checkpoint
    with pytest.raises(StateNotAllowed, match="reward model"):
        merge_queue(checkpoint=reward)
    base = cast.shop.checkpoints.get(path="")
    with pytest.raises(StateNotAllowed, match="whole as they are"):
        merge_queue(checkpoint=base)
    Checkpoint.objects.filter(pk=policy.pk).update(settings={"lora_rank": 0})
    with pytest.raises(StateNotAllowed, match="whole as they are"):
        merge_queue(checkpoint=policy)

    assert not Run.objects.filter(kind="merge").exists()
