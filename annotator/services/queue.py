"""An owner changes how the queue chooses."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from annotator.domain.lifecycles import RoundState
from annotator.domain.strategies import is_by_count
from annotator.models import Project, Round
from annotator.services.projects import project_update


@transaction.atomic
def queue_update(*, project: Project, **settings: Any) -> Round | None:
    """Change settings of the queue; return the collecting round where its comparisons need another place now.

    Order, quota and adaptive overlap hold from the next claim and judgment on, rules by tag and an order by count as
    soon as a worker has placed what is collected (`comparisons_place`), and the control share from the next round on:
    what was drawn stays drawn. Raises InputInvalid.
    """
    before = project.tag_rules, is_by_count(project.strategy)
    project_update(project=project, **settings)
    if (project.tag_rules, is_by_count(project.strategy)) == before:
        return None
    round = Round.objects.filter(project=project, state=RoundState.COLLECTING).first()
    if round is not None:
        round.placing_since, round.placing_behind, round.placing_seen = timezone.now(), 0, 0
        round.save(update_fields=["placing_since", "placing_behind", "placing_seen"])
    return round
