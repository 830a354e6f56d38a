"""Which format a file is, by what its first lines hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TypeVar

from annotator.domain.formats.alpaca import read_alpaca
from annotator.domain.formats.arena import read_arena
from annotator.domain.formats.exports import read_argilla, read_label_studio
from annotator.domain.formats.helpsteer import read_helpsteer
from annotator.domain.formats.hh import read_hh
from annotator.domain.formats.instructions import read_instructions
from annotator.domain.formats.joined import JOINED, Joined
from annotator.domain.formats.lines import Line
from annotator.domain.formats.oasst import DEEPEST, read_oasst
from annotator.domain.formats.openai import read_openai
from annotator.domain.formats.pairs import read_pairs
from annotator.domain.formats.pandalm import read_pandalm
from annotator.domain.formats.questions import read_questions
from annotator.domain.formats.records import Malformed, object_of
from annotator.domain.formats.rows import Format, Row
from annotator.domain.formats.scores import read_scores
from annotator.domain.formats.sharegpt import read_sharegpt
from annotator.domain.formats.tiebreak import read_tiebreak
from annotator.domain.formats.triples import read_triples
from annotator.domain.formats.trl import read_trl

File = TypeVar("File")
LOOK_AT = 50  # lines: one bad line at the top must not hide the format

# In this order: what is told by a field of its own comes before what looks like many things.
ROWS: dict[str, Format] = {
    one.name: one
    for one in (
        read_tiebreak, read_triples, read_oasst, read_label_studio, read_argilla, read_openai, read_arena, read_alpaca,
        read_pandalm, read_helpsteer, read_hh, read_sharegpt, read_questions, read_scores, read_pairs, read_trl,
        read_instructions,
    )
}  # fmt: skip
FOLDERS = {
    "llmfao": "a folder with pairs-crowd.jsonl and crowd-comparisons*.csv (and prompts, models, crowd-instruction.md)",
}
FOLDERS |= {name: one.what for name, one in JOINED.items()}
FORMATS: dict[str, str] = {**{name: one.what for name, one in ROWS.items()}, **FOLDERS}


def format_of(lines: Iterable[Line]) -> str | None:
    """The name of the format that most of the first lines are in, the first one where several tie; None without any."""
    found: Counter[str] = Counter()
    for row in _first(lines):
        name = next((name for name, one in ROWS.items() if one.fits(row)), None)
        if name is not None:
            found[name] += 1
    return found.most_common(1)[0][0] if found else None


def parts_of(files: Mapping[File, Iterable[Line]]) -> tuple[Joined, list[File], list[File]] | None:
    """Which files hold judgments and which the answers that these are about; None where they are no such folder."""
    rows = {path: list(_first(lines)) for path, lines in files.items()}
    for one in JOINED.values():
        judging = [path for path, first in rows.items() if first and all(map(one.judges, first))]
        holding = [path for path, first in rows.items() if first and all(map(one.holds, first))]
        if judging and holding:
            return one, judging, holding
    return None


def _first(lines: Iterable[Line]) -> Iterator[Row]:
    for line in islice(lines, LOOK_AT):
        try:
            yield object_of(line, deepest=DEEPEST)
        except Malformed:
            continue
