"""The rater's page: one comparison, one verdict, the next comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from annotator import access
from annotator.domain.changes import changes_between
from annotator.domain.flags import WORDS
from annotator.domain.keys import ACTIONS, keys_for
from annotator.exceptions import Conflict, InputInvalid
from annotator.forms.judging import FlagsForm, VerdictForm, verdict_form
from annotator.http import SeeOther, SignedInRequest
from annotator.models import Assignment, Judgment, Member
from annotator.selectors.cards import given_in, points_of, points_offered, questions_of, turns_of
from annotator.selectors.checks import owners_of
from annotator.selectors.desk import desk_asked, desk_of
from annotator.selectors.entrance import Entrance, Step, attempts_of, can_practise, is_open_after_reading
from annotator.selectors.faces import Face, face_of
from annotator.selectors.gold import examples_of
from annotator.selectors.habits import habits_of
from annotator.selectors.projects import protocol_seen
from annotator.selectors.queue import judgments_of, last_answered
from annotator.selectors.rounds import judgment_current, round_newest
from annotator.services.assignments import (
    assignment_claim,
    assignment_skip,
    assignments_prolong,
    faces_asked,
    faces_claim,
)
from annotator.services.judgments import judgment_submit
from annotator.services.raters import keys_set
from annotator.shells import hole, hole_number, shell
from annotator.sql import Question
from annotator.templatetags.tiebreak import progress_line, said

HELD = "X-Tiebreak-Cards"  # a page that holds cards ahead says which: ids of assignments, comma between


@never_cache
@require_GET
def judge(request: SignedInRequest, slug: str) -> HttpResponse:
    """The comparison that this rater holds, or a fresh one, or why there is none."""
    return _next(request, access.member(request.user, slug), "annotate/judge.html")


@never_cache
@require_GET
def following(request: SignedInRequest, slug: str) -> HttpResponse:
    """The same as a fragment: what a waiting page asks for again and again, and what a page holds ahead."""
    member = access.member(request.user, slug)
    if HELD in request.headers:
        return _cards(request, member)
    return _next(request, member, "annotate/judge.html#card", seen=request.GET.get("seen", ""))


@never_cache
@require_http_methods(["GET", "POST"])
def assignment(request: SignedInRequest, slug: str, assignment_id: int) -> HttpResponse:
    """GET shows one's own comparison again, to revise it; POST judges it."""
    member, asked = access.asked(request.user, slug, assignment_id)
    if request.method == "GET":
        return render(request, _template(request), _card(member, asked))
    form = verdict_form(protocol_seen(member.project, request.POST.get("protocol", "")).asking)(request.POST)
    if not form.is_valid():
        return _again(request, member, asked, form)
    after = _asked_after(request, member)
    try:
        judgment = judgment_submit(assignment=asked, **form.judgment(), along=after.questions)
    except InputInvalid as error:
        form.add_error(None, error.message)
        return _again(request, member, asked, form)
    except Conflict as error:
        return _moved_on(request, member, error, after)
    return _done(request, member, after, judgment=judgment)


@dataclass(frozen=True)
class After:
    """What the answer to a judgment shows and is asked along with it: where its member sits, and the next pairs."""

    desk: Question | None = None
    faces: Question | None = None

    @property
    def questions(self) -> list[Question]:
        return [one for one in (self.desk, self.faces) if one]


def _asked_after(request: SignedInRequest, member: Member) -> After:
    """For a page that holds pairs."""
    if HELD not in request.headers:
        return After()
    faces = faces_asked(rater=member.user, project=member.project, groups=member.groups)
    return After(desk_asked(member), faces if is_open_after_reading(member) else None)


@require_POST
def skip(request: SignedInRequest, slug: str, assignment_id: int) -> HttpResponse:
    """Pass, and say what is wrong with the pair, or not."""
    member, skipped = access.asked(request.user, slug, assignment_id)
    form = FlagsForm(request.POST)
    if not form.is_valid():
        raise InputInvalid(" ".join(map(str, form.errors["flags"])))
    try:
        assignment_skip(assignment=skipped, flags=form.cleaned_data["flags"])
    except Conflict as error:
        return _moved_on(request, member, error)
    return _done(request, member, skipped=skipped)


@require_POST
def alive(request: SignedInRequest, slug: str) -> HttpResponse:
    """The rater is still reading: what this page holds stays theirs."""
    member = access.member(request.user, slug)
    assignments_prolong(rater=request.user, project=member.project)
    return HttpResponse(status=204)


@require_POST
def keys(request: SignedInRequest, slug: str) -> HttpResponse:
    """Keys of one's own: the fields are actions, their values places on the keyboard."""
    member = access.member(request.user, slug)
    wanted = {action: request.POST[action] for action in ACTIONS if request.POST.get(action)}
    try:
        keys_set(user=request.user, wanted={} if "usual" in request.POST else wanted)
    except InputInvalid as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("Your keys are set."))
    return SeeOther(reverse("judge", args=[member.project.slug]))


@never_cache
@require_GET
def mine(request: SignedInRequest, slug: str) -> HttpResponse:
    """The rater's own judgments, newest first, with what came of them."""
    member = access.member(request.user, slug)
    before = request.GET.get("before", "")
    page = judgments_of(request.user, member.project, before=int(before) if before.isdecimal() else None)
    context = {
        "member": member,
        "project": member.project,
        "page": page,
        "habits": habits_of(request.user, member.project),
        "can_practise": can_practise(member),
    }
    return render(request, "annotate/mine.html", context)


def _again(request: SignedInRequest, member: Member, asked: Assignment, form: VerdictForm) -> HttpResponse:
    """The same card with what was sent and what does not fit."""
    card = _card(member, asked, form)
    if HELD in request.headers:
        again = render_to_string("annotate/judge.html#card", card, request)
        return render(request, "annotate/judge.html#cards", {"again": again}, status=422)
    return render(request, _template(request), card, status=422)


def _done(request: SignedInRequest, member: Member, after: After | None = None, **receipt: Any) -> HttpResponse:
    """On to the next comparison: in the same answer for scripts, by a redirect without."""
    if HELD in request.headers:
        return _cards(request, member, after, **receipt)
    if request.htmx:
        return _next(request, member, "annotate/judge.html#card", **receipt)
    return SeeOther(reverse("judge", args=[member.project.slug]))


def _moved_on(request: SignedInRequest, member: Member, error: Conflict, after: After | None = None) -> HttpResponse:
    """The world moved on under this card: say so, and show the next one."""
    if HELD in request.headers:
        return _cards(request, member, after, notice=error.message, status=error.status)
    if request.htmx:
        return _next(request, member, "annotate/judge.html#card", notice=error.message, status=error.status)
    messages.warning(request, error.message)
    return SeeOther(reverse("judge", args=[member.project.slug]))


def _cards(
    request: SignedInRequest, member: Member, after: After | None = None, *, status: int = 200, **receipt: Any
) -> HttpResponse:
    """The cards that this page does not hold yet, or why there are none; a receipt or a notice with them.

    after  what was asked along with a judgment
    """
    judgment, after = receipt.get("judgment"), after or After()
    around = _around(member, judgment and judgment.assignment, after.desk)
    known = {int(one) for one in request.headers[HELD].split(",") if one.isdecimal()}
    held: list[int] = []
    faces: list[Face] = []
    if around["entrance"].is_open:
        held, faces = faces_claim(
            rater=request.user, project=member.project, known=known, groups=member.groups,
            most=around["entrance"].left, asked=after.faces,
        )  # fmt: skip
    line = progress_line(around["progress"])
    cards = [_card_filled(request, member, face, around, line) for face in faces]
    if not held:
        cards = [render_to_string("annotate/judge.html#card", {**around, **_without_pair(member, around)}, request)]
    page = {**receipt, "progress": line, "said": said(judgment) if judgment else "", "cards": _in_templates(cards)}
    if "notice" in receipt or "skipped" in receipt:
        return HttpResponse(render_to_string("annotate/judge.html#cards", page), status=status)
    alike = ("cards", get_language(), judgment is None)
    return HttpResponse(shell(alike, lambda: _cards_drawn(judgment)).filled({**page, "said": escape(page["said"])}))


def _in_templates(cards: Sequence[SafeString]) -> SafeString:
    return mark_safe("".join(f"<template data-card>{card}</template>" for card in cards))  # templates drew them


def _cards_drawn(judgment: Judgment | None) -> str:
    page = {"progress": hole("progress"), "said": judgment and hole("said"), "cards": hole("cards")}
    return render_to_string("annotate/judge.html#cards", page)


def _next(
    request: SignedInRequest, member: Member, template: str, *, status: int = 200, seen: str = "", **receipt: Any
) -> HttpResponse:
    """The next card, or why there is none; no content when the page says that already (`seen`)."""
    around = _around(member)
    if around["entrance"].is_open:
        claimed = assignment_claim(rater=request.user, project=member.project)
        if claimed is not None:
            context = _card(member, claimed, around=around)
            if context["earlier"]:  # it was sent a moment ago, and stored meanwhile: what comes after it is wanted
                return _next(request, member, template, status=status, seen=seen, **receipt)
            return render(request, template, {**context, **receipt}, status=status)
    why = _without_pair(member, around)
    if seen and seen == why["waiting"]:
        return HttpResponse(status=204)
    return render(request, template, {**around, **receipt, **why}, status=status)


def _without_pair(member: Member, around: dict[str, Any]) -> dict[str, Any]:
    """Why there is no pair: something stands before the next one, or there is none. `waiting` is that as a word."""
    entrance: Entrance = around["entrance"]
    if not entrance.is_open:
        read, newest = entrance.read, entrance.guideline
        return {
            "waiting": entrance.step,
            "changes": changes_between(read.text, newest.text) if read and newest else [],
            "attempts": attempts_of(member) if entrance.step is Step.EXAM else None,
            "owners": owners_of(member.project) if entrance.step is Step.PAUSED else [],
        }
    round = round_newest(member.project)
    return {"round": round, "waiting": f"{around['progress'].state}-{round.state if round else 'none'}"}


def _card(
    member: Member, asked: Assignment, form: VerdictForm | None = None, *, around: dict[str, Any] | None = None
) -> dict[str, Any]:
    """All that the card shows. Nothing here tells who wrote an answer; `form` is what was sent and did not fit."""
    earlier = judgment_current(asked)
    around = around or _around(member)
    card = _card_of(around, face_of(asked), given_in(earlier, first_on_left=asked.first_on_left))
    if form is None:
        return {**card, "ticked": earlier.reasons if earlier else [], "earlier": earlier}
    return {
        **_card_of({**around, "asking": form.asking}, face_of(asked), form.sent),
        "protocol_id": form["protocol"].value(),
        "guideline_id": form["guideline"].value(),
        "ticked": form.ticked,
        "flagged": form.flagged,
        "key": card["key"] if form["key"].errors else form["key"].value(),
        "form": form,
        "earlier": earlier,
    }


def _card_of(around: dict[str, Any], face: Face, given: Mapping[str, str]) -> dict[str, Any]:
    """A card that asks for the first time; `given` is what is chosen already."""
    guideline = around["guideline"]
    return {
        **around,
        "protocol_id": around["protocol"].pk,
        "guideline_id": guideline and guideline.pk,
        "questions": questions_of(around["asking"], around["keys"], given),
        "points": points_of(around["asking"], given),
        "points_offered": points_offered(),
        "given": given,
        "ticked": [],
        "flags": WORDS.items(),
        "flagged": [],
        "assignment": face,
        "turns": turns_of(face.turns),
        "left": face.left,
        "right": face.right,
        "key": VerdictForm.new_key(),
    }


def _card_filled(
    request: SignedInRequest, member: Member, face: Face, around: dict[str, Any], line: SafeString
) -> SafeString:
    """The same card as HTML, from a shell: for all pairs that are asked about in the same way."""
    guideline, undo = around["guideline"], around["undo"]
    roles = tuple(role for role, _text in face.turns)
    asked_alike = (
        get_language(), member.project_id, member.project.slug, member.project.is_blurred, around["protocol"].pk,
        guideline and guideline.pk, tuple(around["keys"].values()), roles, undo is None,
    )  # fmt: skip
    values = {
        "0": str(face.pk),
        "1": str(undo.pk) if undo else "",
        "left": face.left,
        "right": face.right,
        "left_text": escape(face.left_text),
        "right_text": escape(face.right_text),
        "key": str(VerdictForm.new_key()),
        "csrf": get_token(request),
        "progress": line,
        **{f"turn_{place}": text for place, (_role, text) in enumerate(face.turns)},
    }
    return shell(asked_alike, lambda: _card_drawn(around, roles)).filled(values)


def _card_drawn(around: dict[str, Any], roles: Sequence[str]) -> str:
    blank = Face(
        hole_number(0), hole("left_text"), hole("right_text"), hole("left"), hole("right"),
        [(role, hole(f"turn_{place}")) for place, role in enumerate(roles)],
    )  # fmt: skip
    undo = around["undo"] and Assignment(pk=hole_number(1))
    card = _card_of({**around, "undo": undo}, blank, {})
    card |= {"key": hole("key"), "csrf_token": hole("csrf"), "progress_hole": hole("progress")}
    return render_to_string("annotate/judge.html#card", card)


def _around(member: Member, undo: Assignment | None = None, asked: Question | None = None) -> dict[str, Any]:
    """What stands around every card; `undo` where it is known already what was judged last.

    asked  `desk_asked`, where it went along with a judgment
    """
    desk = desk_of(member, asked)
    return {
        "member": member,
        "project": member.project,
        "protocol": desk.protocol,
        "asking": desk.protocol.asking,
        "keys": keys_for(member.user.keys),
        "progress": desk.progress,
        "entrance": desk.entrance,
        "guideline": desk.guideline,
        "examples": partial(examples_of, member.project),  # and so is this
        "can_practise": partial(can_practise, member),  # asked only where a page has a place for it
        "undo": undo or last_answered(member.user, member.project),
    }


def _template(request: SignedInRequest) -> str:
    return "annotate/judge.html#card" if request.htmx else "annotate/judge.html"
