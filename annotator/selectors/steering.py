"""What an owner sees beside the settings of the queue: groups, and whose answers meet."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from annotator.domain.placing import rules_of
from annotator.models import Checkpoint, CheckpointKind, Project
from annotator.selectors.votes import Author, authors_counted


@dataclass(frozen=True)
class Group:
    """members: how many people belong to it; is_asked: whether a rule hands comparisons to nobody else."""

    name: str
    members: int
    is_asked: bool

    @property
    def is_empty(self) -> bool:
        """Comparisons wait for people who do not exist."""
        return self.is_asked and not self.members


def groups_of(project: Project) -> list[Group]:
    """All groups that members belong to or rules name, by the alphabet."""
    members = Counter(name for groups in project.members.values_list("groups", flat=True) for name in groups)
    asked = {rule.group for rule in rules_of(project.tag_rules) if rule.group}
    return [Group(name, members[name], name in asked) for name in sorted(asked | set(members))]


def authors_of(project: Project) -> list[tuple[Author, str]]:
    """Whose answers may meet: policies, newest first and retired ones too, and imported models by name."""
    policies = Checkpoint.objects.filter(project=project, kind=CheckpointKind.POLICY)
    found: list[tuple[Author, str]] = [((one.pk, ""), one.name) for one in policies.order_by("-pk")]
    imported = {name for checkpoint, name in authors_counted(project) if checkpoint is None}
    return found + [((None, name), name or "–") for name in sorted(imported)]
