"""What the server refuses, as an exception."""

from __future__ import annotations

from typing import TypedDict

import httpx


class FieldError(TypedDict):
    """pointer: JSON pointer to the part of the body that does not fit."""

    pointer: str
    detail: str
    code: str


class Problem(Exception):
    """The server refused (RFC 9457).

    status  of the answer
    code    for programs; it never changes. /api/v1/ lists them all
    detail  for people
    errors  which fields do not fit, where fields are why
    """

    def __init__(self, status: int, code: str, detail: str, errors: list[FieldError]) -> None:
        fields = "".join(f"\n  {error['pointer']}: {error['detail']}" for error in errors)
        super().__init__(f"{status} {code}: {detail}{fields}")
        self.status, self.code, self.detail, self.errors = status, code, detail, errors

    @classmethod
    def of(cls, answer: httpx.Response) -> Problem:
        """What `answer` says; a proxy in between may say it in other words than Tiebreak."""
        try:
            said = answer.json()
            return cls(answer.status_code, said["code"], said["detail"], said.get("errors", []))
        except (ValueError, KeyError, TypeError, AttributeError):
            return cls(answer.status_code, "unknown", answer.text[:500] or answer.reason_phrase, [])
