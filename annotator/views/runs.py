"""Runs: the list, one of them live, its curves, and stopping it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.cache import cache
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from annotator import access
from annotator.charts import THEMES, Theme, chart_svg, charts_of, reliability_svg
from annotator.exceptions import NotFound
from annotator.forms.rounds import settings_shown
from annotator.http import SeeOther, SignedInRequest, page_number
from annotator.models import Member, Run
from annotator.selectors import reports
from annotator.selectors import runs as select
from annotator.services.runs import run_cancel
from annotator.views.projects import desk


@require_GET
def index(request: SignedInRequest, slug: str) -> HttpResponse:
    member = access.reader(request.user, slug)
    rows, older = select.runs_page(member.project, before=page_number(request, "before"))
    return render(request, "runs/list.html", {**desk(member), "runs": rows, "older": older})


@require_GET
def detail(request: SignedInRequest, slug: str, run_id: int) -> HttpResponse:
    member = access.reader(request.user, slug)
    return render(request, "runs/detail.html", _run(member, access.run_of(member, run_id)))


@require_GET
def status(request: SignedInRequest, slug: str, run_id: int) -> HttpResponse:
    """The live part of the page; it comes back without its polling once the run has ended."""
    member = access.reader(request.user, slug)
    return render(request, "runs/detail.html#live", _run(member, access.run_of(member, run_id)))


@require_POST
def cancel(request: SignedInRequest, slug: str, run_id: int) -> HttpResponse:
    member = access.owner(request.user, slug)
    run_cancel(run=access.run_of(member, run_id))
    messages.success(request, _("The run is cancelled. Its worker stops within seconds."))
    return SeeOther(reverse("run", args=[slug, run_id]))


@require_GET
def chart(request: SignedInRequest, slug: str, run_id: int, code: str, theme: str) -> HttpResponse:
    """One chart as an image. The address carries the newest measurement, so the browser may keep it for good."""
    member = access.reader(request.user, slug)
    run = access.run_of(member, run_id)
    key = f"chart-{run.pk}-{code}-{theme}-{select.run_last_measured(run)}-{get_language()}"
    drawn = cache.get(key)
    if drawn is None:
        if theme not in THEMES or (drawn := _drawn(run, code, THEMES[theme])) is None:
            raise NotFound(_("This run has no such chart."))
        cache.set(key, drawn, timeout=600)
    return HttpResponse(
        drawn, content_type="image/svg+xml", headers={"Cache-Control": "private, max-age=31536000, immutable"}
    )


def _drawn(run: Run, code: str, theme: Theme) -> str | None:
    if code == "reliability":
        reliability = reports.run_reliability(run)
        return reliability_svg(reliability, theme) if reliability else None
    asked = next((chart for chart in charts_of(select.run_series(run)) if chart.code == code), None)
    return chart_svg(asked, theme) if asked else None


def _run(member: Member, run: Run) -> dict[str, Any]:
    series = select.run_series(run)
    charts = charts_of(series)
    return {
        **desk(member),
        "run": run,
        "status": select.run_status(run),
        "seconds_left": reports.seconds_left(run, series),
        "notes": select.run_notes(run),
        "events": select.run_events(run),
        "estimates": reports.run_estimates(run),
        "reliability": reports.run_reliability(run),
        "charts": [chart for chart in charts if chart.is_main],
        "more_charts": [chart for chart in charts if not chart.is_main],
        "numbers": reports.run_numbers(run, series),
        "measured": select.run_last_measured(run),
        "settings": settings_shown({run.kind: run.settings}),
        "title": select.KIND_TITLES[run.kind],
    }
