"""Data sets of a hub: fetched by a worker, whole, and then looked at like anything that is uploaded."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
from django.utils import timezone

from annotator import hub as doorway
from annotator.domain.hubs import DatasetName, dataset_named
from annotator.domain.lifecycles import ImportState
from annotator.exceptions import InputInvalid
from annotator.models import Import, Judgment, Project
from annotator.services import import_fetches
from annotator.services.import_fetches import (
    SILENT_AFTER,
    fetches_to_ring,
    import_add_from_hub,
    import_fetch,
)
from annotator.services.imports import import_execute, import_path, import_start, import_stop, imports_to_ring
from tests.hub import TOKEN, Hub, Repo, hub_running
from tests.services.test_import_lives import pair, shop

__all__ = ["shop"]
NAME = "team/pairs"


@pytest.fixture
def hub(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Two splits in a folder, and what describes them."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    with hub_running() as hub:
        settings.TIEBREAK_HUB, settings.TIEBREAK_HUB_TOKEN = hub.url, TOKEN
        hub.datasets[NAME] = Repo(
            files={
                "README.md": b"# Pairs",
                "dataset_infos.json": b"{}",
                "data/train.jsonl.gz": gzip.compress(rows(1, 2, 3)),
                "data/test.jsonl": rows(4),
            }
        )
        yield hub


def rows(*numbers: int) -> bytes:
    return b"".join(json.dumps(pair(number)).encode() + b"\n" for number in numbers)


def fetched(one: Import, hub: Hub) -> Import:
    found = import_fetch(import_id=one.pk, hub=doorway.Hub(hub.url, TOKEN))
    assert found is not None
    return found


def added(project: Project, dataset: str = NAME) -> Import:
    return import_add_from_hub(project=project, dataset=dataset, by=None)


def test_a_data_set_is_fetched_looked_at_and_read(shop: Project, hub: Hub) -> None:
    waiting = added(shop)
    assert (waiting.state, waiting.name, waiting.is_live) == (ImportState.FETCHING, NAME, True)

    looked = fetched(waiting, hub)

    assert (looked.state, looked.format) == (ImportState.RECOGNISED, "trl")
    assert looked.fetched == looked.size == sum(len(hub.datasets[NAME].files[f"data/{name}"]) for name in (
        "train.jsonl.gz", "test.jsonl"
    ))  # fmt: skip
    assert not Judgment.objects.exists()
    assert hub.tokens == {TOKEN}
    done = import_execute(import_id=import_start(one=looked).pk)
    assert done is not None
    assert (done.state, done.counts["imported"], done.counts["bad"]) == (ImportState.IMPORTED, 4, 0)


def test_a_part_of_it_may_be_named(shop: Project, hub: Hub) -> None:
    assert fetched(added(shop, f"{NAME}/data/test.jsonl"), hub).sample["good"] == 1
    hub.datasets[NAME].files["database.jsonl"] = b"{"
    folder = import_path(fetched(added(shop, f"{NAME}/data"), hub))

    assert sorted(path.name for path in folder.iterdir()) == ["001-data-test.jsonl", "002-data-train.jsonl.gz"]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("a/b", DatasetName("a/b")),
        (" a/b/ ", DatasetName("a/b")),
        ("a/b/c/d.jsonl", DatasetName("a/b", "c/d.jsonl")),
        ("a/b@refs/convert/parquet", DatasetName("a/b", "", "refs/convert/parquet")),
        ("a/b/c d@1.0", DatasetName("a/b", "c d", "1.0")),
        ("b", None),
        ("a/../b", None),
        ("a/b/../../c", None),
        ("a/b@", None),
        ("https://elsewhere/a/b", None),
        ("a/b\n/c", None),
    ],
)
def test_names_of_data_sets(words: str, wanted: DatasetName | None) -> None:
    assert dataset_named(words) == wanted


def test_what_cannot_be_asked_for_is_refused_at_once(shop: Project, hub: Hub, settings: Any) -> None:
    with pytest.raises(InputInvalid, match="no name of a data set"):
        added(shop, "pairs")
    settings.TIEBREAK_HUB = ""
    with pytest.raises(InputInvalid, match="No hub is configured"):
        added(shop)

    assert not Import.objects.exists()


def test_what_the_hub_does_not_show_or_hold_is_said_in_a_sentence(shop: Project, hub: Hub) -> None:
    missing = fetched(added(shop, "team/nothing"), hub)
    assert missing.state == ImportState.BROKEN
    assert "shows no data set team/nothing at main to this server" in missing.error

    without = fetched(added(shop, f"{NAME}/images"), hub)
    assert "it has README.md, data, dataset_infos.json" in without.error

    closed = import_fetch(import_id=added(shop).pk, hub=doorway.Hub("http://127.0.0.1:9"))
    assert closed is not None
    assert "http://127.0.0.1:9 cannot be reached" in closed.error


def test_offline_says_so(shop: Project, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)

    assert "HF_HUB_OFFLINE is set" in fetched(added(shop), hub).error


def test_what_is_too_much_asks_for_a_part(shop: Project, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_fetches, "MOST_FILES", 1)

    assert "name a folder or a file inside of it" in fetched(added(shop), hub).error
    assert not any("resolve" in asked for asked in hub.asked)


class Shortened(doorway.Hub):
    """A hub whose connection ends early."""

    def chunks(self, name: DatasetName, commit: str, path: str) -> Iterator[bytes]:
        yield from (chunk[:-1] if path.endswith(".gz") else chunk for chunk in super().chunks(name, commit, path))


def test_what_came_in_part_is_not_kept_and_goes_on_from_the_last_whole_file(shop: Project, hub: Hub) -> None:
    one = import_fetch(import_id=added(shop).pk, hub=Shortened(hub.url, TOKEN))
    assert one is not None
    assert (one.state, one.sample) == (ImportState.BROKEN, {})
    assert "data/train.jsonl.gz is not as long as the hub says" in one.error
    assert [path.name for path in import_path(one).iterdir()] == ["001-data-test.jsonl"]

    hub.asked.clear()
    again = fetched(import_start(one=one), hub)

    assert (again.state, again.fetched) == (ImportState.RECOGNISED, again.size)
    assert [asked.rpartition("/")[2] for asked in hub.asked if "resolve" in asked] == ["train.jsonl.gz"]


class Stopping(doorway.Hub):
    """A hub that is so slow that its import is stopped meanwhile."""

    def chunks(self, name: DatasetName, commit: str, path: str) -> Iterator[bytes]:
        for one in Import.objects.filter(state=ImportState.FETCHING):
            import_stop(one=one)
        yield from super().chunks(name, commit, path)


def test_stopping_is_noticed_and_nothing_is_looked_at(shop: Project, hub: Hub) -> None:
    one = import_fetch(import_id=added(shop).pk, hub=Stopping(hub.url, TOKEN))

    assert one is not None
    assert (one.state, one.sample) == (ImportState.STOPPED, {})
    assert import_start(one=one).state == ImportState.FETCHING


def test_only_who_waits_or_was_left_alone_is_fetched(shop: Project, hub: Hub) -> None:
    one = added(shop)
    assert fetches_to_ring() == [one.pk]
    assert fetches_to_ring() == []  # rung a moment ago
    assert imports_to_ring() == []
    Import.objects.update(heartbeat_at=timezone.now(), attempt=1)
    assert import_fetch(import_id=one.pk, hub=doorway.Hub(hub.url)) is None

    Import.objects.update(heartbeat_at=timezone.now() - 2 * SILENT_AFTER, rung_at=timezone.now() - timedelta(hours=1))

    assert fetches_to_ring() == [one.pk]
    assert fetched(one, hub).state == ImportState.RECOGNISED
    assert import_fetch(import_id=one.pk, hub=doorway.Hub(hub.url)) is None
    assert Path(import_path(one)).is_absolute()
