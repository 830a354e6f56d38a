"""Checkpoints: the list, one of them with where it came from, trusting it, and taking it home."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from annotator import access, store
from annotator.exceptions import NotFound
from annotator.forms.rounds import settings_shown
from annotator.http import SeeOther, SignedInRequest, folder_download
from annotator.selectors import lineage as select
from annotator.selectors.quality import estimates_of
from annotator.selectors.reports import run_reliability
from annotator.services import checkpoints as services
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
    checkpoint = access.checkpoint_of(member, checkpoint_id)
    run = checkpoint.run
    context = {
        **desk(member),
        "checkpoint": checkpoint,
        "run": run,
        "lineage": select.checkpoint_lineage(checkpoint),
        "estimates": estimates_of(checkpoint.metrics),
        "reliability": run_reliability(run) if run else None,
        "settings": settings_shown({run.kind: checkpoint.settings}) if run else [],
        "bytes": store.folder_bytes(checkpoint.path) if checkpoint.path else 0,
        "beside": [name for name in BESIDE if checkpoint.path and (store.store_path(checkpoint.path) / name).is_dir()],
        "is_adapter": checkpoint.settings.get("lora_rank", 1) > 0,
    }
    return render(request, "checkpoints/detail.html", context)


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
def download(request: SignedInRequest, slug: str, checkpoint_id: int) -> HttpResponseBase:
    member = access.reader(request.user, slug)
    checkpoint = access.checkpoint_of(member, checkpoint_id)
    folder = store.store_path(checkpoint.path)
    if not checkpoint.path or not folder.is_dir():
        raise NotFound(_("This checkpoint has no folder of its own: it is the base model as it is."))
    return folder_download(folder, f"{slug}-{checkpoint.name}")
