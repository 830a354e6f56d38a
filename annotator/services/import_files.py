"""Files that people bring: opened within bounds, gzipped or not, and recognised."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from annotator.domain.formats.detection import FORMATS, format_of
from annotator.domain.formats.hh import read_hh
from annotator.domain.formats.lines import Line, lines_of
from annotator.domain.formats.llmfao import LlmfaoFiles, LlmfaoReader
from annotator.domain.formats.records import Record
from annotator.domain.formats.sharegpt import read_sharegpt
from annotator.domain.formats.trl import read_trl
from annotator.exceptions import InputInvalid

MIB = 1024 * 1024
MAX_FILE_BYTES = 8 * 1024 * MIB  # unpacked
MAX_GUIDELINE_BYTES = 1 * MIB
# Text shrinks to a tenth or, when it repeats itself, a fiftieth; only made-up files shrink further.
MAX_EXPANSION = 200
EXPANSION_COUNTS_FROM = 16 * MIB
CHUNK = 1 * MIB
ENDINGS = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".json", ".json.gz")


@dataclass
class Source:
    """Preference data that was found readable.

    guideline  what the raters were told, where the format has it
    notes      what was left aside, complete once `records` is used up
    """

    format: str
    records: Iterator[Record]
    guideline: str = ""
    notes: list[str] = field(default_factory=list)


def source_open(path: Path, format: str = "auto") -> Source:
    """Recognise the file or folder at `path`.

    Every file is read through once before anything is stored, so one that is
    cut off, packed to explode or of an unknown kind is refused as a whole.
    Raises InputInvalid saying which file and why.
    """
    if format not in ("auto", *FORMATS):
        raise InputInvalid(f"There is no format “{format}”. {_formats()}")
    try:
        if path.is_dir() and format in ("auto", "llmfao") and _part(path, "pairs-crowd.jsonl"):
            return _llmfao(path)
        if format == "llmfao":
            raise InputInvalid(f"{path} is not a folder with pairs-crowd.jsonl. {_formats()}")
        return _json_lines(_files_of(path), format)
    except OSError as error:
        raise InputInvalid(f"{error.filename or path} cannot be read: {error.strerror}.") from error


def file_lines(path: Path) -> Iterator[Line]:
    """The lines of a file, unpacked if it is gzipped."""
    return lines_of(_chunks(path), file=path.name)


def _json_lines(files: list[Path], format: str) -> Source:
    found = set()
    for path in files:
        _check(path)
        own = format if format != "auto" else format_of(file_lines(path))
        if own is None:
            raise InputInvalid(f"{path} is in no format that can be imported. {_formats()}")
        found.add(own)
    if len(found) > 1:
        raise InputInvalid(f"The files are in different formats ({', '.join(sorted(found))}); import them one by one.")
    (only,) = found
    read = {"hh": read_hh, "trl": read_trl, "sharegpt": read_sharegpt}[only]
    return Source(only, (record for path in files for record in read(file_lines(path))))


def _llmfao(folder: Path) -> Source:
    votes = _part(folder, "crowd-comparisons*.csv")
    comparisons = _part(folder, "pairs-crowd.jsonl")
    if not votes or not comparisons:
        raise InputInvalid(f"{folder} has pairs-crowd.jsonl but no crowd-comparisons*.csv with the votes.")
    optional = {name: _part(folder, f"{name}.jsonl") for name in ("prompts", "models", "results")}
    for path in (votes, comparisons, *optional.values()):
        if path:
            _check(path)
    files = LlmfaoFiles(
        comparisons=file_lines(comparisons),
        votes=file_lines(votes),
        **{name: file_lines(path) for name, path in optional.items() if path},
    )
    reader = LlmfaoReader(files)
    return Source("llmfao", reader.read(), _guideline(folder / "crowd-instruction.md"), reader.notes)


def _guideline(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        data = file.read(MAX_GUIDELINE_BYTES + 1)
    if len(data) > MAX_GUIDELINE_BYTES:
        raise InputInvalid(f"{path} is longer than {MAX_GUIDELINE_BYTES // MIB} MiB; a guideline is read by people.")
    return data.decode("utf-8", errors="replace").replace("\x00", "").strip()


def _files_of(path: Path) -> list[Path]:
    if not path.exists():
        raise InputInvalid(f"There is no file or folder {path}.")
    if not path.is_dir():
        return [path]
    # An error file of an earlier import lies beside what it is about.
    files = sorted(p for p in path.iterdir() if p.name.endswith(ENDINGS) and not p.name.endswith(".errors.jsonl"))
    if not files:
        raise InputInvalid(f"{path} holds no {', '.join(ENDINGS)} file. {_formats()}")
    return files


def _part(folder: Path, pattern: str) -> Path | None:
    """The one file of this name in the folder, gzipped or not; None without one."""
    found = sorted([*folder.glob(pattern), *folder.glob(f"{pattern}.gz")])
    if len(found) > 1:
        raise InputInvalid(f"{folder} holds {' and '.join(p.name for p in found)}; keep one of them.")
    return found[0] if found else None


def _check(path: Path) -> None:
    """Raise InputInvalid unless the whole file can be read within bounds."""
    if not path.is_file():
        raise InputInvalid(f"{path} is not a file.")
    packed, unpacked = path.stat().st_size, 0
    if packed > MAX_FILE_BYTES:
        raise InputInvalid(f"{path} is larger than {MAX_FILE_BYTES // MIB:,} MiB; split it.")
    if not _is_gzip(path):
        return
    try:
        for chunk in _chunks(path):
            unpacked += len(chunk)
            if unpacked > EXPANSION_COUNTS_FROM and unpacked > MAX_EXPANSION * packed:
                raise InputInvalid(
                    f"{path} unpacks to more than {MAX_EXPANSION} times its size; such a file is refused."
                )
            if unpacked > MAX_FILE_BYTES:
                raise InputInvalid(f"{path} unpacks to more than {MAX_FILE_BYTES // MIB:,} MiB; split it.")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputInvalid(f"{path} is a broken gzip file ({error}); fetch it again.") from error


def _chunks(path: Path) -> Iterator[bytes]:
    with gzip.open(path) if _is_gzip(path) else path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _formats() -> str:
    return "Known formats: " + "; ".join(f"{name}: {what}" for name, what in FORMATS.items()) + "."
