"""Every error of the API as `application/problem+json` (RFC 9457)."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.views import exception_handler

from annotator.exceptions import TiebreakError

PROBLEM = "application/problem+json"


def problem_of(error: Exception, context: dict[str, Any]) -> Response | None:
    """What a client is told: `code` for programs, `detail` for people, and the status twice."""
    if isinstance(error, TiebreakError):
        return _problem(error.status, error.code, error.message)
    response = exception_handler(error, context)
    if response is None:
        return None
    code = error.default_code if isinstance(error, APIException) else "invalid"
    detail = response.data.pop("detail", "The request has fields that do not fit.")
    problem = _problem(response.status_code, str(code), str(detail), fields=response.data or None)
    for name, value in response.headers.items():
        if name != "Content-Type":
            problem[name] = value
    return problem


def _problem(status: int, code: str, detail: str, fields: Any = None) -> Response:
    body = {"status": status, "code": code, "detail": detail}
    if fields:
        body["fields"] = fields
    return Response(body, status=status, content_type=PROBLEM)
