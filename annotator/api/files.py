"""Files instead of JSON: those that are taken out, and those that are brought in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer

from annotator.api.rows import NDJSON

BYTES, ZIP = "application/octet-stream", "application/zip"
CHUNK = 1 << 18


class Whole(BaseParser):
    """The body is a file: handed on piece by piece, never held in memory."""

    media_type = BYTES

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Iterator[bytes]:
        return iter(lambda: stream.read(CHUNK), b"")


class Zip(JSONRenderer):
    """For who accepts nothing but the archive. Only refusals pass through here, and they are JSON."""

    media_type = ZIP


class LinesOut(JSONRenderer):
    """For who accepts nothing but JSON lines, likewise."""

    media_type = NDJSON
