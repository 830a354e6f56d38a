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
    "llmfao": "a folder with pairs-crowd.jsonl and crowd-comparisons*.csv (and prompts, models, crowd-instruction.md)",
}


def format_of(lines: Iterable[Line]) -> str | None:
    """`hh` or `trl`, or None when none of the first lines is either."""
    for line, _ in zip(lines, range(LOOK_AT), strict=False):
        try:
            row = object_of(line)
        except Malformed:
            continue
        chosen, rejected = row.get("chosen"), row.get("rejected")
        if is_transcript(chosen) or is_transcript(rejected):
            return "hh"
        if isinstance(chosen, str | list) and isinstance(rejected, str | list) and (
            "prompt" in row or isinstance(chosen, list)
        ):  # fmt: skip
            return "trl"
    return None
