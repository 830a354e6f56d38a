"""The owner's page on who writes the better answers, and its chart."""

from __future__ import annotations

import hashlib

from django.core.cache import cache
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from annotator import access, tasks
from annotator.charts import THEMES, leaderboard_svg
from annotator.exceptions import NotFound
from annotator.forms.leaderboard import LeaderboardForm
from annotator.http import SignedInRequest
from annotator.selectors.exclusion import left_out
from annotator.selectors.figures import age_of
from annotator.selectors.leaderboard import LEADERBOARD, leaderboard_of, tags_of
from annotator.services.figures import figure_ask
from annotator.views.projects import desk


@require_GET
def index(request: SignedInRequest, slug: str) -> HttpResponse:
    member = access.reader(request.user, slug)
    project, form = member.project, LeaderboardForm(request.GET, tags=tags_of(member.project))
    wish = form.wish
    if figure_ask(project=project, name=LEADERBOARD, wish=wish.said):
        tasks.count_soon()
    context = {
        **desk(member),
        "form": form,
        "wish": wish,
        "board": leaderboard_of(project, wish),
        "asked": request.GET.urlencode(),
        "age": age_of(project, LEADERBOARD, wish.said),
        "left_out": left_out(project),
    }
    return render(request, "leaderboard.html", context)


@require_GET
def chart(request: SignedInRequest, slug: str, theme: str) -> HttpResponse:
    """Ratings and intervals as an image, of what the same address asks the page for."""
    member = access.reader(request.user, slug)
    board = leaderboard_of(member.project, LeaderboardForm(request.GET, tags=tags_of(member.project)).wish)
    shown = [row for row in board.first if row.rating.value is not None] if board else []
    if theme not in THEMES or not shown:
        raise NotFound(_("There is no such chart."))
    drawn_from = repr([(row.contestant, row.rating.value, row.rating.low, row.rating.high) for row in shown])
    key = f"leaderboard-chart-{theme}-{get_language()}-{hashlib.sha256(drawn_from.encode()).hexdigest()}"
    drawn = cache.get(key)
    if drawn is None:
        drawn = leaderboard_svg(shown, THEMES[theme])
        cache.set(key, drawn, timeout=600)
    return HttpResponse(drawn, content_type="image/svg+xml", headers={"Cache-Control": "private, no-cache"})
