"""What a rater or an adjudicator sends from the card."""

from __future__ import annotations

import uuid
from functools import lru_cache
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from annotator.domain.asking import Asking, Said
from annotator.domain.flags import WORDS

LONGEST_EDIT = 100_000  # characters


def places(fields: dict[str, Any]) -> str:
    """Two sliders as one answer: 37-82."""
    return "-".join(filter(None, (fields.get("slider_left"), fields.get("slider_right"))))


class FlagsForm(forms.Form):
    """What a card says is wrong with its pair."""

    flags = forms.MultipleChoiceField(required=False, choices=list(WORDS.items()))


class Shared(dict[str, forms.Field]):
    """Fields that all forms of a class have in common: none changes one, so none needs a copy of its own."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Shared:
        return self


class VerdictForm(FlagsForm):
    """What the card sends: the answers, the key of this card, and how long it took. Made by `verdict_form`."""

    asking: Asking

    answer = forms.CharField(required=False, max_length=40)
    key = forms.UUIDField(widget=forms.HiddenInput)
    protocol = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)
    guideline = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)
    milliseconds = forms.FloatField(required=False, min_value=0, widget=forms.HiddenInput)
    slider_left = forms.CharField(required=False, max_length=3)
    slider_right = forms.CharField(required=False, max_length=3)
    rationale = forms.CharField(required=False, max_length=4000)
    edit_left = forms.CharField(required=False, max_length=LONGEST_EDIT, strip=False)
    edit_right = forms.CharField(required=False, max_length=LONGEST_EDIT, strip=False)

    @property
    def sent(self) -> dict[str, str]:
        """What came, by field, to be shown again beside what does not fit."""
        sent = {name: str(self.data[name]) for name in self.data}
        return {**sent, "answer": sent.get("answer") or places(sent)}

    @property
    def ticked(self) -> list[str]:
        return self.data.getlist("reasons") if isinstance(self.data, QueryDict) else []

    @property
    def flagged(self) -> list[str]:
        return self.data.getlist("flags") if isinstance(self.data, QueryDict) else []

    def judgment(self) -> dict[str, Any]:
        """The arguments of `judgment_submit`; without JavaScript nobody measured the time, which is 0."""
        cleaned = self.cleaned_data
        return {
            "said": self.said(),
            "key": cleaned["key"],
            "seconds": (cleaned["milliseconds"] or 0.0) / 1000,
            "protocol_id": cleaned["protocol"],
            "guideline_id": cleaned["guideline"],
            "flags": cleaned["flags"],
        }

    def said(self) -> Said:
        cleaned = self.cleaned_data
        return Said(
            answer=cleaned["answer"] or places(cleaned),
            criteria={one.code: cleaned[f"criterion_{one.code}"] for one in self.asking.criteria},
            points={
                one.code: (cleaned[f"points_left_{one.code}"], cleaned[f"points_right_{one.code}"])
                for one in self.asking.ratings
            },
            reasons=cleaned.get("reasons", []),
            rationale=cleaned["rationale"],
            edits=(cleaned["edit_left"], cleaned["edit_right"]),
        )

    @staticmethod
    def new_key() -> uuid.UUID:
        """Drawn for each card that is shown, so that sending a card twice stores one judgment."""
        return uuid.uuid4()


@lru_cache(maxsize=500)
def verdict_form(asking: Asking) -> type[VerdictForm]:
    """The form for what `asking` asks: a class for each way of asking, because every judgment needs one."""

    class AskedForm(VerdictForm):
        pass

    fields = dict(VerdictForm.base_fields)
    for criterion in asking.criteria:
        fields[f"criterion_{criterion.code}"] = forms.CharField(required=False, max_length=40)
    for rating in asking.ratings:
        for side in ("left", "right"):
            fields[f"points_{side}_{rating.code}"] = forms.IntegerField(required=False)
    if asking.reasons:
        choices = [(reason, reason) for reason in asking.reasons]
        fields["reasons"] = forms.MultipleChoiceField(required=False, choices=choices)
    AskedForm.asking, AskedForm.base_fields = asking, Shared(fields)
    return AskedForm


class SittingForm(forms.Form):
    """What a question of practice or of an exam sends."""

    number = forms.IntegerField(min_value=1, max_value=10_000)
    answer = forms.CharField(required=False, max_length=40)
    slider_left = forms.CharField(required=False, max_length=3)
    slider_right = forms.CharField(required=False, max_length=3)
    milliseconds = forms.FloatField(required=False, min_value=0)

    def answer_given(self) -> dict[str, Any]:
        """The arguments of `sitting_answer`."""
        cleaned = self.cleaned_data
        return {
            "number": cleaned["number"],
            "answer": cleaned["answer"] or places(cleaned),
            "seconds": (cleaned["milliseconds"] or 0.0) / 1000,
        }


class AdjudicationForm(forms.Form):
    """The overall question alone."""

    answer = forms.CharField(required=False, max_length=40)
    slider_left = forms.CharField(required=False, max_length=3)
    slider_right = forms.CharField(required=False, max_length=3)

    @property
    def answer_given(self) -> str:
        """What was pressed; empty for what cannot have been."""
        return (self.cleaned_data["answer"] or places(self.cleaned_data)) if self.is_valid() else ""


class NoteForm(forms.Form):
    """Why a comparison was decided as it was."""

    note = forms.CharField(
        required=False,
        max_length=4_000,
        label=_("Note"),
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Why, for whoever reads it later. Kept with the decision."),
    )
