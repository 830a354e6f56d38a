"""Rows on disk: grouped by prompt, targets as the settings ask, bad lines named, memory flat."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from tests.training.test_tokens import SPEECH, TOKENIZER
from tests.training.tiny import demonstrations_save, planted, preference, snapshot_save
from training.config import PreferenceSettings
from training.contract import COMPARISONS, CriterionVotes, PreferenceRecord
from training.errors import SnapshotInvalid
from training.rows import MismatchedRows, PairRows, conversation_rows, preference_rows
from training.targets import target_of


def rows_of(tmp_path: Path, records: list[PreferenceRecord], **settings: object) -> PairRows:
    snapshot = snapshot_save(tmp_path / "snapshot", records)
    return preference_rows(
        snapshot, tmp_path / "rows", SPEECH, PreferenceSettings.model_validate(settings), max_length=200
    )


def spelled(ids: object) -> str:
    return str(TOKENIZER.decode(list(ids)))  # type: ignore[call-overload]


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, planted(5, holdout=2))

    assert (rows.train.tolist(), rows.holdout.tolist()) == ([0, 1, 2, 3, 4], [5, 6])
    assert spelled(rows[3].prompt_ids) == "<|bos|><|user|>Question 3<|end|><|assistant|>"
    assert spelled(rows[3].first_ids) == planted(5, holdout=2)[3].first.text + "<|end|>"
    assert [rows[row].weight for row in range(5)] == [1, 2, 3, 1, 2]


def test_comparisons_of_one_prompt_that_stand_together_form_a_group(tmp_path: Path) -> None:
    records = [preference(0, "a", "b"), preference(0, "a", "c"), preference(1, "a", "b")]

    rows = rows_of(tmp_path, records)

    assert rows.table["group"].tolist() == [0, 0, 1]
    assert rows.table["prompt_at"][0] == rows.table["prompt_at"][1]


VOTES = CriterionVotes(prefer_first=0.625, weight=4, tie_share=0.25, strength=0.5)  # 2 first, 1 second, 1 tie


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, (0.625, 4, 0.25)),
        ({"weighting": "equal"}, (0.625, 1, 0.25)),
        ({"ties": "leave_out"}, (2 / 3, 3, 0)),
        ({"targets": "majority"}, (1, 4, 0)),
        ({"strength": "scale"}, (0.625, 4 * (0.25 + 0.75 * 0.5), 0.25)),
    ],
)
def test_votes_become_the_target_that_the_settings_ask_for(
    settings: dict[str, str], expected: tuple[float, float, float]
) -> None:
    target = target_of(VOTES, PreferenceSettings.model_validate(settings))

    assert target is not None
    assert (target.prefer_first, target.weight, target.tie_share) == pytest.approx(expected)


@pytest.mark.parametrize("settings", [{"targets": "majority"}, {"ties": "leave_out"}])
def test_rows_without_a_winner_are_left_out_and_counted_where_winners_are_wanted(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    tie = preference(0, "a", "b", prefer_first=0.5).model_copy(update={"tie_share": 1.0})

    rows = rows_of(tmp_path, [tie, preference(1, "a", "b")], **settings)

    assert len(rows) == 1
    assert rows.notes == ["1 comparison left out: its judgments leave nothing to learn with these settings."]


def test_training_rows_of_earlier_rounds_stay_out_when_so_wished(tmp_path: Path) -> None:
    old = [row.model_copy(update={"round": 1}) for row in planted(3, holdout=2)]
    snapshot = snapshot_save(tmp_path / "snapshot", old)
    manifest = (snapshot / "manifest.json").read_text().replace('"round": 1', '"round": 2')
    (snapshot / "manifest.json").write_text(manifest)

    rows = preference_rows(
        snapshot, tmp_path / "rows", SPEECH, PreferenceSettings(), max_length=200, earlier_rounds=False
    )

    assert (len(rows.train), len(rows.holdout)) == (0, 2)


def test_a_bad_line_is_named_with_file_line_and_field(tmp_path: Path) -> None:
    snapshot = snapshot_save(tmp_path / "snapshot", planted(3))
    lines = (snapshot / COMPARISONS).read_text().splitlines()
    lines[1] = lines[1].replace('"weight":2.0', '"weight":-1')
    (snapshot / "manifest.json").write_text('{"project":"x","round":1,"created_at":"","counts":{}}')
    (snapshot / COMPARISONS).write_text("\n".join(lines))

    with pytest.raises(SnapshotInvalid, match=r"comparisons.jsonl, line 2: weight: Input should be greater than 0"):
        preference_rows(snapshot, tmp_path / "rows", SPEECH, PreferenceSettings(), max_length=200)


def test_the_line_is_that_of_the_file_where_rows_before_it_are_not_wanted(tmp_path: Path) -> None:
    stranger = preference(2, "ab", "cd", split="holdout")
    stranger = stranger.model_copy(update={"first": stranger.first.model_copy(update={"token_ids": [99999]})})
    snapshot = snapshot_save(tmp_path / "snapshot", [*planted(2), stranger])

    with pytest.raises(SnapshotInvalid, match=r"comparisons.jsonl, line 3: first.token_ids: 99999"):
        preference_rows(snapshot, tmp_path / "rows", SPEECH, PreferenceSettings(), max_length=200, splits=("holdout",))


def test_a_snapshot_that_differs_from_its_manifest_is_refused(tmp_path: Path) -> None:
    snapshot = snapshot_save(tmp_path / "snapshot", planted(3))
    with (snapshot / COMPARISONS).open("a") as file:
        file.write("\n")

    with pytest.raises(SnapshotInvalid, match="differ from the manifest"):
        preference_rows(snapshot, tmp_path / "rows", SPEECH, PreferenceSettings(), max_length=200)


def test_a_criterion_that_the_manifest_does_not_list_is_refused(tmp_path: Path) -> None:
    """It would have no head, and its judgments would be lost without a word."""
    record = preference(0, "a", "b").model_copy(update={"criteria": {"tone": VOTES}})

    with pytest.raises(SnapshotInvalid, match="line 1: criteria: tone is not listed"):
        rows_of(tmp_path, [record])


def test_mismatched_rows_pair_each_prompt_with_the_next_rows_answers(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, planted(3))

    last = MismatchedRows(rows)[2]

    assert last.prompt_ids.tolist() == rows[2].prompt_ids.tolist()
    assert last.first_ids.tolist() == rows[0].first_ids.tolist()


def test_conversations_keep_their_tokens_and_which_of_them_count(tmp_path: Path) -> None:
    path = demonstrations_save(tmp_path / "demonstrations.jsonl", 3)

    rows = conversation_rows(path, tmp_path / "rows", SPEECH, max_length=200, is_wanted=lambda row: True)

    assert spelled(rows[0].ids) == "<|bos|><|user|>Say a (0)<|end|><|assistant|>a a a a<|end|>"
    assert sum(rows[0].counted) == rows.counts[0] == len("a a a a") + 1


def test_memory_does_not_grow_with_the_snapshot(tmp_path: Path) -> None:
    """Ten times the rows, 6 MB of them: what is held at most while reading, and afterwards, stays about the same.

    pydantic keeps the last 16,384 short strings that it read, which is the megabyte that is allowed here.
    """
    peaks = []
    for count in (600, 6000):
        snapshot = snapshot_save(tmp_path / f"snapshot-{count}", planted(count))
        tracemalloc.start()
        rows = preference_rows(snapshot, tmp_path / f"rows-{count}", SPEECH, PreferenceSettings(), max_length=200)
        held, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(rows) == count
        peaks.append((held, peak))

    (few_held, few_peak), (many_held, many_peak) = peaks
    assert many_peak < few_peak + 1_000_000
    assert many_held < few_held + 1_000_000
