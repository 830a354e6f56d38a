"""Every error of the API as `application/problem+json` (RFC 9457)."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _
from django.views import defaults
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler

from annotator.exceptions import TiebreakError, TokenRefused

PROBLEM = "application/problem+json"
PLACE = "/api/"
# What the framework says where we have no error of our own: code → when it happens.
OF_THE_FRAMEWORK = {
    "not_authenticated": "No token came, and no session.",
    "permission_denied": "A browser's request came without its CSRF token.",
    "input_invalid": "A field does not fit; `errors` says which.",
    "parse_error": "The body is not JSON in UTF-8.",
    "unsupported_media_type": "The body is of another kind than this operation takes.",
    "not_acceptable": "Only JSON is sent.",
    "method_not_allowed": "The address does not know this method; `Allow` names those it knows.",
    "throttled": "Too many requests in this minute; `Retry-After` says how many seconds to wait.",
    "server_error": "Something broke on our side. It is in the server's log.",
    "bad_request": "The request cannot be read at all: too long, or for another host.",
}


def problem_of(error: Exception, context: dict[str, Any]) -> Response | None:
    """What a client is told: `code` for programs, `detail` for people, and the status twice."""
    if isinstance(error, TiebreakError):
        response = _problem(error.status, error.code, error.message)
        if isinstance(error, TokenRefused):
            response["WWW-Authenticate"] = 'Bearer realm="Tiebreak", error="invalid_token"'
        return response
    answer = exception_handler(error, context)
    if answer is None:
        return None
    if isinstance(error, ValidationError):
        errors = list(errors_in(answer.data))
        return _problem(422, "input_invalid", _("Some fields do not fit; nothing was changed."), errors)
    code = error.default_code if isinstance(error, APIException) else "not_found"
    problem = _problem(answer.status_code, str(code), str(answer.data["detail"]))
    for name, value in answer.headers.items():
        if name != "Content-Type":
            problem[name] = value
    return problem


def body_of(status: int, code: str, detail: str, errors: list[dict[str, str]] | None = None) -> dict[str, Any]:
    """The parts of a problem. `type` leads to the page that explains the code."""
    body: dict[str, Any] = {
        "type": f"/api/v1/#{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
    }
    return {**body, "errors": errors} if errors else body


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Something broke: said in JSON below /api/, as a page elsewhere."""
    if request.path.startswith(PLACE):
        return _plain(500, "server_error", _("Something broke on our side. It is in the server's log."))
    return defaults.server_error(request)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django could not read the request at all."""
    if request.path.startswith(PLACE):
        return _plain(400, "bad_request", _("This request cannot be read: it is too long, or for another host."))
    return defaults.bad_request(request, exception)


def _problem(status: int, code: str, detail: str, errors: list[dict[str, str]] | None = None) -> Response:
    return Response(body_of(status, code, detail, errors), status=status, content_type=PROBLEM)


def _plain(status: int, code: str, detail: str) -> HttpResponse:
    return JsonResponse(body_of(status, code, detail), status=status, content_type=PROBLEM)


def errors_in(data: Any, pointer: str = "") -> Iterator[dict[str, str]]:
    """Each field that does not fit, by its JSON pointer."""
    if isinstance(data, dict):
        for name, inner in data.items():
            if name == "non_field_errors":
                yield from errors_in(inner, pointer)
            else:
                yield from errors_in(inner, f"{pointer}/{str(name).replace('~', '~0').replace('/', '~1')}")
    elif isinstance(data, list):
        for place, inner in enumerate(data):
            is_word = isinstance(inner, str)
            yield from errors_in(inner, pointer if is_word else f"{pointer}/{place}")
    else:
        yield {"pointer": pointer, "detail": str(data), "code": str(getattr(data, "code", "invalid"))}
