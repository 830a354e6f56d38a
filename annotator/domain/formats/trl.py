"""The rows that TRL's trainers read: preferences, labelled and plain answers, prompts, and bare text.

    {"prompt": "…", "chosen": "…", "rejected": "…"}
    {"prompt": [message, …], "chosen": [message], "rejected": [message]}
    {"chosen": [message, …, message], "rejected": [message, …, message]}      the prompt is what both begin with
    {"prompt": "…", "chosen": [user, assistant], "rejected": [user, assistant]}   the prompt is said twice

    {"prompt": …, "completion": …, "label": true}      an answer found good, or not
    {"prompt": …, "completion": …}   {"messages": […]}   a demonstration
    {"prompt": …}   {"text": …}                         a prompt, where the text is no transcript

A message is {"role", "content"}. A prompt that is itself a transcript of
Human and Assistant turns is taken apart into them.
"""

from __future__ import annotations

from collections.abc import Iterator

from annotator.domain.formats.hh import is_transcript, turns_of
from annotator.domain.formats.lines import Line
from annotator.domain.formats.records import (
    Malformed,
    Message,
    Record,
    WrittenResponse,
    answered,
    asked,
    checked_prompt,
    checked_text,
    chosen_over_rejected,
    is_messages,
    label_of,
    messages_of,
    one_over_other,
    text_of,
)
from annotator.domain.formats.rows import Format, Row

ELSEWHERE = ("response_1", "response1", "response 1", "output_1", "responses", "completions", "answers", "response_a")
EXTRA = ("source", "source_id", "tags", "id", "meta")


def fits(row: Row) -> bool:
    """Whether the row is one of the dataset types of TRL's documentation."""
    chosen, rejected, prompt = row.get("chosen"), row.get("rejected"), row.get("prompt")
    if isinstance(chosen, str | list) and isinstance(rejected, str | list):
        return prompt is not None or isinstance(chosen, list)
    if isinstance(prompt, str) or is_messages(prompt):
        return not any(isinstance(row.get(name), str | list) for name in ELSEWHERE)
    return is_messages(row.get("messages")) or (isinstance(row.get("text"), str) and not set(row) - {"text", *EXTRA})


def read(line: Line, row: Row) -> Iterator[Record]:
    """A comparison, judged by its `label_origin` or by "trl"; or a prompt with one answer or none."""
    if "chosen" in row or "rejected" in row:
        prompt = prompt_of(row)
        if prompt and isinstance(row.get("chosen"), str) and isinstance(row.get("rejected"), str):  # as most are
            answers = text_of(row, "chosen"), text_of(row, "rejected")
            yield one_over_other(line, row, checked_prompt(prompt, "chosen"), *answers, rater="trl")
            return
        chosen, rejected = completion_of(row, "chosen", prompt), completion_of(row, "rejected", prompt)
        yield chosen_over_rejected(line, row, chosen, rejected, rater="trl")
        return
    if "completion" in row:
        conversation = completion_of(row, "completion", prompt_of(row))
    elif "prompt" in row:
        conversation = prompt_of(row)
    elif "messages" in row:
        conversation = messages_of(row["messages"], "messages")
    else:
        text = text_of(row, "text")
        conversation = turns_of(text, "text") if is_transcript(text) else asked(text)
    label = row.get("label")
    responses = []
    if conversation and conversation[-1]["role"] == "assistant":
        author = label_of(row, "model", label_of(row, "author", "demonstration" if label is None else "completion"))
        text = checked_text(conversation.pop()["content"], "completion")
        responses = [WrittenResponse(text, author, label if isinstance(label, bool) else None)]
    yield answered(line, row, conversation, responses, tags=("source", "type", "category"))


def prompt_of(row: Row) -> list[Message]:
    """The turns in `prompt`, none when the row has no such field."""
    prompt = row.get("prompt")
    if prompt is None:
        return []
    if isinstance(prompt, list):
        return messages_of(prompt, "prompt")
    text = checked_text(prompt, "prompt")
    if not is_transcript(text):
        return [{"role": "user", "content": text}]
    turns = turns_of(text, "prompt")
    if turns[-1]["role"] == "assistant" and not turns[-1]["content"].strip():
        turns.pop()  # "…\n\nAssistant:" only says whose turn it is
    return turns


def completion_of(row: Row, field: str, prompt: list[Message]) -> list[Message]:
    """The whole conversation of one side."""
    if field not in row:
        raise Malformed(field, "missing")
    if not isinstance(row[field], list):
        if not prompt:
            raise Malformed("prompt", "missing")
        return [*prompt, {"role": "assistant", "content": checked_text(row[field], field)}]
    messages = messages_of(row[field], field)
    begins_with_prompt = bool(messages) and messages[0]["role"] != "assistant"
    if not begins_with_prompt and not prompt:
        raise Malformed("prompt", "missing")
    return messages if begins_with_prompt else [*prompt, *messages]


WHAT = 'JSON {"prompt", "chosen", "rejected"}, {"prompt", "completion", "label"}, {"prompt"}, {"messages"} or {"text"}'
read_trl = Format("trl", f'{WHAT}, texts or lists of {{"role", "content"}}', fits, read)
