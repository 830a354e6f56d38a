"""How far raters agree, in full."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from annotator import access
from annotator.http import SignedInRequest, page_number
from annotator.selectors.agreement import agreement_tables, ceiling_of
from annotator.selectors.exclusion import left_out
from annotator.selectors.figures import age_of
from annotator.views.projects import desk


@require_GET
def detail(request: SignedInRequest, slug: str) -> HttpResponse:
    """Of the whole project, with ?round= of one round."""
    member = access.owner(request.user, slug)
    number = page_number(request, "round")
    round = None if number is None else access.round_of(member, number)
    scope = round or member.project
    tables = agreement_tables(scope)
    context = {
        **desk(member),
        "round": round,
        "tables": tables,
        "ceiling": ceiling_of(tables, member.project, round) if tables else None,
        "age": age_of(scope, "agreement"),
        "left_out": left_out(scope),
    }
    return render(request, "agreement/detail.html", context)
