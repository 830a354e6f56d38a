"""Prompts: the list, one of them with its answers, and adding more."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from annotator import access
from annotator.exceptions import InputInvalid
from annotator.forms.prompts import PromptsForm
from annotator.http import SeeOther, SignedInRequest, page_number
from annotator.selectors import prompts as select
from annotator.services.prompts import prompts_add
from annotator.views.projects import desk


@require_GET
def index(request: SignedInRequest, slug: str) -> HttpResponse:
    member = access.reader(request.user, slug)
    filters = {"split": request.GET.get("split", ""), "words": request.GET.get("words", "")[:200]}
    page = select.prompts_page(
        member.project, before=page_number(request, "before"), after=page_number(request, "after"), **filters
    )
    context = {**desk(member), "page": page, "counts": select.prompt_counts(member.project), "filters": filters}
    return render(request, "prompts/list.html", context)


@require_GET
def detail(request: SignedInRequest, slug: str, prompt_id: int) -> HttpResponse:
    member = access.reader(request.user, slug)
    prompt = access.prompt_of(member, prompt_id)
    context = {
        **desk(member),
        "prompt": prompt,
        "responses": select.responses_of(prompt),
        "comparisons": select.comparisons_of(prompt),
    }
    return render(request, "prompts/detail.html", context)


@require_http_methods(["GET", "POST"])
def add(request: SignedInRequest, slug: str) -> HttpResponse:
    member = access.owner(request.user, slug)
    if request.method == "GET":
        return render(request, "prompts/add.html", {**desk(member), "form": PromptsForm()})
    form = PromptsForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            added, known = prompts_add(
                project=member.project,
                conversations=form.cleaned_data["conversations"],
                source=form.cleaned_data["source"],
            )
        except InputInvalid as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _added(added, known))
            return SeeOther(reverse("prompts", args=[slug]))
    return render(request, "prompts/add.html", {**desk(member), "form": form}, status=422)


def _added(added: int, known: int) -> str:
    """What came of the upload, in one sentence or two."""
    sentence = ngettext("%(number)s prompts are added.", "%(number)s prompts are added.", added)
    sentences = [sentence % {"number": number_format(added, force_grouping=True)}]
    if known:
        sentence = ngettext("%(number)s were here already.", "%(number)s were here already.", known)
        sentences.append(sentence % {"number": number_format(known, force_grouping=True)})
    return " ".join(sentences)
