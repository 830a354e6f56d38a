"""What raters are asked, as an owner types it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from annotator.domain.asking import ReasonWish
from annotator.domain.protocols import PRESETS as SCALES
from annotator.domain.verdicts import APART, OPTIONAL
from annotator.models import Protocol


class ProtocolForm(forms.Form):
    """What raters are asked. Lists are typed a line each."""

    preset = forms.ChoiceField(
        label=_("Scale"),
        choices=[(scale.code, _(scale.name)) for scale in SCALES.values()],
        help_text=_("The overall question, and the answers to it."),
    )
    outcomes = forms.MultipleChoiceField(
        required=False,
        label=_("Also allowed"),
        choices=[(outcome.value, _(APART[outcome].label)) for outcome in OPTIONAL],
        widget=forms.CheckboxSelectMultiple,
        help_text=_("What may be answered beside a preference. They stay distinct in judgments and exports."),
    )
    criteria = forms.CharField(
        required=False,
        max_length=4_000,
        label=_("Criteria"),
        widget=forms.Textarea(
            attrs={"rows": 4, "placeholder": _("Accuracy | Which answer is more accurate? | five_point")}
        ),
        help_text=_(
            "One per line: name | question | scale. Asked after the overall question; the scale may be left out."
        ),
    )
    ratings = forms.CharField(
        required=False,
        max_length=2_000,
        label=_("Points for each answer"),
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": _("Helpfulness")}),
        help_text=_("One property per line; each answer gets 0 to 4 points for it."),
    )
    reason = forms.ChoiceField(
        label=_("Reason"),
        choices=[
            (ReasonWish.OFF.value, _("Not asked")),
            (ReasonWish.OPTIONAL.value, _("Welcome")),
            (ReasonWish.REQUIRED.value, _("Required")),
        ],
        initial=ReasonWish.OPTIONAL.value,
    )
    reason_min = forms.IntegerField(
        min_value=0,
        max_value=1000,
        initial=0,
        label=_("Shortest reason"),
        help_text=_("Characters that a required reason has."),
    )
    reasons = forms.CharField(
        required=False,
        max_length=4_000,
        label=_("Reasons to tick"),
        widget=forms.Textarea(attrs={"rows": 4, "placeholder": _("More accurate\nFriendlier")}),
        help_text=_("One per line."),
    )
    edit = forms.BooleanField(
        required=False,
        label=_("Let raters improve the better answer"),
        help_text=_("An improved answer is kept with its judgment."),
    )

    @staticmethod
    def typed(protocol: Protocol) -> dict[str, Any]:
        """A published version as it would be typed."""
        return {
            "preset": protocol.preset,
            "outcomes": protocol.outcomes,
            "criteria": "\n".join(f"{row['name']} | {row['question']} | {row['preset']}" for row in protocol.criteria),
            "ratings": "\n".join(row["name"] for row in protocol.ratings),
            "reason": protocol.reason,
            "reason_min": protocol.reason_min,
            "reasons": "\n".join(protocol.reasons),
            "edit": protocol.edit,
        }

    def clean_criteria(self) -> list[dict[str, str]]:
        return [_criterion_of(number, line) for number, line in enumerate(_lines(self.cleaned_data["criteria"]), 1)]

    def clean_ratings(self) -> list[str]:
        return _lines(self.cleaned_data["ratings"])

    def clean_reasons(self) -> list[str]:
        return _lines(self.cleaned_data["reasons"])


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _criterion_of(number: int, line: str) -> dict[str, str]:
    name, question, scale, *more = [part.strip() for part in line.split("|")] + ["", ""]
    if any(more) or (scale and scale not in SCALES):
        raise forms.ValidationError(
            _("Line %(number)s: expected “name | question | scale”, with one of the scales %(scales)s.")
            % {"number": number, "scales": ", ".join(SCALES)}
        )
    usual = _("%(name)s: which answer is better?") % {"name": name}
    return {"name": name, "question": question or usual, "preset": scale or "five_point"}
