"""Whole weights of a checkpoint: made once by a worker, kept in the store, removed when nobody needs them."""

from __future__ import annotations

import shutil
from functools import partial

from django.db import transaction
from django.utils.translation import gettext as _

from annotator import store
from annotator.domain.lifecycles import LIVE_RUN, RunKind
from annotator.domain.weights import Weights
from annotator.exceptions import StateNotAllowed
from annotator.models import Checkpoint, CheckpointKind, Run
from annotator.selectors.weights import weights_there
from annotator.services.runs import run_queue


@transaction.atomic
def merge_queue(*, checkpoint: Checkpoint) -> Run:
    """Let a worker fold the checkpoint's adapter into its base. The caller rings.

    Asked twice, it is the same run, unless that one failed, was cancelled, or lost what it made.
    Raises StateNotAllowed where there is no policy's adapter.
    """
    row = _locked(checkpoint)
    if row.kind != CheckpointKind.POLICY:
        raise StateNotAllowed(_("Only a policy has whole weights to make; a reward model would lose its head."))
    if not row.has_adapter:
        raise StateNotAllowed(_("This checkpoint has no adapter: its weights are whole as they are."))
    if row.merge is not None:
        if row.merge.is_live or Weights.MERGED in weights_there(row):
            return row.merge
        _remove(row.merge)
    row.merge = run_queue(project=row.project, kind=RunKind.MERGE, settings={}, details={"checkpoint": row.pk})
    row.save(update_fields=["merge"])
    return row.merge


@transaction.atomic
def merge_remove(*, checkpoint: Checkpoint) -> None:
    """Remove the whole weights from the store; the run that made them stays. Twice is harmless.

    Raises StateNotAllowed while they are being made or sent to a hub.
    """
    row = _locked(checkpoint)
    if row.merge is None:
        return
    if row.merge.is_live:
        raise StateNotAllowed(_("These weights are still being made; cancel their run first."))
    sent = {"checkpoint": row.pk, "weights": Weights.MERGED.value}
    if Run.objects.filter(project=row.project, kind=RunKind.PUSH, state__in=LIVE_RUN, details__contains=sent).exists():
        raise StateNotAllowed(_("These weights are being sent to a hub; remove them when that is over."))
    _remove(row.merge)
    row.merge = None
    row.save(update_fields=["merge"])


def _locked(checkpoint: Checkpoint) -> Checkpoint:
    """Two owners take turns."""
    rows = Checkpoint.objects.select_for_update(of=("self",)).select_related("project", "merge")
    return rows.get(pk=checkpoint.pk)


def _remove(run: Run) -> None:
    folder = store.store_path(store.run_folder(run.pk))
    transaction.on_commit(partial(shutil.rmtree, folder, ignore_errors=True))
