from __future__ import annotations

import pytest

from annotator.domain.verdicts import PRESETS, Outcome, Preset, verdict_of

presets = pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.code)


@presets
def test_what_was_pressed_means_the_same_about_the_responses_whichever_side_they_were_on(preset: Preset) -> None:
    for answer in preset.answers:
        left, right = verdict_of(answer, first_on_left=True), verdict_of(answer, first_on_left=False)

        assert left.outcome == right.outcome
        if answer.value is None:
            assert left.value is right.value is None
        else:
            assert left.value == -(right.value or 0.0)


@presets
def test_left_to_right_buttons_go_from_left_better_to_right_better(preset: Preset) -> None:
    values = [answer.value for answer in preset.answers if answer.value is not None]

    assert values == sorted(values)
    assert values == [-value for value in reversed(values)]


@presets
def test_every_answer_has_its_own_code_and_key(preset: Preset) -> None:
    assert len({answer.code for answer in preset.answers}) == len(preset.answers)
    assert len({answer.key for answer in preset.answers}) == len(preset.answers)


def test_only_preferences_point_to_a_side() -> None:
    for preset in PRESETS.values():
        for answer in preset.answers:
            assert (answer.outcome is Outcome.PREFER) == bool(answer.value)


def test_a_tie_is_plain_zero_on_both_sides() -> None:
    tie = PRESETS["five_point"].answer("tie")

    assert str(verdict_of(tie, first_on_left=False).value) == "0.0"
