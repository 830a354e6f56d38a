"""An owner changes how the queue chooses."""

from __future__ import annotations

from typing import Any

from annotator.domain.lifecycles import RoundState
from annotator.models import Project, Round
from annotator.services.comparisons import comparisons_place
from annotator.services.projects import project_update


def queue_update(*, project: Project, **settings: Any) -> int:
    """Change settings of the queue; return how many comparisons of the collecting round moved to another place.

    Order, quota and adaptive overlap hold from the next claim and judgment on, rules by tag at once for what is
    collected, and the control share from the next round on: what was drawn stays drawn. Raises InputInvalid.
    """
    before = project.tag_rules
    project_update(project=project, **settings)
    collecting = Round.objects.filter(project=project, state=RoundState.COLLECTING).select_related("project").first()
    return comparisons_place(round=collecting) if collecting and project.tag_rules != before else 0
