"""The owner's page on who writes the better answers, and its chart."""

from __future__ import annotations

import hashlib

from django.core.cache import cache
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from annotator import access
from annotator.charts import THEMES, leaderboard_svg
from annotator.exceptions import NotFound
from annotator.forms.leaderboard import LeaderboardForm
from annotator.http import SignedInRequest
from annotator.selectors.leaderboard import leaderboard_of, tags_of
from annotator.views.projects import desk


@require_GET
def index(request: SignedInRequest, slug: str) -> HttpResponse:
    member = access.reader(request.user, slug)
    form = LeaderboardForm(request.GET, tags=tags_of(member.project))
    board = leaderboard_of(member.project, form.wish)
    context = {**desk(member), "form": form, "wish": form.wish, "board": board, "asked": request.GET.urlencode()}
    return render(request, "leaderboard.html", context)


@require_GET
def chart(request: SignedInRequest, slug: str, theme: str) -> HttpResponse:
    """Ratings and intervals as an image, of what the same address asks the page for."""
    member = access.reader(request.user, slug)
    board = leaderboard_of(member.project, LeaderboardForm(request.GET, tags=tags_of(member.project)).wish)
    shown = [row for row in board.first if row.rating.value is not None]
    if theme not in THEMES or not shown:
        raise NotFound(_("There is no such chart."))
    drawn_from = repr([(row.contestant, row.rating.value, row.rating.low, row.rating.high) for row in shown])
    key = f"leaderboard-chart-{theme}-{get_language()}-{hashlib.sha256(drawn_from.encode()).hexdigest()}"
    drawn = cache.get(key)
    if drawn is None:
        drawn = leaderboard_svg(shown, THEMES[theme])
        cache.set(key, drawn, timeout=600)
    return HttpResponse(drawn, content_type="image/svg+xml", headers={"Cache-Control": "private, no-cache"})
