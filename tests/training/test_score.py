"""What a reward model says of answers, read in pages that a killed run need not read again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.scoring import overall_leads
from tests.training.tiny import Listener, planted, preference, reward_request, score_request, snapshot_save
from training import score
from training.bases import device_pick
from training.contract import REWARDS, AnswerRecord, RewardRecord, rows_read
from training.reward_model import RewardModel, reward_model_load


@pytest.fixture(scope="module")
def reward(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A judge with two heads."""
    folder = tmp_path_factory.mktemp("judge")
    snapshot = snapshot_save(folder / "snapshot", planted(24))
    Listener().run(reward_request(folder, base, snapshot, ensemble=2, max_steps=3, learning_rate=1e-2))
    return folder / "reward"


def rewards_in(folder: Path) -> dict[str, list[float]]:
    return {row.response_id: row.heads for row in rows_read(folder / "score" / REWARDS, RewardRecord)}


def test_each_head_says_of_an_answer_what_it_says_of_it_in_a_comparison(
    reward: Path, tmp_path: Path, listener: Listener
) -> None:
    rows = planted(8)

    report = listener.run(score_request(tmp_path, reward, rows))

    said = rewards_in(tmp_path)
    leads = [np.mean(said[row.first.response_id]) - np.mean(said[row.second.response_id]) for row in rows]
    model = reward_model_load(reward, device_pick("cpu"))
    assert leads == pytest.approx(overall_leads(model, rows).tolist(), abs=1e-4)
    assert {len(heads) for heads in said.values()} == {2}
    assert (report.kind, report.metrics["rewards"]) == ("score", 16.0)


def test_a_killed_run_goes_on_behind_the_pages_that_it_has_read(
    reward: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score, "PAGE", 5)
    request = score_request(tmp_path, reward, planted(8))
    Listener().run(request.model_copy(update={"out_dir": str(tmp_path / "whole")}))
    read = score.rewards_of
    pages: list[int] = []

    def counted(model: RewardModel, records: list[AnswerRecord], size: int) -> dict[str, list[float]]:
        if len(pages) == 2:
            raise KeyboardInterrupt
        pages.append(len(records))
        return read(model, records, size)

    monkeypatch.setattr(score, "rewards_of", counted)
    with pytest.raises(KeyboardInterrupt):
        Listener().run(request)
    monkeypatch.setattr(score, "rewards_of", read)
    listener = Listener()
    listener.run(request)

    assert pages == [5, 5]
    started = next(event for event in listener.events if event.event == "started")
    assert (started.resumed_from, started.total_steps) == (10, 16)
    assert rewards_in(tmp_path) == {
        row.response_id: row.heads for row in rows_read(tmp_path / "whole" / REWARDS, RewardRecord)
    }
    assert not Path(request.work_dir).exists()


def test_what_cannot_be_read_has_no_reward_and_is_counted(reward: Path, tmp_path: Path, listener: Listener) -> None:
    rows = [preference(1, "Short.", " "), preference(2, "Short.", "long " * 200)]  # the model reads 512 bytes

    report = listener.run(score_request(tmp_path, reward, rows))

    assert set(rewards_in(tmp_path)) == {"a1", "a2"}
    assert report.notes == ["2 rewards are missing: these answers are empty, or longer than the model reads."]


def test_ids_of_the_own_base_are_read_as_they_were_written_and_those_of_another_are_not(
    base: Path, reward: Path, tmp_path: Path, listener: Listener
) -> None:
    row = preference(1, "yes", "no")
    ids = [ord(letter) - ord("!") + 6 for letter in "yes"]  # the tiny tokenizer's byte ids; no end of turn: cut off
    row = row.model_copy(update={"first": row.first.model_copy(update={"token_ids": ids})})

    listener.run(score_request(tmp_path / "own", reward, [row], base_model=str(base)))
    listener.run(score_request(tmp_path / "other", reward, [row], base_model="another"))

    own, other = rewards_in(tmp_path / "own"), rewards_in(tmp_path / "other")
    assert own["b1"] == pytest.approx(other["b1"], abs=1e-5)
    assert own["a1"] != pytest.approx(other["a1"], abs=1e-5)
