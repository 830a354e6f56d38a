"""The owner's page of the queue."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from annotator import access, tasks
from annotator.exceptions import InputInvalid
from annotator.forms.queue import PairForm, QueueForm, WantedForm
from annotator.http import SeeOther, SignedInRequest
from annotator.models import Member
from annotator.selectors.rewards import scoring_newest
from annotator.selectors.rounds import round_newest, round_progress
from annotator.selectors.steering import authors_of, groups_of
from annotator.services.comparisons import comparisons_prioritise, comparisons_want
from annotator.services.queue import queue_update
from annotator.views.projects import desk


@require_http_methods(["GET", "POST"])
def index(request: SignedInRequest, slug: str) -> HttpResponse:
    if request.method == "GET":
        member = access.reader(request.user, slug)
        return _page(request, member, form=QueueForm(initial=QueueForm.typed(member.project)))
    member = access.owner(request.user, slug)
    form = QueueForm(request.POST)
    if form.is_valid():
        try:
            placing = queue_update(project=member.project, **form.settings())
        except InputInvalid as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("The settings are saved."))
            if placing:
                tasks.place_soon(placing.pk)
            return SeeOther(reverse("queue", args=[slug]))
    return _page(request, member, form=form, status=422)


@require_POST
def wanted(request: SignedInRequest, slug: str) -> HttpResponse:
    """k of the round that collects."""
    member = access.owner(request.user, slug)
    round = access.round_collecting(member)
    form = WantedForm(request.POST)
    if not form.is_valid():
        return _page(request, member, wanted=form, status=422)
    changed = comparisons_want(comparisons=round.comparisons.in_play(), wanted=form.cleaned_data["wanted"])
    said = ngettext("%(n)s comparison wants another number now.", "%(n)s comparisons want another number now.", changed)
    messages.success(request, said % {"n": changed})
    return SeeOther(reverse("queue", args=[slug]))


@require_POST
def first(request: SignedInRequest, slug: str) -> HttpResponse:
    """Put a pair of authors before the others, or behind them."""
    member = access.owner(request.user, slug)
    round = access.round_collecting(member)
    form = PairForm(request.POST, authors=authors_of(member.project))
    if form.is_valid():
        try:
            _moved(request, comparisons_prioritise(round=round, **form.pair()))
        except InputInvalid as error:
            form.add_error(None, error.message)
        else:
            return SeeOther(reverse("queue", args=[slug]))
    return _page(request, member, pair=form, status=422)


def _moved(request: SignedInRequest, moved: int) -> None:
    said = ngettext(
        "%(n)s comparison has another place in the queue.", "%(n)s comparisons have another place in the queue.", moved
    )
    messages.success(request, said % {"n": moved})


def _page(
    request: SignedInRequest, member: Member, *, form: QueueForm | None = None, wanted: WantedForm | None = None,
    pair: PairForm | None = None, status: int = 200,
) -> HttpResponse:  # fmt: skip
    project, round = member.project, round_newest(member.project)
    context: dict[str, Any] = {
        **desk(member),
        "form": form or QueueForm(initial=QueueForm.typed(project)),
        "groups": groups_of(project),
    }
    if round is not None and round.is_collecting:
        context |= {
            "round": round,
            "progress": round_progress(round),
            "scoring": scoring_newest(round),
            "wanted": wanted or WantedForm(initial={"wanted": project.overlap}),
            "pair": pair or PairForm(authors=authors_of(project)),
        }
    return render(request, "queue/settings.html", context, status=status)
