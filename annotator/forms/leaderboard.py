"""What a reader of the leaderboard asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from annotator.domain.ranking.votes import Ties
from annotator.selectors.leaderboard import Wish


class LeaderboardForm(forms.Form):
    """What a reader of the leaderboard wants to see. All may be left out; what does not fit counts as left out."""

    first_round = forms.IntegerField(label=_("From round"), required=False, min_value=1, max_value=10**6)
    last_round = forms.IntegerField(label=_("To round"), required=False, min_value=1, max_value=10**6)
    tag = forms.ChoiceField(label=_("Prompts"), required=False)
    ties = forms.ChoiceField(
        label=_("Ties"),
        required=False,
        choices=[
            (Ties.HALF.value, _("Half a win each")),
            (Ties.DAVIDSON.value, _("Own outcome")),
            (Ties.DROPPED.value, _("Left out")),
        ],
    )
    style = forms.ChoiceField(label=_("Style"), required=False, choices=[("", _("Left in")), ("1", _("Taken off"))])
    anchor = forms.ChoiceField(
        label=_("1000 points"), required=False, choices=[("mean", _("The mean")), ("base", _("The base model"))]
    )

    def __init__(self, *args: Any, tags: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["tag"].choices = [("", _("All")), *((tag, tag) for tag in tags)]  # type: ignore[attr-defined]

    @property
    def wish(self) -> Wish:
        self.is_valid()
        said = {name: value for name, value in self.cleaned_data.items() if value}
        return Wish(**{**said, "ties": Ties(said.get("ties", Ties.HALF)), "style": "style" in said})
