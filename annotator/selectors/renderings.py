"""Stored HTML by the text that it was made from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from django.utils.safestring import SafeString, mark_safe

from annotator.models import Rendering
from annotator.rendering import VERSION, chat_html


def text_key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def renderings_of(texts: Iterable[str]) -> dict[str, SafeString]:
    """The HTML of each text; one that was not stored, as after an upgrade, is made on the spot."""
    wanted = {text_key(text): text for text in texts}
    stored = dict(Rendering.objects.filter(pk__in=wanted, version=VERSION).values_list("pk", "html"))
    return {
        text: mark_safe(stored[key]) if key in stored else chat_html(text)  # what is stored was sanitised
        for key, text in wanted.items()
    }
