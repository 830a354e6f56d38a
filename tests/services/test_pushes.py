"""Weights are sent to the configured hub, once at a time, by the engine that trained them."""

from __future__ import annotations

from typing import Any

import pytest

from annotator.domain.weights import Weights
from annotator.exceptions import InputInvalid, NotFound, StateNotAllowed
from annotator.models import Checkpoint, Round, Run
from annotator.selectors.weights import pushes_of
from annotator.services.merges import merge_queue, merge_remove
from annotator.services.pushes import push_queue
from annotator.services.runs import run_cancel, run_execute
from tests.fakes import FakeEngine
from training.contract import PushRequest

REPO = "team/shop-policy"


@pytest.fixture
def policy(turned: Round, settings: Any) -> Checkpoint:
    settings.TIEBREAK_HUB, settings.TIEBREAK_HUB_TOKEN = "https://hub.example", "hf_secret"
    found: Checkpoint = turned.runs.get(kind="dpo").checkpoint
    return found


def test_the_engine_is_asked_for_the_folder_the_repository_and_the_card(policy: Checkpoint) -> None:
    engine = FakeEngine()

    run_execute(
        run_id=push_queue(checkpoint=policy, weights=Weights.TRAINED, repo=REPO).pk, worker="test", engine=engine
    )

    (request,) = engine.requests
    assert isinstance(request, PushRequest)
    assert (request.hub, request.repo, request.private) == ("https://hub.example", REPO, True)
    assert request.folder.endswith(policy.path)
    assert f'from_pretrained("{REPO}")' in request.card
    assert "hf_secret" not in request.model_dump_json()
    assert [run.state for run in pushes_of(policy)] == ["succeeded"]


def test_asked_twice_it_is_sent_once(policy: Checkpoint) -> None:
    first, second = (push_queue(checkpoint=policy, weights=Weights.TRAINED, repo=REPO) for _ in range(2))
    other = push_queue(checkpoint=policy, weights=Weights.TRAINED, repo="team/another")

    assert first == second != other
    run_cancel(run=first)
    assert push_queue(checkpoint=policy, weights=Weights.TRAINED, repo=REPO) != first


def test_what_is_no_name_is_refused(policy: Checkpoint) -> None:
    for repo in ("shop", "a/b/c", "team/..", "-a/b", "team/x--y", "te am/x", "team/x\n", "team/x.git"):
        with pytest.raises(InputInvalid, match="no name of a repository"):
            push_queue(checkpoint=policy, weights=Weights.TRAINED, repo=repo)

    assert not Run.objects.filter(kind="push").exists()


def test_without_a_hub_or_the_weights_nothing_is_queued(policy: Checkpoint, settings: Any) -> None:
    with pytest.raises(NotFound, match="no whole weights"):
        push_queue(checkpoint=policy, weights=Weights.MERGED, repo=REPO)
    settings.TIEBREAK_HUB_TOKEN = ""
    with pytest.raises(StateNotAllowed, match="No hub is configured"):
        push_queue(checkpoint=policy, weights=Weights.TRAINED, repo=REPO)

    assert not Run.objects.filter(kind="push").exists()


def test_weights_that_are_being_sent_are_not_removed(policy: Checkpoint) -> None:
    run_execute(run_id=merge_queue(checkpoint=policy).pk, worker="test", engine=FakeEngine())
    sending = push_queue(checkpoint=policy, weights=Weights.MERGED, repo=REPO)

    with pytest.raises(StateNotAllowed, match="being sent"):
        merge_remove(checkpoint=policy)
    run_cancel(run=sending)
    merge_remove(checkpoint=policy)
