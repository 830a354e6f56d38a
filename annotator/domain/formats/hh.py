"""HH-RLHF: transcripts "\\n\\nHuman: …\\n\\nAssistant: …" that differ in their last turn.

Some transcripts have two turns of one speaker in a row, or answers in which
the model began the next turn itself. Turns of one speaker in a row are joined
with a blank line, so every prompt ends with the user's turn and no word is lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from annotator.domain.formats.lines import Line
from annotator.domain.formats.records import Malformed, Message, Record, chosen_over_rejected, text_of
from annotator.domain.formats.rows import Format, Row

# The one space after the colon belongs to the mark; any further one to the text.
TURN = re.compile(r"(?:\A\s*|\n\n)(Human|Assistant):[ ]?")
SPEAKERS = {"Human": "user", "Assistant": "assistant"}
MAX_TRANSCRIPT = 200_000  # characters of a prompt and a response together


def turns_of(transcript: str, field: str) -> list[Message]:
    """The turns of a transcript. Raises Malformed when it does not begin with one."""
    _, *parts = TURN.split(transcript)
    if not parts or not TURN.match(transcript):
        raise Malformed(field, "does not begin with “Human:” or “Assistant:”")
    turns: list[Message] = []
    for speaker, text in zip(parts[::2], parts[1::2], strict=True):
        role = SPEAKERS[speaker]
        if turns and turns[-1]["role"] == role:
            turns[-1] = {"role": role, "content": "\n\n".join(t for t in (turns[-1]["content"], text) if t.strip())}
        else:
            turns.append({"role": role, "content": text})
    # White space around a turn of the prompt separates turns; around the answer it is the answer's.
    return [{**turn, "content": turn["content"].strip()} for turn in turns[:-1]] + turns[-1:]


def is_transcript(value: object) -> bool:
    return isinstance(value, str) and TURN.match(value) is not None


def fits(row: Row) -> bool:
    return is_transcript(row.get("chosen")) or is_transcript(row.get("rejected"))


def read(line: Line, row: Row) -> Iterator[Record]:
    """A comparison, judged by its `label_origin` or by "hh"."""
    chosen = turns_of(text_of(row, "chosen", longest=MAX_TRANSCRIPT), "chosen")
    rejected = turns_of(text_of(row, "rejected", longest=MAX_TRANSCRIPT), "rejected")
    yield chosen_over_rejected(line, row, chosen, rejected, rater="hh")


read_hh = Format("hh", 'JSON {"chosen", "rejected"}, transcripts "\\n\\nHuman: …\\n\\nAssistant: …"', fits, read)
