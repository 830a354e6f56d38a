"""How far raters agree, in full."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from annotator import access
from annotator.http import SignedInRequest, page_number
from annotator.selectors.agreement import agreement_of_project, agreement_of_round, ceiling_of
from annotator.views.projects import desk


@require_GET
def detail(request: SignedInRequest, slug: str) -> HttpResponse:
    """Of the whole project, with ?round= of one round."""
    member = access.owner(request.user, slug)
    number = page_number(request, "round")
    round = None if number is None else access.round_of(member, number)
    tables = agreement_of_round(round) if round else agreement_of_project(member.project)
    ceiling = ceiling_of(tables, member.project, round)
    return render(
        request, "agreement/detail.html", {**desk(member), "round": round, "tables": tables, "ceiling": ceiling}
    )
