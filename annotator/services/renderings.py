"""What raters read is rendered once, when it is leased, and not on every request."""

from __future__ import annotations

from collections.abc import Iterable

from annotator.models import Rendering
from annotator.rendering import VERSION, chat_html
from annotator.selectors.renderings import text_key


def renderings_ensure(texts: Iterable[str]) -> None:
    """Store the HTML of each text that has none of this version yet; two raters at once store it once."""
    wanted = {text_key(text): text for text in texts}
    made = Rendering.objects.filter(pk__in=wanted, version=VERSION).values_list("pk", flat=True)
    missing = wanted.keys() - set(made)
    Rendering.objects.bulk_create(
        [Rendering(sha256=key, version=VERSION, html=chat_html(wanted[key])) for key in sorted(missing)],
        update_conflicts=True,
        unique_fields=["sha256"],
        update_fields=["version", "html"],
    )
