"""The API as OpenAPI 3.1: what the operations say of themselves, and what is true of all of them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

from annotator.api.errors import PROBLEM
from annotator.api.names import name_of, operation_of
from annotator.api.operation import KEY, LONGEST_KEY, WRITES, Operation
from annotator.domain.scopes import Scope


class FieldErrorOutput(serializers.Serializer[Any]):
    pointer = serializers.CharField(
        help_text="JSON pointer to the part of the body that does not fit.", allow_blank=True
    )
    detail = serializers.CharField()
    code = serializers.CharField()


class ProblemOutput(serializers.Serializer[Any]):
    """RFC 9457. `code` is for programs and never changes; `detail` is for people."""

    type = serializers.CharField(help_text="Leads to what is said about the code on the page of the API.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    errors = FieldErrorOutput(many=True, required=False, help_text="Which fields do not fit, where fields are why.")


SAID = {
    "400": "The body cannot be read.",
    "401": "No token, or one that is unknown, revoked or expired.",
    "403": "The role, or the scopes of the token, do not allow this.",
    "404": "There is no such thing, or it is not yours to see.",
    "409": "The world moved on: the present state does not allow this, or somebody was faster.",
    "412": "`If-Match` names a version that has passed.",
    "415": "The body is of another kind than this operation takes.",
    "422": "Something does not fit; `errors` names the fields.",
    "429": "Too many requests in this minute; `Retry-After` says how many seconds to wait.",
}
COUNTED = {
    name: {"description": words, "schema": {"type": "integer"}}
    for name, words in {
        "RateLimit-Limit": "Requests that a minute has.",
        "RateLimit-Remaining": "Requests that are left in this minute.",
        "RateLimit-Reset": "Seconds until the next minute.",
    }.items()
}


class Described(AutoSchema):
    """One operation: its own words, and what the frame adds."""

    def get_operation_id(self) -> str:
        return operation_of(type(self.view), self.method)

    def get_tags(self) -> list[str]:
        return [type(self.view).__module__.rsplit(".", 1)[-1]]

    def _get_serializer_name(self, serializer: Any, direction: str, bypass_extensions: bool = False) -> str:
        if type(serializer).__module__.startswith("annotator.api"):
            return name_of(type(serializer))
        name: str = super()._get_serializer_name(serializer, direction, bypass_extensions)
        return name

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is None or not isinstance(self.view, Operation):
            return operation
        is_write = self.method in WRITES
        scope = self.view.writes if is_write else self.view.reads
        operation["description"] = f"{operation.get('description', '')}\n\nScope: `{scope.value}`.".strip()
        operation["security"] = [{"token": [scope.value]}, {"session": []}]
        operation.setdefault("parameters", []).extend(self._headers(is_write))
        for status in self._refusals(operation, is_write):
            operation["responses"].setdefault(status, self._problem(status))
        for status, response in operation["responses"].items():
            if status < "300":
                response.setdefault("headers", {}).update(COUNTED)
        operation["responses"] = dict(sorted(operation["responses"].items()))
        return operation

    def _headers(self, is_write: bool) -> list[dict[str, Any]]:
        headers = []
        if is_write:
            words = "Draw one for each write: sent again within 24 hours, it is answered again and done once."
            headers.append(_header(KEY, words, maxLength=LONGEST_KEY))
        if self.view.is_single and self.method == "GET":
            headers.append(_header("If-None-Match", "The `ETag` that you have: 304 when nothing is new."))
        if self.view.is_single and self.method in ("PUT", "PATCH", "DELETE"):
            headers.append(_header("If-Match", "The `ETag` that you read: 412 when somebody changed it since."))
        return headers

    def _refusals(self, operation: dict[str, Any], is_write: bool) -> list[str]:
        statuses = ["401", "403", "429"]
        named = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
        if named:
            statuses.append("404")
        if is_write or any(one["in"] == "query" for one in operation["parameters"]):
            statuses.append("422")
        if is_write:
            statuses += ["400", "409", "415"]
        if any(one["name"] == "If-Match" for one in operation["parameters"]):
            statuses.append("412")
        if any(one["name"] == "If-None-Match" for one in operation["parameters"]):
            operation["responses"]["304"] = {"description": "Nothing is new."}
        return statuses

    def _problem(self, status: str) -> dict[str, Any]:
        ref = self.resolve_serializer(ProblemOutput, "response").ref
        return {"description": SAID[status], "content": {PROBLEM: {"schema": ref}}}


def tidied(result: dict[str, Any], **_generator: Any) -> dict[str, Any]:
    """The whole schema: what goes in has no other fields than those named, and no mark of the generator stays."""
    for name, part in result["components"]["schemas"].items():
        if name.endswith("Input"):
            part["additionalProperties"] = False
    _unmarked(result)
    return result


def _unmarked(part: Any) -> None:
    if isinstance(part, dict):
        part.pop("x-spec-enum-id", None)
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        _unmarked(inner)


def _header(name: str, words: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": words, "schema": {"type": "string", **schema}}


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "annotator.api.auth.BearerAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        scopes = ", ".join(scope.value for scope in Scope)
        return {"type": "http", "scheme": "bearer", "description": f"A token `tb_…` with some of the scopes {scopes}."}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "rest_framework.authentication.SessionAuthentication"
    name = "session"
    priority = 1

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        from django.conf import settings

        words = "The session of a browser that is signed in; writes need the CSRF token too."
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME, "description": words}
