"""Collect what translators translate: templates, our own Python, and the words of the engine.

    python manage.py makemessages -l de -l es -l zh_Hans -l ar

The engine knows nothing of Django, so its titles and sentences are not marked
where they stand. They are written into a file for the time of the collecting.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.commands import makemessages
from pydantic import BaseModel

from training.config import PRESETS, RoundSettings
from training.metric_names import METRICS

FILE = settings.BASE_DIR / "annotator" / "words_of_the_engine.py"
ELSEWHERE = [".venv", "bench", "deploy", "docs", "tests", "training", "var"]


class Command(makemessages.Command):
    # Places of origin and line breaks change with every edit, and would hide what a translator has to do.
    def handle(self, *args: Any, **options: Any) -> None:
        options |= {"no_location": True, "no_wrap": True, "no_obsolete": True}
        options["ignore_patterns"] = [*options["ignore_patterns"], *ELSEWHERE]
        FILE.write_text("\n".join(f"gettext_noop({word!r})" for word in dict.fromkeys(words_of_the_engine())))
        try:
            super().handle(*args, **options)
        finally:
            FILE.unlink()


def words_of_the_engine() -> Iterator[str]:
    """Everything of `training` that a page shows."""
    yield from (sentence for sentence, _settings in PRESETS.values())
    yield from (word for pair in METRICS.values() for word in pair if word)
    yield from _words_of(RoundSettings)


def _words_of(settings: type[BaseModel]) -> Iterator[str]:
    for field in settings.model_fields.values():
        if field.title:
            yield field.title
        if field.description:
            yield field.description
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _words_of(field.annotation)
