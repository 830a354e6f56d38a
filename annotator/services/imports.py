"""Data that was made elsewhere comes in: once, whole, and with whoever made it.

An `Import` is a file on its way in: it is looked at first, started by a person, read by a worker a batch at a time,
and can be stopped and taken up again. `preferences_import` reads a source in one go, for the command line.
"""

from __future__ import annotations

import gc
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator import store
from annotator.domain.formats.records import BadLine, Record
from annotator.domain.lifecycles import LIVE_IMPORT, ImportState
from annotator.domain.nearness import NearPrompts
from annotator.exceptions import InputInvalid, StateNotAllowed, TiebreakError
from annotator.models import Guideline, Import, Project, User
from annotator.services.import_archives import archive_unpack, is_archive
from annotator.services.import_batches import Batch, ImportCounts
from annotator.services.import_files import ENDINGS, MAX_FILE_BYTES, Source, source_open, source_sample
from annotator.services.import_storage import batch_store, tables_analyse
from annotator.services.projects import guideline_publish

BATCH = 10_000  # judgments per transaction
MANY = 1_000  # imported rows after which Postgres would plan for tables of another size
BATCH_CHARACTERS = 16_000_000  # and no more text than that: ten thousand of the longest answers would be gigabytes
NEW_OBJECTS = 20_000  # after which Python looks for garbage while a file is read
SILENT_AFTER = timedelta(minutes=5)  # a worker that sends no heartbeat for so long is gone; checking a file sends none
RING_AGAIN_AFTER = timedelta(seconds=30)
MAX_ATTEMPTS = 5
ERRORS = "errors.jsonl"
FILES = "files"  # those of an archive


def preferences_import(
    *,
    project: Project,
    source: Source,
    license: str = "",
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

    license  terms of the rows that name none of their own

    Raises RoundNotCollecting while the newest round learns, and RaterNameTaken.
    """
    counts = ImportCounts()
    guideline = _guideline(project, source)
    for batch in _ahead(_batches(project.pk, source.records, license=license)):
        contradicting = batch_store(project=project, batch=batch, guideline=guideline, counts=counts)
        for line in [*batch.bad, *contradicting]:
            on_bad(line)
        on_progress(counts)
    if counts.imported >= MANY:
        tables_analyse()
    return counts


# --- the life of an import -----------------------------------------------------


def import_add(*, project: Project, name: str, chunks: Iterable[bytes], by: User | None) -> Import:
    """Keep an uploaded file and look at its first rows.

    Raises InputInvalid for a file that is too large, or that cannot be read at all; then nothing is kept.
    """
    name = Path(name.replace("\\", "/")).name.replace("\x00", "")[-150:] or "upload"
    with transaction.atomic():
        added = Import.objects.create(project=project, name=name, path="", added_by=by)
        folder = store.store_path(import_folder(added))
        folder.mkdir(parents=True)
        # Not under its own name: that may be anything. Its ending says whether it is a table.
        ending = next((ending for ending in sorted(ENDINGS, key=len, reverse=True) if name.endswith(ending)), "")
        path = folder / f"upload{ending}"
        try:
            with path.open("wb") as file:
                for chunk in chunks:
                    added.size += len(chunk)
                    if added.size > MAX_FILE_BYTES:
                        raise InputInvalid(_("This file is too large; split it."))
                    file.write(chunk)
            if is_archive(path):
                archive_unpack(path, folder / FILES)
                path.unlink()
                path = folder / FILES
            added.path = f"{import_folder(added)}/{path.name}"
            return import_look(added)
        except TiebreakError:
            shutil.rmtree(folder, ignore_errors=True)
            raise


def import_add_from_server(*, project: Project, name: str, by: User | None) -> Import:
    """Look at a file or folder below TIEBREAK_IMPORT_DIR, which stays where it is. Raises InputInvalid."""
    if name not in server_files():
        raise InputInvalid(_("There is no such file in the import folder of this server."))
    path = Path(settings.TIEBREAK_IMPORT_DIR) / name
    size = path.stat().st_size if path.is_file() else 0
    with transaction.atomic():
        added = Import.objects.create(project=project, name=name[:200], path=str(path), size=size, added_by=by)
        return import_look(added)


def server_files() -> list[str]:
    """What lies in TIEBREAK_IMPORT_DIR and can be imported: files, and folders of files."""
    folder = settings.TIEBREAK_IMPORT_DIR
    if not folder or not Path(folder).is_dir():
        return []
    return sorted(path.name for path in Path(folder).iterdir() if path.is_dir() or path.name.endswith(ENDINGS))[:500]


def import_read_as(*, one: Import, format: str, columns: Mapping[str, str] | None = None) -> Import:
    """Say how to read it, and look at it again. Raises InputInvalid, and StateNotAllowed once it started."""
    with transaction.atomic():
        locked = Import.objects.select_for_update().get(pk=one.pk)
        if locked.state not in (ImportState.UPLOADED, ImportState.RECOGNISED):
            raise StateNotAllowed(_("This import has started, so it is read as it was begun."))
        return import_look(locked, format, columns or {})


def import_look(one: Import, format: str = "auto", columns: Mapping[str, str] = MappingProxyType({})) -> Import:
    """Read its first rows, and keep what was understood. Raises InputInvalid."""
    sample = source_sample(import_path(one), format, columns)
    one.format, one.sample, one.columns = sample.format, asdict(sample), dict(columns)
    one.state = ImportState.RECOGNISED if sample.format else ImportState.UPLOADED
    one.save()
    return one


def import_start(*, one: Import, license: str | None = None) -> Import:
    """Let a worker read it, from the first row or behind the last one that is in; or go on fetching it.

    license  terms of the rows that name none of their own; None leaves what was said before
    Raises StateNotAllowed.
    """
    may = (ImportState.RECOGNISED, ImportState.BROKEN, ImportState.STOPPED)
    afresh: dict[str, Any] = {"error": "", "rung_at": None, "heartbeat_at": None, "attempt": 0, "finished_at": None}
    if license is not None:
        afresh["license"] = license
    rows = Import.objects.filter(pk=one.pk, state__in=may)
    # What was not fetched to its end was never looked at.
    unfetched = rows.exclude(dataset="").filter(sample={})
    if not (unfetched.update(state=ImportState.FETCHING, **afresh) or rows.update(state=ImportState.WAITING, **afresh)):
        raise StateNotAllowed
    one.refresh_from_db()
    return one


def import_stop(*, one: Import) -> Import:
    """Stop it: what is in stays in. The worker notices with its next batch. Raises StateNotAllowed."""
    stopped = Import.objects.filter(pk=one.pk, state__in=LIVE_IMPORT)
    if not stopped.update(state=ImportState.STOPPED, finished_at=timezone.now()):
        raise StateNotAllowed
    one.refresh_from_db()
    return one


def imports_to_ring(*, now: datetime | None = None) -> list[int]:
    """Imports that wait for a worker or lost theirs, marked as rung now."""
    now = now or timezone.now()
    waiting = Q(state=ImportState.WAITING) & (Q(rung_at=None) | Q(rung_at__lt=now - RING_AGAIN_AFTER))
    silent = Q(state=ImportState.READING, heartbeat_at__lt=now - SILENT_AFTER) & (
        Q(rung_at=None) | Q(rung_at__lt=now - SILENT_AFTER)
    )
    due = Import.objects.filter(waiting | silent)
    return [pk for pk in due.values_list("pk", flat=True) if due.filter(pk=pk).update(rung_at=now)]


def import_execute(*, import_id: int) -> Import | None:
    """Claim an import and read it to its end, a transaction per batch. None when another worker has it."""
    one = _claimed(import_id)
    if one is None:
        return None
    mine = Import.objects.filter(pk=one.pk, attempt=one.attempt, state=ImportState.READING)
    if one.attempt > MAX_ATTEMPTS:
        mine.update(
            state=ImportState.BROKEN, finished_at=timezone.now(), error=_("Its worker stopped five times on the way.")
        )
    else:
        try:
            notes = _read(one, source_open(import_path(one), one.format, one.columns))
        except _Stopped:
            pass
        except TiebreakError as error:
            mine.update(state=ImportState.BROKEN, error=error.message, finished_at=timezone.now())
        else:
            mine.update(state=ImportState.IMPORTED, notes=notes, finished_at=timezone.now())
    one.refresh_from_db()
    return one


def _claimed(import_id: int) -> Import | None:
    now = timezone.now()
    claimable = Q(state=ImportState.WAITING) | Q(state=ImportState.READING, heartbeat_at__lt=now - SILENT_AFTER)
    claimed = Import.objects.filter(claimable, pk=import_id).update(
        state=ImportState.READING, attempt=F("attempt") + 1, started_at=now, heartbeat_at=now, error=""
    )
    return Import.objects.select_related("project").get(pk=import_id) if claimed else None


class _Stopped(Exception):
    """Somebody stopped the import, or another worker took it over."""


def _read(one: Import, source: Source) -> list[str]:
    """Store batch after batch behind what is in, each with how far that is; return what is worth knowing."""
    counts = ImportCounts.of(one.counts)
    guideline = _guideline(one.project, source)
    near = NearPrompts()
    batches = _batches(one.project_id, source.records, start=one.position, license=one.license)
    path = errors_path(one)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as errors:
        errors.truncate(one.counts.get("errors_bytes", 0))  # what a worker wrote whose batch is not in
        for batch in _ahead(_seen(near, batches)):
            with transaction.atomic():
                bad = batch_store(project=one.project, batch=batch, guideline=guideline, counts=counts)
                _write(errors, [*batch.bad, *bad])
                is_mine = Import.objects.filter(pk=one.pk, attempt=one.attempt, state=ImportState.READING).update(
                    position=batch.end,
                    counts={**counts.stored(), "errors_bytes": errors.tell()},
                    heartbeat_at=timezone.now(),
                )
                if not is_mine:
                    raise _Stopped
    return [*source.notes, *near.notes()]


def _write(file: Any, bad: Sequence[BadLine]) -> None:
    for line in bad:
        file.write((json.dumps(line._asdict(), ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace"))
    file.flush()


def import_folder(one: Import) -> str:
    return f"imports/{one.pk}"


def import_path(one: Import) -> Path:
    """Where its file lies: below the store, or where it was on the server."""
    return store.store_path(one.path)


def errors_path(one: Import) -> Path:
    return store.store_path(import_folder(one)) / ERRORS


# --- batches -------------------------------------------------------------------


def _guideline(project: Project, source: Source) -> Guideline | None:
    if not source.guideline:
        return None
    with transaction.atomic():
        return guideline_publish(project=project, text=source.guideline, by=None)


def _batches(project_id: int, records: Iterable[Record], *, start: int = 0, license: str = "") -> Iterator[Batch]:
    """The records behind the first `start` of them, some thousand judgments at a time."""
    batch = Batch(project_id, end=start, license=license)
    for record in islice(records, start, None):
        batch.add(record)
        if batch.judgments >= BATCH or batch.characters >= BATCH_CHARACTERS:
            yield batch
            batch = Batch(project_id, end=batch.end, license=license)
    if batch.judgments:
        yield batch


def _seen(near: NearPrompts, batches: Iterator[Batch]) -> Iterator[Batch]:
    for batch in batches:
        for prompt in batch.prompts.values():
            near.see(prompt.turn)
        yield batch


def _ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The same, each read and hashed while the one before is being stored: Postgres works meanwhile."""
    with _collected_seldom(), ThreadPoolExecutor(1) as reader:
        following = reader.submit(next, batches, None)
        while (batch := following.result()) is not None:
            following = reader.submit(next, batches, None)
            yield batch


@contextmanager
def _collected_seldom() -> Iterator[None]:
    """A batch is a hundred thousand objects without cycles; searching them for some took a tenth of the reading."""
    often, *others = gc.get_threshold()
    gc.set_threshold(max(often, NEW_OBJECTS), *others)
    try:
        yield
    finally:
        gc.set_threshold(often, *others)
