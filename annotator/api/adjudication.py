"""What judgments leave open, decided by one person: the pair first, the votes after."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotator import access
from annotator.api.judging import ChoiceOutput, answers_of
from annotator.api.operation import Operation, fitting, person
from annotator.api.prompts import TurnSerializer
from annotator.domain.adjudication import first_on_left
from annotator.domain.gold import is_overruled, rights_as_shown
from annotator.domain.verdicts import Outcome
from annotator.models import Adjudication, Comparison, Member
from annotator.selectors import adjudication as select
from annotator.selectors.projects import protocol_newest
from annotator.services.adjudication import LONGEST_NOTE, adjudication_note, comparison_adjudicate

SIDES = {"first": "a", "second": "b"}


class WaitingOutput(serializers.Serializer[Any]):
    comparison = serializers.IntegerField(source="comparison.pk")
    round = serializers.IntegerField(source="comparison.round.number")
    reasons = serializers.ListField(child=serializers.CharField())
    split = serializers.CharField(help_text="How the votes stand, without saying for whom.")


class WaitingQueueOutput(serializers.Serializer[Any]):
    count = serializers.IntegerField(help_text="How many there are, with those that are not shown.")
    looked_at = serializers.IntegerField(help_text="Newest judgments whose comparisons were looked at, at least.")
    waiting = WaitingOutput(many=True, help_text="The most urgent first.")


class DecisionOutput(serializers.Serializer[Adjudication]):
    id = serializers.IntegerField()
    by = serializers.CharField(source="by.username")
    is_blind = serializers.BooleanField(help_text="Whether it was given before its author saw the votes.")
    answer = serializers.CharField(help_text="What was pressed, about left and right as they were shown.")
    outcome = serializers.ChoiceField(choices=[outcome.value for outcome in Outcome])
    value = serializers.FloatField(allow_null=True, help_text="−1: first is clearly better; 1: second is.")
    preferred = serializers.IntegerField(source="preferred_id", allow_null=True)
    first_on_left = serializers.BooleanField()
    note = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()


class VoteOutput(serializers.Serializer[Any]):
    rater = serializers.CharField()
    said = serializers.CharField(help_text="About A, the left one, and B.")
    rationale = serializers.CharField(allow_blank=True)


class ExpectedOutput(serializers.Serializer[Any]):
    """What a reward model expected, before it could learn from the votes."""

    side = serializers.ChoiceField(choices=["A", "B"])
    probability = serializers.FloatField()
    checkpoint = serializers.IntegerField(source="by.pk")


class GoldBehindOutput(serializers.Serializer[Any]):
    """The gold that a hidden check was made of."""

    id = serializers.IntegerField()
    right = serializers.ListField(child=serializers.CharField(), help_text="About A and B: a, b, tie …")
    explanation = serializers.CharField(allow_blank=True)
    is_overruled = serializers.BooleanField()


class SeenOutput(serializers.Serializer[Any]):
    """What whoever decides sees afterwards."""

    decision = DecisionOutput()
    earlier = DecisionOutput(many=True)
    left_response = serializers.IntegerField()
    right_response = serializers.IntegerField()
    votes = VoteOutput(many=True)
    expected = ExpectedOutput(allow_null=True)
    gold = GoldBehindOutput(allow_null=True)


class AdjudicationOutput(serializers.Serializer[Any]):
    """A pair as a rater would see it; `seen` is null until it is decided."""

    comparison = serializers.IntegerField()
    messages = TurnSerializer(many=True)
    left = serializers.CharField(allow_blank=True)
    right = serializers.CharField(allow_blank=True)
    question = serializers.CharField()
    answers = ChoiceOutput(many=True)
    seen = SeenOutput(allow_null=True)


class AdjudicationListApi(Operation):
    """What you may decide: votes that are split or flagged, surprises, and gold that good raters miss."""

    @extend_schema(responses=WaitingQueueOutput)
    def get(self, request: Request, slug: str) -> Response:
        member = access.reader(person(request), slug)
        return Response(WaitingQueueOutput(select.adjudications_waiting(member.project, member.user)).data)


class AdjudicationApi(Operation):
    """A pair to decide, blind; once somebody has decided it, with votes and all that is known."""

    @extend_schema_serializer(examples=[OpenApiExample("B is better", {"answer": "b"})])
    class InputSerializer(serializers.Serializer[Any]):
        answer = serializers.CharField(max_length=40)

    @extend_schema(responses=AdjudicationOutput)
    def get(self, request: Request, slug: str, comparison_id: int) -> Response:
        member = access.reader(person(request), slug)
        return Response(_told(member, access.comparison_to_adjudicate(member, comparison_id)))

    @extend_schema(request=InputSerializer, responses={201: AdjudicationOutput})
    def post(self, request: Request, slug: str, comparison_id: int) -> Response:
        """Decide it, or decide it anew; the newest decision stands above the votes in later snapshots."""
        member = access.reader(person(request), slug)
        comparison = access.comparison_to_adjudicate(member, comparison_id)
        comparison_adjudicate(comparison=comparison, by=member.user, **fitting(self.InputSerializer, request))
        return Response(_told(member, comparison), status=201)


class AdjudicationNoteApi(Operation):
    """Write down why you decided as you did."""

    class InputSerializer(serializers.Serializer[Any]):
        note = serializers.CharField(max_length=LONGEST_NOTE, allow_blank=True)

    @extend_schema(request=InputSerializer, responses=AdjudicationOutput)
    def post(self, request: Request, slug: str, comparison_id: int) -> Response:
        member = access.reader(person(request), slug)
        comparison = access.comparison_to_adjudicate(member, comparison_id)
        adjudication_note(comparison=comparison, by=member.user, **fitting(self.InputSerializer, request))
        return Response(_told(member, comparison))


def _told(member: Member, comparison: Comparison) -> dict[str, Any]:
    """For the sides as whoever decided was shown them; before, as this person is."""
    current = select.adjudication_of(comparison)
    on_left = current.first_on_left if current else first_on_left(comparison.pk, member.user_id)
    left, right = (comparison.first, comparison.second) if on_left else (comparison.second, comparison.first)
    preset = protocol_newest(member.project).asking.preset
    found = {
        "comparison": comparison.pk,
        "messages": comparison.prompt.messages,
        "left": left.text,
        "right": right.text,
        "question": _(preset.question),
        "answers": answers_of(preset),
        "seen": current and {
            "decision": current,
            "earlier": select.adjudications_before(current),
            "left_response": left.pk,
            "right_response": right.pk,
            "votes": select.votes_on(comparison, first_on_left=on_left),
            "expected": select.expected_of(comparison, first_on_left=on_left),
            "gold": _gold(comparison, current),
        },
    }  # fmt: skip
    said: dict[str, Any] = AdjudicationOutput(found).data
    return said


def _gold(comparison: Comparison, current: Adjudication) -> dict[str, Any] | None:
    gold, on_left = comparison.gold, current.first_on_left
    if gold is None:
        return None
    return {
        "id": gold.pk,
        "right": [SIDES.get(kind, kind) for kind in rights_as_shown(gold.right, first_on_left=on_left)],
        "explanation": gold.explained(first_on_left=on_left),
        "is_overruled": is_overruled(gold.right, current.verdict),
    }
