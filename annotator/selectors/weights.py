"""Weights of a checkpoint that can leave, and where they lie."""

from __future__ import annotations

from pathlib import Path

from django.utils.translation import gettext as _

from annotator import store
from annotator.domain.lifecycles import RunKind, RunState
from annotator.domain.weights import Weights
from annotator.exceptions import NotFound
from annotator.models import Checkpoint, Run

PUSHES = 5


def weights_folder(checkpoint: Checkpoint, weights: Weights) -> Path:
    """The folder to take along. Raises NotFound where it was never made, or is gone."""
    if weights == Weights.MERGED:
        if checkpoint.merge is None or checkpoint.merge.state != RunState.SUCCEEDED:
            raise NotFound(_("This checkpoint has no whole weights. An owner can have them made on its page."))
        folder = store.store_path(store.run_folder(checkpoint.merge.pk)) / "out"
    else:
        folder = store.store_path(checkpoint.path)
    if not checkpoint.path or not folder.is_dir():
        raise NotFound(_("This checkpoint has no folder of its own: it is the base model as it is."))
    return folder


def weights_there(checkpoint: Checkpoint) -> list[Weights]:
    """Those that can leave now."""
    there = []
    for weights in Weights:
        try:
            weights_folder(checkpoint, weights)
        except NotFound:
            continue
        there.append(weights)
    return there


def pushes_of(checkpoint: Checkpoint) -> list[Run]:
    """The newest runs that sent its weights to a hub."""
    runs = Run.objects.filter(project=checkpoint.project_id, kind=RunKind.PUSH, details__checkpoint=checkpoint.pk)
    return list(runs.order_by("-pk")[:PUSHES])


def weights_name(checkpoint: Checkpoint, weights: Weights) -> str:
    """What the folder is called where it arrives."""
    name = f"{checkpoint.project.slug}-{checkpoint.name}"
    return f"{name}-merged" if weights == Weights.MERGED else name
