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
from annotator.domain.wording import Unfit
from annotator.domain.wording import gettext_noop as _

LOWER = tuple(f"lower-{place}" for place in range(1, 6))
UPPER = tuple(f"upper-{place}" for place in range(1, 6))
SPARE = ("spare-1", "spare-2")

# action → (what it does, its key)
ACTIONS: dict[str, tuple[str, str]] = {
    "lower-1": (_("Answer, lower row, first"), "KeyA"),
    "lower-2": (_("Answer, lower row, second"), "KeyS"),
    "lower-3": (_("Answer, lower row, third"), "KeyD"),
    "lower-4": (_("Answer, lower row, fourth"), "KeyF"),
    "lower-5": (_("Answer, lower row, fifth"), "KeyG"),
    "upper-1": (_("Answer, upper row, first"), "KeyQ"),
    "upper-2": (_("Answer, upper row, second"), "KeyW"),
    "upper-3": (_("Answer, upper row, third"), "KeyE"),
    "upper-4": (_("Answer, upper row, fourth"), "KeyR"),
    "upper-5": (_("Answer, upper row, fifth"), "KeyT"),
    "spare-1": (_("Answer, further"), "KeyB"),
    "spare-2": (_("Answer, furthest"), "KeyN"),
    "undo": (_("Undo: see the last judgment again"), "KeyZ"),
    "skip": (_("Skip or flag; once more skips"), "KeyX"),
    "guidelines": (_("Guidelines"), "KeyC"),
    "reason": (_("Add a reason"), "KeyV"),
    "difference": (_("Show how the answers differ"), "KeyM"),
    "fold": (_("Fold or unfold long answers"), "KeyL"),
    "flip": (_("On a narrow screen: go to the other answer"), "KeyO"),
    "unveil": (_("Show blurred text"), "Space"),
}  # fmt: skip
BINDABLE = re.compile(r"Key[A-Z]|Digit[0-9]|Numpad[0-9]|Space|Comma|Period|Slash|Semicolon|Quote|Backquote|Minus|Equal|"
                      r"BracketLeft|BracketRight|Backslash|IntlBackslash|F[2-9]|ArrowLeft|ArrowRight")  # fmt: skip


def keys_for(own: Mapping[str, str]) -> dict[str, str]:
    """Action → key: the defaults with a rater's own on top."""
    return {action: own.get(action, code) for action, (_, code) in ACTIONS.items()}


def keys_checked(wanted: Mapping[str, str]) -> dict[str, str]:
    """What differs from the defaults. Raises Unfit for an unknown action or key, and for a key used twice."""
    for action, code in wanted.items():
        if action not in ACTIONS:
            raise Unfit(_("“%(action)s” is not an action."), action=action)
        if not BINDABLE.fullmatch(code):
            raise Unfit(
                _("The key “%(key)s” cannot be used; choose a letter, a digit or a punctuation mark."), key=code
            )
    keys = keys_for(wanted)
    twice = [code for code in keys.values() if list(keys.values()).count(code) > 1]
    if twice:
        raise Unfit(_("The key %(key)s is used twice."), key=shown(twice[0]))
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
