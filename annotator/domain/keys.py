"""Which key does what on the judgment page.

Keys are places on the keyboard (`KeyboardEvent.code`), so a row stays a row on
AZERTY or Dvorak. By default everything that is pressed often lies under the left
hand: the answers on two rows, what goes with them below. A rater may move any
action to another key; digits always press the answer in that place as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from annotator.domain.verdicts import Answer, Preset

LOWER = tuple(f"lower-{place}" for place in range(1, 6))
UPPER = tuple(f"upper-{place}" for place in range(1, 6))
SPARE = ("spare-1", "spare-2")

# action → (what it does, its key)
ACTIONS: dict[str, tuple[str, str]] = {
    **{slot: (f"Answer, lower row, place {slot[-1]}", code)
       for slot, code in zip(LOWER, ("KeyA", "KeyS", "KeyD", "KeyF", "KeyG"), strict=True)},
    **{slot: (f"Answer, upper row, place {slot[-1]}", code)
       for slot, code in zip(UPPER, ("KeyQ", "KeyW", "KeyE", "KeyR", "KeyT"), strict=True)},
    "spare-1": ("Answer, further", "KeyB"),
    "spare-2": ("Answer, furthest", "KeyN"),
    "undo": ("Undo: see the last judgment again", "KeyZ"),
    "skip": ("Skip: give this comparison to others", "KeyX"),
    "guidelines": ("Guidelines", "KeyC"),
    "reason": ("Add a reason", "KeyV"),
    "difference": ("Show how the answers differ", "KeyM"),
    "fold": ("Fold or unfold long answers", "KeyL"),
    "flip": ("On a narrow screen: go to the other answer", "KeyO"),
}  # fmt: skip
BINDABLE = re.compile(r"Key[A-Z]|Digit[0-9]|Numpad[0-9]|Space|Comma|Period|Slash|Semicolon|Quote|Backquote|Minus|Equal|"
                      r"BracketLeft|BracketRight|Backslash|IntlBackslash|F[2-9]|ArrowLeft|ArrowRight")  # fmt: skip


def keys_for(own: Mapping[str, str]) -> dict[str, str]:
    """Action → key: the defaults with a rater's own on top."""
    return {action: own.get(action, code) for action, (_, code) in ACTIONS.items()}


def keys_checked(wanted: Mapping[str, str]) -> dict[str, str]:
    """What differs from the defaults. Raises ValueError for an unknown action or key, and for a key used twice."""
    for action, code in wanted.items():
        if action not in ACTIONS:
            raise ValueError(f"“{action}” is not an action.")
        if not BINDABLE.fullmatch(code):
            raise ValueError(f"The key “{code}” cannot be used; choose a letter, a digit or a punctuation mark.")
    keys = keys_for(wanted)
    for action, code in keys.items():
        others = [ACTIONS[other][0] for other, used in keys.items() if used == code and other != action]
        if others:
            raise ValueError(f"{shown(code)} is used twice: “{ACTIONS[action][0]}” and “{others[0]}”.")
    return {action: code for action, code in wanted.items() if code != ACTIONS[action][1]}


def shown(code: str) -> str:
    """The key as printed on a QWERTY keyboard; the page replaces it by what the rater's own says."""
    return re.sub(r"^(Key|Digit|Numpad)", "", code)


def slots_of(preset: Preset) -> list[tuple[Answer, str]]:
    """Each answer with the action that presses it.

    A scale of up to five lies on the lower row. A longer one lies on both as it is
    drawn: what speaks for A above, what speaks for B below, the middle at the end of
    the upper row. Answers off the scale take what is free.
    """
    scale = list(preset.scale)
    if len(scale) <= len(LOWER):
        slots = list(LOWER[: len(scale)])
        free = [*UPPER, *SPARE]
    else:
        half = sum((answer.value or 0) < 0 for answer in scale)
        middle = [UPPER[4]] if len(scale) % 2 else []
        slots = [*UPPER[:half], *middle, *LOWER[:half]]
        free = [slot for slot in (LOWER[4], UPPER[4], *SPARE) if slot not in slots]
    return list(zip([*scale, *preset.apart], [*slots, *free], strict=False))


def rows_of(preset: Preset) -> Sequence[Sequence[Answer]]:
    """The scale as it is drawn: one row, or one for each side with the middle between."""
    scale = preset.scale
    if len(scale) <= len(LOWER):
        return [scale]
    half = sum((answer.value or 0) < 0 for answer in scale)
    parts = [scale[:half], scale[half : len(scale) - half], scale[len(scale) - half :]]
    return [part for part in parts if part]
