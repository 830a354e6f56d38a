"""Fixtures of the engine's tests; what they are made of is in tiny.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.training.tiny import Listener, model_save, planted, snapshot_save


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base model of most tests; nobody writes to it."""
    return model_save(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="package", autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny models; two test workers with two threads each would only wait for each other.

    For the whole folder, so that it holds for the runs in fixtures of modules too.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIEBREAK_THREADS", "1")
        torch.set_num_threads(1)
        yield


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    """48 comparisons to train on and 16 held out, with a planted preference."""
    return snapshot_save(tmp_path / "snapshot", planted(48, holdout=16))


@pytest.fixture
def listener() -> Listener:
    return Listener()
