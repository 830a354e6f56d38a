"""Who is asked about a comparison, and how soon, by the tags of its prompt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from annotator.domain.wording import Unfit
from annotator.domain.wording import gettext_noop as _

LONGEST_NAME = 60  # characters of a tag and of a group
MOST_RULES = 100
MOST_GROUPS = 20  # of one person
PRIORITIES = {"first": 2, "early": 1, "": 0, "late": -1, "last": -2}


@dataclass(frozen=True)
class Rule:
    """What holds for prompts that carry `tag`.

    group     the only people who are asked; empty for everybody
    priority  2 comes before all others, -2 after them
    """

    tag: str
    group: str = ""
    priority: int = 0

    def stored(self) -> dict[str, Any]:
        return asdict(self)


def rules_of(stored: Sequence[Mapping[str, Any]]) -> list[Rule]:
    """Rules as the database holds them. Raises Unfit for what is none."""
    if len(stored) > MOST_RULES:
        raise Unfit(_("There are %(number)d rules; at most %(most)d fit."), number=len(stored), most=MOST_RULES)
    rules = [Rule(str(row["tag"]).strip(), str(row.get("group", "")).strip(), row.get("priority", 0)) for row in stored]
    for rule in rules:
        if not rule.tag:
            raise Unfit(_("A rule begins with a tag."))
        if max(len(rule.tag), len(rule.group)) > LONGEST_NAME:
            raise Unfit(_("Tags and groups have at most %(most)d characters."), most=LONGEST_NAME)
        if rule.priority not in PRIORITIES.values():
            raise Unfit(_("“%(tag)s”: a priority is a whole number from −2 to 2."), tag=rule.tag)
    if twice := {rule.tag for rule in rules if sum(other.tag == rule.tag for other in rules) > 1}:
        raise Unfit(_("There are two rules for “%(tag)s”."), tag=min(twice))
    return rules


def placed(tags: Iterable[str], rules: Sequence[Rule]) -> tuple[str, int]:
    """The group and the priority of a comparison: each from the first rule that fits and says something about it.

    Worked: rules law -> group lawyers, urgent -> priority 2; a prompt with both tags: ("lawyers", 2).
    """
    fitting = [rule for rule in rules if rule.tag in set(tags)]
    group = next((rule.group for rule in fitting if rule.group), "")
    return group, next((rule.priority for rule in fitting if rule.priority), 0)


def groups_of(typed: Iterable[str]) -> list[str]:
    """The groups of a person, each once, as they were typed. Raises Unfit for too many or too long ones."""
    groups = list(dict.fromkeys(name.strip() for name in typed if name.strip()))
    if len(groups) > MOST_GROUPS:
        raise Unfit(_("A person belongs to at most %(most)d groups."), most=MOST_GROUPS)
    if any(len(name) > LONGEST_NAME for name in groups):
        raise Unfit(_("Tags and groups have at most %(most)d characters."), most=LONGEST_NAME)
    return groups
