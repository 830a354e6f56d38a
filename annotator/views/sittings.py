"""Practice and exam: gold comparisons on the page that raters know."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from annotator import access
from annotator.domain.gold import SittingKind
from annotator.domain.keys import keys_for
from annotator.exceptions import InputInvalid
from annotator.forms.judging import SittingForm
from annotator.http import SeeOther, SignedInRequest, page_number
from annotator.models import Member, Sitting, SittingAnswer
from annotator.selectors.cards import questions_of, turns_of
from annotator.selectors.entrance import attempts_of, entrance_of
from annotator.selectors.renderings import renderings_of
from annotator.selectors.sittings import question_open, sitting_result, sittings_of
from annotator.services.sittings import sitting_answer, sitting_begin


@require_http_methods(["GET", "POST"])
def practice(request: SignedInRequest, slug: str) -> HttpResponse:
    """GET says what practice is and how it went; POST begins, or goes on."""
    member = access.member(request.user, slug)
    if request.method == "POST":
        return _begun(member, SittingKind.PRACTICE)
    context = {**_around(member), "sittings": sittings_of(member, SittingKind.PRACTICE)}
    return render(request, "sittings/practice.html", context)


@require_http_methods(["GET", "POST"])
def exam(request: SignedInRequest, slug: str) -> HttpResponse:
    """GET says what the exam is and how it went; POST begins an attempt, or goes on."""
    member = access.member(request.user, slug)
    if request.method == "POST":
        return _begun(member, SittingKind.EXAM)
    context = {
        **_around(member),
        "sittings": sittings_of(member, SittingKind.EXAM),
        "attempts": attempts_of(member),
        "entrance": entrance_of(member),
    }
    return render(request, "sittings/exam.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
def sitting(request: SignedInRequest, slug: str, sitting_id: int) -> HttpResponse:
    """GET shows the open question, or with ?after= what was right about the one before, or the result; POST answers."""
    member = access.member(request.user, slug)
    asked = access.sitting_of(member, sitting_id)
    if request.method == "POST":
        return _answered(request, member, asked)
    after = page_number(request, "after")
    shown = asked.answers.filter(number=after, answered_at__isnull=False).first() if after else None
    if shown is not None and not asked.is_exam:
        return render(request, "sittings/question.html", _question(member, asked, shown))
    question = question_open(asked)
    if question is None:
        return render(request, "sittings/result.html", {**_around(member), "result": sitting_result(asked)})
    return render(request, "sittings/question.html", _question(member, asked, question))


def _begun(member: Member, kind: SittingKind) -> HttpResponse:
    begun = sitting_begin(member=member, kind=kind)
    return SeeOther(reverse("sitting", args=[member.project.slug, begun.pk]))


def _answered(request: SignedInRequest, member: Member, asked: Sitting) -> HttpResponse:
    form = SittingForm(request.POST)
    if not form.is_valid():
        raise InputInvalid
    try:
        answered = sitting_answer(sitting=asked, **form.answer_given())
    except InputInvalid as error:
        question = question_open(asked)
        if question is None:
            raise
        context = {**_question(member, asked, question), "error": error.message}
        return render(request, "sittings/question.html", context, status=422)
    address = reverse("sitting", args=[member.project.slug, asked.pk])
    return SeeOther(address if asked.is_exam else f"{address}?after={answered.number}")


def _question(member: Member, asked: Sitting, question: SittingAnswer) -> dict[str, Any]:
    """One question as a card; an answered one comes with what was right about it."""
    gold = question.gold
    html = renderings_of([gold.first, gold.second, *(turn["content"] for turn in gold.messages)])
    keys = keys_for(member.user.keys)
    return {
        **_around(member),
        "sitting": asked,
        "question": question,
        "total": asked.answers.count(),
        "asking": asked.asking,
        "questions": questions_of(asked.asking, keys, {"answer": question.answer}),
        "turns": turns_of([(turn["role"], html[turn["content"]]) for turn in gold.messages]),
        "left": html[question.left],
        "right": html[question.right],
    }


def _around(member: Member) -> dict[str, Any]:
    return {"member": member, "project": member.project, "keys": keys_for(member.user.keys), "can_practise": True}
