"""Prompts and the answers to them."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotator import access
from annotator.api.fields import id_field
from annotator.api.operation import Operation, asked, person
from annotator.api.pages import PAGING, page_of, paged
from annotator.api.rows import NDJSON, Lines, RowResultOutput, Stored, rows_sent
from annotator.exceptions import InputInvalid
from annotator.models import Prompt, Split
from annotator.models import Response as Answer
from annotator.selectors import prompts as select
from annotator.services.prompts import prompts_add_each, responses_add_each

MOST_PROMPTS = 5_000
LONGEST_TURN = 1_000_000


class TurnSerializer(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=["system", "user", "assistant"])
    content = serializers.CharField(max_length=LONGEST_TURN, trim_whitespace=False)


class PromptOutput(serializers.Serializer[Prompt]):
    id = serializers.IntegerField()
    messages = TurnSerializer(many=True)
    split = serializers.ChoiceField(choices=Split.choices)
    tags = serializers.ListField(child=serializers.CharField())
    source = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()


class ResponseOutput(serializers.Serializer[Answer]):
    id = serializers.IntegerField()
    prompt = serializers.IntegerField(source="prompt_id")
    text = serializers.CharField(allow_blank=True)
    checkpoint = serializers.IntegerField(
        source="checkpoint_id", allow_null=True, help_text="The policy that wrote it."
    )
    run = serializers.IntegerField(source="run_id", allow_null=True)
    author = serializers.CharField(allow_blank=True, help_text="Who wrote it, where it was imported.")
    sample = serializers.IntegerField()
    finish = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()


class PromptListApi(Operation):
    """The prompts of a project, newest first."""

    parser_classes = (*Operation.parser_classes, Lines)

    class FilterSerializer(serializers.Serializer[Any]):
        split = serializers.ChoiceField(choices=Split.choices, required=False)
        words = serializers.CharField(required=False, max_length=200, help_text="All of them occur in the prompt.")

    @extend_schema_serializer(
        examples=[OpenApiExample("A question", {"messages": [{"role": "user", "content": "May I return this cup?"}]})]
    )
    class InputSerializer(serializers.Serializer[Any]):
        messages = TurnSerializer(many=True, allow_empty=False, help_text="The last turn is the user's.")
        source = serializers.CharField(required=False, allow_blank=True, max_length=200, default="")

    @extend_schema(parameters=[FilterSerializer, *PAGING], responses=page_of(PromptOutput))
    def get(self, request: Request, slug: str) -> Response:
        member = access.reader(person(request), slug)
        filters = asked(self.FilterSerializer, request)
        rows: QuerySet[Prompt] = select.prompts_found(member.project, **filters)
        return paged(request, rows, PromptOutput)

    @extend_schema(
        request={"application/json": InputSerializer(many=True), NDJSON: InputSerializer(many=True)},
        responses=RowResultOutput(many=True),
    )
    def post(self, request: Request, slug: str) -> Response:
        """Add prompts: a list, or JSON lines. Each row is answered: added, known already, or why it does not fit."""
        member = access.owner(person(request), slug)

        def store(rows: list[dict[str, Any]]) -> list[Stored | InputInvalid]:
            came = prompts_add_each(project=member.project, rows=rows)
            return [one if isinstance(one, InputInvalid) else Stored(*one) for one in came]

        return rows_sent(request, self.InputSerializer, store, most=MOST_PROMPTS)


class PromptApi(Operation):
    """One prompt."""

    is_single = True

    @extend_schema(responses=PromptOutput)
    def get(self, request: Request, slug: str, prompt_id: int) -> Response:
        return Response(PromptOutput(access.prompt_of(access.reader(person(request), slug), prompt_id)).data)


class PromptResponseListApi(Operation):
    """All answers to a prompt, newest first, with who wrote them."""

    @extend_schema(parameters=PAGING, responses=page_of(ResponseOutput))
    def get(self, request: Request, slug: str, prompt_id: int) -> Response:
        prompt = access.prompt_of(access.reader(person(request), slug), prompt_id)
        return paged(request, select.responses_of(prompt), ResponseOutput)


class ResponseListApi(Operation):
    """Answers that others wrote, many at once."""

    parser_classes = (*Operation.parser_classes, Lines)

    @extend_schema_serializer(
        examples=[OpenApiExample("An answer", {"prompt": 1, "text": "Gladly, within 30 days.", "author": "gpt-x"})]
    )
    class InputSerializer(serializers.Serializer[Any]):
        prompt = id_field(help_text="Its number.")
        text = serializers.CharField(max_length=LONGEST_TURN, trim_whitespace=False)
        author = serializers.CharField(
            required=False, allow_blank=True, max_length=200, default="", help_text="Who wrote it: a model's name."
        )
        label = serializers.BooleanField(
            required=False,
            allow_null=True,
            default=None,
            help_text="Whether it is good by itself, where that is known.",
        )

    @extend_schema(
        request={"application/json": InputSerializer(many=True), NDJSON: InputSerializer(many=True)},
        responses=RowResultOutput(many=True),
    )
    def post(self, request: Request, slug: str) -> Response:
        """Add answers to prompts: a list, or JSON lines. Each row is answered by itself."""
        member = access.owner(person(request), slug)

        def store(rows: list[dict[str, Any]]) -> list[Stored | InputInvalid]:
            came = responses_add_each(project=member.project, rows=rows)
            return [one if isinstance(one, InputInvalid) else Stored(*one) for one in came]

        return rows_sent(request, self.InputSerializer, store, most=MOST_PROMPTS)
