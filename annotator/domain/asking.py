"""Everything that one protocol asks about a pair, and what a rater may say to it.

The overall question comes first and is always asked. Criteria ask the same kind
of question about one side of quality; ratings ask for 0–4 points for each answer;
a reason may be wished or required; the better answer may be improved by hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypedDict

from annotator.domain.protocols import PRESETS
from annotator.domain.verdicts import OPTIONAL, Answer, Preset, Verdict, verdict_of
from annotator.domain.wording import Unfit
from annotator.domain.wording import gettext_noop as _

LOWEST_POINTS, HIGHEST_POINTS = 0, 4
POINTS = range(LOWEST_POINTS, HIGHEST_POINTS + 1)


class ReasonWish(StrEnum):
    OFF = "off"  # no field for it
    OPTIONAL = "optional"  # a field that may stay empty
    REQUIRED = "required"  # no judgment without one


@dataclass(frozen=True)
class Criterion:
    """A question of its own beside the overall one, such as accuracy or tone."""

    code: str
    name: str
    question: str
    preset: Preset


@dataclass(frozen=True)
class Rating:
    """A property of which each answer gets 0 to 4 points."""

    code: str
    name: str


class CriterionSaid(TypedDict):
    """What is stored of a criterion: about the responses, not the sides."""

    answer: str
    outcome: str
    value: float | None


@dataclass(frozen=True)
class Said:
    """What came from the page, about left and right as they were shown."""

    answer: str
    criteria: Mapping[str, str] = field(default_factory=dict)
    points: Mapping[str, tuple[int | None, int | None]] = field(default_factory=dict)
    reasons: Sequence[str] = ()
    rationale: str = ""
    edits: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Understood:
    """The same about first and second, checked against the protocol.

    edited  the better answer as the rater improved it, empty where they did not
    """

    verdict: Verdict
    answer: Answer
    criteria: dict[str, CriterionSaid]
    ratings: dict[str, dict[str, int]]
    reasons: list[str]
    rationale: str
    edited: str


@dataclass(frozen=True)
class Asking:
    """One version of a protocol, ready to be drawn and to be held against what was said."""

    preset: Preset
    criteria: tuple[Criterion, ...] = ()
    ratings: tuple[Rating, ...] = ()
    reason: ReasonWish = ReasonWish.OPTIONAL
    reason_min: int = 0
    reasons: tuple[str, ...] = ()
    edit: bool = False

    @classmethod
    def of(
        cls, *, preset: str, outcomes: Sequence[str], criteria: Sequence[Mapping[str, str]] = (),
        ratings: Sequence[Mapping[str, str]] = (), reason: str = "optional", reason_min: int = 0,
        reasons: Sequence[str] = (), edit: bool = False,
    ) -> Asking:  # fmt: skip
        """From what the database holds. Raises KeyError for an unknown preset."""
        return cls(
            PRESETS[preset].allowing([outcome for outcome in OPTIONAL if outcome in outcomes]),
            tuple(Criterion(row["code"], row["name"], row["question"], _own(row["preset"])) for row in criteria),
            tuple(Rating(row["code"], row["name"]) for row in ratings),
            ReasonWish(reason),
            reason_min,
            tuple(reasons),
            edit,
        )

    @property
    def is_one_press(self) -> bool:
        """Whether pressing an answer says everything, so that nothing has to be confirmed."""
        return not (
            self.criteria or self.ratings or self.edit or self.reason is ReasonWish.REQUIRED or not self.preset.scale
        )

    def understood(self, said: Said, *, first_on_left: bool, texts: tuple[str, str]) -> Understood:
        """What was said about the responses; `texts` are those on the left and on the right.

        Raises Unfit with a sentence for the rater.
        """
        answer = _chosen(self.preset, said.answer)
        criteria = {one.code: _criterion(one, said.criteria.get(one.code, ""), first_on_left) for one in self.criteria}
        ratings = {
            one.code: _rating(one, said.points.get(one.code, (None, None)), first_on_left) for one in self.ratings
        }
        reasons = [reason for reason in self.reasons if reason in said.reasons]
        rationale = "" if self.reason is ReasonWish.OFF else said.rationale.strip()
        self._reason_checked(reasons, rationale)
        return Understood(
            verdict_of(answer, first_on_left=first_on_left),
            answer,
            criteria,
            ratings,
            reasons,
            rationale,
            self._edited(answer, said.edits, texts),
        )

    def _reason_checked(self, reasons: Sequence[str], rationale: str) -> None:
        if self.reason is not ReasonWish.REQUIRED:
            return
        if not rationale and not reasons:
            raise Unfit(_("Tick a reason or write one.") if self.reasons else _("Say why before you go on."))
        if len(rationale) < self.reason_min and (rationale or not reasons):
            raise Unfit(
                _("The reason has %(written)d characters; at least %(wanted)d are wanted."),
                written=len(rationale),
                wanted=self.reason_min,
            )

    def _edited(self, answer: Answer, edits: tuple[str, str], texts: tuple[str, str]) -> str:
        if not self.edit or not answer.value:
            return ""
        place = 0 if answer.value < 0 else 1
        edited = edits[place].replace("\r\n", "\n").strip()
        return "" if edited == texts[place].replace("\r\n", "\n").strip() else edited


def _own(code: str) -> Preset:
    """A criterion is asked as its preset was published."""
    return PRESETS[code].allowing(PRESETS[code].outcomes)


def _chosen(preset: Preset, code: str) -> Answer:
    if not code:
        raise Unfit(_("Choose one of the answers."))
    try:
        return preset.answer(code)
    except KeyError:
        raise Unfit(_("“%(answer)s” is not one of the answers; choose a button."), answer=code[:40]) from None


def _criterion(criterion: Criterion, code: str, first_on_left: bool) -> CriterionSaid:
    if not code:
        raise Unfit(_("“%(name)s” is still open."), name=criterion.name)
    answer = _chosen(criterion.preset, code)
    verdict = verdict_of(answer, first_on_left=first_on_left)
    return {"answer": answer.code, "outcome": verdict.outcome.value, "value": verdict.value}


def _rating(rating: Rating, points: tuple[int | None, int | None], first_on_left: bool) -> dict[str, int]:
    left, right = points
    if left is None or right is None:
        raise Unfit(_("“%(name)s” needs points for both answers."), name=rating.name)
    if left not in POINTS or right not in POINTS:
        raise Unfit(_("“%(name)s” takes 0 to 4 points."), name=rating.name)
    first, second = (left, right) if first_on_left else (right, left)
    return {"first": first, "second": second}
