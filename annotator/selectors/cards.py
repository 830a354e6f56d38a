"""What the judgment page draws of a protocol: each question with its buttons and their keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from annotator.domain.asking import POINTS, Asking
from annotator.domain.keys import rows_of, shown, slots_of
from annotator.domain.verdicts import Answer, Preset
from annotator.models import Judgment

Turn = tuple[str, str]  # role, HTML
UNFOLDED = 2  # turns of a longer conversation that stand open


@dataclass(frozen=True)
class Button:
    """place: from 1 on, in the order of the page, which the digits press; key: what else presses it."""

    answer: Answer
    place: int
    key: str
    is_chosen: bool

    @property
    def hint(self) -> str:
        return shown(self.key)


@dataclass(frozen=True)
class Question:
    """field: the name it is sent under; rows: the scale as it is drawn."""

    field: str
    name: str
    text: str
    template: str
    rows: list[list[Button]]
    apart: list[Button]
    chosen: str


@dataclass(frozen=True)
class PointsFor:
    """A property of which both answers get points; sides are (letter, field, points given so far as text)."""

    name: str
    sides: list[tuple[str, str, str]]


def questions_of(asking: Asking, keys: Mapping[str, str], given: Mapping[str, str]) -> list[Question]:
    """The overall question and the criteria after it; `given` holds what is chosen already, by field."""
    questions = [_question("answer", _("Overall"), _(asking.preset.question), asking.preset, keys, given)]
    for one in asking.criteria:
        questions.append(_question(f"criterion_{one.code}", one.name, one.question, one.preset, keys, given))
    return questions


def points_of(asking: Asking, given: Mapping[str, str]) -> list[PointsFor]:
    fields = ("left", "right")
    return [
        PointsFor(
            one.name,
            [(letter, f"points_{side}_{one.code}", given.get(f"points_{side}_{one.code}", ""))
             for letter, side in zip("AB", fields, strict=True)],
        )
        for one in asking.ratings
    ]  # fmt: skip


def given_in(judgment: Judgment | None, *, first_on_left: bool) -> dict[str, str]:
    """An earlier judgment as the fields of the page that it would be sent with."""
    if judgment is None:
        return {}
    sides = {"left": "first", "right": "second"} if first_on_left else {"left": "second", "right": "first"}
    improved = {}
    if judgment.edited:
        side = "left" if ((judgment.value or 0) < 0) == first_on_left else "right"
        improved = {f"edit_{side}": judgment.edited}
    return {
        "answer": judgment.answer,
        "rationale": judgment.rationale,
        **improved,
        **{f"criterion_{code}": said["answer"] for code, said in judgment.criteria.items()},
        **{
            f"points_{side}_{code}": str(points[response])
            for code, points in judgment.ratings.items()
            for side, response in sides.items()
        },
    }


@dataclass(frozen=True)
class Turns:
    """A conversation as it is drawn: instructions, what may stay folded, and what the answers reply to."""

    instructions: list[Turn]
    earlier: list[Turn]
    last: list[Turn]


def turns_of(turns: Sequence[Turn]) -> Turns:
    """Of more than three turns, all but the last two are folded."""
    spoken = [turn for turn in turns if turn[0] != "system"]
    folded = len(spoken) - UNFOLDED if len(spoken) > UNFOLDED + 1 else 0
    return Turns([turn for turn in turns if turn[0] == "system"], spoken[:folded], spoken[folded:])


def points_offered() -> list[str]:
    return [str(points) for points in POINTS]


def _question(
    field: str, name: str, text: str, preset: Preset, keys: Mapping[str, str], given: Mapping[str, str]
) -> Question:
    chosen = given.get(field, "")
    buttons = {
        answer.code: Button(answer, place, keys[slot], answer.code == chosen)
        for place, (answer, slot) in enumerate(slots_of(preset), 1)
    }
    return Question(
        field,
        name,
        text,
        preset.template,
        [[buttons[answer.code] for answer in row] for row in rows_of(preset) if row],
        [buttons[answer.code] for answer in preset.apart],
        chosen,
    )
