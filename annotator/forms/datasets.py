"""What an owner wishes of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from annotator.domain.aggregation import Consensus
from annotator.domain.datasets.filters import Filters
from annotator.domain.datasets.shapes import SHAPES
from annotator.models import Depot

FILE_FORMATS = [
    ("jsonl", _("JSON lines")),
    ("parquet", "Parquet"),
    ("csv", _("CSV, with lists as JSON in their cells")),
]
CONSENSUS = [
    (Consensus.VOTES, _("The share of the votes")),
    (Consensus.DAWID_SKENE, _("Dawid and Skene’s model of raters")),
    (Consensus.JOINT, _("A joint model of answers, raters and their leans")),
]


class SendingForm(forms.Form):
    depot = forms.ChoiceField(choices=Depot.choices)
    repo = forms.CharField(
        max_length=96,
        label=_("Repository"),
        widget=forms.TextInput(attrs={"placeholder": "my-team/shop-preferences", "autocomplete": "off"}),
    )
    public = forms.BooleanField(required=False, label=_("Everybody may see it"))

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        self.fields["repo"].required = not data or data.get("depot") != Depot.STORAGE


class DatasetForm(forms.Form):
    shape = forms.ChoiceField(
        label=_("Shape"),
        choices=[(shape.name, _(shape.title)) for shape in SHAPES.values()],
        widget=forms.RadioSelect,
        initial="preference",
    )
    file_format = forms.ChoiceField(label=_("File format"), choices=FILE_FORMATS, initial="jsonl")
    rounds = forms.MultipleChoiceField(
        required=False,
        label=_("Rounds"),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: all of them. Abandoned rounds are never in it."),
    )
    tags = forms.CharField(
        required=False,
        max_length=500,
        label=_("Tags"),
        help_text=_("Separated by commas. Only prompts with one of them; empty: all prompts."),
    )
    votes = forms.IntegerField(
        min_value=1,
        max_value=1000,
        initial=1,
        label=_("Judgments at least"),
        help_text=_("Of a comparison, by raters who count. What somebody adjudicated is in it anyway."),
    )
    agreement = forms.FloatField(
        min_value=0.5,
        max_value=1,
        initial=0.5,
        label=_("Agreement at least"),
        help_text=_("From 0.5 to 1: the share of the votes that the better answer has."),
    )
    consensus = forms.ChoiceField(label=_("Consensus"), choices=CONSENSUS, initial=Consensus.VOTES)
    named = forms.BooleanField(
        required=False,
        label=_("Raters under their user names"),
        help_text=_("Otherwise each has a pseudonym, the same in every version of this project."),
    )

    def __init__(self, *args: Any, rounds: Sequence[tuple[int, str]] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if rounds:
            self.fields["rounds"].choices = [(str(number), name) for number, name in rounds]  # type: ignore[attr-defined]
        else:
            del self.fields["rounds"]

    @property
    def shapes(self) -> list[tuple[Any, Any]]:
        """Each radio button of the shapes, and what leaves in it."""
        return [(button, _(SHAPES[button.data["value"]].what)) for button in self["shape"]]

    @property
    def others(self) -> list[Any]:
        return [field for field in self if field.name != "shape"]

    @property
    def filters(self) -> Filters:
        said = self.cleaned_data
        return Filters(
            rounds=tuple(sorted(int(number) for number in said.get("rounds", []))),
            tags=tuple(dict.fromkeys(tag.strip() for tag in said["tags"].split(",") if tag.strip())),
            votes=said["votes"],
            agreement=said["agreement"],
            consensus=Consensus(said["consensus"]),
            named=said["named"],
        )
