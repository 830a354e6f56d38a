"""`export_responses`: what a checkpoint wrote, line by line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import CommandError
from pytest_django import DjangoAssertNumQueries

from annotator.domain.splits import content_sha256, split_of
from annotator.models import Checkpoint, Response, Round
from annotator.selectors import exports
from annotator.selectors.exports import responses_of_checkpoint
from tests.commands.conftest import Worker, said
from tests.fakes import FakeEngine


def exported(**options: object) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said("export_responses", project="demo", **options)]


def test_each_line_has_the_prompt_as_messages_and_the_response(collecting: Round) -> None:
    rows = exported(checkpoint="base")

    assert len(rows) == Response.objects.count() == 80
    assert [row["response"] for row in rows] == list(Response.objects.order_by("pk").values_list("text", flat=True))
    assert all([message["role"] for message in row["prompt"]] == ["user"] for row in rows)
    assert {row["sample"] for row in rows} == {0, 1, 2, 3}
    assert {(row["finish"], row["written_for"], row["round"]) for row in rows} == {("stop", "generate", 1)}


def test_a_split_is_half_of_the_truth_and_both_are_all_of_it(collecting: Round) -> None:
    held_out, train = exported(checkpoint="base", split="holdout"), exported(checkpoint="base", split="train")

    assert len(held_out) + len(train) == 80
    assert all(split_of(content_sha256(row["prompt"])) == row["split"] == "holdout" for row in held_out)


def test_answers_of_evaluations_and_of_rounds_are_there(judged: Round, worker: Worker) -> None:
    with worker(FakeEngine()):
        said("run_round", project="demo", wait=True)

    rows = exported(checkpoint="round-1")
    assert {(row["written_for"], row["round"]) for row in rows} == {("evaluate", 1), ("generate", 2)}
    by_id = exported(checkpoint=str(Checkpoint.objects.get(name="round-1").pk))
    assert by_id == rows
    assert exported(checkpoint="round-1", round=2) == [row for row in rows if row["round"] == 2]


def test_an_unknown_checkpoint_is_answered_with_those_there_are(collecting: Round) -> None:
    with pytest.raises(CommandError, match=r"no policy checkpoint “none”. There is: \d+ \(base\)"):
        exported(checkpoint="none")


def test_rows_are_read_page_by_page(
    collecting: Round, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    monkeypatch.setattr(exports, "PAGE", 30)
    base = Checkpoint.objects.get(name="base")

    with django_assert_num_queries(4):
        assert len(list(responses_of_checkpoint(base))) == 80
