"""Rows that never change, read once by each process, and what a process worked out."""

from __future__ import annotations

import time
from collections import OrderedDict
from functools import lru_cache
from threading import Lock
from typing import Any, ClassVar

from annotator.models import Guideline, Protocol


def protocol_kept(pk: int) -> Protocol | None:
    try:
        return _protocol(pk)
    except Protocol.DoesNotExist:
        return None


def guideline_kept(pk: int) -> Guideline | None:
    try:
        return _guideline(pk)
    except Guideline.DoesNotExist:
        return None


# What does not exist is not kept: it may exist a moment later.


@lru_cache(maxsize=1024)
def _protocol(pk: int) -> Protocol:
    return Protocol.objects.get(pk=pk)


@lru_cache(maxsize=1024)
def _guideline(pk: int) -> Guideline:
    return Guideline.objects.get(pk=pk)


class Shelf:
    """What this process worked out, by name, handed out as it is: only what nobody changes may lie here.

    Django's cache would copy it each time, and a copy of texts that wait for their language costs a millisecond each.
    Without room, what was asked for longest ago goes first.
    """

    shelves: ClassVar[list[Shelf]] = []

    def __init__(self, room: int) -> None:
        self._room, self._lock = room, Lock()
        self.shelves.append(self)
        self._kept: OrderedDict[str, tuple[float, Any]] = OrderedDict()

    def get(self, name: str) -> Any:
        """None where there is nothing, or it lies too long."""
        with self._lock:
            until, value = self._kept.get(name, (0.0, None))
            if until < time.monotonic():
                self._kept.pop(name, None)
                return None
            self._kept.move_to_end(name)
            return value

    def put(self, name: str, value: Any, *, seconds: float) -> None:
        with self._lock:
            self._kept[name] = (time.monotonic() + seconds, value)
            self._kept.move_to_end(name)
            while len(self._kept) > self._room:
                self._kept.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()


FINDINGS = Shelf(room=64)  # what pages show
MANY, SOON = 2_000, 60.0  # over so many rows, pages work things out once in so many seconds at most


def forget() -> None:
    """After the database was replaced under a running process, where numbers may mean other rows."""
    _protocol.cache_clear()
    _guideline.cache_clear()
    for shelf in Shelf.shelves:
        shelf.clear()
