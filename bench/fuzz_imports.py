"""Files that nobody would send, made by what they reach in the readers (`make fuzz-imports`).

Every input is a file: its first byte says how it is named and packed, the rest is what it holds. Reading it may give
records and refuse it with a reason. Anything else that is raised, ten seconds on one file, or a gigabyte of memory is
a finding: the fuzzer writes the input down, says where, and ends. It begins with a row of each format, and keeps what
reached something new in var/fuzz-imports, so that the next run goes on from there.
"""

from __future__ import annotations

import gzip
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris
import orjson
import zstandard

FOLDER = Path("var/fuzz-imports")
LIMITS = ("-timeout=10", "-rss_limit_mb=1024", "-max_len=8192", "-max_total_time=60")
ENDINGS = (".jsonl", ".json", ".csv", ".tsv", ".parquet", ".zip", "", ".jsonl.gz", ".jsonl.zst")
PACKED: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".zst": zstandard.compress}
YES, NO = {"role": "assistant", "content": "Yes."}, {"role": "assistant", "content": "No."}
USER = {"role": "user", "content": "Hi?"}
SEEDS: tuple[object, ...] = (
    {"prompt": "Hi?", "chosen": "Yes.", "rejected": "No.", "tags": ["a"], "source": "s", "label_origin": "r"},
    {"prompt": [USER], "completion": [YES], "label": True},
    {"chosen": "\n\nHuman: Hi?\n\nAssistant: Yes.", "rejected": "\n\nHuman: Hi?\n\nAssistant: No."},
    {"conversations": [{"from": "human", "value": "Hi?"}], "chosen": {"value": "Yes."}, "rejected": {"value": "No."}},
    {"input": {"messages": [USER]}, "preferred_output": [YES], "non_preferred_output": [NO]},
    {"prompt": "Hi?", "responses": ["Yes.", "No."], "scores": [1, 2.5]},
    {"instruction": "Hi?", "completions": [{"model": "m", "response": "Yes.", "overall_score": 7}]},
    {"context": [USER], "response1": "Yes.", "response2": "No.", "overall_preference": -2, "individual_preference": []},
    {"message_tree_id": "t", "prompt": {"text": "Hi?", "role": "prompter", "replies": [{"text": "Yes.", "rank": 0}]}},
    {"conversation_a": [USER, YES], "conversation_b": [USER, NO], "winner": "tie", "judge": "j"},
    {"instruction": "Hi?", "output_1": "Yes.", "output_2": "No.", "preference": 1.5},
    {"prompt": "Hi?", "response_1": "Yes.", "response_2": "No.", "label": "1"},
    {"question_id": 1, "turns": ["Hi?", "And?"]},
    {"data": {"prompt": "Hi?", "answer1": "Yes.", "answer2": "No."}, "annotations": [{"result": []}]},
    {"fields": {"prompt": "Hi?", "response1": "Yes.", "response2": "No."}, "responses": {"q": [{"value": ["a"]}]}},
)


def file_read(data: bytes) -> None:
    """Look at it, read all of it, and put together what would be copied."""
    name = ENDINGS[data[0] % len(ENDINGS)] if data else ""
    content = PACKED.get(name[name.rfind(".") :] if "." in name else "", bytes)(data[1:])
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        path = Path(folder) / f"file{name}"
        path.write_bytes(content)
        try:
            if archives.is_archive(path):
                archives.archive_unpack(path, Path(folder) / "files")
                path = Path(folder) / "files"
            files.source_sample(path)
            batch = batches.Batch(1)
            for record in files.source_open(path).records:
                batch.add(record)
        except InputInvalid:
            return
    rows: list[tuple[bytes, tuple[int, ...]]] = [(one.said, (1, 2, 3, 5, 6)) for one in batch.prompts.values()]
    rows += [(one.said, (0, 1, 2, 5)) for one in batch.responses]
    for said, texts in rows:
        fields = fields_of(said)
        if len(fields) != 7 or any("\x00" in fields[place].decode() for place in texts):
            raise AssertionError(f"Postgres would refuse this row: {said!r}")


def fields_of(said: bytes) -> list[bytes]:
    """The fields of a part of a row of a binary COPY: each a length and so many bytes, -1 for none."""
    fields, at = [], 0
    while at < len(said):
        length = int.from_bytes(said[at : at + 4], signed=True)
        end = at + 4 + max(length, 0)
        fields.append(said[at + 4 : end])
        at = end
    if at != len(said):
        raise AssertionError(f"Postgres would refuse this row: {said!r}")
    return fields


def main() -> None:
    seeds, found = FOLDER / "seeds", FOLDER / "found"
    for folder in (seeds, found):
        folder.mkdir(parents=True, exist_ok=True)
    for number, row in enumerate(SEEDS):
        (seeds / str(number)).write_bytes(b"\x00" + orjson.dumps(row))
    (seeds / "table").write_bytes(b"\x02prompt,chosen,rejected\nHi?,Yes.,No.\n")
    atheris.Setup(
        [sys.argv[0], *LIMITS, f"-artifact_prefix={FOLDER}/", *sys.argv[1:], str(found), str(seeds)], file_read
    )
    atheris.Fuzz()


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
import django  # noqa: E402  the settings must be named first

django.setup()
with atheris.instrument_imports(include=["annotator.domain.formats", "annotator.services"]):
    from annotator.exceptions import InputInvalid
    from annotator.services import import_archives as archives
    from annotator.services import import_batches as batches
    from annotator.services import import_files as files

if __name__ == "__main__":
    main()
