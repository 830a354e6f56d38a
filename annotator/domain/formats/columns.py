"""Any table: which column holds what is said by whoever knows the file.

prompt                       always
chosen, rejected             a comparison that is decided
first, second                a comparison; `winner` says which is better, nothing means that nobody judged
response                     an answer by itself, with an optional `label`
system, rater, first_author, second_author, author, rationale, source   where there are such columns
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from annotator.domain.formats.lines import Line
from annotator.domain.formats.pairs import value_of
from annotator.domain.formats.records import (
    Malformed,
    Message,
    Record,
    WrittenResponse,
    answered,
    any_text,
    asked,
    chosen_over_rejected,
    compared,
    is_messages,
    label_of,
    messages_of,
)
from annotator.domain.formats.rows import Format, Row
from annotator.domain.wording import Unfit
from annotator.domain.wording import gettext_noop as _

ROLES = {
    "prompt": _("Prompt"),
    "system": _("Instructions (system message)"),
    "chosen": _("Better answer"),
    "rejected": _("Worse answer"),
    "first": _("First answer"),
    "second": _("Second answer"),
    "winner": _("Which is better"),
    "response": _("Answer by itself"),
    "label": _("Whether that answer is good"),
    "author": _("Who wrote that answer"),
    "first_author": _("Who wrote the first answer"),
    "second_author": _("Who wrote the second answer"),
    "rater": _("Who judged"),
    "rationale": _("Why"),
    "source": _("Source"),
}
YES, NO = ("true", "1", "yes", "good", "t", "y", "+"), ("false", "0", "no", "bad", "f", "n", "-1", "-")


def columns_format(columns: Mapping[str, str]) -> Format:
    """How to read a table whose columns are named by role. Raises Unfit where they cannot make a row."""
    if unknown := [role for role in columns if role not in ROLES]:
        raise Unfit(_("There is no role “%(role)s”."), role=unknown[0][:40])
    if not columns.get("prompt"):
        raise Unfit(_("Say which column holds the prompt."))
    for one, other in (("chosen", "rejected"), ("first", "second")):
        if bool(columns.get(one)) != bool(columns.get(other)):
            raise Unfit(_("A comparison needs two answers; name the column of the other one as well."))
    if columns.get("chosen") and columns.get("first"):
        raise Unfit(_("Name either the better and the worse answer, or the first and the second one."))

    def read(line: Line, row: Row) -> Iterator[Record]:
        yield _record(line, {role: row.get(column) for role, column in columns.items() if column})

    return Format("columns", "columns named by hand", lambda row: True, read)


def _record(line: Line, row: Row) -> Record:
    prompt = _prompt(row)
    if "chosen" in row:
        sides = [[*prompt, _answer(row, side)] for side in ("chosen", "rejected")]
        rater = _short(row, "rater", "table")
        return chosen_over_rejected(line, {**row, "label_origin": rater}, *sides, rater=rater)
    if "first" in row:
        first, second = (
            WrittenResponse(any_text(row[side], side), _short(row, f"{side}_author", f"{side} answer"))
            for side in ("first", "second")
        )
        if row.get("winner") in (None, ""):
            return answered(line, row, prompt, [first, second])
        why = any_text(row["rationale"], "rationale") if row.get("rationale") else ""
        vote = (_short(row, "rater", "table"), value_of(row["winner"], "winner"), str(row["winner"]), why)
        return compared(line, row, prompt, first, second, [vote])
    if row.get("response") in (None, ""):
        return answered(line, row, prompt)
    label = _label(row.get("label"))
    author = _short(row, "author", "demonstration" if label is None else "completion")
    return answered(line, row, prompt, [WrittenResponse(any_text(row["response"], "response"), author, label)])


def _prompt(row: Row) -> list[Message]:
    before = [{"role": "system", "content": any_text(row["system"], "system")}] if row.get("system") else []
    if is_messages(row.get("prompt")):
        return [*before, *messages_of(row["prompt"], "prompt")]
    return [*before, *asked(any_text(row.get("prompt"), "prompt"))]


def _answer(row: Row, side: str) -> Message:
    return {"role": "assistant", "content": any_text(row.get(side), side)}


def _short(row: Row, role: str, default: str) -> str:
    return label_of(row, role, default)


def _label(value: object) -> bool | None:
    if value is None or value == "":
        return None
    word = str(value).strip().lower()
    if word in YES or word in NO:
        return word in YES
    raise Malformed("label", f"{word[:40]!r} says neither yes nor no")
