"""Which format a file is, by what its first lines hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from annotator.domain.formats.alpaca import read_alpaca
from annotator.domain.formats.arena import read_arena
from annotator.domain.formats.exports import read_argilla, read_label_studio
from annotator.domain.formats.helpsteer import read_helpsteer
from annotator.domain.formats.hh import read_hh
from annotator.domain.formats.instructions import read_instructions
from annotator.domain.formats.lines import Line
from annotator.domain.formats.oasst import DEEPEST, read_oasst
from annotator.domain.formats.openai import read_openai
from annotator.domain.formats.pairs import read_pairs
from annotator.domain.formats.pandalm import read_pandalm
from annotator.domain.formats.questions import read_questions
from annotator.domain.formats.records import Malformed, object_of
from annotator.domain.formats.rows import Format
from annotator.domain.formats.scores import read_scores
from annotator.domain.formats.sharegpt import read_sharegpt
from annotator.domain.formats.trl import read_trl

LOOK_AT = 50  # lines: one bad line at the top must not hide the format

# In this order: what is told by a field of its own comes before what looks like many things.
ROWS: dict[str, Format] = {
    one.name: one
    for one in (
        read_oasst, read_label_studio, read_argilla, read_openai, read_arena, read_alpaca, read_pandalm, read_helpsteer,
        read_hh, read_sharegpt, read_questions, read_scores, read_pairs, read_trl, read_instructions,
    )
}  # fmt: skip
FOLDERS = {
    "llmfao": "a folder with pairs-crowd.jsonl and crowd-comparisons*.csv (and prompts, models, crowd-instruction.md)",
}
FORMATS: dict[str, str] = {**{name: one.what for name, one in ROWS.items()}, **FOLDERS}


def format_of(lines: Iterable[Line]) -> str | None:
    """The name of the format that most of the first lines are in, the first one where several tie; None without any."""
    found: Counter[str] = Counter()
    for line, _ in zip(lines, range(LOOK_AT), strict=False):
        try:
            row = object_of(line, deepest=DEEPEST)
        except Malformed:
            continue
        name = next((name for name, one in ROWS.items() if one.fits(row)), None)
        if name is not None:
            found[name] += 1
    return found.most_common(1)[0][0] if found else None
