"""What is frozen: every judged comparison once, those of a prompt side by side, however many there are."""

from __future__ import annotations

import json
import tracemalloc
from itertools import groupby
from pathlib import Path

import pytest
from django.core.management import call_command

from annotator.models import Project, Prompt, Round, User
from annotator.services.rounds import round_launch, standard_settings
from annotator.services.snapshots import TRL_PREFERENCES, snapshot_freeze
from annotator.store import store_path
from tests.factories import judged
from tests.fakes import FakeEngine
from tests.workers import work
from training.contract import COMPARISONS, PreferenceRecord, TrlPreference, rows_read


@pytest.fixture
def two_rounds(project: Project, round: Round, raters: list[User]) -> list[PreferenceRecord]:
    """The rows of the second round's snapshot, whose prompts were judged in the first round too."""
    judged(project, raters[0])
    round_launch(round=round, settings=standard_settings(), by=None)
    work(project, FakeEngine())
    judged(project, raters[1], limit=25)
    second = Round.objects.get(number=2)
    folder = store_path(snapshot_freeze(round=second).path)
    return list(rows_read(folder / COMPARISONS, PreferenceRecord))


def test_rows_of_one_prompt_stand_side_by_side_across_rounds(two_rounds: list[PreferenceRecord]) -> None:
    """The engine computes a prompt once for rows that follow each other."""
    groups = [(prompt, list(rows)) for prompt, rows in groupby(two_rounds, key=lambda row: row.prompt_id)]

    assert len(groups) == len({row.prompt_id for row in two_rounds})
    assert any({row.round for row in rows} == {1, 2} for _, rows in groups)
    for _, rows in groups:
        assert [int(row.comparison_id) for row in rows] == sorted(int(row.comparison_id) for row in rows)


def test_pages_are_seamless_wherever_they_end(
    project: Project, round: Round, raters: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    """40 comparisons of 20 prompts: a page of 7 ends between prompts as well as inside of one."""
    monkeypatch.setattr("annotator.services.snapshots.PAGE", 7)
    judged(project, raters[0])

    snapshot = snapshot_freeze(round=round)

    rows = list(rows_read(store_path(snapshot.path) / COMPARISONS, PreferenceRecord))
    order = list(Prompt.objects.order_by("id").values_list("id", flat=True))
    assert [int(row.prompt_id) for row in rows] == sorted(2 * order)
    assert len({row.comparison_id for row in rows}) == snapshot.counts["comparisons"] == 40


def test_trl_reads_the_decided_rows_in_the_same_order(project: Project, round: Round, raters: list[User]) -> None:
    judged(project, raters[0], limit=10)
    judged(project, raters[1], limit=5, answer="tie")

    folder = store_path(snapshot_freeze(round=round).path)

    rows = rows_read(folder / COMPARISONS, PreferenceRecord)
    decided = [row for row in rows if row.prefer_first != 0.5]
    preferences = list(rows_read(folder / TRL_PREFERENCES, TrlPreference))
    assert [row.prompt for row in preferences] == [row.prompt for row in decided]
    for preference, row in zip(preferences, decided, strict=True):
        liked = row.first if row.prefer_first > 0.5 else row.second
        assert preference.chosen[0].content == liked.text


def test_freezing_takes_as_much_memory_for_few_rows_as_for_many(
    db: None, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """300 rows with 20 kB of text each are 6 MB, held a dozen of them at a time."""
    User.objects.create_superuser("olga")
    lines = (
        json.dumps({"prompt": f"Question {number}?", "chosen": "good " * 2000 + str(number), "rejected": "bad " * 2500})
        for number in range(300)
    )
    (tmp_path / "pairs.jsonl").write_text("\n".join(lines))
    call_command("import_preferences", str(tmp_path / "pairs.jsonl"), "--project", "large")
    monkeypatch.setattr("annotator.services.snapshots.PAGE", 12)

    tracemalloc.start()
    snapshot = snapshot_freeze(round=Round.objects.get())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (store_path(snapshot.path) / COMPARISONS).stat().st_size > 6_000_000
    assert peak < 3_000_000
