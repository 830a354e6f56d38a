"""Where the folders of snapshots and runs live."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings


def store_path(relative: str) -> Path:
    """The folder of a stored path; rows keep paths below the store, so the store can move."""
    return Path(settings.TIEBREAK_STORE) / relative


def folder_bytes(relative: str) -> int:
    """Size of a stored folder with all that lies in it, 0 where it is missing."""
    return sum(path.stat().st_size for path in store_path(relative).rglob("*") if path.is_file())


def run_folder(run_id: int) -> str:
    return f"runs/{run_id}"


def snapshot_folder(slug: str, version: int) -> str:
    return f"snapshots/{slug}/v{version}"


def dataset_folder(slug: str, version: int) -> str:
    return f"datasets/{slug}/v{version}"


def logprobs_folder() -> str:
    """Log-probabilities of references, by content: runs of all rounds and projects share them."""
    return "cache/logprobs"
