"""The content security policy of django-csp, put together once instead of for every answer."""

from __future__ import annotations

from functools import cached_property

from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponse, HttpResponseBase


class ContentPolicy(CSPMiddleware):
    """The same for all pages; one that asks for a nonce or for rules of its own gets them from django-csp."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if hasattr(request, "_csp_nonce") or any(name.startswith("_csp") for name in vars(response)):
            return super().process_response(request, response)
        response.setdefault(HEADER, self._usual)
        return response

    @cached_property
    def _usual(self) -> str:
        response = HttpResponse()
        super().process_response(HttpRequest(), response)
        return str(response[HEADER])
