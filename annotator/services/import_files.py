"""Files that people bring: opened within bounds, unpacked on the way, and recognised by what they hold."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pyarrow
import pyarrow.parquet
import zstandard

from annotator.domain.formats.columns import columns_format
from annotator.domain.formats.containers import array_lines, table_lines
from annotator.domain.formats.detection import FORMATS, LOOK_AT, ROWS, format_of, parts_of
from annotator.domain.formats.joined import JOINED
from annotator.domain.formats.lines import Line, lines_of
from annotator.domain.formats.llmfao import LlmfaoFiles, LlmfaoReader
from annotator.domain.formats.oasst import DEEPEST
from annotator.domain.formats.records import BadLine, JudgedComparison, Malformed, Record, object_of
from annotator.domain.wording import Unfit
from annotator.exceptions import InputInvalid

MIB = 1024 * 1024
MAX_FILE_BYTES = 8 * 1024 * MIB  # unpacked
MAX_GUIDELINE_BYTES = 1 * MIB
# Text shrinks to a tenth or, when it repeats itself, a fiftieth; only made-up files shrink further.
MAX_EXPANSION = 200
EXPANSION_COUNTS_FROM = 16 * MIB
CHUNK = 1 * MIB
ZSTD_CHUNK = 1024  # packed: four bytes may stand for 128 KiB, so no more than 32 MiB come at once
ZSTD_WINDOW = 128 * MIB
MAX_ROW_GROUP = 1024 * MIB  # of a Parquet file: it is unpacked as a whole
PACKED = ("", ".gz", ".zst")
KINDS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
ENDINGS = tuple(f"{kind}{packed}" for kind in KINDS for packed in PACKED)
COLUMNS = "columns"
SAMPLE_ROWS = 200
SHOWN = 5


@dataclass
class Source:
    """Data that was found readable.

    guideline  what the raters were told, where the format has it
    notes      what was left aside, complete once `records` is used up
    """

    format: str
    records: Iterator[Record]
    guideline: str = ""
    notes: list[str] = field(default_factory=list)


@dataclass
class Sample:
    """What a look at the first rows of a file found.

    format   empty where no format fits
    good     records of the first rows; `bad` the rows that do not fit
    columns  names that the rows have, for whoever has to say what is in them
    preview  some good records, as the page shows them
    errors   some bad rows
    """

    format: str = ""
    good: int = 0
    bad: int = 0
    columns: list[str] = field(default_factory=list)
    preview: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)


def source_open(path: Path, format: str = "auto", columns: Mapping[str, str] | None = None) -> Source:
    """Recognise the file or folder at `path`, or read it as told.

    Every file is read through once before anything is stored, so one that is
    cut off, packed to explode or of an unknown kind is refused as a whole.
    Raises InputInvalid saying which file and why.
    """
    if format not in ("auto", COLUMNS, *FORMATS):
        raise InputInvalid(f"There is no format “{format}”. {_formats()}")
    try:
        if path.is_dir() and format in ("auto", "llmfao") and _part(path, "pairs-crowd.jsonl"):
            return _llmfao(path)
        if format == "llmfao":
            raise InputInvalid(f"{path} is not a folder with pairs-crowd.jsonl. {_formats()}")
        if path.is_dir() and (joined := _joined(_files_of(path), format)):
            return joined
        if format in JOINED:
            raise InputInvalid(f"{path} is not {JOINED[format].what}.")
        return _rows(_files_of(path), format, columns or {})
    except OSError as error:
        raise InputInvalid(f"{error.filename or path} cannot be read: {error.strerror or error}.") from error


def source_sample(path: Path, format: str = "auto", columns: Mapping[str, str] | None = None) -> Sample:
    """Read the first rows and store nothing. Raises InputInvalid for a file that cannot be read at all."""
    try:
        if path.is_dir() and _part(path, "pairs-crowd.jsonl"):
            return _sampled("llmfao", _llmfao(path).records, [])
        if path.is_dir() and (joined := _joined(_files_of(path), format)):
            return _sampled(joined.format, joined.records, [])
        first = _files_of(path)[0]
        rows = list(islice(file_lines(first), SAMPLE_ROWS))
    except (EOFError, zlib.error, zstandard.ZstdError, OSError) as error:
        raise InputInvalid(f"{path.name} cannot be read: {error}") from error
    name = format if format != "auto" else format_of(rows) or ""
    names = _names(rows)
    if not name:
        return Sample(columns=names)
    return _sampled(name, _read(name, columns or {})(rows), names)


def file_lines(path: Path) -> Iterator[Line]:
    """The rows of a file, unpacked if it is packed, each as a line of JSON.

    Which container it is, is told by its first bytes; a table is told by its name or by not being JSON.
    """
    if _begins(path, b"PAR1"):
        return _parquet_lines(path)
    chunks = _chunks(path)
    first = next(chunks, b"")
    _refuse_wide(path, first)
    following = _again(first, chunks)
    begin = first.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    bare = path.name.removesuffix(".gz").removesuffix(".zst")
    if bare.endswith((".csv", ".tsv")) or (begin and begin not in b"[{" and b"\n" in first and _is_table(first)):
        delimiter = "\t" if b"\t" in first.split(b"\n", 1)[0] else ","
        return table_lines(lines_of(following, file=path.name, blank=True), file=path.name, delimiter=delimiter)
    if begin == b"[":
        return array_lines(following, file=path.name)
    return lines_of(following, file=path.name)


def _rows(files: list[Path], format: str, columns: Mapping[str, str]) -> Source:
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
    read = _read(only, columns)
    return Source(only, (record for path in files for record in read(file_lines(path))))


def _joined(files: list[Path], format: str) -> Source | None:
    """Files with judgments beside files with the answers; None where a folder is nothing of that kind."""
    if format not in ("auto", *JOINED):
        return None
    for path in files:
        _check(path)
    parts = parts_of({path: file_lines(path) for path in files})
    if parts is None or format not in ("auto", parts[0].name):
        return None
    read, judging, holding = parts
    lines = ((line for path in some for line in file_lines(path)) for some in (judging, holding))
    others = [path.name for path in files if path not in judging and path not in holding]
    notes = [f"{', '.join(others)}: left aside, with neither judgments nor answers."] if others else []
    return Source(read.name, read(*lines), notes=notes)


def _read(name: str, columns: Mapping[str, str]) -> Any:
    if name != COLUMNS:
        return ROWS[name]
    try:
        return columns_format(columns)
    except Unfit as unfit:
        raise InputInvalid.of(unfit) from unfit


def _sampled(name: str, records: Iterable[Record], columns: list[str]) -> Sample:
    sample = Sample(name, columns=columns)
    for record in islice(records, SAMPLE_ROWS * 10):
        if isinstance(record, BadLine):
            sample.bad += 1
            if len(sample.errors) < SHOWN:
                sample.errors.append(record._asdict())
        else:
            sample.good += 1
            if len(sample.preview) < SHOWN:
                sample.preview.append(_previewed(record))
    return sample


def _previewed(record: Record) -> dict[str, Any]:
    """A good record as the page shows it, shortened."""
    assert not isinstance(record, BadLine)
    if isinstance(record, JudgedComparison):
        responses: list[Any] = [record.first, record.second]
        votes = [{"rater": vote.rater, "answer": vote.answer, "value": vote.value} for vote in record.votes[:SHOWN]]
    else:
        responses, votes = list(record.responses[:SHOWN]), []
    return {
        "prompt": record.messages[-1]["content"][:400],
        "turns": len(record.messages),
        "responses": [{"author": one.author, "text": one.text[:400], "label": one.label} for one in responses],
        "votes": votes,
    }


def _names(rows: Iterable[Line]) -> list[str]:
    """The columns of the first rows that are objects, in their order."""
    names: dict[str, None] = {}
    for line in islice(rows, LOOK_AT):
        try:
            names |= dict.fromkeys(str(name)[:200] for name in object_of(line, deepest=DEEPEST))
        except Malformed:
            continue
    return list(names)[:200]


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
        comparisons=_bare_lines(comparisons),
        votes=_bare_lines(votes),
        **{name: _bare_lines(path) for name, path in optional.items() if path},
    )
    reader = LlmfaoReader(files)
    return Source("llmfao", reader.read(), _guideline(folder / "crowd-instruction.md"), reader.notes)


def _bare_lines(path: Path) -> Iterator[Line]:
    return lines_of(_chunks(path), file=path.name)


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
        raise InputInvalid(f"{path} holds no {', '.join(KINDS)} file. {_formats()}")
    return files


def _part(folder: Path, pattern: str) -> Path | None:
    """The one file of this name in the folder, packed or not; None without one."""
    found = sorted(path for packed in PACKED for path in folder.glob(f"{pattern}{packed}"))
    if len(found) > 1:
        raise InputInvalid(f"{folder} holds {' and '.join(p.name for p in found)}; keep one of them.")
    return found[0] if found else None


# --- containers ----------------------------------------------------------------


def _check(path: Path) -> None:
    """Raise InputInvalid unless the whole file can be read within bounds."""
    if not path.is_file():
        raise InputInvalid(f"{path} is not a file.")
    packed, unpacked = path.stat().st_size, 0
    if packed > MAX_FILE_BYTES:
        raise InputInvalid(f"{path} is larger than {MAX_FILE_BYTES // MIB:,} MiB; split it.")
    if _begins(path, b"PAR1"):
        _parquet_file(path)
        return
    kind = "gzip" if _is_gzip(path) else "zstd" if _is_zstd(path) else ""
    try:
        for chunk in _chunks(path):
            if not unpacked:
                _refuse_wide(path, chunk)
            if not kind:
                return
            unpacked += len(chunk)
            if unpacked > EXPANSION_COUNTS_FROM and unpacked > MAX_EXPANSION * packed:
                raise InputInvalid(
                    f"{path} unpacks to more than {MAX_EXPANSION} times its size; such a file is refused."
                )
            if unpacked > MAX_FILE_BYTES:
                raise InputInvalid(f"{path} unpacks to more than {MAX_FILE_BYTES // MIB:,} MiB; split it.")
    except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
        raise InputInvalid(f"{path} is a broken {kind} file ({error}); fetch it again.") from error


def _chunks(path: Path) -> Iterator[bytes]:
    if _is_zstd(path):
        yield from _zstd_chunks(path)
        return
    with gzip.open(path) if _is_gzip(path) else path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _zstd_chunks(path: Path) -> Iterator[bytes]:
    """Frame by frame, with the end of each seen: the library's own stream takes half a frame for a whole one."""
    unpacker = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW)
    frame = unpacker.decompressobj()
    is_within = False
    gathered = io.BytesIO()
    with path.open("rb") as file:
        while packed := file.read(ZSTD_CHUNK):
            while packed:
                gathered.write(frame.decompress(packed))
                is_within = not frame.eof
                packed = frame.unused_data if frame.eof else b""
                if frame.eof:
                    frame = unpacker.decompressobj()
            if gathered.tell() >= CHUNK:
                yield gathered.getvalue()
                gathered = io.BytesIO()
    if is_within:
        raise EOFError("it ends before its end")
    yield gathered.getvalue()


def _parquet_file(path: Path) -> pyarrow.parquet.ParquetFile:
    try:
        found = pyarrow.parquet.ParquetFile(path)
        sizes = [found.metadata.row_group(n).total_byte_size for n in range(found.metadata.num_row_groups)]
    except (pyarrow.ArrowException, OSError) as error:
        raise InputInvalid(f"{path} is a broken Parquet file; fetch it again.") from error
    if max(sizes, default=0) > MAX_ROW_GROUP or sum(sizes) > MAX_FILE_BYTES:
        raise InputInvalid(
            f"{path} has a row group of more than {MAX_ROW_GROUP // MIB:,} MiB, or more than "
            f"{MAX_FILE_BYTES // MIB:,} MiB in all; write it in smaller parts."
        )
    return found


def _parquet_lines(path: Path) -> Iterator[Line]:
    number = 0
    try:
        for batch in _parquet_file(path).iter_batches(batch_size=500):
            for row in batch.to_pylist():
                number += 1
                yield Line(path.name, number, orjson.dumps(row, default=str, option=orjson.OPT_NON_STR_KEYS))
    except (pyarrow.ArrowException, OSError, TypeError, ValueError) as error:
        yield Line(path.name, number + 1, b"", fault=f"the rest of the file cannot be read: {str(error)[:200]}")


def _again(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _refuse_wide(path: Path, first: bytes) -> None:
    if first[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputInvalid(f"{path.name} is UTF-16 text; save it as UTF-8.")


def _is_table(first: bytes) -> bool:
    header, _, rest = first.partition(b"\n")
    mark = b"\t" if b"\t" in header else b","
    return mark in header and mark in rest.partition(b"\n")[0]


def _begins(path: Path, mark: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(mark)) == mark


def _is_gzip(path: Path) -> bool:
    return _begins(path, b"\x1f\x8b")


def _is_zstd(path: Path) -> bool:
    return _begins(path, b"\x28\xb5\x2f\xfd")


def _formats() -> str:
    return f"Known formats: {', '.join(FORMATS)}; docs/importing.md says what they hold."
