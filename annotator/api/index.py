"""The API about itself: its schema for programs, and one page for people."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.utils.translation import override
from django.views.decorators.http import require_GET
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotator import exceptions
from annotator.api.errors import OF_THE_FRAMEWORK
from annotator.domain.scopes import WORDS
from annotator.exceptions import TiebreakError


@method_decorator(login_not_required, name="dispatch")
class SchemaApi(APIView):
    """The whole API as OpenAPI 3.1, for everybody."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        return Response(described(), headers={"Cache-Control": "public, max-age=300"})


@login_not_required
@require_GET
def index(request: Any) -> HttpResponse:
    """Every operation by noun, and every code of an error: what people read before they write a program."""
    context = {
        "nouns": _by_noun(),
        "codes": _codes(),
        "scopes": [(scope.value, words) for scope, words in WORDS.items()],
    }
    return render(request, "api/index.html", context)


@lru_cache(maxsize=1)
def described() -> dict[str, Any]:
    """Made once by each process, in English whoever asks first: it is read by programs."""
    with override("en"):
        schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return schema


def _by_noun() -> dict[str, list[dict[str, Any]]]:
    nouns: dict[str, list[dict[str, Any]]] = {}
    for address, methods in described()["paths"].items():
        for method, operation in methods.items():
            words, scope = operation["description"].rsplit("\n\nScope: ", 1)
            row = {
                "method": method.upper(),
                "address": address,
                "words": words,
                "scope": scope.strip("`."),
                "id": operation["operationId"],
                "parameters": [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"],
            }
            nouns.setdefault(operation["tags"][0], []).append(row)
    return nouns


def _codes() -> list[tuple[str, int | None, str]]:
    """Ours first, then those of the framework."""
    ours = [
        (one.code, one.status, str(one.sentence))
        for one in _tree(TiebreakError)
        if one.__module__ == exceptions.__name__
    ]
    return ours + [
        (code, None, words) for code, words in OF_THE_FRAMEWORK.items() if code not in {one[0] for one in ours}
    ]


def _tree(root: type[TiebreakError]) -> list[type[TiebreakError]]:
    return [root, *(found for child in root.__subclasses__() for found in _tree(child))]
