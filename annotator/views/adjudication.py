"""What raters left open, decided by owners and reviewers: the pair first, the votes after."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from annotator import access
from annotator.domain.adjudication import first_on_left
from annotator.domain.asking import Asking
from annotator.domain.gold import is_overruled, rights_as_shown
from annotator.domain.keys import keys_for
from annotator.exceptions import InputInvalid
from annotator.forms.judging import AdjudicationForm, NoteForm
from annotator.http import SeeOther, SignedInRequest
from annotator.models import Adjudication, Assignment, Comparison, Member
from annotator.selectors import adjudication as select
from annotator.selectors.cards import questions_of, turns_of
from annotator.selectors.faces import face_of
from annotator.selectors.projects import protocol_newest
from annotator.services.adjudication import adjudication_note, comparison_adjudicate
from annotator.views.projects import desk


@require_GET
def index(request: SignedInRequest, slug: str) -> HttpResponse:
    member = access.reader(request.user, slug)
    queue = select.adjudications_waiting(member.project, request.user)
    return render(request, "adjudication/list.html", {**desk(member), "queue": queue})


@never_cache
@require_http_methods(["GET", "POST"])
def comparison(request: SignedInRequest, slug: str, comparison_id: int) -> HttpResponse:
    """GET shows the pair without its votes until it is decided, then with them, and with ?again once more without."""
    member = access.reader(request.user, slug)
    asked = access.comparison_to_adjudicate(member, comparison_id)
    if request.method == "POST":
        try:
            comparison_adjudicate(comparison=asked, by=request.user, answer=AdjudicationForm(request.POST).answer_given)
        except InputInvalid as error:
            return render(request, "adjudication/card.html", _card(member, asked, error.message), status=422)
        return SeeOther(reverse("adjudicate", args=[slug, asked.pk]))
    current = select.adjudication_of(asked)
    if current is None or "again" in request.GET:
        return render(request, "adjudication/card.html", _card(member, asked))
    return render(request, "adjudication/decided.html", _decided(request, member, asked, current))


@require_POST
def note(request: SignedInRequest, slug: str, comparison_id: int) -> HttpResponse:
    member = access.reader(request.user, slug)
    asked = access.comparison_to_adjudicate(member, comparison_id)
    form = NoteForm(request.POST)
    if not form.is_valid():
        raise InputInvalid
    adjudication_note(comparison=asked, by=request.user, note=form.cleaned_data["note"])
    messages.success(request, _("The note is kept."))
    return SeeOther(reverse("adjudicate", args=[slug, asked.pk]))


def _card(member: Member, asked: Comparison, error: str = "") -> dict[str, Any]:
    """The pair as a rater would see it; nothing here tells a vote or who wrote what."""
    face = face_of(Assignment(comparison=asked, first_on_left=first_on_left(asked.pk, member.user_id)))
    asking = Asking(protocol_newest(member.project).asking.preset)
    keys = keys_for(member.user.keys)
    return {
        **desk(member),
        "comparison": asked,
        "asking": asking,
        "keys": keys,
        "questions": questions_of(asking, keys, {}),
        "turns": turns_of(face.turns),
        "left": face.left,
        "right": face.right,
        "error": error,
    }


def _decided(request: SignedInRequest, member: Member, asked: Comparison, current: Adjudication) -> dict[str, Any]:
    """For the sides as whoever decided was shown them."""
    on_left = current.first_on_left
    earlier = select.adjudications_before(current)
    return {
        **desk(member),
        "comparison": asked,
        "current": current,
        "said": select.said_as_shown(current, first_on_left=on_left),
        "earlier": [(one, select.said_as_shown(one, first_on_left=on_left)) for one in earlier],
        "votes": select.votes_on(asked, first_on_left=on_left),
        "expected": select.expected_of(asked, first_on_left=on_left),
        "gold_right": asked.gold and rights_as_shown(asked.gold.right, first_on_left=on_left),
        "is_overruled": asked.gold and is_overruled(asked.gold.right, current.verdict),
        "gold_why": asked.gold and asked.gold.explained(first_on_left=on_left),
        "left": asked.first if on_left else asked.second,
        "right": asked.second if on_left else asked.first,
        "form": NoteForm(initial={"note": current.note}),
        "following": select.adjudication_following(member.project, request.user),
    }
