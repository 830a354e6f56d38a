"""What a run leaves behind: a checkpoint folder, whole or absent; and, while it works, a state to resume from."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from training import processes
from training.adapters import adapter_save
from training.contract import (
    MANIFEST,
    REPORT,
    TRAINED,
    AnyRequest,
    CheckpointManifest,
    Request,
    RunReport,
    checkpoint_verify,
    file_sha256,
    folder_whole_or_absent,
    manifest_write,
    report_read,
)
from training.errors import CheckpointIncomplete, RequestInvalid
from training.models import Backbone
from training.reward_model import REWARD_HEAD
from training.sharding import tensors_put, tensors_whole

STATE = "state.pt"


# --- finished folders --------------------------------------------------------


def report_of_finished(out_dir: Path) -> RunReport | None:
    """The report of a run that already ended well, or None when there is no folder yet.

    A queue may deliver the same run twice; the second engine then has nothing to do.
    Raises RequestInvalid when something else is in the way.
    """
    if not out_dir.exists():
        return None
    try:
        report = report_read(out_dir)
        if report.kind in TRAINED:
            checkpoint_verify(out_dir)
    except (OSError, ValueError, CheckpointIncomplete) as error:
        raise RequestInvalid(f"out_dir: {out_dir} exists and is not a finished run; choose another folder.") from error
    return report


def checkpoint_save(
    backbone: Backbone,
    *,
    out_dir: Path,
    kind: Literal["policy", "reward"],
    request: AnyRequest,
    report: RunReport,
    snapshot_dir: Path | None,
    reward_head: dict[str, Tensor] | None = None,
    beside: dict[str, Tensor] | None = None,
    beside_name: Literal["last", "best"] = "best",
) -> None:
    """Write weights, tokenizer, report and, last, the manifest; then the folder appears at once.

    beside  trained weights of another step by name: a checkpoint inside the checkpoint, with the run's one report
    Only the first process of a run writes; all must come here, since each may hold a part of the weights.
    """
    manifest = CheckpointManifest(
        kind=kind,
        weights="adapter" if backbone.has_adapter else "full",
        base_model=backbone.ref.base_model,
        parent_sha256=backbone.parent_sha256,
        snapshot_sha256=file_sha256(snapshot_dir / MANIFEST) if snapshot_dir else None,
        request=request.model_dump(mode="json"),
        report=report,
    )
    with folder_whole_or_absent(out_dir) if processes.is_first() else nullcontext() as folder:
        if processes.shared(beside is not None):
            inside = folder / beside_name if folder else None
            head = {name: (beside or {}).get(f"reward_head.{name}", own) for name, own in (reward_head or {}).items()}
            with _weights_of(backbone, beside):
                _folder_fill(inside, backbone, manifest, head)
        _folder_fill(folder, backbone, manifest, reward_head)


def _folder_fill(
    folder: Path | None, backbone: Backbone, manifest: CheckpointManifest, reward_head: dict[str, Tensor] | None
) -> None:
    """Gather the weights in all processes, and write in the first one, which is the one with a folder."""
    from safetensors.torch import save_file

    weights = None if backbone.has_adapter else tensors_whole(backbone.model.state_dict())
    if folder is None:
        return
    folder.mkdir(exist_ok=True)
    if weights is None:
        adapter_save(backbone.model, folder)
    else:
        backbone.model.save_pretrained(str(folder), state_dict=weights)  # type: ignore[operator]
    backbone.tokenizer.save_pretrained(str(folder))
    if reward_head:
        save_file(reward_head, str(folder / REWARD_HEAD))
    for file in folder.rglob("*"):
        file.chmod(0o644 if file.is_file() else 0o755)  # safetensors writes for its own account only
    (folder / REPORT).write_text(manifest.report.model_dump_json(indent=2) + "\n", encoding="utf-8")
    manifest_write(folder, manifest)


@contextmanager
def _weights_of(backbone: Backbone, tensors: dict[str, Tensor] | None) -> Iterator[None]:
    """Let the model hold other trained weights, which the first process has, for as long as the block lasts."""
    trained = {name: parameter.data for name, parameter in backbone.trained.items()}
    own = {name: tensor.clone() for name, tensor in trained.items()}
    tensors_put(trained, tensors)
    yield
    for name, tensor in trained.items():
        tensor.copy_(own[name])


# --- state of a run that is not finished --------------------------------------


def request_digest(request: Request, *parts: str) -> str:
    """What must be the same for a saved state to be continued: the request, except for where it writes and keeps."""
    asked = request.model_dump(mode="json", exclude={"out_dir", "work_dir", "cache_dir"})
    return hashlib.sha256(json.dumps([asked, *parts], sort_keys=True).encode()).hexdigest()


def file_replace(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write(temporary path)` make a file, then put it at `path` in one rename, safely on disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".partial-{path.name}")
    write(partial)
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(path)


@dataclass(frozen=True)
class StateKeeper:
    """Where a run's state lives between a kill and its second start. Only the first of several processes uses it.

    digest  of the request and its inputs; a state of anything else is not continued
    """

    work_dir: Path
    digest: str

    def state_save(self, state: dict[str, Any]) -> None:
        """Keep everything that the next step depends on: numbers, text and tensors."""
        file_replace(self.work_dir / STATE, lambda path: torch.save({"digest": self.digest, **state}, path))

    def state_load(self) -> dict[str, Any] | None:
        """The saved state, or None when there is none of this very run."""
        path = self.work_dir / STATE
        if not path.is_file():
            return None
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
        return state if state["digest"] == self.digest else None

    def weights_save(self, step: int, weights: dict[str, Tensor], *, beside: int | None) -> None:
        """Keep the best weights so far beside those of step `beside`, which the saved state needs; drop others."""
        from safetensors.torch import save_file

        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
        file_replace(self._weights(step), lambda path: save_file(tensors, path))
        for file in self.work_dir.glob("best-*.safetensors"):
            if file not in (self._weights(step), self._weights(beside)):
                file.unlink()

    def weights_load(self, step: int) -> dict[str, Tensor]:
        from safetensors.torch import load_file

        return load_file(self._weights(step))

    def _weights(self, step: int | None) -> Path:
        return self.work_dir / f"best-{step}.safetensors"

    def state_drop(self) -> None:
        """Forget the state once the checkpoint stands."""
        shutil.rmtree(self.work_dir, ignore_errors=True)
