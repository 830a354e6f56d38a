"""The owner's page of hidden checks: how often, with what consequence, and what they found."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from annotator import access
from annotator.exceptions import InputInvalid
from annotator.forms.checks import ChecksForm
from annotator.http import SeeOther, SignedInRequest
from annotator.models import Member
from annotator.selectors.checks import gold_missed, pausing_of, raters_checked, rules_of
from annotator.selectors.exclusion import left_out
from annotator.services.checks import check_rules_set, member_exclude, member_include, member_resume, pausing_go_on
from annotator.views.projects import desk

SHOWN = 10  # pieces of gold, of those that are missed most


@require_http_methods(["GET", "POST"])
def index(request: SignedInRequest, slug: str) -> HttpResponse:
    """GET shows what was found; POST sets how the project checks."""
    if request.method == "GET":
        member = access.reader(request.user, slug)
        return _page(request, member, ChecksForm(initial=vars(rules_of(member.project))))
    member = access.owner(request.user, slug)
    form = ChecksForm(request.POST)
    if form.is_valid():
        try:
            check_rules_set(project=member.project, rules=form.cleaned_data)
        except InputInvalid as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("Raters are checked in this way from their next pairs on."))
            return SeeOther(reverse("checks", args=[slug]))
    return _page(request, member, form, status=422)


@require_POST
def resume(request: SignedInRequest, slug: str, member_id: int) -> HttpResponse:
    return _done(request, slug, member_id, member_resume, _("%(person)s goes on, and is counted anew."))


@require_POST
def exclude(request: SignedInRequest, slug: str, member_id: int) -> HttpResponse:
    said = _("%(person)s is excluded. Their judgments stay, and nothing is learnt from them.")
    return _done(request, slug, member_id, member_exclude, said)


@require_POST
def include(request: SignedInRequest, slug: str, member_id: int) -> HttpResponse:
    return _done(request, slug, member_id, member_include, _("%(person)s is included again."))


@require_POST
def pausing(request: SignedInRequest, slug: str) -> HttpResponse:
    """An owner has looked at why so many were paused."""
    member = access.owner(request.user, slug)
    pausing_go_on(project=member.project)
    messages.success(request, _("Raters are paused by themselves again."))
    return SeeOther(reverse("checks", args=[slug]))


def _done(request: SignedInRequest, slug: str, member_id: int, service: Callable[..., None], said: str) -> HttpResponse:
    owner = access.owner(request.user, slug)
    member = access.member_of(owner, member_id)
    service(member=member)
    messages.success(request, said % {"person": member.user})
    return SeeOther(reverse("checks", args=[slug]))


def _page(request: SignedInRequest, member: Member, form: ChecksForm, status: int = 200) -> HttpResponse:
    project = member.project
    golds = gold_missed(project)
    context = {
        **desk(member),
        "form": form,
        "raters": raters_checked(project, rules_of(project)),
        "golds": golds[:SHOWN],
        "gold_count": len(golds),
        "left_out": left_out(project),
        "pausing": pausing_of(project),
    }
    return render(request, "checks/list.html", context, status=status)
