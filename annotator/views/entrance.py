"""What a member says before they judge."""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from annotator import access
from annotator.http import SeeOther, SignedInRequest
from annotator.services.entrance import content_answer, guideline_acknowledge, member_shown_around


@require_POST
def content(request: SignedInRequest, slug: str) -> HttpResponse:
    """Whether they want to see what the project warns about."""
    member = access.member(request.user, slug)
    content_answer(member=member, answer=request.POST.get("content", ""))
    return SeeOther(reverse("judge", args=[slug]))


@require_POST
def guideline(request: SignedInRequest, slug: str, version: int) -> HttpResponse:
    """They have read this version; a newer one may have come meanwhile, and is asked about next."""
    member = access.member(request.user, slug)
    guideline_acknowledge(guideline=access.guideline_of(member, version), user=request.user)
    return SeeOther(reverse("judge", args=[slug]))


@require_POST
def around(request: SignedInRequest, slug: str) -> HttpResponse:
    """They know the page, or want to be shown around once more."""
    member = access.member(request.user, slug)
    member_shown_around(member=member, is_done="again" not in request.POST)
    return SeeOther(reverse("judge", args=[slug]))
