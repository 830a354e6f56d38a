"""Is it alive, and is it ready? Asked by load balancers and by the launcher, so both answer without a log-in."""

from __future__ import annotations

import threading
import time
from typing import Any

from celery import current_app
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from kombu.exceptions import KombuError

QUEUES = frozenset({"default", "generate", "train"})
WORKER_SECONDS = 0.8  # how long workers may take to answer
CACHE_SECONDS = 2.0  # probes from several balancers ask the workers once
BROKER_ERRORS = (KombuError, OSError)


@login_not_required
@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. Touches nothing else, so a database that is away never gets the web restarted."""
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when database, broker and a worker for every queue answer; otherwise 503 with what is missing and why."""
    parts = {"database": database_trouble(), **_workers.troubles()}
    is_ready = not any(parts.values())
    body = {"ready": is_ready, **{part: trouble or "ok" for part, trouble in parts.items()}}
    return JsonResponse(body, status=200 if is_ready else 503)


def database_trouble() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return f"does not answer ({type(error).__name__})"
    return ""


class Workers:
    """What is wrong with the broker and the workers, asked at most every CACHE_SECONDS per process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.asked_at = float("-inf")
        self.answer: dict[str, str] = {}

    def troubles(self) -> dict[str, str]:
        with self.lock:  # probes that arrive together wait for one answer
            if time.monotonic() - self.asked_at > CACHE_SECONDS:
                self.answer = self._ask()
                self.asked_at = time.monotonic()
            return self.answer

    def _ask(self) -> dict[str, str]:
        try:
            served = queues_served()
        except BROKER_ERRORS as error:
            return {"broker": f"does not answer ({type(error).__name__})", "workers": "unknown without the broker"}
        missing = sorted(QUEUES - served)
        return {"broker": "", "workers": f"nobody serves {', '.join(missing)}" if missing else ""}


_workers = Workers()


class _EveryQueueServed(Exception):
    """Ends the collection of answers early: the queues are complete, whoever else would still answer."""


def queues_served() -> set[str]:
    """The queues that workers say they serve, as soon as they are all of ours, or after WORKER_SECONDS."""
    served: set[str] = set()

    def note(reply: dict[str, Any]) -> None:
        for queues in reply.values():
            if isinstance(queues, list):
                served.update(queue["name"] for queue in queues)
        if served >= QUEUES:
            raise _EveryQueueServed

    try:
        with current_app.connection_for_write(connect_timeout=1) as broker:
            broker.ensure_connection(max_retries=1, interval_start=0, interval_step=0, timeout=1)
            current_app.control.broadcast(
                "active_queues", reply=True, timeout=WORKER_SECONDS, callback=note, connection=broker
            )
    except _EveryQueueServed:
        pass
    return served
