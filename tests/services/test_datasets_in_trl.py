"""What we write, others train on: TRL's own trainers, through `datasets.load_dataset`, without a line of conversion."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

from annotator.models import Project, Round, User
from annotator.services.datasets import dataset_create, dataset_execute
from annotator.store import store_path
from tests.factories import judged

ROOT = Path(__file__).resolve().parents[2]
SHAPES = {"preference": "jsonl", "reward": "parquet", "unpaired": "parquet", "sft": "jsonl"}


def test_each_of_trls_trainers_takes_two_steps_on_a_dataset_as_it_is(
    project: Project, round: Round, raters: list[User], tmp_path: Path
) -> None:
    """Loading TRL, transformers and four models takes most of the time."""
    judged(project, raters[0], limit=20)
    judged(project, raters[1], limit=10)
    wanted = {}
    for shape, file_format in SHAPES.items():
        dataset = dataset_execute(dataset_id=dataset_create(project=project, shape=shape, file_format=file_format).pk)
        assert dataset is not None
        (tmp_path / shape).symlink_to(store_path(dataset.path))
        wanted[shape] = dataset.manifest["files"][f"train.{file_format}"]["rows"]

    done = subprocess.run(
        [sys.executable, "-m", "tests.services.trl_takes", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "HF_HOME": str(tmp_path / "home"), "HF_DATASETS_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    for shape in SHAPES:
        taken = found[shape]
        assert taken["rows"] == wanted[shape] > 0, shape
        assert len(taken["losses"]) == 2, shape
        assert all(math.isfinite(loss) for loss in taken["losses"]), shape
