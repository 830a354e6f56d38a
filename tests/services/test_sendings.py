"""Datasets at other places: whole, once at a time, and with nobody's key in a message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import huggingface_hub.constants
import pytest
from django.utils import timezone

from annotator import tasks
from annotator.exceptions import InputInvalid, NotFound, StateNotAllowed
from annotator.models import Dataset, Project, Round, Sending, User
from annotator.services.datasets import dataset_create
from annotator.services.sendings import SILENT_AFTER, sending_create, sendings_to_ring
from annotator.store import store_path
from tests.factories import datasets_ready, judged
from tests.hub import TOKEN, Hub, hub_running
from tests.storage import Storage, storage_running

# huggingface_hub's own upload of large files uses what httpx2 is leaving behind.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
REPO = "team/shop-preferences"


@pytest.fixture
def dataset(project: Project, round: Round, raters: list[User]) -> Dataset:
    judged(project, raters[0], limit=10)
    return datasets_ready(project)[-1]


@pytest.fixture
def hub(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    with hub_running() as hub:
        settings.TIEBREAK_HUB, settings.TIEBREAK_HUB_TOKEN = hub.url, TOKEN
        yield hub


@pytest.fixture
def storage(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "only-for-tests")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    with storage_running() as storage:
        settings.TIEBREAK_STORAGE, settings.TIEBREAK_STORAGE_ENDPOINT = "s3://data/sets", storage.endpoint
        yield storage


def sent(sending: Sending) -> Sending:
    """As a worker sends it."""
    tasks.sending_ring(sending.pk)
    sending.refresh_from_db()
    return sending


def files_of(dataset: Dataset) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store_path(dataset.path).iterdir()}


def test_a_hub_takes_the_folder_as_one_commit(dataset: Dataset, hub: Hub) -> None:
    sending = sent(sending_create(dataset=dataset, depot="hub", repo=REPO))

    assert (sending.state, sending.error) == ("sent", "")
    assert hub.datasets[REPO].private
    assert hub.datasets[REPO].files == files_of(dataset)
    assert sum("/commit/" in asked for asked in hub.asked) == 1
    assert sending.address.startswith(hub.url)


def test_what_a_hub_says_against_it_is_kept_without_the_token(dataset: Dataset, hub: Hub) -> None:
    hub.refuses = (403, f"No rights for {TOKEN}")

    sending = sent(sending_create(dataset=dataset, depot="hub", repo=REPO))

    assert sending.state == "refused"
    assert "No rights for …" in sending.error


def test_storage_gets_every_file_and_the_manifest_last(dataset: Dataset, storage: Storage) -> None:
    sending = sent(sending_create(dataset=dataset, depot="storage"))

    place = "data/sets/shop/v2"
    assert (sending.state, sending.error) == ("sent", "")
    assert sending.address == f"s3://{place}"
    assert storage.files == {f"{place}/{name}": data for name, data in files_of(dataset).items()}
    assert storage.put[-1] == f"{place}/manifest.json"


def test_storage_that_refuses_is_quoted(dataset: Dataset, storage: Storage) -> None:
    storage.refuses = True

    sending = sent(sending_create(dataset=dataset, depot="storage"))

    assert sending.state == "refused"
    assert "s3://data/sets did not take shop/v2" in sending.error
    assert "only-for-tests" not in sending.error


def test_asked_twice_it_is_sent_once_and_a_lost_worker_is_replaced(dataset: Dataset, storage: Storage) -> None:
    one, other = (sending_create(dataset=dataset, depot="storage") for _ in range(2))
    assert one == other
    assert sendings_to_ring() == [one.pk]
    assert sendings_to_ring() == []
    Sending.objects.update(state="sending", started_at=timezone.now() - 2 * SILENT_AFTER)
    assert sendings_to_ring() == [one.pk]
    assert sent(one).state == "sent"
    assert sending_create(dataset=dataset, depot="storage") != one


def test_what_cannot_be_sent_is_refused_before_it_is_asked_for(
    dataset: Dataset, project: Project, hub: Hub, settings: Any
) -> None:
    with pytest.raises(InputInvalid, match="no name of a repository"):
        sending_create(dataset=dataset, depot="hub", repo="../etc")
    with pytest.raises(NotFound):
        sending_create(dataset=dataset_create(project=project, shape="sft", file_format="csv"), depot="hub", repo=REPO)
    with pytest.raises(StateNotAllowed):
        sending_create(dataset=dataset, depot="storage")
    settings.TIEBREAK_HUB = ""
    with pytest.raises(StateNotAllowed):
        sending_create(dataset=dataset, depot="hub", repo=REPO)
    assert not Sending.objects.exists()
