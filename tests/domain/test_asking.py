from __future__ import annotations

import pytest

from annotator.domain.asking import Asking, Said
from annotator.domain.verdicts import Verdict

TEXTS = ("Left.", "Right.")
ACCURACY = {"code": "accuracy", "name": "Accuracy", "question": "More accurate?", "preset": "arena"}


def understood(asking: Asking, said: Said, *, first_on_left: bool = True) -> object:
    return asking.understood(said, first_on_left=first_on_left, texts=TEXTS)


def test_criteria_and_points_are_kept_about_the_responses_not_the_sides() -> None:
    """A on the left is the second response here, so what speaks for A speaks for second."""
    asking = Asking.of(
        preset="five_point", outcomes=["tie"], criteria=[ACCURACY], ratings=[{"code": "tone", "name": "Tone"}]
    )
    said = Said("slightly_a", criteria={"accuracy": "b"}, points={"tone": (4, 1)})

    found = asking.understood(said, first_on_left=False, texts=TEXTS)

    assert found.verdict == Verdict(found.verdict.outcome, 0.5)
    assert found.criteria == {"accuracy": {"answer": "b", "outcome": "prefer", "value": -1.0}}
    assert found.ratings == {"tone": {"first": 1, "second": 4}}


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (Said(""), "Choose one of the answers."),
        (Said("banana"), "“banana” is not one of the answers; choose a button."),
        (Said("tie"), "“tie” is not one of the answers; choose a button."),
        (Said("a"), "“Accuracy” is still open."),
        (Said("a", criteria={"accuracy": "a"}), "“Tone” needs points for both answers."),
        (Said("a", criteria={"accuracy": "a"}, points={"tone": (4, None)}), "“Tone” needs points for both answers."),
        (Said("a", criteria={"accuracy": "a"}, points={"tone": (4, 5)}), "“Tone” takes 0 to 4 points."),
    ],
)
def test_what_is_missing_or_unknown_is_said(said: Said, sentence: str) -> None:
    asking = Asking.of(preset="arena", outcomes=[], criteria=[ACCURACY], ratings=[{"code": "tone", "name": "Tone"}])

    with pytest.raises(ValueError, match=sentence.replace(".", r"\.")):
        understood(asking, said)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (Said("a"), "Tick a reason or write one."),
        (Said("a", rationale="   "), "Tick a reason or write one."),
        (Said("a", reasons=["Shorter"], rationale="Yes."), "has 4 characters; at least 10"),
        (Said("a", reasons=["not offered"]), "Tick a reason or write one."),
    ],
)
def test_a_required_reason_is_ticked_or_long_enough(said: Said, sentence: str) -> None:
    asking = Asking.of(preset="arena", outcomes=[], reason="required", reason_min=10, reasons=["Shorter", "Kinder"])

    with pytest.raises(ValueError, match=sentence):
        understood(asking, said)
    assert understood(asking, Said("a", reasons=["Kinder"]))
    assert understood(asking, Said("a", rationale="It is kinder."))


def test_an_improved_answer_is_kept_only_where_it_changed_and_won() -> None:
    asking = Asking.of(preset="arena", outcomes=["tie"], edit=True)

    def edited(answer: str, *edits: str) -> str:
        return asking.understood(Said(answer, edits=(edits[0], edits[1])), first_on_left=True, texts=TEXTS).edited

    assert edited("a", "Left, better.", "Right, better.") == "Left, better."
    assert edited("b", "Left, better.", "Right.\r\n") == ""
    assert edited("tie", "Left, better.", "Right.") == ""


@pytest.mark.parametrize(
    ("more", "one_press"),
    [({}, True), ({"reason": "required"}, False), ({"edit": True}, False), ({"criteria": [ACCURACY]}, False)],
)
def test_one_press_is_enough_unless_something_else_is_asked(more: dict[str, object], one_press: bool) -> None:
    assert Asking.of(preset="arena", outcomes=[], **more).is_one_press is one_press  # type: ignore[arg-type]
