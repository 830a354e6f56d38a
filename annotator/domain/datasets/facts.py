"""What is known of a project, as shapes read it. Tuples, because a million of them pass by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

from annotator.domain.aggregation import Target

Message = dict[str, str]
Row = dict[str, Any]
Rows = Iterable[tuple[int, Row]]


class Asked(NamedTuple):
    """A prompt. `sha256` is its identity by content, in every project and version."""

    id: int
    sha256: str
    messages: list[Message]
    split: str
    tags: list[str]
    source: str
    license: str


class Answer(NamedTuple):
    """A response. `model` is the checkpoint that wrote it, or the author that an import named."""

    id: int
    text: str
    model: str


class Edit(NamedTuple):
    """The preferred response of a judgment as its rater improved it. `rater` is a pseudonym."""

    judgment: int
    rater: str
    of_first: bool
    text: str


class Pair(NamedTuple):
    """A judged comparison.

    target     what its judgments teach together; None where nobody could judge it
    votes      judgments that count, without those that could not judge
    both_good, both_bad  how many of the votes said so
    """

    id: int
    round: int
    asked: Asked
    first: Answer
    second: Answer
    target: Target | None
    votes: int
    both_good: int
    both_bad: int
    is_adjudicated: bool
    edits: Sequence[Edit]

    @property
    def is_decided(self) -> bool:
        return self.target is not None and self.target.prefer_first != 0.5

    @property
    def in_order(self) -> tuple[Answer, Answer]:
        """The better answer and the worse one of a decided pair."""
        is_first = self.target is not None and self.target.prefer_first > 0.5
        return (self.first, self.second) if is_first else (self.second, self.first)


class Lone(NamedTuple):
    """An imported answer that says something by itself: it is labelled good or not, or it is a demonstration."""

    asked: Asked
    answer: Answer
    label: bool | None


class Said(NamedTuple):
    """One judgment of one rater; fields as in the model. `rater` is a pseudonym.

    protocol, guideline  their versions, 0 where none was kept; supersedes is 0 where nothing is corrected
    """

    id: int
    comparison: int
    round: int
    asked: Asked
    first: Answer
    second: Answer
    rater: str
    first_on_left: bool
    outcome: str
    value: float | None
    answer: str
    preset: str
    protocol: int
    guideline: int
    criteria: dict[str, Any]
    ratings: dict[str, Any]
    reasons: list[str]
    rationale: str
    edited: str
    seconds: float
    created_at: str
    supersedes: int
    is_current: bool
    is_excluded: bool


# From a tuple of their fields, without the call of a Python function that `Pair(…)` and `Pair._make` are.
asked_made: Callable[[tuple[Any, ...]], Asked] = partial(tuple.__new__, Asked)
answer_made: Callable[[tuple[Any, ...]], Answer] = partial(tuple.__new__, Answer)
pair_made: Callable[[tuple[Any, ...]], Pair] = partial(tuple.__new__, Pair)


def told(text: str) -> list[Message]:
    """An answer as the turn of a conversation."""
    return [{"role": "assistant", "content": text}]


def origin(asked: Asked) -> Row:
    """Where a row comes from; the last columns of every shape."""
    return {"prompt_id": asked.sha256, "source": asked.source, "license": asked.license, "tags": asked.tags}
