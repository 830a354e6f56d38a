"""Long lists a page at a time: cut behind a row, not at an offset, so that the millionth is as near as the first."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotator.api.fields import HIGHEST
from annotator.api.names import name_of
from annotator.exceptions import InputInvalid

Row = TypeVar("Row", bound=Model)
Item = TypeVar("Item")
Place = TypeVar("Place", int, str)
USUAL, MOST = 50, 200
NUMBERS = ("pk", "number", "version")  # fields that are numbers; other cursors are words
STRANGE = gettext_noop("cursor: take it as it is from the page before; this one is none of ours.")

PAGING = [
    OpenApiParameter("limit", int, description=f"Rows in a page, 1 to {MOST}; {USUAL} when it is left out."),
    OpenApiParameter("cursor", str, description="Where the page begins: take it from `next` or the `Link` header."),
]


def paged(
    request: Request, rows: QuerySet[Row], output: Callable[..., serializers.BaseSerializer[Any]], *, by: str = "-pk"
) -> Response:
    """A page of `rows` in the order of `by`, a unique field, with the address of the next one in body and `Link`."""
    name = by.removeprefix("-")
    rows = rows.order_by(by)
    limit = limit_of(request)
    if (behind := cursor_in(request, int) if name in NUMBERS else cursor_in(request, str)) is not None:
        rows = rows.filter(**{f"{name}__{'lt' if by.startswith('-') else 'gt'}": behind})
    found = list(rows[: limit + 1])
    shown = found[:limit]
    end = _value(shown[-1], name) if len(found) > limit else None
    return page_shown(request, output(shown, many=True).data, end)


def paged_list(
    request: Request, rows: Sequence[Item], output: Callable[..., serializers.BaseSerializer[Any]], *,
    key: Callable[[Item], int],
) -> Response:  # fmt: skip
    """The same of rows that are in memory, in their own order; `key` tells them apart."""
    begin, limit = 0, limit_of(request)
    if (behind := cursor_in(request, int)) is not None:
        begin = next((place for place, row in enumerate(rows, 1) if key(row) == behind), len(rows))
    shown = rows[begin : begin + limit]
    return page_shown(request, output(shown, many=True).data, key(shown[-1]) if begin + limit < len(rows) else None)


def page_shown(request: Request, results: Any, behind: Any) -> Response:
    """A page with the address of the one that begins behind `behind`, None on the last one."""
    following = None if behind is None else _address(request, behind)
    headers = {"Link": f'<{following}>; rel="next"'} if following else {}
    return Response({"results": results, "next": following}, headers=headers)


@lru_cache(maxsize=100)
def page_of(output: type[serializers.BaseSerializer[Any]]) -> type[serializers.BaseSerializer[Any]]:
    """A page of such rows, for the schema."""
    fields = {
        "results": output(many=True),
        "next": serializers.URLField(allow_null=True, help_text="The next page, null on the last one."),
    }
    return type(f"{name_of(output)}Page", (serializers.Serializer,), fields)


def cursor_of(value: int | str) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def limit_of(request: Request) -> int:
    word = request.query_params.get("limit", str(USUAL))
    if not (word.isascii() and word.isdigit() and len(word) < 6 and 1 <= int(word) <= MOST):
        raise InputInvalid(_("limit: a whole number from 1 to %(most)s is wanted.") % {"most": MOST})
    return int(word)


def cursor_in(request: Request, kind: type[Place]) -> Place | None:
    """Behind what the page begins, None for the first one."""
    word = request.query_params.get("cursor")
    if not word:
        return None
    found: Any
    try:
        found = json.loads(base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        found = None
    is_ours = type(found) in (kind,) and "\0" not in str(found)
    if not is_ours or (kind is int and abs(found) > HIGHEST):
        raise InputInvalid(_(STRANGE))
    place: Place = found
    return place


def _value(row: Model, name: str) -> Any:
    value: Any = row
    for part in name.split("__"):
        value = getattr(value, part)
    return value


def _address(request: Request, value: int | str) -> str:
    query = request._request.GET.copy()
    query["cursor"] = cursor_of(value)
    address: str = request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
    return address
