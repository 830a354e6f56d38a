"""What all operations of the API have in common: who may, how often, once only, and in which version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.utils.cache import patch_vary_headers
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import Throttled, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from annotator import access
from annotator.api.auth import BearerAuthentication, token_of
from annotator.api.rates import Rate, rate_of
from annotator.domain.scopes import Scope
from annotator.exceptions import InputInvalid, VersionPassed
from annotator.models import User
from annotator.services.receipts import receipt_keep, receipt_of

KEY = "Idempotency-Key"
LONGEST_KEY = 200
WRITES = ("POST", "PUT", "PATCH", "DELETE")


# The API says 401 in JSON where the pages would lead to the log-in form.
@method_decorator(login_not_required, name="dispatch")
class Operation(APIView):
    """One address and what may be done there.

    reads        the scope that a token needs to read
    writes       the scope that it needs for everything else
    is_single    whether what is read is one thing, which has a version (ETag)
    is_streamed  whether the body is a file, which is never held in memory
    secrets      parts of an answer that are told once: a kept answer does not hold them
    """

    authentication_classes = (BearerAuthentication, SessionAuthentication)
    reads = Scope.READ
    writes = Scope.WRITE
    is_single = False
    is_streamed = False
    secrets: tuple[str, ...] = ()
    rate: Rate | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let in, or not. What follows runs once for each idempotency key."""
        method = request.method or ""
        if method in WRITES and KEY in request.headers and not self.is_streamed:
            _ = request._request.body  # before anything reads it as a stream: the receipt is about the whole of it
        super().initial(request, *args, **kwargs)
        token = token_of(request)
        if token is not None and method != "OPTIONS":
            access.token_for(token, self.writes if method in WRITES else self.reads, kwargs.get("slug"))
        if method in WRITES:
            # Django REST framework looks the handler up after this, so that here is where it can be wrapped.
            setattr(
                self, method.lower(), self._once(getattr(self, method.lower(), None) or self.http_method_not_allowed)
            )

    def check_throttles(self, request: Request) -> None:
        token = token_of(request)
        self.rate = rate_of(user_id=request.user.pk, token=token.sha256 if token else None)
        if self.rate is not None and self.rate.is_spent:
            raise Throttled(wait=self.rate.reset)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        for name, value in (self.rate.headers if self.rate else {}).items():
            response[name] = value
        if self.is_single and request.method == "GET" and response.status_code == 200:
            response["ETag"] = version = version_of(response.data)
            if version in _versions(request.headers.get("If-None-Match", "")):
                response.data, response.status_code = None, 304
        response["Cache-Control"] = "private, no-cache"
        patch_vary_headers(response, ["Authorization", "Cookie", "Accept-Language"])
        return response

    def _once(self, handler: Callable[..., Response]) -> Callable[..., Response]:
        def handled(request: Request, *args: Any, **kwargs: Any) -> Response:
            key = request.headers.get(KEY, "")
            if not key:
                return handler(request, *args, **kwargs)
            if len(key) > LONGEST_KEY or not key.isprintable():
                raise InputInvalid(_("An idempotency key has at most %(most)s characters.") % {"most": LONGEST_KEY})
            who: dict[str, Any] = {"user": request.user, "key": key, "request_sha256": self._fingerprint(request)}
            # One transaction for the write and its receipt. A refusal leaves it by an exception and keeps nothing.
            with transaction.atomic():
                if (known := receipt_of(**who)) is not None:
                    headers = {**known.headers, "Idempotent-Replayed": "true"}
                    return Response(known.body, status=known.status, headers=headers)
                response = handler(request, *args, **kwargs)
                receipt_keep(**who, status=response.status_code, body=self._kept(response), headers=_own(response))
                return response

        return handled

    def _fingerprint(self, request: Request) -> str:
        """Of the whole request; of a file, which was not read yet, its length stands for it."""
        parts = f"{request.method} {request.get_full_path()} {request.content_type}\n".encode()
        body = request.headers.get("Content-Length", "").encode() if self.is_streamed else request._request.body
        return hashlib.sha256(parts + body).hexdigest()

    def _kept(self, response: Response) -> Any:
        if response.data is None:
            return None
        data = json_of(response.data)
        return {**data, **dict.fromkeys(self.secrets)} if self.secrets else data


def person(request: Request) -> User:
    """Who asks; the permission classes let nobody else so far."""
    user: User = request.user
    return user


def fitting(serializer: type[BaseSerializer[Any]], request: Request) -> dict[str, Any]:
    """The body, as `serializer` describes it. What does not fit becomes a problem that names the fields.

    A field that is misspelt must not silently change nothing.
    """
    wanted = serializer(data=request.data)
    wanted.is_valid(raise_exception=True)
    if unknown := unknown_in(wanted, request.data):
        raise ValidationError(unknown)
    found: dict[str, Any] = wanted.validated_data
    return found


def unknown_in(wanted: BaseSerializer[Any], data: dict[str, Any]) -> dict[str, list[str]]:
    """Fields that came and that nobody knows, each with what is said about it."""
    return {name: [_("There is no such field here.")] for name in sorted(set(data) - set(wanted.fields))[:20]}


def asked(serializer: type[BaseSerializer[Any]], request: Request) -> dict[str, Any]:
    """The same of the query: a filter that is misspelt or does not fit must not silently answer everything."""
    unknown = set(request.query_params) - set(serializer().fields) - {"cursor", "limit"}
    if unknown:
        raise InputInvalid(_("There is no parameter “%(name)s” here.") % {"name": min(unknown)[:40]})
    wanted = serializer(data=request.query_params)
    wanted.is_valid(raise_exception=True)
    found: dict[str, Any] = wanted.validated_data
    return found


def version_of(data: Any) -> str:
    """The ETag of what is sent."""
    return f'"{hashlib.sha256(JSONRenderer().render(data)).hexdigest()[:32]}"'


def version_must_match(request: Request, data: Any) -> None:
    """Whether the client changes what it has read: `data` is what it would read now. Raises VersionPassed."""
    wanted = _versions(request.headers.get("If-Match", ""))
    if wanted and "*" not in wanted and version_of(data) not in wanted:
        raise VersionPassed


def json_of(data: Any) -> Any:
    """What a client reads of `data`: no lazy words, no dates."""
    return json.loads(JSONRenderer().render(data))


def _versions(header: str) -> list[str]:
    return [one.strip().removeprefix("W/") for one in header.split(",") if one.strip()]


def _own(response: Response) -> dict[str, str]:
    return {name: response[name] for name in ("Location",) if name in response}
