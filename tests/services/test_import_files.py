"""Every container, whole and broken: the same rows come out, or a clear sentence, and memory stays bounded."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotator.domain.formats.containers import array_lines
from annotator.domain.formats.lines import MAX_LINE_BYTES
from annotator.domain.formats.records import AnsweredPrompt, BadLine, Malformed, object_of
from annotator.exceptions import InputInvalid
from annotator.services.import_files import file_lines, source_open, source_sample

ROWS = [{"prompt": f"Frage {n}, mit Komma", "completion": f"Zwei\nZeilen “{n}”"} for n in range(20)]
LINES = "\n".join(json.dumps(row) for row in ROWS).encode()
TABLE = "prompt,completion\n" + "".join(f'"{row["prompt"]}","{row["completion"]}"\n' for row in ROWS)
FILES = {
    "a.jsonl": LINES,
    "a.jsonl.gz": gzip.compress(LINES),
    "a.jsonl.zst": zstandard.compress(LINES),
    "two-frames.jsonl.zst": zstandard.compress(LINES[:100]) + zstandard.compress(LINES[100:]),
    "a.json": json.dumps(ROWS, indent=1).encode(),
    "a.json.zst": zstandard.compress(json.dumps(ROWS).encode()),
    "a.csv": TABLE.encode(),
    "a.csv.gz": gzip.compress(TABLE.encode()),
    "a.tsv": TABLE.replace('","', '"\t"').replace("prompt,", "prompt\t").encode(),
    "marked.csv": b"\xef\xbb\xbf" + TABLE.encode(),
}


@pytest.mark.parametrize("name", [*FILES, "a.parquet"])
def test_the_same_rows_come_out_of_every_container(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if name.endswith(".parquet"):
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), path)
    else:
        path.write_bytes(FILES[name])

    found = list(source_open(path).records)

    assert [
        {"prompt": one.messages[0]["content"], "completion": one.responses[0].text}
        for one in found
        if isinstance(one, AnsweredPrompt)
    ] == ROWS


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gz", "zst"])
def test_a_file_that_was_cut_off_is_refused_before_anything_is_read(pack: object, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(pack(LINES)[:-5])  # type: ignore[operator]

    with pytest.raises(InputInvalid, match="broken"):
        source_open(path)


def test_a_file_that_unpacks_to_far_more_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.jsonl.zst"
    path.write_bytes(zstandard.compress(b" " * 40_000_000))

    with pytest.raises(InputInvalid, match="200 times its size"):
        source_open(path)


def test_other_encodings_and_broken_parquet_are_named(tmp_path: Path) -> None:
    wide, column = tmp_path / "a.csv", tmp_path / "a.parquet"
    wide.write_bytes(TABLE.encode("utf-16"))
    column.write_bytes(b"PAR1 and no more")

    with pytest.raises(InputInvalid, match="UTF-16"):
        source_sample(wide)
    with pytest.raises(InputInvalid, match="broken Parquet"):
        source_open(column)


def test_a_folder_with_one_file_in_another_encoding_is_refused_before_any_is_read(tmp_path: Path) -> None:
    (tmp_path / "1.jsonl").write_bytes(LINES)
    (tmp_path / "2.jsonl").write_bytes(LINES.decode().encode("utf-16"))

    with pytest.raises(InputInvalid, match=r"2\.jsonl is UTF-16 text"):
        source_open(tmp_path, "trl")


def test_a_broken_row_of_a_table_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"prompt,completion\nHi?,Yes.\nHi?,Yes.,more\nHo?,No.\n")

    records = list(source_open(path, "trl").records)

    assert [type(one) for one in records] == [AnsweredPrompt, BadLine, AnsweredPrompt]
    assert isinstance(records[1], BadLine)
    assert (records[1].line, records[1].reason) == (3, "3 columns; the header has 2")


def test_an_element_of_a_list_that_never_ends_is_one_bad_row() -> None:
    chunks = [b'[{"prompt": "Hi?"}, {"prompt": "', *[b"a" * 1_000_000] * (MAX_LINE_BYTES // 1_000_000 + 2)]
    good, bad = array_lines(chunks, file="a.json")

    assert object_of(good) == {"prompt": "Hi?"}
    with pytest.raises(Malformed, match="longer than"):
        object_of(bad)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from([*FILES, "a.parquet", "a.txt"]),
    data=st.binary(max_size=300) | st.sampled_from(list(FILES.values())),
    cut=st.integers(0, 3000),
    flip=st.integers(0, 3000),
)
def test_no_file_makes_the_reader_do_anything_but_read_or_refuse(
    name: str, data: bytes, cut: int, flip: int, tmp_path: Path
) -> None:
    data = data[: len(data) - cut] if cut < len(data) else data
    if data:
        at = flip % len(data)
        data = data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]
    path = tmp_path / name
    path.write_bytes(data)
    try:
        source_sample(path)
        list(source_open(path, "trl").records)
    except InputInvalid:
        return
    assert all(line.number > 0 for line in file_lines(path))
