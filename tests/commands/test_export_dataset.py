"""`export_dataset`: what a project knows, written from a shell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.core.management import CommandError

from annotator.models import Dataset, Round
from tests.commands.conftest import said


def test_a_shell_writes_a_dataset_and_is_told_where_it_lies(judged: Round) -> None:
    (line,) = said("export_dataset", project="demo", shape="judgments", format="jsonl", round=[1])

    found = json.loads(line)
    assert (found["version"], found["judgments"]) == (1, 10)
    lines = [line for path in Path(found["folder"]).glob("*.jsonl") for line in path.read_text().splitlines()]
    assert len(lines) == found["rows"] == 10
    assert Dataset.objects.get().filters["rounds"] == [1]


def test_a_project_that_there_is_not_is_named(judged: Round) -> None:
    with pytest.raises(CommandError, match="There is no project “shop”"):
        said("export_dataset", project="shop")
