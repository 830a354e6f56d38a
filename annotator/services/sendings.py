"""Datasets are sent to the hub or the storage that the operator configured, by a worker."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.domain.hubs import is_repo_name
from annotator.domain.lifecycles import LIVE_SENDING, SendingState
from annotator.exceptions import InputInvalid, NotSent, StateNotAllowed, TiebreakError
from annotator.models import Dataset, Depot, Project, Sending, User
from annotator.services.datasets import dataset_folder_ready

SILENT_AFTER = timedelta(hours=6)  # sending says nothing on its way; sending again does no harm
RING_AGAIN_AFTER = timedelta(seconds=30)
MAX_ATTEMPTS = 3

# (folder, sending) → address. Raises NotSent.
Send = Callable[[Path, Sending], str]


def depots() -> list[Depot]:
    """Where datasets may be sent to from this server."""
    found = []
    if settings.TIEBREAK_HUB and settings.TIEBREAK_HUB_TOKEN:
        found.append(Depot.HUB)
    if settings.TIEBREAK_STORAGE:
        found.append(Depot.STORAGE)
    return found


def sending_create(
    *, dataset: Dataset, depot: str, repo: str = "", private: bool = True, by: User | None = None
) -> Sending:
    """Let a worker send a ready dataset. Asked twice while it works, it is the same sending. The caller rings.

    Raises StateNotAllowed where there is no such place, InputInvalid for what is no name of a repository, and NotFound
    before the dataset is ready.
    """
    if depot not in depots():
        raise StateNotAllowed(_("This server has no such place to send to; its operator names one."))
    if depot == Depot.HUB and not is_repo_name(repo):
        raise InputInvalid(_("“%(name)s” is no name of a repository, such as my-team/shop-policy.") % {"name": repo})
    dataset_folder_ready(dataset)
    place = repo if depot == Depot.HUB else f"{dataset.project.slug}/v{dataset.version}"
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).get(pk=dataset.project_id)  # two people at once take turns
        live = dataset.sendings.filter(depot=depot, place=place, state__in=LIVE_SENDING).first()
        return live or dataset.sendings.create(depot=depot, place=place, is_private=private, asked_by=by)


def sendings_to_ring(*, now: datetime | None = None) -> list[int]:
    """Those that wait for a worker or lost theirs, marked as rung now."""
    now = now or timezone.now()
    waiting = Q(state=SendingState.WAITING) & (Q(rung_at=None) | Q(rung_at__lt=now - RING_AGAIN_AFTER))
    silent = Q(state=SendingState.SENDING, started_at__lt=now - SILENT_AFTER)
    due = Sending.objects.filter(waiting | silent)
    return [pk for pk in due.values_list("pk", flat=True) if due.filter(pk=pk).update(rung_at=now)]


def sending_execute(*, sending_id: int, send: Send) -> Sending | None:
    """Claim it and send it. None when another worker has it."""
    now = timezone.now()
    claimable = Q(state=SendingState.WAITING) | Q(state=SendingState.SENDING, started_at__lt=now - SILENT_AFTER)
    if not Sending.objects.filter(claimable, pk=sending_id).update(
        state=SendingState.SENDING, started_at=now, attempt=F("attempt") + 1
    ):
        return None
    sending = Sending.objects.select_related("dataset__project").get(pk=sending_id)
    try:
        if sending.attempt > MAX_ATTEMPTS:
            raise NotSent(_("Its worker stopped three times on the way."))
        address = send(dataset_folder_ready(sending.dataset), sending)
    except TiebreakError as error:
        sending.state, sending.error = SendingState.REFUSED, error.message
    else:
        sending.state, sending.address = SendingState.SENT, address
    sending.finished_at = timezone.now()
    sending.save(update_fields=["state", "error", "address", "finished_at"])
    return sending
