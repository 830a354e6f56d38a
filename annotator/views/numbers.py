"""The owner's numbers: how judging goes, who does how much, and what more of it is worth."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from datetime import date
from enum import StrEnum
from typing import TypeVar

from django.contrib import messages
from django.core.cache import cache
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from annotator import access
from annotator.charts import THEMES, numbers_svg
from annotator.exceptions import NotFound
from annotator.forms.hours import HoursForm
from annotator.http import Echo, SeeOther, SignedInRequest, page_number
from annotator.models import Member
from annotator.selectors.exclusion import left_out
from annotator.selectors.figures import age_of
from annotator.selectors.hours import Order, hours_by_day, raters_page
from annotator.selectors.pace import Span, Throughput, forecast_of, throughput_of
from annotator.selectors.queue_health import depths_of, queue_health
from annotator.selectors.rounds import round_newest
from annotator.selectors.trend import By, Trend, trend_of
from annotator.selectors.worth import Value, value_of
from annotator.services.assignments import assignments_release
from annotator.views.projects import desk

Word = TypeVar("Word", bound=StrEnum)
HOURS = ("username", "day", "judgments", "skips", "active_hours")


@require_GET
def index(request: SignedInRequest, slug: str) -> HttpResponse:
    member = access.reader(request.user, slug)
    round, by = round_newest(member.project), _chosen(request, "by", By.DAY)
    context = {
        **desk(member),
        "throughput": throughput_of(member.project, _chosen(request, "span", Span.WEEK)),
        "trend": trend_of(member.project, by),
        "age": age_of(member.project, f"trend-{by}"),
        "left_out": left_out(member.project),
        "value": value_of(member.project),
        "round": round,
        "asked": request.GET.urlencode(),
    }
    if round:
        health = queue_health(round)
        context |= {
            "health": health,
            "depths": depths_of(round, health.comparisons),
            "forecast": forecast_of(round) if round.is_collecting else None,
        }
    return render(request, "numbers/index.html", context)


@require_GET
def raters(request: SignedInRequest, slug: str) -> HttpResponse:
    member = access.reader(request.user, slug)
    today = timezone.now().date()
    return _raters(request, member, HoursForm(initial={"first": today.replace(day=1), "last": today}))


@require_GET
def hours(request: SignedInRequest, slug: str) -> HttpResponseBase:
    """Active hours by person and day as CSV, sent while it is read."""
    member = access.owner(request.user, slug)
    form = HoursForm(request.GET)
    if not form.is_valid():
        return _raters(request, member, form, status=422)
    first, last = form.cleaned_data["first"], form.cleaned_data["last"]
    response = StreamingHttpResponse(_csv(member, first, last), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{slug}-hours-{first}-{last}.csv"'
    return response


@require_POST
def release(request: SignedInRequest, slug: str, user_id: int) -> HttpResponse:
    member = access.owner(request.user, slug)
    rater = access.asked_of(member, user_id)
    released = assignments_release(rater=rater, project=member.project)
    said = ngettext(
        "%(number)s comparison of %(person)s went back to the queue.",
        "%(number)s comparisons of %(person)s went back to the queue.",
        released,
    )
    messages.success(request, said % {"number": released, "person": rater})
    return SeeOther(reverse("numbers", args=[slug]))


@require_GET
def chart(request: SignedInRequest, slug: str, code: str, theme: str) -> HttpResponse:
    """An image of what the same address asks the page for."""
    member = access.reader(request.user, slug)
    project = member.project
    drawn_from: Throughput | Trend | Value | None
    match code:
        case "throughput":
            drawn_from = throughput_of(project, _chosen(request, "span", Span.WEEK))
        case "trend":
            drawn_from = trend_of(project, _chosen(request, "by", By.DAY))
        case "value":
            drawn_from = value_of(project)
        case _:
            raise NotFound(_("There is no such chart."))
    if drawn_from is None or drawn_from.is_empty or theme not in THEMES:
        raise NotFound(_("There is no such chart."))
    key = f"numbers-{code}-{theme}-{get_language()}-{hashlib.sha256(repr(drawn_from).encode()).hexdigest()}"
    drawn = cache.get(key)
    if drawn is None:
        drawn = numbers_svg(drawn_from, THEMES[theme])
        cache.set(key, drawn, timeout=600)
    return HttpResponse(drawn, content_type="image/svg+xml", headers={"Cache-Control": "private, no-cache"})


def _raters(request: SignedInRequest, member: Member, form: HoursForm, status: int = 200) -> HttpResponse:
    page = raters_page(member.project, _chosen(request, "by", Order.JUDGMENTS), after=page_number(request, "after"))
    context = {**desk(member), "page": page, "form": form, "is_first": "after" not in request.GET}
    return render(request, "numbers/raters.html", context, status=status)


def _csv(member: Member, first: date, last: date) -> Iterator[str]:
    writer = csv.writer(Echo())
    yield writer.writerow(HOURS)
    for username, day, judgments, skips, seconds in hours_by_day(member.project, first, last):
        # A spreadsheet takes what begins like this for a formula.
        name = f"'{username}" if username.startswith(("=", "+", "-", "@")) else username
        yield writer.writerow([name, day, judgments, skips, f"{seconds / 3600:.4f}"])


def _chosen(request: SignedInRequest, name: str, otherwise: Word) -> Word:
    """A word in the address; nonsense counts as left out."""
    try:
        return type(otherwise)(request.GET.get(name, otherwise))
    except ValueError:
        return otherwise
