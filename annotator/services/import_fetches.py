"""Data sets of a hub become imports: a worker fetches their files, and then they are looked at like uploaded ones.

Files are fetched whole into the store before anything of them is read, as uploads are: an import can then be stopped
and taken up, and what is cut off is never half in.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from annotator import store
from annotator.domain.hubs import DatasetName, dataset_named
from annotator.domain.lifecycles import ImportState
from annotator.exceptions import InputInvalid, TiebreakError
from annotator.models import Import, Project, User
from annotator.services.import_files import ENDINGS, KINDS, MAX_FILE_BYTES, MIB
from annotator.services.imports import MAX_ATTEMPTS, RING_AGAIN_AFTER, import_folder, import_look

SILENT_AFTER = timedelta(minutes=2)  # a worker says that it is alive with every few megabytes
HEARTBEAT_BYTES = 8 * MIB
MOST_FILES = 500
# What describes a data set in JSON, beside its rows.
NO_ROWS = ("dataset_infos.json", "dataset_dict.json", "dataset_info.json", "state.json", "config.json")


class File(Protocol):
    @property
    def path(self) -> str: ...
    @property
    def size(self) -> int: ...


class Hub(Protocol):
    """annotator.hub.Hub, which tasks pass in: services reach for nothing outside."""

    def files(self, name: DatasetName) -> tuple[str, Sequence[File]]: ...
    def chunks(self, name: DatasetName, commit: str, path: str) -> Iterator[bytes]: ...


def import_add_from_hub(*, project: Project, dataset: str, by: User | None) -> Import:
    """Let a worker fetch a data set and look at it. The caller rings. Raises InputInvalid."""
    if not settings.TIEBREAK_HUB:
        raise InputInvalid(_("No hub is configured on this server; its operator sets TIEBREAK_HUB."))
    wanted = dataset_named(dataset)
    if wanted is None or len(dataset) > 400:
        raise InputInvalid(_("This is no name of a data set, such as owner/name or owner/name/folder."))
    name = f"{wanted.repo}/{wanted.inside}".rstrip("/")[:200]
    return Import.objects.create(
        project=project, name=name, dataset=dataset.strip(), path="", state=ImportState.FETCHING, added_by=by
    )


def fetches_to_ring(*, now: datetime | None = None) -> list[int]:
    """Imports that wait to be fetched or lost their worker, marked as rung now."""
    now = now or timezone.now()
    late = Q(rung_at=None) | Q(rung_at__lt=now - RING_AGAIN_AFTER)
    due = Import.objects.filter(_claimable(now), late)
    return [pk for pk in due.values_list("pk", flat=True) if due.filter(pk=pk).update(rung_at=now)]


def import_fetch(*, import_id: int, hub: Hub) -> Import | None:
    """Claim an import, fetch its files and look at them. None when another worker has it, or nobody wants it."""
    now = timezone.now()
    if not Import.objects.filter(_claimable(now), pk=import_id).update(
        attempt=F("attempt") + 1, started_at=now, heartbeat_at=now, error=""
    ):
        return None
    one = Import.objects.get(pk=import_id)
    try:
        if one.attempt > MAX_ATTEMPTS:
            raise InputInvalid(_("Its worker stopped five times on the way."))
        _fetch(one, hub)
    except _Stopped:
        pass
    except TiebreakError as error:
        _mine(one).update(state=ImportState.BROKEN, error=error.message, finished_at=timezone.now())
    one.refresh_from_db()
    return one


class _Stopped(Exception):
    """Somebody stopped the import, or another worker took it over."""


def _claimable(now: datetime) -> Q:
    return Q(state=ImportState.FETCHING) & (Q(heartbeat_at=None) | Q(heartbeat_at__lt=now - SILENT_AFTER))


def _mine(one: Import) -> QuerySet[Import]:
    return Import.objects.filter(pk=one.pk, attempt=one.attempt, state=ImportState.FETCHING)


def _fetch(one: Import, hub: Hub) -> None:
    wanted = dataset_named(one.dataset)
    assert wanted is not None
    commit, there = hub.files(wanted)
    files = _with_rows(wanted, there)
    # A folder per commit: what an earlier attempt left of the same one need not be fetched again.
    path = f"{import_folder(one)}/hub-{commit[:12]}"
    folder = store.store_path(path)
    _others_remove(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _alive(one, fetched=0, size=sum(file.size for file in files), path=path)
    fetched = 0
    for number, file in enumerate(files, start=1):
        target = folder / f"{number:03}-{file.path.replace('/', '-')}"  # side by side, where the reader looks for them
        if not target.is_file():
            _file_fetch(one, file, hub.chunks(wanted, commit, file.path), target, fetched)
        fetched += file.size
        _alive(one, fetched=fetched)
    with transaction.atomic():
        whole = _mine(one).select_for_update().first()
        if whole is not None:
            import_look(whole)


def _others_remove(folder: Path) -> None:
    """What was left of other commits, and of a file that was cut off."""
    for other in folder.parent.glob("hub-*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
    for partial in folder.glob(".*"):
        partial.unlink()


def _with_rows(wanted: DatasetName, there: Sequence[File]) -> list[File]:
    """The files that were asked for and can be read. Raises InputInvalid, saying what there is instead."""
    inside = [one for one in there if not wanted.inside or f"{one.path}/".startswith(f"{wanted.inside}/")]
    files = sorted(
        (one for one in inside if one.path.endswith(ENDINGS) and one.path.rsplit("/", 1)[-1] not in NO_ROWS),
        key=lambda one: one.path,
    )
    if not files:
        parts = sorted({one.path.split("/")[0] for one in there})[:20]
        raise InputInvalid(
            _("%(name)s holds no %(kinds)s file there; it has %(parts)s.")
            % {"name": wanted.repo, "kinds": ", ".join(KINDS), "parts": ", ".join(parts) or "–"}
        )
    size = sum(one.size for one in files)
    if len(files) > MOST_FILES or size > MAX_FILE_BYTES:
        raise InputInvalid(
            _("%(name)s holds %(files)s files of %(size)s MiB there; name a folder or a file inside of it.")
            % {"name": wanted.repo, "files": number_format(len(files)), "size": number_format(size // MIB)}
        )
    return files


def _file_fetch(one: Import, file: File, chunks: Iterator[bytes], path: Path, before: int) -> None:
    """Whole or absent: the name that counts appears when all of it is there."""
    partial = path.with_name(f".{path.name}")
    size = told = 0
    with partial.open("wb") as target:
        for chunk in chunks:
            size += len(chunk)
            if size > file.size:
                break
            target.write(chunk)
            if size - told >= HEARTBEAT_BYTES:
                told = size
                _alive(one, fetched=before + size)
    if size != file.size:
        partial.unlink()
        raise InputInvalid(_("%(file)s is not as long as the hub says; fetch it again.") % {"file": file.path})
    partial.replace(path)


def _alive(one: Import, **facts: int | str) -> None:
    """Say how far it is. Raises _Stopped when that is nobody's concern any more."""
    if not _mine(one).update(heartbeat_at=timezone.now(), **facts):
        raise _Stopped
