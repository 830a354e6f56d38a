"""What a token may be made for. A token does what its scopes say and its owner's role allows, whichever is less."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from annotator.domain.wording import gettext_noop as _


class Scope(StrEnum):
    READ = "read"
    JUDGE = "judge"
    WRITE = "write"
    PEOPLE = "people"
    TRAIN = "train"
    EXPORT = "export"


WORDS = {
    Scope.READ: _("Read: see what you see in the pages"),
    Scope.JUDGE: _("Judge: take comparisons, answer and skip them"),
    Scope.WRITE: _("Write: prompts, answers, guidelines, gold, settings and the queue"),
    Scope.PEOPLE: _("People: invite, change roles, pause and remove"),
    Scope.TRAIN: _("Train: begin, launch and cancel, promote and retire"),
    Scope.EXPORT: _("Export: take snapshots, checkpoints and judgments out"),
}


def scopes_of(words: Collection[str]) -> list[str]:
    """The scopes among `words`, each once, in the order above. Raises ValueError for another word."""
    wanted = {Scope(word) for word in words}
    return [scope.value for scope in Scope if scope in wanted]
