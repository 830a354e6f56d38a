"""Rounds: the list, one of them stage by stage, and the button that launches it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from annotator import access, tasks
from annotator.exceptions import Conflict
from annotator.forms.rounds import LaunchForm, launch_presets, launch_start, settings_shown
from annotator.http import SeeOther, SignedInRequest
from annotator.models import Member, Round
from annotator.selectors import rounds as select
from annotator.selectors.agreement import agreement_tables
from annotator.selectors.exclusion import left_out
from annotator.selectors.figures import age_of
from annotator.selectors.quality import estimates_of, quality_of
from annotator.services import rounds as services
from annotator.services.assignments import assignment_release
from annotator.views.projects import desk


@require_GET
def index(request: SignedInRequest, slug: str) -> HttpResponse:
    member = access.reader(request.user, slug)
    return render(request, "rounds/list.html", {**desk(member), "rounds": select.rounds_of(member.project)})


@require_GET
def detail(request: SignedInRequest, slug: str, number: int) -> HttpResponse:
    member = access.reader(request.user, slug)
    round = access.round_of(member, number)
    policy, reward = select.round_checkpoints(round)
    context = {
        **_status(member, round),
        "quality": quality_of(round),
        "agreement": agreement_tables(round),
        "age": age_of(round, "quality"),
        "left_out": left_out(round),
        "leases": select.leases_held(round)[: select.SHOWN],
        "policy": policy,
        "reward": reward,
        "estimates": estimates_of(policy.metrics) if policy else [],
        "settings": settings_shown(round.settings) if round.launched_at else [],
    }
    return render(request, "rounds/detail.html", context)


@require_GET
def status(request: SignedInRequest, slug: str, number: int) -> HttpResponse:
    """The live part of the page. When the round comes to rest, the page is loaded once more, whole."""
    member = access.reader(request.user, slug)
    round = access.round_of(member, number)
    response = render(request, "rounds/detail.html#status", _status(member, round))
    if request.GET.get("state") not in (None, round.state):
        response["HX-Refresh"] = "true"
    return response


@require_http_methods(["GET", "POST"])
def launch(request: SignedInRequest, slug: str, number: int) -> HttpResponse:
    member = access.owner(request.user, slug)
    round = access.round_of(member, number)
    if request.method == "GET":
        code, start = launch_start(request.GET.get("preset", ""))
        template = "rounds/launch.html#settings" if request.htmx else "rounds/launch.html"
        return render(request, template, _launch(member, round, LaunchForm(start=start), code))
    code, start = launch_start(request.POST.get("preset", ""))
    form = LaunchForm(request.POST, start=start)
    if form.is_valid() and form.settings is not None:
        try:
            services.round_launch(round=round, settings=form.settings, by=request.user)
        except Conflict as error:
            context = {**_launch(member, round, form, code), "refusal": error.message}
            return render(request, "rounds/launch.html", context, status=error.status)
        tasks.ring()
        messages.success(request, _("%(round)s is launched. This page follows it.") % {"round": round})
        return SeeOther(reverse("round", args=[slug, number]))
    return render(request, "rounds/launch.html", _launch(member, round, form, code), status=422)


@require_POST
def prepare(request: SignedInRequest, slug: str) -> HttpResponse:
    """Begin the first round, or the next one after a round was abandoned."""
    member = access.owner(request.user, slug)
    round = services.round_prepare(project=member.project)
    tasks.ring()
    return SeeOther(reverse("round", args=[slug, round.number]))


@require_POST
def abandon(request: SignedInRequest, slug: str, number: int) -> HttpResponse:
    member = access.owner(request.user, slug)
    services.round_abandon(round=access.round_of(member, number))
    messages.success(request, _("The round is given up. Its judgments stay."))
    return SeeOther(reverse("round", args=[slug, number]))


@require_POST
def release(request: SignedInRequest, slug: str, number: int, assignment_id: int) -> HttpResponse:
    """Free the slot of somebody who holds a comparison."""
    member = access.owner(request.user, slug)
    assignment_release(assignment=access.lease_of(member, number, assignment_id))
    messages.success(request, _("The comparison is free again."))
    return SeeOther(reverse("round", args=[slug, number]))


@require_POST
def retry(request: SignedInRequest, slug: str, number: int) -> HttpResponse:
    member = access.owner(request.user, slug)
    services.round_retry(round=access.round_of(member, number))
    tasks.ring()
    return SeeOther(reverse("round", args=[slug, number]))


def _status(member: Member, round: Round) -> dict[str, Any]:
    return {
        **desk(member),
        "round": round,
        "progress": select.round_progress(round),
        "stages": select.round_stages(round),
        "can_retry": select.round_can_retry(round),
    }


def _launch(member: Member, round: Round, form: LaunchForm, code: str) -> dict[str, Any]:
    return {
        **desk(member),
        "round": round,
        "progress": select.round_progress(round),
        "form": form,
        "preset": code,
        "presets": launch_presets(),
    }
