"""Judgments that were made elsewhere come in: once, whole, and with whoever made them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from annotator.domain.formats.records import BadLine, JudgedComparison, Record
from annotator.models import Project
from annotator.services.import_batches import Batch, ImportCounts, batch_of, batch_store
from annotator.services.import_files import Source
from annotator.services.projects import guideline_publish

BATCH = 10_000  # judgments per transaction


def preferences_import(
    *,
    project: Project,
    source: Source,
    on_bad: Callable[[BadLine], None] = lambda bad: None,
    on_progress: Callable[[ImportCounts], None] = lambda counts: None,
) -> ImportCounts:
    """Add what `source` holds to the project; its judgments go to the open round, which is opened when there is none.

    1. Prompts, responses, raters, comparisons and judgments are known by their
       content, so what is there already is counted as known and not added again.
       A second vote of one rater on one comparison is bad unless it says the same.
    2. Each rater of the file becomes an inactive user "imported-<project>-<label>".
    3. Every ten thousand judgments are one transaction: an import that was cut off
       is whole up to there, and the next one goes on.
    4. What does not fit goes to `on_bad`, and the rest goes in.

    Raises RoundNotCollecting while the newest round learns, and RaterNameTaken.
    """
    counts = ImportCounts()
    guideline = None
    if source.guideline:
        guideline = guideline_publish(project=project, text=source.guideline, by=None)
    for batch in _ahead(_batches(project.pk, source.records)):
        contradicting = batch_store(project=project, batch=batch, guideline=guideline, counts=counts)
        for line in [*batch.bad, *contradicting]:
            on_bad(line)
        on_progress(counts)
    return counts


def _batches(project_id: int, records: Iterable[Record], *, start: int = 0) -> Iterator[Batch]:
    """The records behind the first `start` of them, some thousand judgments at a time."""
    waiting: list[Record] = []
    votes, end = 0, start
    for record in islice(records, start, None):
        waiting.append(record)
        end += 1
        votes += len(record.votes) if isinstance(record, JudgedComparison) else 1
        if votes >= BATCH:
            yield batch_of(project_id, waiting, end=end)
            waiting, votes = [], 0
    if waiting:
        yield batch_of(project_id, waiting, end=end)


def _ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The same, each read and hashed while the one before is being stored: Postgres works meanwhile."""
    with ThreadPoolExecutor(1) as reader:
        following = reader.submit(next, batches, None)
        while (batch := following.result()) is not None:
            following = reader.submit(next, batches, None)
            yield batch
