"""A comparison with its answer, as an owner types it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from annotator.domain.gold import RIGHT_WORDS, USE_WORDS
from annotator.forms.judging import LONGEST_EDIT


class GoldForm(forms.Form):
    """A comparison whose answer is known."""

    use = forms.ChoiceField(
        label=_("Use"), choices=[(use.value, words) for use, words in USE_WORDS.items()], initial="practice"
    )
    system = forms.CharField(
        required=False, max_length=20_000, label=_("Instructions"), widget=forms.Textarea(attrs={"rows": 2})
    )
    prompt = forms.CharField(max_length=20_000, label=_("Question"), widget=forms.Textarea(attrs={"rows": 3}))
    first = forms.CharField(max_length=LONGEST_EDIT, label=_("Answer A"), widget=forms.Textarea(attrs={"rows": 6}))
    second = forms.CharField(max_length=LONGEST_EDIT, label=_("Answer B"), widget=forms.Textarea(attrs={"rows": 6}))
    right = forms.MultipleChoiceField(
        label=_("What is right"),
        choices=[(kind.value, words) for kind, words in RIGHT_WORDS.items()],
        widget=forms.CheckboxSelectMultiple,
        help_text=_("One or several. How strongly somebody prefers an answer is never wrong."),
    )
    explanation = forms.CharField(
        max_length=4_000,
        label=_("Why"),
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_(
            "Raters read this after they answered, in Markdown. Write {A} and {B} for the answers: "
            "who sees them the other way round reads the other letter."
        ),
    )

    def gold(self) -> dict[str, Any]:
        """The arguments of `gold_add`."""
        cleaned = dict(self.cleaned_data)
        system, prompt = cleaned.pop("system"), cleaned.pop("prompt")
        before = [{"role": "system", "content": system}] if system else []
        return {**cleaned, "messages": [*before, {"role": "user", "content": prompt}]}
