"""Weights become one commit on a hub: all of them, or nothing.

What only means something on this machine stays here: the manifest, which names its folders, and the weights of other
steps. The token comes from the environment and goes into no message, event, file or log.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled
from huggingface_hub.utils.tqdm import disable_progress_bars

from training import loop
from training.contract import (
    MANIFEST,
    REPORT,
    AnyEvent,
    PushRequest,
    RunReport,
    Started,
    checkpoint_verify,
    folder_whole_or_absent,
)
from training.errors import HubRefused

TOKEN = "TIEBREAK_HUB_TOKEN"
CARD = "README.md"
ADAPTER_CONFIG = "adapter_config.json"
BASE = "base_model_name_or_path"
STAGES = 2
MIB = 1024 * 1024


def push(request: PushRequest, report: Callable[[AnyEvent], None]) -> RunReport:
    """Send the folder; the commit stands when this returns. Raises CheckpointIncomplete, and HubRefused."""
    journal = loop.Journal(report)
    report(Started(total_steps=STAGES, device="cpu"))
    token = token_of_environment()
    checkpoint_verify(Path(request.folder))
    files = list(files_of(request))
    api = HfApi(endpoint=request.hub, token=token)
    disable_progress_bars()
    try:
        journal.stage(f"Asking {request.hub} for {request.repo}.")
        _repo_ready(api, request)
        size = sum(file.upload_info.size for file in files) / MIB
        journal.stage(f"Sending {len(files)} files, {size:,.1f} MiB, to {request.repo}.")
        commit = api.create_commit(request.repo, files, commit_message="Weights trained with Tiebreak")
    except OfflineModeIsEnabled as error:
        raise HubRefused("HF_HUB_OFFLINE is set, so nothing is sent to a hub; ask the operator.") from error
    except (HfHubHTTPError, HFValidationError, httpx2.HTTPError, RuntimeError, ValueError, OSError) as error:
        said = str(getattr(error, "server_message", None) or error.__cause__ or error).replace(token, "…")
        raise HubRefused(f"{request.hub} did not take {request.repo}: {said[:500]}") from None
    journal.note(f"It is at {commit.commit_url}")
    finished = RunReport(
        kind="push", seconds=journal.seconds, steps=STAGES, notes=journal.notes, versions=loop.versions()
    )
    with folder_whole_or_absent(Path(request.out_dir)) as folder:
        (folder / REPORT).write_text(finished.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return finished


def token_of_environment() -> str:
    """The hub's token, from the environment or the file that it names. Raises HubRefused."""
    file = os.environ.get(f"{TOKEN}_FILE")
    try:
        token = Path(file).read_text(encoding="utf-8").strip() if file else os.environ.get(TOKEN, "").strip()
    except OSError as error:
        raise HubRefused(f"{TOKEN}_FILE cannot be read: {error.strerror}.") from error
    if not token:
        raise HubRefused(f"There is no token for the hub: set {TOKEN}, or {TOKEN}_FILE.")
    return token


def files_of(request: PushRequest) -> Iterator[CommitOperationAdd]:
    """What is sent, by its path in the repository. Folders inside hold weights of other steps."""
    yield CommitOperationAdd(CARD, request.card.encode())
    for path in sorted(Path(request.folder).iterdir()):
        if path.is_dir() or path.name in (MANIFEST, REPORT, CARD):
            continue
        if path.name == ADAPTER_CONFIG:
            config = json.loads(path.read_text(encoding="utf-8"))
            if Path(config.get(BASE) or "").is_absolute():
                config[BASE] = request.base_name
            yield CommitOperationAdd(path.name, (json.dumps(config, indent=2, sort_keys=True) + "\n").encode())
        else:
            yield CommitOperationAdd(path.name, str(path))


def _repo_ready(api: HfApi, request: PushRequest) -> None:
    """Make the repository, or find that the one that exists is not open to more people than was asked for."""
    api.create_repo(request.repo, private=request.private, exist_ok=True)
    if request.private and not api.model_info(request.repo).private:
        raise HubRefused(f"{request.repo} exists and is public; make it private there, or send it as public.")
