from __future__ import annotations

from itertools import combinations

import pytest

from annotator.domain.protocols import PRESETS
from annotator.domain.verdicts import OPTIONAL, Outcome, Preset, verdict_of

published = pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.code)
CHOICES = [chosen for size in range(5) for chosen in combinations(OPTIONAL, size)]


@published
@pytest.mark.parametrize("allowed", CHOICES, ids=lambda allowed: "+".join(allowed) or "none")
def test_an_owner_decides_what_may_be_answered_beside_a_preference(
    preset: Preset, allowed: tuple[Outcome, ...]
) -> None:
    asked = preset.allowing(allowed)

    offered = {answer.outcome for answer in asked.answers} - {Outcome.PREFER}
    assert offered == set(allowed) - (set() if preset.scale else {Outcome.TIE})  # two equal sliders are a tie
    assert len({answer.code for answer in asked.answers}) == len(asked.answers)


@published
def test_what_was_pressed_means_the_same_about_the_responses_whichever_side_they_were_on(preset: Preset) -> None:
    for answer in preset.allowing(OPTIONAL).answers:
        left, right = verdict_of(answer, first_on_left=True), verdict_of(answer, first_on_left=False)

        assert left.outcome == right.outcome
        if answer.value is None:
            assert left.value is right.value is None
        else:
            assert left.value == -(right.value or 0.0)


@published
def test_left_to_right_buttons_go_from_left_better_to_right_better(preset: Preset) -> None:
    values = [answer.value or 0.0 for answer in preset.allowing(OPTIONAL).scale]

    assert values == sorted(values)
    assert values == [-value for value in reversed(values)]


@published
def test_only_preferences_point_to_a_side(preset: Preset) -> None:
    for answer in preset.allowing(OPTIONAL).answers:
        assert (answer.outcome is Outcome.PREFER) == bool(answer.value)


def test_a_tie_is_plain_zero_on_both_sides() -> None:
    tie = PRESETS["five_point"].answer("tie")

    assert str(verdict_of(tie, first_on_left=False).value) == "0.0"


@pytest.mark.parametrize(
    ("code", "grades"),
    [
        ("arena", [-1, 0, 1]),
        ("forced_choice", [-1, 1]),
        ("five_point", [-1, -1 / 2, 0, 1 / 2, 1]),
        ("webgpt", [-1, -1 / 2, 0, 1 / 2, 1]),
        ("helpsteer", [-1, -2 / 3, -1 / 3, 0, 1 / 3, 2 / 3, 1]),  # −3 … 3, over 3
        ("llama2", [-1, -2 / 3, -1 / 3, -0.1, 0.1, 1 / 3, 2 / 3, 1]),
        ("hh", [-1, -5 / 7, -3 / 7, -1 / 7, 1 / 7, 3 / 7, 5 / 7, 1]),  # eight places, evenly apart
    ],
)
def test_a_published_scale_lies_on_the_axis_as_it_was_published(code: str, grades: list[float]) -> None:
    assert [answer.value for answer in PRESETS[code].scale] == grades


@pytest.mark.parametrize(
    ("raw", "value"), [("1-100", 1.0), ("100-1", -1.0), ("37-82", 45 / 99), ("50-50", 0.0), ("07-7", 0.0)]
)
def test_two_sliders_prefer_by_their_difference(raw: str, value: float) -> None:
    answer = PRESETS["prism"].answer(raw)

    assert (answer.code, answer.value) == (raw, value)
    assert answer.outcome is (Outcome.PREFER if value else Outcome.TIE)


@pytest.mark.parametrize("raw", ["0-50", "50-101", "50", "-5-5", "a-b", "50-50-50", "٣-٤"])
def test_sliders_stay_on_their_track(raw: str) -> None:
    with pytest.raises(KeyError):
        PRESETS["prism"].answer(raw)


def test_equal_sliders_are_refused_where_no_tie_is_allowed() -> None:
    with pytest.raises(KeyError):
        PRESETS["prism"].allowing([]).answer("50-50")
