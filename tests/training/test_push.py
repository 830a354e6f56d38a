"""Weights on a hub: whole in one commit, loading by name, and nothing of this machine or its token with them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest

from annotator import engine
from tests.hub import TOKEN, Hub, Repo, hub_running
from tests.training.test_merge import checkpoint, merged
from tests.training.tiny import ROOT, Listener
from training.__main__ import KINDS
from training.contract import PushRequest, report_read
from training.errors import CheckpointIncomplete, HubRefused

# huggingface_hub's own upload of large files uses what httpx2 is leaving behind.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
REPO = "team/shop-policy"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("TIEBREAK_HUB_TOKEN", TOKEN)
    with hub_running() as hub:
        yield hub


def push_request(tmp_path: Path, hub: Hub, folder: Path, *, private: bool = True) -> PushRequest:
    return PushRequest(
        out_dir=str(tmp_path / "push"),
        work_dir=str(tmp_path / "push-work"),
        folder=str(folder),
        hub=hub.url,
        repo=REPO,
        private=private,
        card="---\ntags: []\n---\n# Card\n",
        base_name="some/base",
    )


def test_an_adapter_arrives_whole_with_its_card_and_without_folders_of_this_machine(
    base: Path, tmp_path: Path, hub: Hub, listener: Listener
) -> None:
    folder = checkpoint(base, tmp_path / "checkpoint")
    (folder / "best").mkdir()
    (folder / "best" / "adapter_model.safetensors").write_bytes(b"another step")

    report = listener.run(push_request(tmp_path, hub, folder))

    repo = hub.models[REPO]
    assert repo.private
    assert repo.files["README.md"].endswith(b"# Card\n")
    assert repo.files["adapter_model.safetensors"] == (folder / "adapter_model.safetensors").read_bytes()
    assert json.loads(repo.files["adapter_config.json"])["base_model_name_or_path"] == "some/base"
    assert "tokenizer.json" in repo.files
    assert not [name for name in repo.files if name.startswith(("manifest", "report", "best"))]
    assert str(tmp_path).encode() not in b"".join(repo.files.values())
    assert report.notes == [f"It is at {hub.url}/{REPO}/commit/c0ffee{'0' * 34}"]
    assert report_read(tmp_path / "push") == report


def test_whole_weights_load_as_the_hub_has_them(base: Path, tmp_path: Path, hub: Hub) -> None:
    folder = checkpoint(base, tmp_path / "checkpoint")
    merged(folder, tmp_path / "merged")

    Listener().run(push_request(tmp_path, hub, tmp_path / "merged"))

    there = tmp_path / "there"
    there.mkdir()
    for name, data in hub.models[REPO].files.items():
        (there / name).write_bytes(data)
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(there)
    assert model.num_parameters() == AutoModelForCausalLM.from_pretrained(base).num_parameters()


def test_a_repository_that_is_public_takes_nothing_private(base: Path, tmp_path: Path, hub: Hub) -> None:
    folder = checkpoint(base, tmp_path / "checkpoint")
    hub.models[REPO] = Repo(private=False)

    with pytest.raises(HubRefused, match="exists and is public"):
        Listener().run(push_request(tmp_path, hub, folder))

    assert hub.models[REPO].files == {}
    Listener().run(push_request(tmp_path, hub, folder, private=False))
    assert hub.models[REPO].files


def test_a_refusal_is_told_in_the_words_of_the_hub_without_the_token(base: Path, tmp_path: Path, hub: Hub) -> None:
    folder = checkpoint(base, tmp_path / "checkpoint")
    hub.refuses = 403, f"{TOKEN} may not write"

    with pytest.raises(HubRefused) as refusal:
        Listener().run(push_request(tmp_path, hub, folder))

    assert "may not write" in str(refusal.value)
    assert TOKEN not in str(refusal.value)
    assert not (tmp_path / "push").exists()


def test_a_damaged_folder_is_not_sent(base: Path, tmp_path: Path, hub: Hub) -> None:
    folder = checkpoint(base, tmp_path / "checkpoint")
    (folder / "adapter_model.safetensors").write_bytes(b"cut off")

    with pytest.raises(CheckpointIncomplete):
        Listener().run(push_request(tmp_path, hub, folder))

    assert hub.asked == []


def test_without_a_token_or_a_hub_the_run_says_what_is_missing(
    base: Path, tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = push_request(tmp_path, hub, checkpoint(base, tmp_path / "checkpoint"))
    monkeypatch.delenv("TIEBREAK_HUB_TOKEN")
    with pytest.raises(HubRefused, match="set TIEBREAK_HUB_TOKEN"):
        Listener().run(request)
    monkeypatch.setenv("TIEBREAK_HUB_TOKEN", TOKEN)
    with pytest.raises(HubRefused, match=r"127\.0\.0\.1:9 did not take team/shop-policy: .*refused"):
        Listener().run(request.model_copy(update={"hub": "http://127.0.0.1:9"}))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubRefused, match="HF_HUB_OFFLINE"):
        Listener().run(request)


def test_only_the_process_that_sends_is_given_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIEBREAK_HUB_TOKEN", TOKEN)
    monkeypatch.setenv("TIEBREAK_HUB_TOKEN_FILE", "/run/secrets/hub")

    names = {"TIEBREAK_HUB_TOKEN", "TIEBREAK_HUB_TOKEN_FILE"}
    assert names <= engine.environment_of("push").keys()
    for kind in set(KINDS) - {"push"}:
        assert not names & engine.environment_of(kind).keys(), kind


@pytest.mark.slow
def test_the_token_is_in_nothing_that_the_process_leaves(base: Path, tmp_path: Path, hub: Hub) -> None:
    """Slow because a real process must be started: what it prints is what a worker keeps."""
    file = tmp_path / "request.json"
    file.write_text(push_request(tmp_path, hub, checkpoint(base, tmp_path / "checkpoint")).model_dump_json())
    environment = {**os.environ, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"}

    done = subprocess.run(
        [sys.executable, "-m", "training", "push", "--request", str(file)],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert hub.tokens <= {TOKEN, ""}  # large files go to places that are signed already
    assert TOKEN not in done.stdout + done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
