"""Datasets: the list, a new one, how far it is, what it holds, taking it along, and how it differs from another."""

from __future__ import annotations

from django.conf import settings
from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from annotator import access, tasks
from annotator.domain.datasets.shapes import SHAPES
from annotator.exceptions import InputInvalid, NotFound
from annotator.forms.datasets import DatasetForm, SendingForm
from annotator.http import SeeOther, SignedInRequest, folder_download, page_number
from annotator.models import Dataset, Member
from annotator.selectors import dataset_numbers as numbers
from annotator.selectors.datasets import datasets_page, rounds_known
from annotator.services import datasets as services
from annotator.services.sendings import depots, sending_create
from annotator.views.projects import desk


@require_GET
def index(request: SignedInRequest, slug: str) -> HttpResponse:
    member = access.reader(request.user, slug)
    rows, older = datasets_page(member.project, before=page_number(request, "before"))
    context = {**desk(member), "datasets": rows, "older": older, "shapes": SHAPES}
    return render(request, "datasets/list.html", context)


@require_http_methods(["GET", "POST"])
def create(request: SignedInRequest, slug: str) -> HttpResponse:
    member = access.owner(request.user, slug)
    form = DatasetForm(request.POST or None, rounds=rounds_known(member.project))
    if request.method == "POST" and form.is_valid():
        dataset = services.dataset_create(
            project=member.project,
            shape=form.cleaned_data["shape"],
            file_format=form.cleaned_data["file_format"],
            filters=form.filters,
            by=request.user,
        )
        tasks.ring()
        return SeeOther(reverse("dataset", args=[slug, dataset.version]))
    status = 422 if request.method == "POST" else 200
    return render(request, "datasets/new.html", {**desk(member), "form": form}, status=status)


@require_GET
def detail(request: SignedInRequest, slug: str, version: int) -> HttpResponse:
    member = access.reader(request.user, slug)
    return _page(request, member, access.dataset_of(member, version))


def _page(
    request: SignedInRequest, member: Member, dataset: Dataset, form: SendingForm | None = None, status: int = 200
) -> HttpResponse:
    context = {
        **desk(member),
        "dataset": dataset,
        "form": form or SendingForm(),
        "depots": depots() if dataset.is_ready else [],
        "hub": settings.TIEBREAK_HUB,
        "storage": settings.TIEBREAK_STORAGE,
        "sendings": dataset.sendings.all()[:20],
        "shape": SHAPES[dataset.shape],
        "counts": numbers.counts_shown(dataset),
        "quality": numbers.quality_shown(dataset),
        "earlier": numbers.datasets_before(dataset)[:10] if dataset.is_ready else [],
    }
    return render(request, "datasets/detail.html", context, status=status)


@require_GET
def status(request: SignedInRequest, slug: str, version: int) -> HttpResponse:
    """The live part of the page; once the dataset has ended, the whole page is fetched again."""
    member = access.reader(request.user, slug)
    dataset = access.dataset_of(member, version)
    response = render(request, "datasets/detail.html#live", {**desk(member), "dataset": dataset})
    if not dataset.is_live:
        response["HX-Refresh"] = "true"
    return response


@require_GET
def difference(request: SignedInRequest, slug: str, version: int) -> HttpResponse:
    """To the version that `from` names, or to the one before."""
    member = access.reader(request.user, slug)
    later = access.dataset_of(member, version)
    found = numbers.difference_to(later, page_number(request, "from"))
    if found is None:
        raise NotFound(_("There is no earlier version of the same shape to compare it with."))
    return render(request, "datasets/difference.html", {**desk(member), "difference": found})


@require_GET
def download(request: SignedInRequest, slug: str, version: int) -> HttpResponseBase:
    member = access.reader(request.user, slug)
    dataset = access.dataset_of(member, version)
    return folder_download(services.dataset_folder_ready(dataset), f"{slug}-dataset-{version}")


@require_GET
def file(request: SignedInRequest, slug: str, version: int, name: str) -> HttpResponseBase:
    """One of the files that the manifest names."""
    member = access.reader(request.user, slug)
    dataset = access.dataset_of(member, version)
    path = services.dataset_folder_ready(dataset) / name
    if name not in dataset.manifest["files"] or not path.is_file():
        raise NotFound(_("This dataset has no such file."))
    return FileResponse(path.open("rb"), as_attachment=True, filename=f"{slug}-{version}-{name}")


@require_POST
def send(request: SignedInRequest, slug: str, version: int) -> HttpResponse:
    member = access.owner(request.user, slug)
    dataset = access.dataset_of(member, version)
    form = SendingForm(request.POST)
    if form.is_valid():
        said = form.cleaned_data
        try:
            sending_create(
                dataset=dataset, depot=said["depot"], repo=said["repo"], private=not said["public"], by=request.user
            )
        except InputInvalid as error:
            form.add_error("repo", error.message)
        else:
            tasks.ring()
            return SeeOther(reverse("dataset", args=[slug, version]))
    return _page(request, member, dataset, form=form, status=422)


@require_POST
def stop(request: SignedInRequest, slug: str, version: int) -> HttpResponse:
    member = access.owner(request.user, slug)
    services.dataset_stop(dataset=access.dataset_of(member, version))
    return SeeOther(reverse("dataset", args=[slug, version]))


@require_POST
def start(request: SignedInRequest, slug: str, version: int) -> HttpResponse:
    member = access.owner(request.user, slug)
    services.dataset_start(dataset=access.dataset_of(member, version))
    tasks.ring()
    return SeeOther(reverse("dataset", args=[slug, version]))
