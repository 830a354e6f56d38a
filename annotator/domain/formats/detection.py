"""Which format a file is, by what its first lines hold."""

from __future__ import annotations

from collections.abc import Iterable

from annotator.domain.formats.hh import is_transcript
from annotator.domain.formats.lines import Line
from annotator.domain.formats.records import Malformed, object_of

LOOK_AT = 50  # lines: one bad line at the top must not hide the format

FORMATS = {
    "hh": 'JSON lines {"chosen", "rejected"}, transcripts "\\n\\nHuman: …\\n\\nAssistant: …"',
    "trl": 'JSON lines {"prompt", "chosen", "rejected"}, texts or lists of {"role", "content"}',
    "sharegpt": 'JSON lines {"conversations", "chosen", "rejected"}, turns {"from", "value"}',
    "llmfao": "a folder with pairs-crowd.jsonl and crowd-comparisons*.csv (and prompts, models, crowd-instruction.md)",
}


def format_of(lines: Iterable[Line]) -> str | None:
    """The name of the format that one of the first lines is in, None when none is in any."""
    for line, _ in zip(lines, range(LOOK_AT), strict=False):
        try:
            row = object_of(line)
        except Malformed:
            continue
        chosen, rejected = row.get("chosen"), row.get("rejected")
        if is_transcript(chosen) or is_transcript(rejected):
            return "hh"
        if isinstance(row.get("conversations"), list) and isinstance(chosen, dict) and isinstance(rejected, dict):
            return "sharegpt"
        if isinstance(chosen, str | list) and isinstance(rejected, str | list) and (
            "prompt" in row or isinstance(chosen, list)
        ):  # fmt: skip
            return "trl"
    return None
