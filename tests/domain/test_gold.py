from __future__ import annotations

import pytest

from annotator.domain.gold import (
    RIGHT_WORDS,
    USE_WORDS,
    GoldUse,
    Right,
    SittingKind,
    can_be_answered,
    is_passed,
    said_about,
)
from annotator.domain.protocols import PRESETS
from annotator.domain.verdicts import OPTIONAL, Outcome, Preset, Verdict, verdict_of

# What each way of asking offers beside a preference, as it was published. A new one fails here until it says so.
BESIDE: dict[str, set[Right]] = {
    "arena": {Right.TIE, Right.BOTH_BAD},
    "five_point": {Right.TIE, Right.BOTH_BAD},
    "forced_choice": set(),
    "helpsteer": {Right.TIE, Right.CANNOT_JUDGE},
    "hh": set(),
    "llama2": set(),
    "prism": {Right.TIE},
    "webgpt": {Right.TIE},
}


@pytest.mark.parametrize(
    ("verdict", "right"),
    [
        (Verdict(Outcome.PREFER, -1.0), Right.FIRST),
        (Verdict(Outcome.PREFER, -0.01), Right.FIRST),
        (Verdict(Outcome.PREFER, 0.01), Right.SECOND),
        (Verdict(Outcome.PREFER, 1.0), Right.SECOND),
        (Verdict(Outcome.TIE, 0.0), Right.TIE),
        (Verdict(Outcome.BOTH_GOOD, None), Right.BOTH_GOOD),
        (Verdict(Outcome.BOTH_BAD, None), Right.BOTH_BAD),
        (Verdict(Outcome.CANNOT_JUDGE, None), Right.CANNOT_JUDGE),
    ],
)
def test_how_strongly_an_answer_is_preferred_is_never_wrong(verdict: Verdict, right: Right) -> None:
    assert said_about(verdict) is right


def test_every_right_and_every_use_has_words_and_every_sitting_asks_gold_of_its_own_use() -> None:
    assert set(RIGHT_WORDS) == set(Right)
    assert set(USE_WORDS) == set(GoldUse)
    assert {GoldUse(kind) for kind in SittingKind} == {GoldUse.PRACTICE, GoldUse.EXAM}


def test_every_way_of_asking_says_here_what_it_offers() -> None:
    assert BESIDE.keys() == PRESETS.keys()


@pytest.mark.parametrize("right", Right)
@pytest.mark.parametrize("code", BESIDE)
def test_gold_can_be_asked_where_the_scale_offers_what_is_right(code: str, right: Right) -> None:
    offered = {Right.FIRST, Right.SECOND} | BESIDE[code]

    assert can_be_answered(PRESETS[code], [right]) is (right in offered)
    assert can_be_answered(PRESETS[code].allowing(OPTIONAL), [right])


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.code)
def test_whatever_a_scale_lets_people_say_can_be_right_there(preset: Preset) -> None:
    asked = preset.allowing(preset.outcomes)
    sliders = () if asked.scale else (asked.answer("1-100"), asked.answer("50-50"), asked.answer("9-2"))

    for answer in (*asked.answers, *sliders):
        for first_on_left in (True, False):
            assert can_be_answered(asked, [said_about(verdict_of(answer, first_on_left=first_on_left))])


@pytest.mark.parametrize(
    ("right", "answerable"),
    [
        ([], False),
        ([Right.TIE], False),
        ([Right.TIE, Right.BOTH_GOOD, Right.BOTH_BAD], False),
        ([Right.TIE, Right.SECOND], True),
        (["first"], True),  # as the database holds it
    ],
)
def test_one_right_answer_that_a_forced_choice_offers_is_enough(right: list[str], answerable: bool) -> None:
    assert can_be_answered(PRESETS["forced_choice"], right) is answerable


@pytest.mark.parametrize(
    ("right", "asked", "share", "passed"),
    [
        (8, 10, 0.8, True),
        (7, 10, 0.8, False),
        (159, 200, 0.8, False),  # 79.5 % is not 80 %
        (10, 10, 1.0, True),
        (9, 10, 1.0, False),
        (0, 10, 0.0, True),  # nothing is wanted
        (0, 10, 0.01, False),
        (7, 10, 0.7, True),
        (6, 10, 0.7, False),
        (11, 20, 0.55, True),  # 0.55 × 20 is 11.000000000000002
        (7, 100, 0.07, True),  # 0.07 × 100 is 7.000000000000001
        (2, 3, 2 / 3, True),
        (1, 3, 2 / 3, False),
        (2, 3, 0.67, False),  # 0.67 of 3 is more than 2
    ],
)
def test_the_pass_mark_is_reached_exactly(right: int, asked: int, share: float, passed: bool) -> None:
    assert is_passed(right, asked, share) is passed


def test_a_share_that_was_counted_from_right_answers_passes_with_them_and_fails_with_one_less() -> None:
    for asked in range(1, 101):
        for right in range(1, asked + 1):
            assert is_passed(right, asked, right / asked)
            assert not is_passed(right - 1, asked, right / asked)
