"""How raters are asked: published as versions, because a judgment keeps the one it was given under."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from django.db import transaction

from annotator.domain.asking import ReasonWish
from annotator.domain.protocols import PRESETS
from annotator.domain.verdicts import OPTIONAL
from annotator.exceptions import InputInvalid
from annotator.models import Project, Protocol

MOST_CRITERIA, MOST_RATINGS, MOST_REASONS = 8, 8, 12
LONGEST_REASON = 1_000


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
        raise InputInvalid(f"“{preset}” is not one of the scales.")
    allowed = PRESETS[preset].outcomes if outcomes is None else outcomes
    asked = {
        "preset": preset,
        "outcomes": [outcome.value for outcome in OPTIONAL if outcome in allowed],
        "criteria": _criteria(criteria),
        "ratings": [{"code": code, "name": name} for code, name in _coded(ratings, MOST_RATINGS, "ratings")],
        "reason": _reason(reason),
        "reason_min": _minimum(reason_min),
        "reasons": [text for _, text in _coded(reasons, MOST_REASONS, "reasons")],
        "edit": edit,
    }
    Project.objects.select_for_update().get(pk=project.pk)  # two owners publishing at once: one number each
    newest = project.protocols.first()
    if newest is not None and all(getattr(newest, name) == value for name, value in asked.items()):
        return newest
    return Protocol.objects.create(project=project, version=newest.version + 1 if newest else 1, **asked)


def _criteria(rows: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    found = []
    for (code, name), row in zip(_coded([row["name"] for row in rows], MOST_CRITERIA, "criteria"), rows, strict=True):
        if row["preset"] not in PRESETS or not PRESETS[row["preset"]].scale:
            raise InputInvalid(f"“{name}” needs one of the scales that are made of buttons.")
        found.append({"code": code, "name": name, "question": row.get("question", "").strip(), "preset": row["preset"]})
    return found


def _coded(names: Sequence[str], most: int, what: str) -> list[tuple[str, str]]:
    """Each name with a code that a column of a data set can carry. Raises InputInvalid for two that would share one."""
    if len(names) > most:
        raise InputInvalid(f"These are {len(names)} {what}; at most {most} can be judged with care.")
    found: dict[str, str] = {}
    for name in (name.strip() for name in names):
        code = re.sub(r"\W+", "_", name.casefold()).strip("_")
        if not code:
            raise InputInvalid(f"Each of the {what} needs a name with letters in it.")
        if code == "overall":
            raise InputInvalid("“Overall” is asked already; name a criterion after what it asks beside that.")
        if code in found:
            raise InputInvalid(f"“{found[code]}” and “{name}” are too alike; give one of the {what} another name.")
        found[code] = name
    return list(found.items())


def _reason(wish: str) -> str:
    if wish not in set(ReasonWish):
        raise InputInvalid(f"“{wish}” is not a way to ask for reasons.")
    return ReasonWish(wish).value


def _minimum(characters: int) -> int:
    if not 0 <= characters <= LONGEST_REASON:
        raise InputInvalid(f"A reason can be asked to have 0 to {LONGEST_REASON:,} characters.")
    return characters
