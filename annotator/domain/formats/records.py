"""What every format becomes, and the checks that every field passes."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import orjson

from annotator.domain.formats.lines import MAX_LINE_BYTES, Line
from annotator.domain.verdicts import Outcome

MAX_CHARACTERS = 100_000  # of one prompt, and of one response
MAX_AUTHOR = 200
MAX_LABEL = 200
MAX_SOURCE = 200
MAX_LICENSE = 100
MAX_TAG = 60
MAX_TAGS = 20
MAX_DEPTH = 16  # lists and objects inside each other; the formats need four
MAX_TURNS = 1000
MAX_ANSWER = 40
ROLES = ("system", "user", "assistant")
ROLE_OF = {
    "system": "system", "user": "user", "assistant": "assistant", "human": "user", "prompter": "user",
    "gpt": "assistant",
}  # fmt: skip

Message = dict[str, str]


class WrittenResponse(NamedTuple):
    """An answer and who wrote it.

    label  whether somebody found it good by itself (True) or not (False); None where nobody was asked
    """

    text: str
    author: str
    label: bool | None = None


class Vote(NamedTuple):
    """What one rater said of one comparison, on the axis of `annotator.domain.verdicts`.

    rater          the rater's label in the file
    value          -1 = first is better, 1 = second is better, 0 = tie; None for an outcome off the axis
    answer         the raw word of the file
    first_on_left  the shown order; where the file does not know it, one that means nothing
    rationale      what the rater wrote
    edited         the better answer as the rater improved it
    """

    file: str
    line: int
    rater: str
    outcome: Outcome
    value: float | None
    answer: str
    first_on_left: bool
    rationale: str = ""
    edited: str = ""


class AnsweredPrompt(NamedTuple):
    """A prompt with answers that nobody compared: none, a demonstration, or what several models wrote."""

    file: str
    line: int
    messages: Sequence[Message]
    responses: tuple[WrittenResponse, ...] = ()
    tags: tuple[str, ...] = ()
    source: str = ""
    license: str = ""


class JudgedComparison(NamedTuple):
    """Two responses to one prompt with the votes on them."""

    messages: Sequence[Message]
    first: WrittenResponse
    second: WrittenResponse
    votes: Sequence[Vote]
    tags: tuple[str, ...] = ()
    source: str = ""
    license: str = ""


class BadLine(NamedTuple):
    """A line that was left out, and why."""

    file: str
    line: int
    field: str
    reason: str


Record = JudgedComparison | AnsweredPrompt | BadLine

# From a tuple of all their fields, without the call of a Python function that `Vote(…)` is.
_response_made: Callable[[tuple[Any, ...]], WrittenResponse] = partial(tuple.__new__, WrittenResponse)
_vote_made: Callable[[tuple[Any, ...]], Vote] = partial(tuple.__new__, Vote)
_comparison_made: Callable[[tuple[Any, ...]], JudgedComparison] = partial(tuple.__new__, JudgedComparison)


class Malformed(Exception):
    """A field is not what the format says."""

    def __init__(self, field: str, reason: str) -> None:
        self.field, self.reason = field, reason
        super().__init__(f"{field}: {reason}")

    def at(self, line: Line) -> BadLine:
        return BadLine(line.file, line.number, self.field, self.reason)


def object_of(line: Line, *, deepest: int = MAX_DEPTH) -> dict[str, Any]:
    """The JSON object on a line. Raises Malformed for anything else."""
    if line.fault:
        raise Malformed("line", line.fault)
    try:
        value = orjson.loads(line.data)
    except orjson.JSONDecodeError:
        value = _leniently(line)
    if not isinstance(value, dict):
        raise Malformed("line", f"a JSON object is needed, this is {_kind(value)}")
    # Looking at every part is slow, and a line with fewer brackets than that is not so deep.
    if line.data.count(b"{") + line.data.count(b"[") > deepest and any(d > deepest for d in _depths(value)):
        raise Malformed("line", f"nested deeper than {deepest}")
    return value


def _leniently(line: Line) -> object:
    """What the strict reader refuses: NaN, which Python writes, and half characters, which may stand in any field."""
    text = text_of_line(line)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise Malformed("line", f"not valid JSON at character {error.pos + 1}: {error.msg}") from None
    except ValueError as error:  # a number of thousands of digits
        raise Malformed("line", f"not valid JSON: {error}") from None
    except RecursionError:
        raise Malformed("line", f"nested deeper than {MAX_DEPTH}") from None


def text_of_line(line: Line) -> str:
    if not line.is_whole:
        raise Malformed("line", f"longer than {MAX_LINE_BYTES // 1024**2} MiB")
    try:
        return line.data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed("line", f"not UTF-8 at byte {error.start + 1}") from None


def text_of(row: Mapping[str, Any], field: str, *, longest: int = MAX_CHARACTERS) -> str:
    """The text in a field. Raises Malformed when it is missing, no text, too long or cannot be stored."""
    if field not in row:
        raise Malformed(field, "missing")
    return checked_text(row[field], field, longest=longest)


def checked_text(value: object, field: str, *, longest: int = MAX_CHARACTERS) -> str:
    if not isinstance(value, str):
        raise Malformed(field, f"must be text, this is {_kind(value)}")
    if len(value) > longest:
        raise Malformed(field, f"{len(value):,} characters; at most {longest:,} fit")
    if "\x00" in value:
        raise Malformed(field, "contains a NUL character, which cannot be stored")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Malformed(field, "contains half a surrogate pair, which is no character") from None
    return value


def label_of(row: Mapping[str, Any], field: str, default: str, *, longest: int = MAX_LABEL) -> str:
    """A short text or whole number as text; `default` where the field is missing, null or empty."""
    value = row.get(field)
    if value is None or value == "":
        return default
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**18 else value
    return checked_text(value, field, longest=longest)


def tags_of(row: Mapping[str, Any], *fields: str) -> tuple[str, ...]:
    """The texts in these fields, and those in the list `tags`, each cut to what a tag holds."""
    tags = [label_of(row, field, "") for field in fields if field in row]
    listed = row.get("tags")
    if listed is None and not tags:
        return ()
    if listed is not None:
        if not isinstance(listed, list):
            raise Malformed("tags", f"must be a list, this is {_kind(listed)}")
        tags += [checked_text(tag, "tags", longest=MAX_LABEL) for tag in listed]
    unique = dict.fromkeys(tag[:MAX_TAG] for tag in tags if tag.strip())
    return tuple(unique)[:MAX_TAGS]


def _unless_tagged(row: Mapping[str, Any], *fields: str) -> tuple[str, ...]:
    """Fields that serve as tags in a row that brings none of its own."""
    return () if isinstance(row.get("tags"), list) else fields


def license_of(row: Mapping[str, Any]) -> str:
    """Under which terms the row came, as it says itself."""
    word = row.get("license", row.get("licence"))
    return word[:MAX_LICENSE].replace("\x00", "") if isinstance(word, str) else ""


def source_of(row: Mapping[str, Any], file: str) -> str:
    """`source` and `source_id` of a row, or the file's name."""
    source = label_of(row, "source", file)
    if "source_id" in row and (place := label_of(row, "source_id", "")):
        source = f"{source}/{place}" if source else place
    return source[:MAX_SOURCE]


def checked_prompt(messages: Sequence[Message], field: str) -> list[Message]:
    """`messages` if an assistant can answer them. Raises Malformed otherwise."""
    if not messages:
        raise Malformed(field, "no turn comes before the answer")
    if len(messages) > MAX_TURNS:
        raise Malformed(field, f"{len(messages):,} turns; at most {MAX_TURNS:,} fit")
    if messages[-1]["role"] != "user":
        raise Malformed(field, f"the turn before the answer is the {messages[-1]['role']}'s; it must be the user's")
    if not messages[-1]["content"].strip():
        raise Malformed(field, "the turn before the answer is empty")
    if (size := sum([len(message["content"]) for message in messages])) > MAX_CHARACTERS:
        raise Malformed(field, f"{size:,} characters; at most {MAX_CHARACTERS:,} fit")
    return list(messages)


def chosen_over_rejected(
    line: Line, row: Mapping[str, Any], chosen: Sequence[Message], rejected: Sequence[Message], *, rater: str
) -> JudgedComparison:
    """The comparison that two conversations make which differ in their last turn only.

    Which one is `first`, and which one counts as shown on the left, is drawn
    from the texts: the same line always gives the same, and neither says
    anything about the answers.
    """
    for field, conversation in (("chosen", chosen), ("rejected", rejected)):
        if not conversation or conversation[-1]["role"] != "assistant":
            raise Malformed(field, "does not end with an assistant's turn")
    before = chosen[:-1]
    if before != rejected[:-1]:
        _refuse_different(before, rejected[:-1])
    messages = checked_prompt(before, "chosen")
    answers = checked_text(chosen[-1]["content"], "chosen"), checked_text(rejected[-1]["content"], "rejected")
    return one_over_other(line, row, messages, *answers, rater=rater)


def one_over_other(
    line: Line, row: Mapping[str, Any], messages: list[Message], chosen: str, rejected: str, *, rater: str,
    edited: str = "",
) -> JudgedComparison:  # fmt: skip
    """The comparison of two checked texts that answer a checked prompt; see `chosen_over_rejected`."""
    better = _response_made((chosen, label_of(row, "chosen_model", "chosen"), None))
    worse = _response_made((rejected, label_of(row, "rejected_model", "rejected"), None))
    if chosen.strip() == rejected.strip():
        raise Malformed("rejected", "the same text as chosen, so there is nothing to prefer")
    coins = hashlib.sha256(f"{chosen}\x00{rejected}".encode()).digest()[0]
    chosen_first, first_on_left = bool(coins & 1), bool(coins & 2)
    vote = _vote_made((
        line.file, line.number, label_of(row, "label_origin", rater), Outcome.PREFER,
        -1.0 if chosen_first else 1.0, "chosen", first_on_left, "", edited,
    ))  # fmt: skip
    first, second = (better, worse) if chosen_first else (worse, better)
    tags = tags_of(row, *_unless_tagged(row, "source")) if "source" in row or "tags" in row else ()
    return _comparison_made((messages, first, second, (vote,), tags, source_of(row, line.file), license_of(row)))


def _refuse_different(chosen: Sequence[Message], rejected: Sequence[Message]) -> None:
    for number, (one, other) in enumerate(zip(chosen, rejected, strict=False), start=1):
        if one != other:
            raise Malformed("rejected", f"differs from chosen before the last turn, in turn {number}")
    raise Malformed("rejected", f"has {len(rejected) + 1} turns and chosen has {len(chosen) + 1}")


def compared(
    line: Line,
    row: Mapping[str, Any],
    messages: Sequence[Message],
    first: WrittenResponse,
    second: WrittenResponse,
    votes: Sequence[tuple[str, float | None, str, str]],
    *,
    tags: Sequence[str] = (),
) -> JudgedComparison:
    """Two answers in the order of the file, with (rater, value, raw answer, rationale) of each vote.

    A value of None says that both are bad. The order is taken for the one that was shown.
    """
    if first.text == second.text and first.author == second.author:
        raise Malformed("line", "both answers are the same text by the same author")
    fields = [field for field in _unless_tagged(row, *tags) if isinstance(row.get(field), str | int)]
    return JudgedComparison(
        checked_prompt(messages, "prompt"), first, second,
        tuple(
            Vote(line.file, line.number, rater, outcome_of(value), value, answer[:MAX_ANSWER], True, rationale)
            for rater, value, answer, rationale in votes
        ),
        tags_of(row, *fields) if isinstance(row.get("tags"), list | None) else (), source_of(row, line.file),
        license_of(row),
    )  # fmt: skip


def outcome_of(value: float | None) -> Outcome:
    return Outcome.BOTH_BAD if value is None else Outcome.TIE if value == 0 else Outcome.PREFER


def answered(
    line: Line, row: Mapping[str, Any], messages: Sequence[Message], responses: Sequence[WrittenResponse] = (),
    *, tags: Sequence[str] = (),
) -> AnsweredPrompt:  # fmt: skip
    """A prompt with answers that nobody compared."""
    fields = [field for field in _unless_tagged(row, *tags) if isinstance(row.get(field), str | int)]
    return AnsweredPrompt(
        line.file, line.number, checked_prompt(messages, "prompt"), tuple(responses),
        tags_of(row, *fields) if isinstance(row.get("tags"), list | None) else (), source_of(row, line.file),
        license_of(row),
    )  # fmt: skip


def asked(text: str) -> list[Message]:
    """A question of one turn."""
    return [{"role": "user", "content": text}]


def messages_of(value: object, field: str, *, role: str = "role", content: str = "content") -> list[Message]:
    """A list of turns, {"role", "content"}."""
    if not isinstance(value, list):
        raise Malformed(field, f"must be a list of messages, this is {_kind(value)}")
    if len(value) > MAX_TURNS:
        raise Malformed(field, f"{len(value):,} turns; at most {MAX_TURNS:,} fit")
    messages: list[Message] = []
    for number, message in enumerate(value, start=1):
        if not isinstance(message, dict):
            raise Malformed(field, f"turn {number} is not an object with {role} and {content}")
        speaker = message.get(role)
        if not isinstance(speaker, str) or (known := ROLE_OF.get(speaker)) is None:
            raise Malformed(
                field, f"turn {number} has the {role} {str(speaker)[:40]!r}; it must be one of {', '.join(ROLES)}"
            )
        messages.append({"role": known, "content": checked_text(message.get(content), f"{field}.{content}")})
    return messages


def is_messages(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict) and "content" in value[0]


def any_text(value: object, field: str) -> str:
    """A text, also where a careless writer made true, false or a number of what was written."""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return checked_text(value, field)


def number_of(value: object, field: str) -> float:
    """A finite number, also written as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Malformed(field, f"must be a number, this is {_kind(value)}")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise Malformed(field, f"{str(value)[:40]!r} is not a number") from None
    if not math.isfinite(number):
        raise Malformed(field, "is not a finite number")
    return number


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _depths(value: object) -> Iterator[int]:
    """The depth of every list and object in `value`, without recursion."""
    waiting: list[tuple[object, int]] = [(value, 1)]
    while waiting:
        item, depth = waiting.pop()
        if isinstance(item, dict | list):
            yield depth
            waiting.extend((child, depth + 1) for child in (item.values() if isinstance(item, dict) else item))
