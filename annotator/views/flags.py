"""The owner's page on what raters flagged."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from annotator import access
from annotator.http import SeeOther, SignedInRequest, page_number
from annotator.selectors.flags import comparisons_flagged
from annotator.services.flags import comparison_put_back, comparison_set_aside
from annotator.views.projects import desk


@require_GET
def index(request: SignedInRequest, slug: str) -> HttpResponse:
    member = access.reader(request.user, slug)
    page = comparisons_flagged(member.project, before=page_number(request, "before"))
    return render(request, "flags/list.html", {**desk(member), "page": page})


@require_POST
def put_back(request: SignedInRequest, slug: str, comparison_id: int) -> HttpResponse:
    member = access.owner(request.user, slug)
    comparison_put_back(comparison=access.comparison_of(member, comparison_id))
    messages.success(request, _("It is back in play, and its flags are settled."))
    return SeeOther(reverse("flags", args=[slug]))


@require_POST
def set_aside(request: SignedInRequest, slug: str, comparison_id: int) -> HttpResponse:
    member = access.owner(request.user, slug)
    comparison_set_aside(comparison=access.comparison_of(member, comparison_id))
    messages.success(request, _("It is set aside: nobody is shown it, and snapshots leave it out."))
    return SeeOther(reverse("flags", args=[slug]))
