"""Prompts, typed or uploaded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django import forms
from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _

MAX_UPLOAD_BYTES = 16 * 1024 * 1024
MAX_PROMPTS_AT_ONCE = 20_000


class PromptsForm(forms.Form):
    """Prompts typed one per line or uploaded as JSON lines."""

    system = forms.CharField(
        required=False,
        max_length=20_000,
        label=_("Instructions"),
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("A system message, put before each prompt that is typed below."),
    )
    text = forms.CharField(
        required=False,
        strip=False,
        label=_("Prompts"),
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text=_("One prompt per line. For prompts of several lines or turns, upload a file."),
    )
    file = forms.FileField(
        required=False,
        label=_("Or a file"),
        widget=forms.FileInput(attrs={"accept": ".jsonl,.ndjson,.json,.txt"}),
        help_text=_(
            "JSON lines, at most 16 MB and 20,000 prompts. Each line is a text, a list of messages, or an object "
            "with “prompt” or “messages”."
        ),
    )
    source = forms.CharField(
        label=_("Source"), required=False, max_length=200, help_text=_("Where these come from, kept with each prompt.")
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        if not (cleaned.get("text") or "").strip() and not cleaned.get("file"):
            raise forms.ValidationError(_("Type at least one prompt, or choose a file."))
        conversations = list(self._typed(cleaned))
        if upload := cleaned.get("file"):
            conversations += self._uploaded(upload)
        if len(conversations) > MAX_PROMPTS_AT_ONCE:
            raise forms.ValidationError(
                _("These are %(number)s prompts; at most %(most)s fit into one upload.")
                % {
                    "number": number_format(len(conversations), force_grouping=True),
                    "most": number_format(MAX_PROMPTS_AT_ONCE, force_grouping=True),
                }
            )
        cleaned["conversations"] = conversations
        return cleaned

    def _typed(self, cleaned: dict[str, Any]) -> Iterator[list[dict[str, str]]]:
        before = [{"role": "system", "content": cleaned["system"]}] if cleaned.get("system") else []
        for line in (cleaned.get("text") or "").splitlines():
            if line.strip():
                yield [*before, {"role": "user", "content": line.strip()}]

    def _uploaded(self, upload: Any) -> list[Any]:
        if upload.size > MAX_UPLOAD_BYTES:
            size = number_format(f"{upload.size / 1024 / 1024:.1f}", 1)
            self.add_error("file", _("This file has %(size)s MB; at most 16 MB fit.") % {"size": size})
            return []
        try:
            lines = upload.read().decode("utf-8-sig").splitlines()
        except UnicodeDecodeError:
            self.add_error("file", _("This file is not UTF-8 text."))
            return []
        found = []
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                found.append(conversation_of(json.loads(line)))
            except (ValueError, RecursionError) as error:  # the latter for ten thousand brackets in a row
                self.add_error("file", _("Line %(number)s: %(problem)s") % {"number": number, "problem": error})
                break
        return found


def conversation_of(row: Any) -> Any:
    """The conversation in one line of a file. Raises ValueError saying what is expected."""
    if isinstance(row, dict):
        row = row.get("messages", row.get("prompt"))
    if isinstance(row, str):
        return [{"role": "user", "content": row}]
    if isinstance(row, list):
        return row
    raise ValueError(_("expected a text, a list of messages, or an object with “prompt” or “messages”."))
