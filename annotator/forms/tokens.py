"""What somebody says of a token that they make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from annotator.domain.scopes import WORDS

DAYS = [(7, _("A week")), (30, _("30 days")), (90, _("90 days")), (365, _("A year"))]


class TokenForm(forms.Form):
    name = forms.CharField(
        max_length=80, label=_("Name"), help_text=_("What it is for, so that you know it again: a script, a machine.")
    )
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"),
        choices=[(scope.value, _(words)) for scope, words in WORDS.items()],
        initial=["read"],
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Never more than you may yourself."),
    )
    project = forms.ChoiceField(label=_("Where"), required=False)
    days = forms.TypedChoiceField(label=_("For how long"), choices=DAYS, coerce=int, initial=30)

    def __init__(self, *args: Any, slugs: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", _("All of my projects")), *((slug, slug) for slug in slugs)]
        self.fields["project"].choices = choices  # type: ignore[attr-defined]
