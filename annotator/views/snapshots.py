"""Snapshots: the list, one of them with its counts, and taking it home."""

from __future__ import annotations

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from annotator import access, store
from annotator.exceptions import NotFound
from annotator.http import SignedInRequest, folder_download
from annotator.selectors import lineage as select
from annotator.views.projects import desk


@require_GET
def index(request: SignedInRequest, slug: str) -> HttpResponse:
    member = access.reader(request.user, slug)
    return render(request, "snapshots/list.html", {**desk(member), "snapshots": select.snapshots_of(member.project)})


@require_GET
def detail(request: SignedInRequest, slug: str, version: int) -> HttpResponse:
    member = access.reader(request.user, slug)
    snapshot = access.snapshot_of(member, version)
    context = {**desk(member), "snapshot": snapshot, "checkpoints": select.checkpoints_from(snapshot)}
    return render(request, "snapshots/detail.html", context)


@require_GET
def download(request: SignedInRequest, slug: str, version: int) -> HttpResponseBase:
    member = access.reader(request.user, slug)
    snapshot = access.snapshot_of(member, version)
    folder = store.store_path(snapshot.path)
    if not folder.is_dir():
        raise NotFound(_("The folder of this snapshot is missing from the store. Restore it from a backup."))
    return folder_download(folder, f"{slug}-snapshot-{version}")
