from __future__ import annotations

import pytest

from annotator.domain.keys import ACTIONS, keys_checked, keys_for, rows_of, slots_of
from annotator.domain.protocols import PRESETS
from annotator.domain.verdicts import OPTIONAL, Preset

LEFT_HAND = {f"Key{letter}" for letter in "QWERTASDFGZXCVB"}
published = pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.code)


@published
def test_every_answer_has_a_key_of_its_own_under_the_left_hand(preset: Preset) -> None:
    """The last resort, N, is one place further: it is taken when all four outcomes go with eight grades."""
    asked = preset.allowing(OPTIONAL)
    keys = [keys_for({})[slot] for _, slot in slots_of(asked)]

    assert len(keys) == len(set(keys)) == len(asked.answers)
    assert set(keys) - {"KeyN"} <= LEFT_HAND


@published
def test_a_long_scale_is_drawn_as_its_keys_lie(preset: Preset) -> None:
    asked = preset.allowing(OPTIONAL)
    slots = {answer.code: slot for answer, slot in slots_of(asked)}

    rows = rows_of(asked)

    assert [answer for row in rows for answer in row] == list(asked.scale)
    if len(rows) == 3:
        assert [slots[answer.code][:5] for answer in rows[0]] == ["upper"] * len(rows[0])
        assert [slots[answer.code][:5] for answer in rows[2]] == ["lower"] * len(rows[2])


def test_no_two_actions_share_a_key() -> None:
    assert len({code for _, code in ACTIONS.values()}) == len(ACTIONS)


def test_only_what_differs_is_kept() -> None:
    assert keys_checked({"undo": "KeyU", "skip": "KeyX"}) == {"undo": "KeyU"}
    assert keys_for({"undo": "KeyU"})["undo"] == "KeyU"


def test_two_keys_can_be_swapped() -> None:
    assert keys_checked({"undo": "KeyX", "skip": "KeyZ"}) == {"undo": "KeyX", "skip": "KeyZ"}


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"undo": "KeyX"}, "X is used twice"),
        ({"dance": "KeyX"}, "“dance” is not an action."),
        ({"undo": "Escape"}, "The key “Escape” cannot be used"),
        ({"undo": "Tab"}, "The key “Tab” cannot be used"),
        ({"undo": "<script>"}, "cannot be used"),
    ],
)
def test_keys_that_cannot_work_are_refused(wanted: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        keys_checked(wanted)
