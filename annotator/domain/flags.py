"""What can be wrong with a pair, said in one press."""

from __future__ import annotations

from enum import StrEnum

from annotator.domain.wording import gettext_noop as _


class FlagKind(StrEnum):
    UNSAFE = "unsafe"  # dangerous, hateful, sexual about minors: nobody should have to read it
    PERSONAL = "personal"  # tells who a real person is
    BROKEN = "broken"  # garbled, cut off, not drawn
    AUTHOR = "author"  # an answer says which model wrote it, so the judgment is not blind
    LANGUAGE = "language"  # not a language of this rater
    CANNOT = "cannot"  # beyond what this rater knows


WORDS: dict[FlagKind, str] = {
    FlagKind.UNSAFE: _("Unsafe or harmful"),
    FlagKind.PERSONAL: _("Personal data"),
    FlagKind.BROKEN: _("Broken text"),
    FlagKind.AUTHOR: _("Reveals its author"),
    FlagKind.LANGUAGE: _("Not my language"),
    FlagKind.CANNOT: _("I cannot judge this"),
}

# These say something about the pair; the others about the rater, and somebody else may judge it well.
OF_THE_PAIR = frozenset([FlagKind.UNSAFE, FlagKind.PERSONAL, FlagKind.BROKEN, FlagKind.AUTHOR])
