"""PandaLM's test set: two responses and what each annotator said, 1, 2 or 0 for a tie.

{"instruction", "input", "response1", "response2", "cmp_key": "model_othermodel", "annotator1", "annotator2", …}

Some responses are JSON's true or false, because somebody's writer took the word for a value; they are words again here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from annotator.domain.formats.instructions import instruction_of
from annotator.domain.formats.lines import Line
from annotator.domain.formats.records import Malformed, Record, WrittenResponse, any_text, asked, compared, label_of
from annotator.domain.formats.rows import Format, Row

SAID: dict[object, float] = {0: 0.0, 1: -1.0, 2: 1.0, "0": 0.0, "1": -1.0, "2": 1.0}
ANNOTATOR = re.compile(r"annotator(\d{1,4})")


def fits(row: Row) -> bool:
    return {"instruction", "response1", "response2", "annotator1"} <= row.keys()


def read(line: Line, row: Row) -> Iterator[Record]:
    names = label_of(row, "cmp_key", "").split("_")
    models = names if len(names) == 2 and all(names) else ["response1", "response2"]
    first, second = (
        WrittenResponse(any_text(row.get(field), field), model)
        for field, model in zip(("response1", "response2"), models, strict=True)
    )
    votes = []
    for field in row:
        if ANNOTATOR.fullmatch(field):
            said = row[field]
            if isinstance(said, bool) or not isinstance(said, int | str) or said not in SAID:
                raise Malformed(field, f"{str(said)[:40]!r} is none of 0, 1, 2")
            votes.append((field, SAID[said], str(said), ""))
    yield compared(line, row, asked(instruction_of(row)), first, second, votes, tags=("motivation_app",))


read_pandalm = Format("pandalm", '{"instruction", "input", "response1", "response2", "annotator1"…}', fits, read)
