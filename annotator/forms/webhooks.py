"""What an owner types about a webhook."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from annotator.domain.webhooks import HEARD


class WebhookForm(forms.Form):
    url = forms.CharField(
        label=_("Address"),
        max_length=500,
        widget=forms.TextInput(attrs={"inputmode": "url", "placeholder": "https://", "autocomplete": "off"}),
        help_text=_("Gets a POST with JSON. Any answer from 200 to 299 within ten seconds counts as heard."),
    )
    kinds = forms.MultipleChoiceField(
        label=_("What it hears"),
        choices=[(kind.value, _(sentence)) for kind, sentence in HEARD.items()],
        widget=forms.CheckboxSelectMultiple,
    )
