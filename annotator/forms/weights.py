"""Where weights are sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from annotator.domain.hubs import is_repo_name
from annotator.domain.weights import Weights

WORDS = {Weights.TRAINED: _("As training left them"), Weights.MERGED: _("Whole weights")}


class PushForm(forms.Form):
    """`offered` are the weights that exist."""

    weights = forms.ChoiceField(label=_("Weights"), widget=forms.RadioSelect)
    repo = forms.CharField(
        max_length=96,
        label=_("Repository"),
        help_text=_("Owner and name, such as my-team/shop-policy. It is made if it does not exist."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "dir": "ltr"}),
    )
    private = forms.BooleanField(
        required=False, initial=True, label=_("Private"), help_text=_("Only people whom the repository lets in see it.")
    )

    def __init__(self, *args: Any, offered: Sequence[Weights], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["weights"].choices = [(one.value, WORDS[one]) for one in offered]  # type: ignore[attr-defined]
        self.fields["weights"].initial = offered[0].value if offered else None

    def clean_repo(self) -> str:
        repo: str = self.cleaned_data["repo"].strip()
        if not is_repo_name(repo):
            raise forms.ValidationError(_("This is no name of a repository, such as my-team/shop-policy."))
        return repo
