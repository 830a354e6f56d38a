"""Rows that never change, read once by each process."""

from __future__ import annotations

from functools import lru_cache

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
