"""What a rater does: take the next pair, answer or skip it, look back. Nothing here tells who wrote an answer."""

from __future__ import annotations

import uuid
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotator import access
from annotator.api.fields import HIGHEST, NumberField
from annotator.api.operation import Operation, fitting, person
from annotator.api.pages import PAGING, page_of, paged
from annotator.api.prompts import TurnSerializer
from annotator.api.rows import NDJSON, Lines, RowResultOutput, Stored, rows_sent
from annotator.domain.asking import Asking, Said
from annotator.domain.flags import FlagKind
from annotator.domain.scopes import Scope
from annotator.domain.verdicts import Preset
from annotator.exceptions import TiebreakError
from annotator.models import Assignment, Content, Guideline, Judgment, Member, Protocol
from annotator.selectors.entrance import Step, entrance_of
from annotator.selectors.projects import guideline_newest, protocol_newest
from annotator.selectors.queue import judgments_given
from annotator.services.assignments import assignment_claim, assignment_skip, assignments_prolong
from annotator.services.entrance import content_answer, guideline_acknowledge
from annotator.services.judgments import judgment_submit

MOST_JUDGMENTS = 500
LONGEST_EDIT = 100_000
WHY = [step.value for step in Step if step is not Step.OPEN] + ["nothing_left"]


# --- what is asked -------------------------------------------------------------


class ChoiceOutput(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="What to send.")
    label = serializers.CharField()
    value = serializers.FloatField(allow_null=True, help_text="−1: A is clearly better; 1: B is.")


class CriterionOutput(serializers.Serializer[Any]):
    code = serializers.CharField()
    name = serializers.CharField()
    question = serializers.CharField()
    answers = ChoiceOutput(many=True)


class PointsOutput(serializers.Serializer[Any]):
    code = serializers.CharField()
    name = serializers.CharField()


class AskingOutput(serializers.Serializer[Any]):
    """One version of the protocol: send its `id` with each judgment, so that it is held against what you saw."""

    id = serializers.IntegerField()
    version = serializers.IntegerField()
    preset = serializers.CharField()
    question = serializers.CharField()
    answers = ChoiceOutput(many=True)
    criteria = CriterionOutput(many=True)
    ratings = PointsOutput(many=True, help_text="0 to 4 points for each answer.")
    reason = serializers.ChoiceField(choices=["off", "optional", "required"])
    reasons = serializers.ListField(child=serializers.CharField())
    edit = serializers.BooleanField(help_text="Whether the better answer may be improved.")


class AssignmentOutput(serializers.Serializer[Assignment]):
    """A pair as you see it. Answer A stands left, B right; which is which was drawn."""

    id = serializers.IntegerField()
    messages = TurnSerializer(many=True, source="comparison.prompt.messages")
    left = serializers.CharField(source="left.text", allow_blank=True)
    right = serializers.CharField(source="right.text", allow_blank=True)
    state = serializers.ChoiceField(choices=["held", "answered", "skipped", "lapsed"])
    leased_until = serializers.DateTimeField()


class NextOutput(serializers.Serializer[Any]):
    waiting = serializers.ChoiceField(
        choices=WHY, allow_null=True, help_text="Why there is no pair; null when there is."
    )
    assignment = AssignmentOutput(allow_null=True)
    protocol = AskingOutput()
    guideline = serializers.IntegerField(allow_null=True, help_text="Newest version of the guideline.")


class GuidelineReadOutput(serializers.Serializer[Guideline]):
    version = serializers.IntegerField()
    text = serializers.CharField(allow_blank=True)
    must_read = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class GivenOutput(serializers.Serializer[Judgment]):
    """What you said, as you said it."""

    id = serializers.IntegerField()
    assignment = serializers.IntegerField(source="assignment_id")
    answer = serializers.CharField()
    reasons = serializers.ListField(child=serializers.CharField())
    rationale = serializers.CharField(allow_blank=True)
    seconds = serializers.FloatField()
    supersedes = serializers.IntegerField(source="supersedes_id", allow_null=True)
    created_at = serializers.DateTimeField()


class PointsInput(serializers.Serializer[Any]):
    left = serializers.IntegerField(min_value=0, max_value=4)
    right = serializers.IntegerField(min_value=0, max_value=4)


@extend_schema_serializer(
    examples=[OpenApiExample("B is better", {"answer": "b", "rationale": "Kinder.", "seconds": 12.5})]
)
class SaidInput(serializers.Serializer[Any]):
    answer = serializers.CharField(max_length=40, help_text="Code of an answer; two sliders as 37-82.")
    criteria = serializers.DictField(child=serializers.CharField(max_length=40), required=False, default=dict)
    points = serializers.DictField(child=PointsInput(), required=False, default=dict)
    reasons = serializers.ListField(
        child=serializers.CharField(max_length=4_000), required=False, default=list, max_length=100
    )
    rationale = serializers.CharField(max_length=4_000, required=False, allow_blank=True, default="")
    edit_left = serializers.CharField(
        max_length=LONGEST_EDIT, required=False, allow_blank=True, default="", trim_whitespace=False
    )
    edit_right = serializers.CharField(
        max_length=LONGEST_EDIT, required=False, allow_blank=True, default="", trim_whitespace=False
    )
    flags = serializers.ListField(
        child=serializers.ChoiceField(choices=[kind.value for kind in FlagKind]),
        required=False,
        default=list,
        max_length=6,
    )
    seconds = NumberField(required=False, default=0.0, min_value=0, max_value=86_400)
    key = serializers.UUIDField(required=False, help_text="Drawn by you: sending it twice stores one judgment.")
    protocol = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        max_value=HIGHEST,
        help_text="Its id, as you saw it.",
    )


# --- operations ----------------------------------------------------------------


class JudgeNextApi(Operation):
    """Take the next pair, or the one that you hold already; or learn why there is none."""

    writes = Scope.JUDGE

    @extend_schema(request=None, responses=NextOutput)
    def post(self, request: Request, slug: str) -> Response:
        member = access.member(person(request), slug)
        step = entrance_of(member).step
        taken = assignment_claim(rater=member.user, project=member.project) if step is Step.OPEN else None
        guideline = guideline_newest(member.project)
        waiting = None if taken else step.value if step is not Step.OPEN else "nothing_left"
        found = {
            "waiting": waiting,
            "assignment": taken,
            "protocol": asking_of(protocol_newest(member.project)),
            "guideline": guideline.version if guideline else None,
        }
        return Response(NextOutput(found).data)


class JudgeAliveApi(Operation):
    """You are still reading: what you hold stays yours, its lease begins anew."""

    writes = Scope.JUDGE

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request, slug: str) -> Response:
        member = access.member(person(request), slug)
        assignments_prolong(rater=member.user, project=member.project)
        return Response(status=204)


class AssignmentApi(Operation):
    """One of your own pairs, to see it again."""

    reads = Scope.JUDGE

    @extend_schema(responses=AssignmentOutput)
    def get(self, request: Request, slug: str, assignment_id: int) -> Response:
        _member, asked_for = access.asked(person(request), slug, assignment_id)
        return Response(AssignmentOutput(asked_for).data)


class AssignmentJudgeApi(Operation):
    """Answer a pair that you hold, or correct your answer while the round collects."""

    writes = Scope.JUDGE

    @extend_schema(request=SaidInput, responses={201: GivenOutput})
    def post(self, request: Request, slug: str, assignment_id: int) -> Response:
        _member, asked_for = access.asked(person(request), slug, assignment_id)
        judgment = judgment_submit(assignment=asked_for, **_judgment(fitting(SaidInput, request)))
        return Response(GivenOutput(judgment).data, status=201)


class AssignmentSkipApi(Operation):
    """Pass on a pair, and say what is wrong with it, or not."""

    writes = Scope.JUDGE

    class InputSerializer(serializers.Serializer[Any]):
        flags = serializers.ListField(
            child=serializers.ChoiceField(choices=[kind.value for kind in FlagKind]), required=False, default=list,
            max_length=6,
        )  # fmt: skip

    @extend_schema(request=InputSerializer, responses={204: None})
    def post(self, request: Request, slug: str, assignment_id: int) -> Response:
        _member, asked_for = access.asked(person(request), slug, assignment_id)
        assignment_skip(assignment=asked_for, flags=fitting(self.InputSerializer, request)["flags"])
        return Response(status=204)


class JudgmentMineListApi(Operation):
    """What you said in this project, newest first; answers that you corrected later too. POST sends many at once."""

    reads = Scope.JUDGE
    writes = Scope.JUDGE
    parser_classes = (*Operation.parser_classes, Lines)

    class InputSerializer(SaidInput):
        assignment = serializers.IntegerField(min_value=1, max_value=HIGHEST)

    @extend_schema(parameters=PAGING, responses=page_of(GivenOutput))
    def get(self, request: Request, slug: str) -> Response:
        member = access.member(person(request), slug)
        return paged(request, judgments_given(member.user, member.project), GivenOutput)

    @extend_schema(
        request={"application/json": InputSerializer(many=True), NDJSON: InputSerializer(many=True)},
        responses=RowResultOutput(many=True),
    )
    def post(self, request: Request, slug: str) -> Response:
        """Answer many pairs that you hold: a list, or JSON lines. Each row is answered by itself."""
        member = access.member(person(request), slug)

        def store(rows: list[dict[str, Any]]) -> list[Stored | TiebreakError]:
            return [_stored(member, row) for row in rows]

        return rows_sent(request, self.InputSerializer, store, most=MOST_JUDGMENTS)


class EntranceApi(Operation):
    """The guideline that you are to read, and what is asked about a pair."""

    reads = Scope.JUDGE

    class OutputSerializer(serializers.Serializer[Any]):
        waiting = serializers.ChoiceField(choices=WHY, allow_null=True, help_text="What stands before the next pair.")
        guideline = GuidelineReadOutput(allow_null=True)
        content_warning = serializers.CharField(allow_blank=True)
        protocol = AskingOutput()

    @extend_schema(responses=OutputSerializer)
    def get(self, request: Request, slug: str) -> Response:
        member = access.member(person(request), slug)
        step = entrance_of(member).step
        found = {
            "waiting": None if step is Step.OPEN else step.value,
            "guideline": guideline_newest(member.project),
            "content_warning": member.project.content_warning,
            "protocol": asking_of(protocol_newest(member.project)),
        }
        return Response(self.OutputSerializer(found).data)


class EntranceContentApi(Operation):
    """Whether you want to see what the project warns about."""

    writes = Scope.JUDGE

    class InputSerializer(serializers.Serializer[Any]):
        content = serializers.ChoiceField(choices=[Content.ACCEPTED.value, Content.DECLINED.value])

    @extend_schema(request=InputSerializer, responses={204: None})
    def post(self, request: Request, slug: str) -> Response:
        member = access.member(person(request), slug)
        content_answer(member=member, answer=fitting(self.InputSerializer, request)["content"])
        return Response(status=204)


class GuidelineAcknowledgeApi(Operation):
    """Say that you have read this version of the guideline."""

    writes = Scope.JUDGE

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request, slug: str, version: int) -> Response:
        member = access.member(person(request), slug)
        guideline_acknowledge(guideline=access.guideline_of(member, version), user=member.user)
        return Response(status=204)


# --- between the two languages --------------------------------------------------


def asking_of(protocol: Protocol) -> dict[str, Any]:
    """What a protocol asks, for AskingOutput."""
    asking: Asking = protocol.asking
    return {
        "id": protocol.pk,
        "version": protocol.version,
        "preset": protocol.preset,
        "question": _(asking.preset.question),
        "answers": answers_of(asking.preset),
        "criteria": [
            {"code": one.code, "name": one.name, "question": one.question, "answers": answers_of(one.preset)}
            for one in asking.criteria
        ],
        "ratings": [{"code": one.code, "name": one.name} for one in asking.ratings],
        "reason": asking.reason.value,
        "reasons": asking.reasons,
        "edit": asking.edit,
    }


def answers_of(preset: Preset) -> list[dict[str, Any]]:
    return [{"code": one.code, "label": _(one.label), "value": one.value} for one in preset.answers]


def _judgment(sent: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `judgment_submit`."""
    said = Said(
        answer=sent["answer"],
        criteria=sent["criteria"],
        points={code: (both["left"], both["right"]) for code, both in sent["points"].items()},
        reasons=sent["reasons"],
        rationale=sent["rationale"],
        edits=(sent["edit_left"], sent["edit_right"]),
    )
    return {
        "said": said,
        "key": sent.get("key") or uuid.uuid4(),
        "seconds": sent["seconds"],
        "protocol_id": sent["protocol"],
        "flags": sent["flags"],
    }


def _stored(member: Member, row: dict[str, Any]) -> Stored | TiebreakError:
    """One of many: what does not go in says why, and stops no other."""
    sent = _judgment(row)
    try:
        _member, asked_for = access.asked(member.user, member.project.slug, row["assignment"])
        judgment = judgment_submit(assignment=asked_for, **sent)
    except TiebreakError as error:
        return error
    return Stored(judgment.pk, is_new=True)
