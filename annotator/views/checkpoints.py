"""Checkpoints: the list, one of them with where it came from, trusting it, and taking it home."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from annotator import access, store, tasks
from annotator.domain.lifecycles import RunState
from annotator.domain.model_card import loading_line
from annotator.domain.weights import Weights
from annotator.forms.rounds import settings_shown
from annotator.forms.weights import PushForm
from annotator.http import SeeOther, SignedInRequest, folder_download
from annotator.models import Checkpoint, Member
from annotator.selectors import lineage as select
from annotator.selectors.model_cards import base_is_public, card_of
from annotator.selectors.quality import estimates_of
from annotator.selectors.reports import run_reliability
from annotator.selectors.runs import run_status
from annotator.selectors.weights import pushes_of, weights_folder, weights_name, weights_there
from annotator.services import checkpoints as services
from annotator.services.merges import merge_queue, merge_remove
from annotator.services.pushes import can_push, push_queue
from annotator.views.projects import desk

BESIDE = ("best", "last")  # weights of another step, inside of the checkpoint's folder


@require_GET
def index(request: SignedInRequest, slug: str) -> HttpResponse:
    member = access.reader(request.user, slug)
    context = {
        **desk(member),
        "policies": [(row, estimates_of(row.metrics)) for row in select.checkpoints_of(member.project)],
        "rewards": [(row, estimates_of(row.metrics)) for row in select.checkpoints_of(member.project, "reward")],
    }
    return render(request, "checkpoints/list.html", context)


@require_GET
def detail(request: SignedInRequest, slug: str, checkpoint_id: int) -> HttpResponse:
    member = access.reader(request.user, slug)
    return _page(request, member, access.checkpoint_of(member, checkpoint_id))


@require_POST
def promote(request: SignedInRequest, slug: str, checkpoint_id: int) -> HttpResponse:
    member = access.owner(request.user, slug)
    checkpoint = services.checkpoint_promote(checkpoint=access.checkpoint_of(member, checkpoint_id))
    promoted = _("%(checkpoint)s is promoted: the next round starts from it.") % {"checkpoint": checkpoint}
    messages.success(request, promoted)
    return SeeOther(reverse("checkpoint", args=[slug, checkpoint_id]))


@require_POST
def retire(request: SignedInRequest, slug: str, checkpoint_id: int) -> HttpResponse:
    member = access.owner(request.user, slug)
    checkpoint = services.checkpoint_retire(checkpoint=access.checkpoint_of(member, checkpoint_id))
    messages.success(request, _("%(checkpoint)s is retired.") % {"checkpoint": checkpoint})
    return SeeOther(reverse("checkpoint", args=[slug, checkpoint_id]))


@require_GET
def card(request: SignedInRequest, slug: str, checkpoint_id: int) -> HttpResponse:
    """The README.md that travels with the weights, as text: what it holds is nobody's markup here."""
    checkpoint = access.checkpoint_of(access.reader(request.user, slug), checkpoint_id)
    return HttpResponse(card_of(checkpoint, Weights.TRAINED), content_type="text/plain; charset=utf-8")


@require_GET
def download(request: SignedInRequest, slug: str, checkpoint_id: int) -> HttpResponseBase:
    member = access.owner(request.user, slug)
    return _taken_along(access.checkpoint_of(member, checkpoint_id), Weights.TRAINED)


@require_http_methods(["GET", "POST"])
def merged(request: SignedInRequest, slug: str, checkpoint_id: int) -> HttpResponse:
    """GET is the live part of the page about whole weights; POST has them made."""
    member = access.owner(request.user, slug)
    checkpoint = access.checkpoint_of(member, checkpoint_id)
    if request.method == "GET":
        return render(request, "checkpoints/detail.html#weights", {**desk(member), **_weights(checkpoint)})
    merge_queue(checkpoint=checkpoint)
    tasks.ring()
    return SeeOther(reverse("checkpoint", args=[slug, checkpoint_id]) + "#weights")


@require_GET
def merged_download(request: SignedInRequest, slug: str, checkpoint_id: int) -> HttpResponseBase:
    member = access.owner(request.user, slug)
    return _taken_along(access.checkpoint_of(member, checkpoint_id), Weights.MERGED)


@require_POST
def merged_remove(request: SignedInRequest, slug: str, checkpoint_id: int) -> HttpResponse:
    member = access.owner(request.user, slug)
    merge_remove(checkpoint=access.checkpoint_of(member, checkpoint_id))
    messages.success(request, _("The whole weights are removed. They can be made again at any time."))
    return SeeOther(reverse("checkpoint", args=[slug, checkpoint_id]) + "#weights")


@require_POST
def push(request: SignedInRequest, slug: str, checkpoint_id: int) -> HttpResponse:
    """Have weights sent to the hub."""
    member = access.owner(request.user, slug)
    checkpoint = access.checkpoint_of(member, checkpoint_id)
    form = PushForm(request.POST, offered=weights_there(checkpoint))
    if not form.is_valid():
        return _page(request, member, checkpoint, form, status=422)
    run = push_queue(
        checkpoint=checkpoint,
        weights=Weights(form.cleaned_data["weights"]),
        repo=form.cleaned_data["repo"],
        private=form.cleaned_data["private"],
    )
    tasks.ring()
    return SeeOther(reverse("run", args=[slug, run.pk]))


def _page(
    request: SignedInRequest, member: Member, checkpoint: Checkpoint, form: PushForm | None = None, status: int = 200
) -> HttpResponse:
    run = checkpoint.run
    context = {
        **desk(member),
        "checkpoint": checkpoint,
        "run": run,
        "lineage": select.checkpoint_lineage(checkpoint),
        "estimates": estimates_of(checkpoint.metrics),
        "reliability": run_reliability(run) if run else None,
        "settings": settings_shown({run.kind: checkpoint.settings}) if run else [],
        **_weights(checkpoint),
        "beside": [name for name in BESIDE if checkpoint.path and (store.store_path(checkpoint.path) / name).is_dir()],
    }
    if can_push() and (offered := weights_there(checkpoint)):
        context |= {"hub": settings.TIEBREAK_HUB, "push_form": form or PushForm(offered=offered)}
    return render(request, "checkpoints/detail.html", context, status=status)


def _taken_along(checkpoint: Checkpoint, weights: Weights) -> HttpResponseBase:
    folder = weights_folder(checkpoint, weights)
    return folder_download(
        folder, weights_name(checkpoint, weights), beside={"README.md": card_of(checkpoint, weights)}
    )


def _weights(checkpoint: Checkpoint) -> dict[str, Any]:
    """What the part about taking weights along shows."""
    merge = checkpoint.merge
    is_made = merge is not None and merge.state == RunState.SUCCEEDED
    names = {weights: weights_name(checkpoint, weights) for weights in Weights}
    return {
        "checkpoint": checkpoint,
        "bytes": store.folder_bytes(checkpoint.path) if checkpoint.path else 0,
        "trained_line": loading_line("adapter" if checkpoint.has_adapter else "whole", names[Weights.TRAINED]),
        "merged_line": loading_line("whole", names[Weights.MERGED]),
        "base_is_public": base_is_public(checkpoint.base_model),
        "merge": merge,
        "is_merge_lost": is_made and Weights.MERGED not in weights_there(checkpoint),
        "merge_status": run_status(merge) if merge else None,
        "merged_bytes": store.folder_bytes(f"{store.run_folder(merge.pk)}/out") if merge and is_made else 0,
        "pushes": pushes_of(checkpoint),
        "drift": _drift(merge.report or {}) if merge and is_made else None,
    }


def _drift(report: dict[str, Any]) -> dict[str, float] | None:
    """How far merged weights are from their adapter, under names that a template can read."""
    found = {name.removeprefix("merge/"): value for name, value in report.get("metrics", {}).items()}
    return found if "greedy_agreement" in found else None
