"""A file that is brought in, and what is in its columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from annotator.domain.formats.columns import ROLES
from annotator.domain.formats.detection import ROWS


class ImportForm(forms.Form):
    """A file from here, or one that lies on the server."""

    file = forms.FileField(
        required=False,
        label=_("File"),
        help_text=_(
            "JSON lines, a JSON list, CSV, TSV or Parquet; .gz and .zst are unpacked on the way. Several files as .zip."
        ),
    )
    server = forms.ChoiceField(required=False, label=_("Or a file on the server"))
    dataset = forms.CharField(
        required=False,
        max_length=400,
        label=_("Or a data set on the hub"),
        help_text=_("Owner and name; a folder or a file inside of it, and @ with a revision, may follow."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "dir": "ltr", "placeholder": "owner/name"}
        ),
    )

    def __init__(self, *args: Any, server_files: Sequence[str] = (), hub: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not hub:
            del self.fields["dataset"]
        if server_files:
            self.fields["server"].choices = [("", "–"), *((name, name) for name in server_files)]  # type: ignore[attr-defined]
        else:
            del self.fields["server"]
        self.fields["file"].required = list(self.fields) == ["file"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        chosen = [name for name in self.fields if cleaned.get(name)]
        if not self.errors and len(chosen) != 1:
            raise forms.ValidationError(_("Choose one of these.") if chosen else _("Choose a file."))
        return cleaned


class StartForm(forms.Form):
    """What is said of all rows before they go in."""

    license = forms.CharField(
        required=False,
        max_length=100,
        label=_("Licence of the rows that name none"),
        help_text=_("It goes with every row that leaves again, for example CC-BY-4.0."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "dir": "ltr"}),
    )


class ReadAsForm(forms.Form):
    """How to read a file: as a known format, or by what is in its columns."""

    format = forms.ChoiceField(label=_("Read it as"))

    def __init__(self, *args: Any, columns: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = [("columns", _("a table, with the columns named below")), *((name, name) for name in ROWS)]
        self.fields["format"].choices = named  # type: ignore[attr-defined]
        for role, label in ROLES.items():
            self.fields[f"column-{role}"] = forms.ChoiceField(
                required=False, label=_(label), choices=[("", "–"), *((name, name) for name in columns)]
            )

    @property
    def roles(self) -> list[Any]:
        return [self[name] for name in self.fields if name.startswith("column-")]

    @property
    def columns(self) -> dict[str, str]:
        """Role → column, for those that were chosen."""
        return {
            name.removeprefix("column-"): value
            for name, value in self.cleaned_data.items()
            if name.startswith("column-") and value
        }
