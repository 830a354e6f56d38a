"""What leaves: every shape in every file, the same rows whoever asks, and whole or not at all."""

from __future__ import annotations

import csv
import json
import uuid
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from django.utils import timezone

from annotator.domain.asking import Said
from annotator.domain.datasets.filters import Filters
from annotator.domain.datasets.shapes import SHAPES
from annotator.domain.lifecycles import DatasetState
from annotator.exceptions import InputInvalid, StateNotAllowed
from annotator.models import Dataset, Judgment, Project, Prompt, Round, User
from annotator.selectors import datasets as selectors
from annotator.services import datasets
from annotator.services.dataset_files import FORMATS
from annotator.services.datasets import (
    SILENT_AFTER,
    dataset_create,
    dataset_execute,
    dataset_start,
    dataset_stop,
    datasets_to_ring,
)
from annotator.services.judgments import judgment_submit
from annotator.store import store_path
from tests.factories import held, judged


def made(project: Project, shape: str, file_format: str = "jsonl", **filters: Any) -> Dataset:
    asked = dataset_create(project=project, shape=shape, file_format=file_format, filters=Filters(**filters))
    dataset = dataset_execute(dataset_id=asked.pk)
    assert dataset is not None
    assert dataset.error == ""
    return dataset


def rows(dataset: Dataset) -> list[dict[str, Any]]:
    """The rows of both splits of a dataset of JSON lines."""
    folder = store_path(dataset.path)
    return [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]


@pytest.fixture
def votes(project: Project, round: Round, raters: list[User]) -> list[Judgment]:
    """Of 40 comparisons the first ten are judged twice: five times alike, five times not."""
    first = judged(project, raters[0], limit=20)
    for number in range(10):
        assignment = held(project, raters[1])
        before = assignment.comparison.assignments.exclude(pk=assignment.pk).first()
        side = "a" if (before is not None and before.first_on_left == assignment.first_on_left) == (number < 5) else "b"
        judgment_submit(assignment=assignment, said=Said(side), key=uuid.uuid4(), seconds=3.0)
    return first


def test_every_shape_leaves_in_every_format_with_the_same_rows(project: Project, votes: list[Judgment]) -> None:
    for shape in SHAPES:
        lines, parquet, table = (made(project, shape, file_format) for file_format in FORMATS)
        wanted = rows(lines)
        assert lines.manifest["counts"]["rows"] == len(wanted)
        for dataset in (parquet, table):
            assert dataset.manifest["counts"] == lines.manifest["counts"]
        found = [
            row
            for path in sorted(store_path(parquet.path).glob("*.parquet"))
            for row in pyarrow.parquet.read_table(path).to_pylist()
        ]
        assert found == wanted
        cells: list[dict[str, str]] = []
        for path in sorted(store_path(table.path).glob("*.csv")):
            with path.open(newline="") as file:
                cells += csv.DictReader(file)
        assert [list(row) for row in cells] == [list(SHAPES[shape].columns)] * len(wanted)
        assert [json.loads(row.get("tags", "[]")) for row in cells] == [row["tags"] for row in wanted]


def test_a_pair_leaves_with_its_votes(project: Project, votes: list[Judgment]) -> None:
    """Twenty comparisons were judged; the five whose two votes contradict each other prefer nothing."""
    dataset = made(project, "preference")

    found = rows(dataset)
    assert len(found) == 15
    assert sorted(row["weight"] for row in found) == [1.0] * 10 + [2.0] * 5
    assert {row["vote_fraction"] for row in found} == {1.0}
    assert dataset.manifest["counts"]["ties"] == 5
    chosen = {judgment.preferred.text for judgment in votes if judgment.preferred}
    assert {row["chosen"][0]["content"] for row in found} <= chosen


@pytest.mark.parametrize("shape", SHAPES)
def test_the_rows_are_the_same_whatever_is_read_at_once(
    project: Project, votes: list[Judgment], shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = rows(made(project, shape))
    monkeypatch.setattr(selectors, "FEW", 1)
    monkeypatch.setattr(selectors, "MANY", 3)

    assert rows(made(project, shape)) == wanted


def test_a_correction_counts_in_place_of_what_it_corrects(project: Project, votes: list[Judgment]) -> None:
    """The pair of the last judgment, which nobody else judged, is turned round."""
    before = {row["comparison"]: row for row in rows(made(project, "preference"))}
    corrected = votes[-1]
    assignment = corrected.assignment
    judgment_submit(
        assignment=assignment, said=Said("b" if corrected.answer == "a" else "a"), key=uuid.uuid4(), seconds=1.0
    )

    after = {row["comparison"]: row for row in rows(made(project, "preference"))}
    told = [row for row in rows(made(project, "judgments")) if row["comparison"] == assignment.comparison_id]

    one, other = before[assignment.comparison_id], after[assignment.comparison_id]
    assert (other["chosen"], other["rejected"]) == (one["rejected"], one["chosen"])
    assert other["weight"] == 1.0
    assert [(row["current"], row["supersedes"]) for row in told] == [(False, 0), (True, corrected.pk)]


def test_prompts_stand_in_the_file_of_their_own_split(project: Project, votes: list[Judgment]) -> None:
    dataset = made(project, "prompts")

    split = dict(Prompt.objects.values_list("content_sha256", "split"))
    for name in ("train", "holdout"):
        lines = (store_path(dataset.path) / f"{name}.jsonl").read_text().splitlines()
        assert {split[json.loads(line)["prompt_id"]] for line in lines} == {name}


@pytest.mark.parametrize(("wish", "left"), [({"votes": 2}, 5), ({"rounds": (7,)}, 0), ({"tags": ("law",)}, 0)])
def test_filters_leave_out_and_the_manifest_says_which(
    project: Project, votes: list[Judgment], wish: dict[str, Any], left: int
) -> None:
    dataset = made(project, "preference", **wish)

    assert len(rows(dataset)) == left
    assert {name: dataset.manifest["filters"][name] for name in wish} == json.loads(json.dumps(wish))


def test_raters_leave_under_pseudonyms_that_stay(project: Project, votes: list[Judgment]) -> None:
    one, other = rows(made(project, "judgments")), rows(made(project, "judgments"))
    named = rows(made(project, "judgments", named=True))

    assert one == other
    assert {row["rater"] for row in named} == {"rater-0", "rater-1"}
    assert len({row["rater"] for row in one}) == 2
    assert not {row["rater"] for row in one} & {"rater-0", "rater-1"}


def test_judgments_after_it_began_are_not_in_it(
    project: Project, votes: list[Judgment], raters: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody judges while rows are written."""
    moment_of = selectors.moment_of

    def meanwhile(project: Project, filters: Filters) -> Any:
        moment = moment_of(project, filters)
        judged(project, raters[2], limit=5)
        return moment

    monkeypatch.setattr(datasets, "moment_of", meanwhile)

    assert len(rows(made(project, "judgments"))) == 30
    assert Judgment.objects.count() == 35


def test_what_was_stopped_leaves_nothing(
    project: Project, votes: list[Judgment], store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = dataset_create(project=project, shape="preference", file_format="jsonl")
    moment_of = selectors.moment_of

    def stopping(project: Project, filters: Filters) -> Any:
        dataset_stop(dataset=asked)
        return moment_of(project, filters)

    monkeypatch.setattr(datasets, "moment_of", stopping)
    dataset = dataset_execute(dataset_id=asked.pk)

    assert dataset is not None
    assert dataset.state == DatasetState.STOPPED
    assert not store_path("datasets").exists() or not list(store_path("datasets").rglob("*.jsonl"))
    with pytest.raises(StateNotAllowed):
        dataset_stop(dataset=asked)
    monkeypatch.setattr(datasets, "moment_of", moment_of)
    assert dataset_execute(dataset_id=dataset_start(dataset=asked).pk).state == DatasetState.READY  # type: ignore[union-attr]


def test_a_dataset_whose_worker_died_is_written_by_the_next_one(project: Project, votes: list[Judgment]) -> None:
    asked = dataset_create(project=project, shape="preference", file_format="jsonl")
    assert datasets_to_ring() == [asked.pk]
    assert datasets_to_ring() == []
    long_ago = timezone.now() - 2 * SILENT_AFTER
    Dataset.objects.update(state=DatasetState.WRITING, attempt=1, heartbeat_at=long_ago, rung_at=long_ago)
    assert datasets_to_ring() == [asked.pk]

    dataset = dataset_execute(dataset_id=asked.pk)

    assert dataset is not None
    assert (dataset.state, dataset.attempt) == (DatasetState.READY, 2)
    assert dataset_execute(dataset_id=asked.pk) is None


def test_a_shape_that_there_is_not_is_refused(project: Project) -> None:
    with pytest.raises(InputInvalid, match="There is no shape “alpaca”"):
        dataset_create(project=project, shape="alpaca", file_format="jsonl")
    with pytest.raises(InputInvalid, match="There is no format “xls”"):
        dataset_create(project=project, shape="sft", file_format="xls")
