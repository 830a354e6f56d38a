"""The rater's page: one comparison, one verdict, the next comparison."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from annotator import access
from annotator.domain.verdicts import PRESETS
from annotator.exceptions import Conflict
from annotator.forms import VerdictForm
from annotator.http import SeeOther, SignedInRequest
from annotator.models import Assignment, Judgment, Member
from annotator.selectors.projects import guideline_newest, guideline_news
from annotator.selectors.queue import last_answered, progress_for_rater
from annotator.selectors.rounds import judgment_current, round_newest
from annotator.services.assignments import assignment_claim, assignment_skip
from annotator.services.judgments import judgment_submit


@never_cache
@require_GET
def judge(request: SignedInRequest, slug: str) -> HttpResponse:
    """The comparison that this rater holds, or a fresh one, or why there is none."""
    return _next(request, access.member(request.user, slug), "annotate/judge.html")


@never_cache
@require_GET
def following(request: SignedInRequest, slug: str) -> HttpResponse:
    """The same as a fragment: what a waiting page asks for again and again."""
    member = access.member(request.user, slug)
    return _next(request, member, "annotate/judge.html#card", seen=request.GET.get("seen", ""))


@never_cache
@require_http_methods(["GET", "POST"])
def assignment(request: SignedInRequest, slug: str, assignment_id: int) -> HttpResponse:
    """GET shows one's own comparison again, to revise it; POST judges it."""
    member = access.member(request.user, slug)
    asked = access.assignment_of(member, assignment_id)
    preset = PRESETS[member.project.preset]
    if request.method == "GET":
        return render(request, _template(request), _card(member, asked, VerdictForm(preset=preset)))
    form = VerdictForm(request.POST, preset=preset)
    if not form.is_valid():
        return render(request, _template(request), _card(member, asked, form), status=422)
    try:
        judgment = judgment_submit(assignment=asked, **form.judgment())
    except Conflict as error:
        return _moved_on(request, member, error)
    return _done(request, member, judgment=judgment)


@require_POST
def skip(request: SignedInRequest, slug: str, assignment_id: int) -> HttpResponse:
    member = access.member(request.user, slug)
    try:
        assignment_skip(assignment=access.assignment_of(member, assignment_id))
    except Conflict as error:
        return _moved_on(request, member, error)
    return _done(request, member)


def _done(request: SignedInRequest, member: Member, *, judgment: Judgment | None = None) -> HttpResponse:
    """On to the next comparison: in the same answer for htmx, by a redirect without."""
    if request.htmx:
        return _next(request, member, "annotate/judge.html#card", judgment=judgment)
    return SeeOther(reverse("judge", args=[member.project.slug]))


def _moved_on(request: SignedInRequest, member: Member, error: Conflict) -> HttpResponse:
    """The world moved on under this card: say so, and show the next one."""
    if request.htmx:
        return _next(request, member, "annotate/judge.html#card", notice=error.message, status=error.status)
    messages.warning(request, error.message)
    return SeeOther(reverse("judge", args=[member.project.slug]))


def _next(
    request: SignedInRequest, member: Member, template: str, *, status: int = 200, seen: str = "", **receipt: Any
) -> HttpResponse:
    """The next card, or why there is none; no content when the page says that already (`seen`)."""
    claimed = assignment_claim(rater=request.user, project=member.project)
    if claimed is not None:
        context = _card(member, claimed, VerdictForm(preset=PRESETS[member.project.preset]))
        return render(request, template, {**context, **receipt}, status=status)
    context = _around(member)
    round = round_newest(member.project)
    waiting = f"{context['progress'].state}-{round.state if round else 'none'}"
    if seen == waiting:
        return HttpResponse(status=204)
    return render(request, template, {**context, **receipt, "round": round, "waiting": waiting}, status=status)


def _card(member: Member, asked: Assignment, form: VerdictForm) -> dict[str, Any]:
    """All that the card shows. Nothing here tells who wrote an answer."""
    return {
        **_around(member),
        "assignment": asked,
        "messages_before": asked.comparison.prompt.messages,
        "form": form,
        "key": form["key"].value() if form.is_bound and not form["key"].errors else VerdictForm.new_key(),
        "earlier": judgment_current(asked),
    }


def _around(member: Member) -> dict[str, Any]:
    guideline = guideline_newest(member.project)
    return {
        "member": member,
        "project": member.project,
        "preset": PRESETS[member.project.preset],
        "progress": progress_for_rater(member.user, member.project),
        "guideline": guideline,
        "guideline_news": guideline_news(member.user, guideline),
        "undo": last_answered(member.user, member.project),
    }


def _template(request: SignedInRequest) -> str:
    return "annotate/judge.html#card" if request.htmx else "annotate/judge.html"
