"""Typed requests, the answers that views share, and the one place where errors become pages."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from annotator.exceptions import Conflict, TiebreakError

if TYPE_CHECKING:
    from annotator.models import User

CHUNK = 1024 * 1024


class Request(HttpRequest):
    """Any request after the middleware: htmx details are known."""

    htmx: HtmxDetails


class SignedInRequest(Request):
    """A request that the log-in middleware let through."""

    user: User


class SeeOther(HttpResponseRedirect):
    """The answer to a POST that worked: look over there, with GET."""

    status_code = 303


class ErrorPages:
    """Turn our own errors into a page, or a fragment for htmx, with the status of the error.

    A log-in page must never land inside a fragment, so a redirect to it makes htmx leave the page.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.headers.get("HX-Request") and _leads_to_login(response):
            return HttpResponseClientRedirect(_login_url_back_to_page(request))
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, TiebreakError):
            return None
        return error_page(request, exception)


def error_page(request: HttpRequest, error: TiebreakError) -> HttpResponse:
    """What a person sees of `error`: its sentence, and a way on."""
    template = "error.html#message" if request.headers.get("HX-Request") else "error.html"
    context = {"error": error, "is_conflict": isinstance(error, Conflict), "back": page_before(request)}
    return render(request, template, context, status=error.status)


def page_before(request: HttpRequest) -> str:
    """The page of ours that the person came from, empty when there is none."""
    referer = request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(referer, {request.get_host()}, require_https=request.is_secure())
    return referer if is_ours and referer != request.build_absolute_uri() else ""


def page_number(request: HttpRequest, name: str) -> int | None:
    """The id that a page of a list starts behind; nonsense in the address means the first page."""
    word = request.GET.get(name, "")
    return int(word) if word.isascii() and word.isdigit() and len(word) < 18 else None


def folder_download(folder: Path, name: str, beside: Mapping[str, str] | None = None) -> StreamingHttpResponse:
    """The files of `folder` as `name`.zip, written while it is sent: neither memory nor a temporary file.

    beside  texts that travel along, by their file's name; they stand for files of that name in the folder
    """
    response = StreamingHttpResponse(_zipped(folder, name, beside or {}), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{name}.zip"'
    return response


class Echo:
    """A file that hands back what is written to it, for writers whose lines are sent at once."""

    def write(self, line: str) -> str:
        return line


class _Outbox:
    """A file that can only be written to, and emptied."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self.parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def take(self) -> bytes:
        taken, self.parts = b"".join(self.parts), []
        return taken


def _zipped(folder: Path, name: str, beside: Mapping[str, str]) -> Iterator[bytes]:
    outbox = _Outbox()
    # Weights do not compress, so storing them costs nothing and saves the processor.
    with zipfile.ZipFile(outbox, "w", zipfile.ZIP_STORED) as archive:
        for file, text in beside.items():
            archive.writestr(_entry(f"{name}/{file}"), text)
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and str(p.relative_to(folder)) not in beside):
            entry = _entry(f"{name}/{path.relative_to(folder)}")
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
                while chunk := source.read(CHUNK):
                    target.write(chunk)
                    yield outbox.take()
    yield outbox.take()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o644 << 16
    return entry


def _leads_to_login(response: HttpResponseBase) -> bool:
    return isinstance(response, HttpResponseRedirect) and response.url.startswith(resolve_url(settings.LOGIN_URL))


def _login_url_back_to_page(request: HttpRequest) -> str:
    page = request.headers.get("HX-Current-URL", "")
    is_ours = url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=request.is_secure())
    return f"{resolve_url(settings.LOGIN_URL)}?{urlencode({REDIRECT_FIELD_NAME: page})}" if is_ours else "/"
