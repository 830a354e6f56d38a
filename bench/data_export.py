"""How fast data goes out: the export half of `make bench-data`.

Rows are judged pairs of about 1 KB, stored as an import stores them; a dataset of preferences is written from them.
"""

from __future__ import annotations

import time
from pathlib import Path

SHAPE, FORMAT = "preference", "jsonl"


def exported(slug: str) -> float:
    """Seconds that a dataset of the whole project takes, from the claim to the manifest."""
    from annotator.models import Project
    from annotator.services.datasets import dataset_create, dataset_execute
    from annotator.store import store_path

    project = Project.objects.get(slug=slug)
    asked = dataset_create(project=project, shape=SHAPE, file_format=FORMAT)
    started = time.monotonic()
    dataset = dataset_execute(dataset_id=asked.pk)
    seconds = time.monotonic() - started
    if dataset is None or not dataset.is_ready:
        raise SystemExit(f"The dataset was not written: {dataset and dataset.error}")
    if not any(Path(store_path(dataset.path)).glob(f"*.{FORMAT}")):
        raise SystemExit("The dataset has no rows.")
    return seconds
