"""What is frozen: every judged comparison once, those of a prompt side by side, however many there are."""

from __future__ import annotations

import json
import tracemalloc
import uuid
from itertools import groupby
from pathlib import Path

import pytest
from django.core.management import call_command

from annotator.domain.aggregation import Consensus
from annotator.domain.asking import Said
from annotator.models import Project, Prompt, Round, User
from annotator.selectors.judgments import judgments_of_project
from annotator.services.judgments import judgment_submit
from annotator.services.rounds import round_launch, standard_settings
from annotator.services.snapshots import TRL_PREFERENCES, snapshot_freeze
from annotator.store import store_path
from tests.factories import held, judged
from tests.fakes import FakeEngine
from tests.workers import work
from training.config import RoundSettings
from training.contract import COMPARISONS, PreferenceRecord, SnapshotManifest, TrlPreference, rows_read


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


@pytest.mark.parametrize("consensus", ["votes", "dawid_skene", "joint"])
def test_rows_and_manifest_follow_the_consensus_of_the_round(
    project: Project, round: Round, raters: list[User], consensus: str
) -> None:
    """Both raters say first of 30 comparisons; of the other ten the second rater says second."""
    sides_said(project, raters[0], ["first"] * 40)
    sides_said(project, raters[1], ["first"] * 30 + ["second"] * 10)
    round.settings = RoundSettings.model_validate({"consensus": consensus}).model_dump(mode="json")

    folder = store_path(snapshot_freeze(round=round).path)

    rows = sorted(rows_read(folder / COMPARISONS, PreferenceRecord), key=lambda row: int(row.comparison_id))
    assert SnapshotManifest.model_validate_json((folder / "manifest.json").read_text()).consensus == consensus
    alike, apart = rows[:30], rows[30:]
    assert min(row.prefer_first for row in alike) > 0.7
    assert (apart[0].prefer_first == 0.5) == (consensus == "votes")  # the other ways know who is usually right


def test_every_consensus_can_be_chosen_at_launch() -> None:
    for consensus in Consensus:
        assert RoundSettings.model_validate({"consensus": consensus.value}).consensus == consensus


def test_judgments_become_arrays_in_the_order_in_which_they_came(
    project: Project, round: Round, raters: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("annotator.selectors.judgments.PAGE", 3)
    sides_said(project, raters[0], ["first", "second", "tie", "both_bad"])
    sides_said(project, raters[1], ["second"])

    known = judgments_of_project(project)

    assert known.judgments.said_J.tolist() == [0, 2, 1, 1, 2]
    assert [known.rater_ids[rater] for rater in known.judgments.rater_J] == [raters[0].pk] * 4 + [raters[1].pk]
    assert known.judgments.left_J.all()  # where first stood is known of each


def sides_said(project: Project, rater: User, sides: list[str]) -> None:
    """The rater says this of one comparison after the other."""
    for side in sides:
        assignment = held(project, rater)
        is_left = (side == "first") == assignment.first_on_left
        answer = {True: "a", False: "b"}[is_left] if side in ("first", "second") else side
        judgment_submit(assignment=assignment, said=Said(answer), key=uuid.uuid4())
