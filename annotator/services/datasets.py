"""A project's data leaves: asked for by a person, written by a worker, whole or not at all."""

from __future__ import annotations

import gc
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from struct import Struct
from time import monotonic
from typing import Any

import orjson
from django.conf import settings
from django.db import transaction
from django.db.models import F, Max, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator import store
from annotator.domain.datasets.card import card_text
from annotator.domain.datasets.facts import Asked, Pair, Rows, Said
from annotator.domain.datasets.filters import Filters
from annotator.domain.datasets.shapes import SHAPES, Shape
from annotator.domain.lifecycles import LIVE_DATASET, DatasetState
from annotator.domain.splits import HOLDOUT_SHARE
from annotator.exceptions import InputInvalid, NotFound, StateNotAllowed
from annotator.models import Dataset, Project, Split, User
from annotator.selectors.dataset_numbers import DIGESTS, quality_numbers
from annotator.selectors.datasets import (
    Moment,
    lone_walked,
    moment_of,
    pairs_walked,
    prompts_walked,
    said_walked,
    versions_asked,
)
from annotator.services.dataset_files import BUFFER, FORMATS, RowFile
from training.contract import MANIFEST, file_sha256, folder_whole_or_absent

SILENT_AFTER = timedelta(minutes=5)  # a worker that sends no heartbeat for so long is gone
RING_AGAIN_AFTER = timedelta(seconds=30)
MAX_ATTEMPTS = 5
DIGEST = Struct("<q8s")  # "8s" keeps the first eight bytes
CARD = "README.md"
KINDS = 200  # different ones that a manifest counts
BEAT_SECONDS = 1.0

Told = Iterable[tuple[Asked, Rows]]


# --- the life of a dataset -----------------------------------------------------


def dataset_create(
    *, project: Project, shape: str, file_format: str, filters: Filters | None = None, by: User | None = None
) -> Dataset:
    """The next version, which waits for a worker. Raises InputInvalid for a shape or format that there is not."""
    if shape not in SHAPES:
        raise InputInvalid(
            _("There is no shape “%(shape)s”. There is: %(shapes)s.") % {"shape": shape, "shapes": ", ".join(SHAPES)}
        )
    if file_format not in FORMATS:
        raise InputInvalid(
            _("There is no format “%(format)s”. There is: %(formats)s.")
            % {"format": file_format, "formats": ", ".join(FORMATS)}
        )
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)  # two people at once take turns
        version = (project.datasets.aggregate(newest=Max("version"))["newest"] or 0) + 1
        return Dataset.objects.create(
            project=project,
            version=version,
            shape=shape,
            file_format=file_format,
            filters=(filters or Filters()).stored(),
            made_by=by,
        )


def dataset_stop(*, dataset: Dataset) -> Dataset:
    """Stop it: nothing of it is kept. The worker notices within some seconds. Raises StateNotAllowed."""
    stopped = Dataset.objects.filter(pk=dataset.pk, state__in=LIVE_DATASET)
    if not stopped.update(state=DatasetState.STOPPED, finished_at=timezone.now()):
        raise StateNotAllowed
    dataset.refresh_from_db()
    return dataset


def dataset_start(*, dataset: Dataset) -> Dataset:
    """Let a worker begin again what broke or was stopped. Raises StateNotAllowed."""
    may = Dataset.objects.filter(pk=dataset.pk, state__in=(DatasetState.BROKEN, DatasetState.STOPPED))
    if not may.update(state=DatasetState.WAITING, error="", rung_at=None, attempt=0, share=0.0, finished_at=None):
        raise StateNotAllowed
    dataset.refresh_from_db()
    return dataset


def datasets_to_ring(*, now: datetime | None = None) -> list[int]:
    """Datasets that wait for a worker or lost theirs, marked as rung now."""
    now = now or timezone.now()
    waiting = Q(state=DatasetState.WAITING) & (Q(rung_at=None) | Q(rung_at__lt=now - RING_AGAIN_AFTER))
    silent = Q(state=DatasetState.WRITING, heartbeat_at__lt=now - SILENT_AFTER) & (
        Q(rung_at=None) | Q(rung_at__lt=now - SILENT_AFTER)
    )
    due = Dataset.objects.filter(waiting | silent)
    return [pk for pk in due.values_list("pk", flat=True) if due.filter(pk=pk).update(rung_at=now)]


def dataset_folder_ready(dataset: Dataset) -> Path:
    """Where its files lie. Raises NotFound before it is ready, and where the folder is missing."""
    folder = store.store_path(dataset.path)
    if not dataset.is_ready:
        raise NotFound(_("This dataset is not written yet."))
    if not folder.is_dir():
        raise NotFound(_("The folder of this dataset is missing from the store. Restore it from a backup."))
    return folder


def dataset_execute(*, dataset_id: int) -> Dataset | None:
    """Claim a dataset and write it. None when another worker has it.

    The folder appears in one rename, and the row says that it is ready in the same transaction; a worker that
    was stopped, or taken for dead, leaves nothing behind.
    """
    dataset = _claimed(dataset_id)
    if dataset is None:
        return None
    mine = Dataset.objects.filter(pk=dataset.pk, attempt=dataset.attempt, state=DatasetState.WRITING)
    if dataset.attempt > MAX_ATTEMPTS:
        mine.update(
            state=DatasetState.BROKEN, finished_at=timezone.now(), error=_("Its worker stopped five times on the way.")
        )
        dataset.refresh_from_db()
        return dataset

    beaten = monotonic()

    def heartbeat(share: float) -> None:
        nonlocal beaten
        if share == 1 or monotonic() > beaten + BEAT_SECONDS:
            beaten = monotonic()
            if not mine.update(share=share, heartbeat_at=timezone.now()):
                raise _Stopped

    try:
        _write(dataset, heartbeat)
    except _Stopped:
        pass
    except OSError as error:
        mine.update(
            state=DatasetState.BROKEN,
            finished_at=timezone.now(),
            error=_("The files could not be written: %(reason)s.") % {"reason": error.strerror or error},
        )
    dataset.refresh_from_db()
    return dataset


def _claimed(dataset_id: int) -> Dataset | None:
    now = timezone.now()
    claimable = Q(state=DatasetState.WAITING) | Q(state=DatasetState.WRITING, heartbeat_at__lt=now - SILENT_AFTER)
    claimed = Dataset.objects.filter(claimable, pk=dataset_id).update(
        state=DatasetState.WRITING, attempt=F("attempt") + 1, started_at=now, heartbeat_at=now, error=""
    )
    return Dataset.objects.select_related("project").get(pk=dataset_id) if claimed else None


class _Stopped(Exception):
    """Somebody stopped the dataset, or another worker took it over."""


# --- its files -----------------------------------------------------------------


def _write(dataset: Dataset, heartbeat: Callable[[float], None]) -> None:
    project = dataset.project
    path = store.dataset_folder(project.slug, dataset.version)
    folder = store.store_path(path)
    filters = Filters.of(dataset.filters)
    moment = moment_of(project, filters)
    with folder_whole_or_absent(folder) as partial:
        writing = _Writing(SHAPES[dataset.shape], dataset.file_format, partial)
        writing.write(moment, heartbeat)
        for guideline in project.guidelines.filter(version__in=versions_asked(moment, "guideline")):
            (partial / f"guidelines-{guideline.version}.md").write_text(guideline.text, encoding="utf-8")
        manifest = _manifest(dataset, moment, writing.counted, partial)
        shape = SHAPES[dataset.shape]
        card = card_text(manifest, name=project.name, title=shape.title, what=shape.what)
        (partial / CARD).write_text(card, encoding="utf-8")
        manifest["files"][CARD] = _file(partial / CARD)
        (partial / MANIFEST).write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2) + b"\n")
        digest = file_sha256(partial / MANIFEST)
        heartbeat(1.0)  # last look, or what another worker made would be removed
        shutil.rmtree(folder, ignore_errors=True)  # left by a worker that died between rename and row
    mine = Dataset.objects.filter(pk=dataset.pk, attempt=dataset.attempt, state=DatasetState.WRITING)
    if not mine.update(
        state=DatasetState.READY, path=path, sha256=digest, manifest=manifest, finished_at=timezone.now()
    ):
        raise _Stopped


class Counted:
    """What went by while rows were written.

    kinds  (split, source, licence) → rows; beyond the first KINDS of them, sources are counted together
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.kinds: dict[tuple[str, str, str], int] = {}
        self.rounds: set[int] = set()
        self.raters: set[str] = set()

    def add(self, kinds: Mapping[tuple[str, str, str], int]) -> None:
        for (split, source, license), rows in kinds.items():
            kind = (split, source.partition("/")[0], license)  # “file/row” names a row of a source
            if kind not in self.kinds and len(self.kinds) >= KINDS:
                kind = (split, "…", "…")
            self.kinds[kind] = self.kinds.get(kind, 0) + rows

    def rows_by(self, place: int) -> dict[str, int]:
        """Rows of each split, source or licence, the most first."""
        found: Counter[str] = Counter()
        for kind, rows in self.kinds.items():
            found[kind[place]] += rows
        return dict(found.most_common())


@contextmanager
def _uncollected() -> Iterator[None]:
    """Facts and rows hold no circles, and to look for some among all that is alive takes a quarter of the time."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class _Writing:
    """One dataset on its way into its files."""

    def __init__(self, shape: Shape, file_format: str, folder: Path) -> None:
        self.shape, self.file_format, self.folder = shape, file_format, folder
        self.counted = Counted()
        self.files: dict[str, RowFile] = {}

    def write(self, moment: Moment, heartbeat: Callable[[float], None]) -> None:
        with _uncollected(), ExitStack() as closing, (self.folder / DIGESTS).open("wb", buffering=BUFFER) as digests:
            self.digests, self.closing = digests, closing
            walks = list(self._walks(moment))
            for place, walk in enumerate(walks):
                for done, told in walk:
                    self._add(told)
                    heartbeat((place + done) / len(walks))

    def _walks(self, moment: Moment) -> Iterator[Iterator[tuple[float, Told]]]:
        """One for each kind of fact that the shape reads."""
        rowing = self.shape.rowing()
        if (of_pair := rowing.of_pair) is not None:
            wanted = ((done, self._wanted(pairs, moment.filters)) for done, pairs in pairs_walked(moment))
            yield ((done, ((pair.asked, of_pair(pair)) for pair in pairs)) for done, pairs in wanted)
        if (of_said := rowing.of_said) is not None:
            heard = ((done, self._heard(said)) for done, said in said_walked(moment))
            yield ((done, ((one.asked, of_said(one)) for one in said)) for done, said in heard)
        if (of_lone := rowing.of_lone) is not None and not moment.filters.rounds:  # they belong to none
            yield ((done, ((lone.asked, of_lone(lone)) for lone in lones)) for done, lones in lone_walked(moment))
        if (of_prompt := rowing.of_prompt) is not None:
            yield ((done, ((asked, of_prompt(asked)) for asked in prompts)) for done, prompts in prompts_walked(moment))

    def _wanted(self, pairs: Iterable[Pair], filters: Filters) -> list[Pair]:
        left_out, wanted, counts = filters.left_out, [], self.counted.counts
        for pair in pairs:
            if why := left_out(pair):
                counts[why] += 1
            else:
                wanted.append(pair)
        counts["comparisons"] += len(wanted)
        counts["judgments"] += sum([pair.votes for pair in wanted])
        counts["ties"] += sum([not pair.is_decided for pair in wanted])
        counts["adjudicated"] += sum([pair.is_adjudicated for pair in wanted])
        self.counted.rounds.update([pair.round for pair in wanted])
        return wanted

    def _heard(self, said: Iterable[Said]) -> list[Said]:
        heard, counts = list(said), self.counted.counts
        counts["judgments"] += len(heard)
        counts["judgments_that_count"] += sum([one.is_current and not one.is_excluded for one in heard])
        self.counted.rounds.update([one.round for one in heard])
        self.counted.raters.update([one.rater for one in heard])
        return heard

    def _add(self, told: Told) -> None:
        """A row becomes a line, and is written before the next is made: memory that is used again is fast."""
        dumps, pack, write = orjson.dumps, DIGEST.pack, self.digests.write
        kinds: dict[tuple[str, str, str], int] = defaultdict(int)
        for asked, rows in told:
            for number, row in rows:
                line = dumps(row, option=orjson.OPT_APPEND_NEWLINE)
                (self.files.get(asked.split) or self._open(asked.split)).add(row, line)
                write(pack(number, sha256(line).digest()))
                kinds[asked.split, asked.source, asked.license] += 1
        self.counted.add(kinds)

    def _open(self, split: str) -> RowFile:
        path = self.folder / f"{split}.{self.file_format}"
        file = self.files[split] = FORMATS[self.file_format](path, self.shape.columns)
        self.closing.callback(file.close)
        return file


def _manifest(dataset: Dataset, moment: Moment, counted: Counted, folder: Path) -> dict[str, Any]:
    """What the dataset is, for people and programs; the same is in the folder."""
    project = dataset.project
    by_split = counted.rows_by(0)
    counts = {"rows": sum(by_split.values()), **by_split}
    counts |= {name: count for name, count in counted.counts.items() if count}
    if counted.raters:
        counts["raters"] = len(counted.raters)
    paths = sorted(folder.iterdir())
    with ThreadPoolExecutor() as pool:  # hashing leaves the interpreter to the numbers
        hashed = pool.map(_file, paths)
        quality = quality_numbers(project)
        files = dict(zip((path.name for path in paths), hashed, strict=True))
    for split in Split.values:
        if (name := f"{split}.{dataset.file_format}") in files:
            files[name]["rows"] = counts[split]
    return {
        "format": "tiebreak-dataset/1",
        "project": project.slug,
        "version": dataset.version,
        "shape": dataset.shape,
        "file_format": dataset.file_format,
        "columns": {name: holds.value for name, holds in SHAPES[dataset.shape].columns.items()},
        "created_at": timezone.now().isoformat(),
        "code_version": settings.VERSION,
        "filters": dataset.filters,
        "consensus": moment.filters.consensus.value,
        "rounds": sorted(counted.rounds),
        "judgments_until": moment.until,
        "guideline_versions": versions_asked(moment, "guideline"),
        "protocol_versions": versions_asked(moment, "protocol"),
        "split": f"by content hash of the prompt, {HOLDOUT_SHARE:.0%} held out",
        "counts": counts,
        "quality": quality,
        "sources": counted.rows_by(1),
        "licenses": counted.rows_by(2),
        "files": files,
    }


def _file(path: Path) -> dict[str, Any]:
    return {"sha256": file_sha256(path), "bytes": path.stat().st_size}
