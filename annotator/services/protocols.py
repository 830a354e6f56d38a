"""How raters are asked: published as versions, because a judgment keeps the one it was given under."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from annotator.domain.asking import ReasonWish
from annotator.domain.protocols import PRESETS
from annotator.domain.verdicts import OPTIONAL
from annotator.exceptions import InputInvalid
from annotator.models import Project, Protocol

LONGEST_REASON = 1_000


@dataclass(frozen=True)
class Kind:
    """Something that an owner names: how many may be asked, and what is said about names that do not fit."""

    most: int
    too_many: str
    nameless: str
    alike: str


CRITERIA = Kind(
    8,
    gettext_noop("These are %(number)s criteria; at most %(most)s can be judged with care."),
    gettext_noop("Each of the criteria needs a name with letters in it."),
    gettext_noop("“%(one)s” and “%(other)s” are too alike; give one of the criteria another name."),
)
RATINGS = Kind(
    8,
    gettext_noop("These are %(number)s ratings; at most %(most)s can be judged with care."),
    gettext_noop("Each of the ratings needs a name with letters in it."),
    gettext_noop("“%(one)s” and “%(other)s” are too alike; give one of the ratings another name."),
)
REASONS = Kind(
    12,
    gettext_noop("These are %(number)s reasons; at most %(most)s can be judged with care."),
    gettext_noop("Each of the reasons needs a name with letters in it."),
    gettext_noop("“%(one)s” and “%(other)s” are too alike; give one of the reasons another name."),
)


@transaction.atomic
def protocol_publish(
    *, project: Project, preset: str, outcomes: Sequence[str] | None = None,
    criteria: Sequence[Mapping[str, str]] = (), ratings: Sequence[str] = (), reason: str = ReasonWish.OPTIONAL,
    reason_min: int = 0, reasons: Sequence[str] = (), edit: bool = False,
) -> Protocol:  # fmt: skip
    """Make this what raters are asked from their next comparison on; publishing the same again changes nothing.

    outcomes  beside a preference; None: what the preset was published with
    criteria  each with "name", "question" and "preset"
    ratings   the names of what each answer gets 0–4 points for
    Raises InputInvalid.
    """
    if preset not in PRESETS:
        raise InputInvalid(_("“%(name)s” is not one of the scales.") % {"name": preset})
    allowed = PRESETS[preset].outcomes if outcomes is None else outcomes
    asked = {
        "preset": preset,
        "outcomes": [outcome.value for outcome in OPTIONAL if outcome in allowed],
        "criteria": _criteria(criteria),
        "ratings": [{"code": code, "name": name} for code, name in _coded(ratings, RATINGS)],
        "reason": _reason(reason),
        "reason_min": _minimum(reason_min),
        "reasons": [text for _code, text in _coded(reasons, REASONS)],
        "edit": edit,
    }
    Project.objects.select_for_update().get(pk=project.pk)  # two owners publishing at once: one number each
    newest = project.protocols.first()
    if newest is not None and all(getattr(newest, name) == value for name, value in asked.items()):
        return newest
    return Protocol.objects.create(project=project, version=newest.version + 1 if newest else 1, **asked)


def _criteria(rows: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    found = []
    for (code, name), row in zip(_coded([row["name"] for row in rows], CRITERIA), rows, strict=True):
        if row["preset"] not in PRESETS or not PRESETS[row["preset"]].scale:
            raise InputInvalid(_("“%(name)s” needs one of the scales that are made of buttons.") % {"name": name})
        found.append({"code": code, "name": name, "question": row.get("question", "").strip(), "preset": row["preset"]})
    return found


def _coded(names: Sequence[str], kind: Kind) -> list[tuple[str, str]]:
    """Each name with a code that a column of a data set can carry. Raises InputInvalid for two that would share one."""
    if len(names) > kind.most:
        raise InputInvalid(_(kind.too_many) % {"number": len(names), "most": kind.most})
    found: dict[str, str] = {}
    for name in (name.strip() for name in names):
        code = re.sub(r"\W+", "_", name.casefold()).strip("_")
        if not code:
            raise InputInvalid(_(kind.nameless))
        if code == "overall":
            raise InputInvalid(_("“Overall” is asked already; name a criterion after what it asks beside that."))
        if code in found:
            raise InputInvalid(_(kind.alike) % {"one": found[code], "other": name})
        found[code] = name
    return list(found.items())


def _reason(wish: str) -> str:
    if wish not in set(ReasonWish):
        raise InputInvalid(_("“%(name)s” is not a way to ask for reasons.") % {"name": wish})
    return ReasonWish(wish).value


def _minimum(characters: int) -> int:
    if not 0 <= characters <= LONGEST_REASON:
        most = number_format(LONGEST_REASON, force_grouping=True)
        raise InputInvalid(_("A reason can be asked to have 0 to %(most)s characters.") % {"most": most})
    return characters
