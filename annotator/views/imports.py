"""Bringing data in: what was brought, a look at a file before it is stored, and how far it is."""

from __future__ import annotations

from django.conf import settings
from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRefresh

from annotator import access, tasks
from annotator.domain.lifecycles import ImportState
from annotator.exceptions import InputInvalid, NotFound
from annotator.forms.imports import ImportForm, ReadAsForm, StartForm
from annotator.http import SeeOther, SignedInRequest, page_number
from annotator.models import Import, Member
from annotator.selectors.imports import imports_page
from annotator.services import imports as services
from annotator.services.import_fetches import import_add_from_hub
from annotator.views.projects import desk


@require_http_methods(["GET", "POST"])
def index(request: SignedInRequest, slug: str) -> HttpResponse:
    """GET lists what was brought; POST keeps a file and looks at it."""
    member = access.owner(request.user, slug)
    form = ImportForm(
        request.POST or None, request.FILES or None, server_files=services.server_files(), hub=settings.TIEBREAK_HUB
    )
    if request.method == "POST" and form.is_valid():
        try:
            upload = form.cleaned_data.get("file")
            if upload:
                one = services.import_add(
                    project=member.project, name=upload.name, chunks=upload.chunks(), by=request.user
                )
            elif form.cleaned_data.get("dataset"):
                one = import_add_from_hub(project=member.project, dataset=form.cleaned_data["dataset"], by=request.user)
                tasks.ring()
            else:
                one = services.import_add_from_server(
                    project=member.project, name=form.cleaned_data["server"], by=request.user
                )
        except InputInvalid as error:
            form.add_error(None, error.message)
        else:
            return SeeOther(reverse("import", args=[slug, one.pk]))
    rows, older = imports_page(member.project, before=page_number(request, "before"))
    context = {**desk(member), "form": form, "imports": rows, "older": older}
    return render(request, "imports/list.html", context, status=422 if request.method == "POST" else 200)


@require_GET
def detail(request: SignedInRequest, slug: str, import_id: int) -> HttpResponse:
    member = access.owner(request.user, slug)
    return _page(request, member, access.import_of(member, import_id))


@require_GET
def status(request: SignedInRequest, slug: str, import_id: int) -> HttpResponse:
    """The live part of the page; it comes back without its polling once the import has ended."""
    member = access.owner(request.user, slug)
    one = access.import_of(member, import_id)
    if request.htmx and one.state in (ImportState.UPLOADED, ImportState.RECOGNISED):
        return HttpResponseClientRefresh()  # it was fetched: the rest of the page is about what was understood
    return render(request, "imports/detail.html#live", {**desk(member), "one": one})


@require_POST
def read_as(request: SignedInRequest, slug: str, import_id: int) -> HttpResponse:
    member = access.owner(request.user, slug)
    one = access.import_of(member, import_id)
    form = ReadAsForm(request.POST, columns=one.sample.get("columns", []))
    if form.is_valid():
        try:
            services.import_read_as(one=one, format=form.cleaned_data["format"], columns=form.columns)
        except InputInvalid as error:
            form.add_error(None, error.message)
        else:
            return SeeOther(reverse("import", args=[slug, import_id]))
    return _page(request, member, one, form=form, status=422)


@require_POST
def start(request: SignedInRequest, slug: str, import_id: int) -> HttpResponse:
    member = access.owner(request.user, slug)
    one = access.import_of(member, import_id)
    form = StartForm(request.POST)
    if not form.is_valid():
        return _page(request, member, one, starting=form, status=422)
    # Going on asks nothing anew.
    services.import_start(one=one, license=form.cleaned_data["license"] if "license" in request.POST else None)
    tasks.ring()
    return SeeOther(reverse("import", args=[slug, import_id]))


@require_POST
def stop(request: SignedInRequest, slug: str, import_id: int) -> HttpResponse:
    member = access.owner(request.user, slug)
    services.import_stop(one=access.import_of(member, import_id))
    return SeeOther(reverse("import", args=[slug, import_id]))


@require_GET
def errors(request: SignedInRequest, slug: str, import_id: int) -> HttpResponseBase:
    """The rows that did not fit, as JSON lines."""
    member = access.owner(request.user, slug)
    one = access.import_of(member, import_id)
    path = services.errors_path(one)
    if not one.counts.get("errors_bytes") or not path.is_file():
        raise NotFound(_("This import has no bad rows."))
    return FileResponse(
        path.open("rb"),
        as_attachment=True,
        filename=f"import-{one.pk}-errors.jsonl",
        content_type="application/x-ndjson",
    )


def _page(
    request: SignedInRequest,
    member: Member,
    one: Import,
    form: ReadAsForm | None = None,
    starting: StartForm | None = None,
    status: int = 200,
) -> HttpResponse:
    if form is None:
        chosen = {"format": one.format or "columns", **{f"column-{r}": name for r, name in one.columns.items()}}
        form = ReadAsForm(initial=chosen, columns=one.sample.get("columns", []))
    context = {**desk(member), "one": one, "form": form, "starting": starting or StartForm()}
    return render(request, "imports/detail.html", context, status=status)
