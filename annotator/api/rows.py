"""Many rows in one request: each is answered by itself, and the good ones go in."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from annotator.api.errors import errors_in
from annotator.api.operation import unknown_in
from annotator.api.schema import FieldErrorOutput
from annotator.exceptions import InputInvalid, TiebreakError

NDJSON = "application/x-ndjson"


@dataclass(frozen=True)
class Unreadable:
    """A line that is no JSON."""

    problem: str


@dataclass(frozen=True)
class Stored:
    """id: of the row that now stands for what was sent; is_new: whether it was made just now."""

    id: int
    is_new: bool


class Lines(BaseParser):
    """JSON lines, one row each. A line that cannot be read is that row's problem alone."""

    media_type = NDJSON

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> list[Any]:
        return [_row(line) for line in stream.read().split(b"\n") if line.strip()]


class RowResultOutput(serializers.Serializer[Any]):
    row = serializers.IntegerField(help_text="Its place in what was sent, from 1 on.")
    status = serializers.ChoiceField(choices=["added", "known", "refused"])
    id = serializers.IntegerField(allow_null=True, help_text="Of what now stands for the row; null when refused.")
    code = serializers.CharField(allow_blank=True, help_text="Why it was refused, for programs.")
    detail = serializers.CharField(allow_blank=True, help_text="Why it was refused, for people.")
    errors = FieldErrorOutput(many=True)


def rows_sent(
    request: Request, serializer: type[serializers.BaseSerializer[Any]],
    store: Callable[[list[dict[str, Any]]], Sequence[Stored | TiebreakError]], *, most: int,
) -> Response:  # fmt: skip
    """Hold each row against `serializer`, let `store` keep those that fit, and say of each what came of it."""
    sent = request.data
    if not isinstance(sent, list) or not sent:
        raise InputInvalid(_("A list of rows is wanted, or a row on each line."))
    if len(sent) > most:
        raise InputInvalid(_("These are %(number)s rows; at most %(most)s fit into one request.")
                           % {"number": len(sent), "most": most})  # fmt: skip
    results: dict[int, dict[str, Any]] = {}
    fitting: dict[int, dict[str, Any]] = {}
    for number, row in enumerate(sent, start=1):
        wanted = serializer(data={} if isinstance(row, Unreadable) else row)
        if isinstance(row, Unreadable):
            results[number] = _refused("parse_error", row.problem)
        elif wanted.is_valid() and not (unknown := unknown_in(wanted, row)):
            fitting[number] = wanted.validated_data
        else:
            results[number] = _refused(
                "input_invalid", _("Some fields do not fit."), list(errors_in(wanted.errors or unknown))
            )
    for number, came in zip(fitting, store(list(fitting.values())) if fitting else (), strict=True):
        if isinstance(came, TiebreakError):
            results[number] = _refused(came.code, came.message)
        else:
            results[number] = _result("added" if came.is_new else "known", came.id)
    return Response([{"row": number, **results[number]} for number in sorted(results)])


def _row(line: bytes) -> Any:
    try:
        return json.loads(line.decode("utf-8-sig"), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        return Unreadable(str(error)[:200])


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _refused(code: str, detail: str, errors: Sequence[dict[str, str]] = ()) -> dict[str, Any]:
    return {**_result("refused", None), "code": code, "detail": detail, "errors": list(errors)}


def _result(status: str, pk: int | None) -> dict[str, Any]:
    return {"status": status, "id": pk, "code": "", "detail": "", "errors": []}
