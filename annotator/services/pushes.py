"""Weights are sent to the hub that the operator configured, by a worker, as one commit."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from annotator.domain.hubs import is_repo_name
from annotator.domain.lifecycles import LIVE_RUN, RunKind
from annotator.domain.weights import Weights
from annotator.exceptions import InputInvalid, StateNotAllowed
from annotator.models import Checkpoint, Run
from annotator.selectors.weights import weights_folder
from annotator.services.runs import run_queue


@transaction.atomic
def push_queue(*, checkpoint: Checkpoint, weights: Weights, repo: str, private: bool = True) -> Run:
    """Let a worker send these weights to `repo`. The caller rings. Asked twice while it works, it is the same run.

    Raises StateNotAllowed where no hub is configured, InputInvalid for what is no name of a repository, and NotFound
    where there are no such weights.
    """
    if not can_push():
        raise StateNotAllowed(_("No hub is configured on this server; its operator sets TIEBREAK_HUB and a token."))
    if not is_repo_name(repo):
        raise InputInvalid(_("“%(name)s” is no name of a repository, such as my-team/shop-policy.") % {"name": repo})
    row = Checkpoint.objects.select_for_update(of=("self",)).select_related("project", "merge").get(pk=checkpoint.pk)
    weights_folder(row, weights)
    details = {"checkpoint": row.pk, "weights": weights.value, "repo": repo}
    known = Run.objects.filter(project=row.project, kind=RunKind.PUSH, state__in=LIVE_RUN, details__contains=details)
    return known.first() or run_queue(
        project=row.project,
        kind=RunKind.PUSH,
        settings={},
        details={**details, "private": private, "hub": settings.TIEBREAK_HUB},
    )


def can_push() -> bool:
    return bool(settings.TIEBREAK_HUB and settings.TIEBREAK_HUB_TOKEN)
