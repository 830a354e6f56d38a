"""The owner's page of gold comparisons: examples, practice and the exam."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from annotator import access
from annotator.exceptions import InputInvalid
from annotator.forms.gold import GoldForm
from annotator.http import SeeOther, SignedInRequest, page_number
from annotator.models import Member
from annotator.selectors.gold import exam_supply, gold_asked, gold_typed
from annotator.services.gold import gold_add, gold_retire
from annotator.views.projects import desk


@require_http_methods(["GET", "POST"])
def index(request: SignedInRequest, slug: str) -> HttpResponse:
    """GET lists what there is, ?from= begins a new one with the texts of a comparison; POST adds."""
    if request.method == "GET":
        member = access.reader(request.user, slug)
        source = page_number(request, "from")
        typed = gold_typed(access.comparison_of(member, source)) if source else None
        return _page(request, member, GoldForm(initial=typed))
    member = access.owner(request.user, slug)
    form = GoldForm(request.POST)
    if form.is_valid():
        try:
            gold_add(project=member.project, by=request.user, **form.gold())
        except InputInvalid as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("The gold comparison is written down."))
            return SeeOther(reverse("gold", args=[slug]))
    return _page(request, member, form, status=422)


@require_POST
def retire(request: SignedInRequest, slug: str, gold_id: int) -> HttpResponse:
    member = access.owner(request.user, slug)
    gold_retire(gold=access.gold_of(member, gold_id))
    messages.success(request, _("It is asked no more."))
    return SeeOther(reverse("gold", args=[slug]))


def _page(request: SignedInRequest, member: Member, form: GoldForm, status: int = 200) -> HttpResponse:
    context = {
        **desk(member),
        "form": form,
        "groups": gold_asked(member.project),
        "supply": exam_supply(member.project),
    }
    return render(request, "gold/list.html", context, status=status)
