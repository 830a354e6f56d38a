"""The queue as an owner types it: the mix of orders, quota, adaptive overlap, rules by tag, and what comes first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from annotator.domain.overlap import HIGHEST_BOUND, LOWEST_BOUND
from annotator.domain.placing import PRIORITIES
from annotator.domain.strategies import INFORMATIVE_WORDS, WORDS, Order
from annotator.models import Project
from annotator.selectors.votes import Author

PRIORITY_WORDS = [
    (2, _("Before all others")),
    (1, _("Early")),
    (0, _("As usual")),
    (-1, _("Late")),
    (-2, _("After all others")),
]
WORD_OF = {priority: word for word, priority in PRIORITIES.items()}


class QueueForm(forms.Form):
    """What holds from the next claim or the next round on. Rules are typed a line each."""

    informative_by = forms.ChoiceField(
        choices=[(one.value, _(words)) for one, words in INFORMATIVE_WORDS.items()],
        label=_("Most informative about"),
        help_text=_(
            "Whose answers are better, or what reward models do not know yet. The second begins when a reward model "
            "has read the answers of the round; until then it goes by the first."
        ),
    )
    control_share = forms.FloatField(
        min_value=0,
        max_value=1,
        label=_("Control share"),
        help_text=_(
            "From 0 to 1. This share of new comparisons is drawn by chance and handed out by chance, without priority "
            "and with a fixed k: what it says is not bent by the strategy."
        ),
    )
    adaptive_most = forms.IntegerField(
        required=False,
        min_value=LOWEST_BOUND,
        max_value=HIGHEST_BOUND,
        label=_("Most judgments"),
        help_text=_("While two or more judgments leave it open, one more is wanted, up to this many. Empty: off."),
    )
    adaptive_certainty = forms.FloatField(
        min_value=0.6,
        max_value=0.999,
        label=_("Certain enough at"),
        help_text=_(
            "Probability that the better answer is known, from 0.6 to 0.999. From here on no more is asked. Four "
            "judgments that agree reach 0.97."
        ),
    )
    daily_quota = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=100_000,
        label=_("Daily quota"),
        help_text=_("Judgments that one person may give in a day, by UTC. Empty: as many as they like."),
    )
    tag_rules = forms.CharField(
        required=False,
        max_length=20_000,
        label=_("Rules by tag"),
        widget=forms.Textarea(attrs={"rows": 5, "placeholder": "medical | doctors | first", "spellcheck": "false"}),
        help_text=_(
            "One per line: tag of the prompt | group that is asked | first, early, late or last. The group or the "
            "order may be left out. Of several rules that fit, the upper one holds."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for order in Order:
            title, sentence = WORDS[order]
            self.fields[f"share_{order}"] = forms.FloatField(
                required=False, min_value=0, max_value=1000, label=_(title), help_text=_(sentence)
            )

    @property
    def groups(self) -> list[tuple[str | Promise, str | Promise, list[forms.BoundField]]]:
        """The fields as the page groups them: title, what it is about, fields."""
        named: list[tuple[str | Promise, str | Promise, list[str]]] = [
            (
                _("Order"),
                _("Parts of the claims that each order gets; only their ratio counts. All empty: in order."),
                [*(f"share_{order}" for order in Order), "informative_by"],
            ),
            (_("Control"), _("An honest sample beside the strategy."), ["control_share"]),
            (
                _("Adaptive overlap"),
                _("Comparisons that are judged more than once get as many judgments as they need."),
                ["adaptive_most", "adaptive_certainty"],
            ),
            (_("People"), _("Who is asked, and how much."), ["daily_quota", "tag_rules"]),
        ]
        return [(title, sentence, [self[name] for name in names]) for title, sentence, names in named]

    @staticmethod
    def typed(project: Project) -> dict[str, Any]:
        """The settings as they would be typed."""
        rules = [(rule["tag"], rule["group"], WORD_OF[rule["priority"]]) for rule in project.tag_rules]
        return {
            "informative_by": project.informative_by,
            "control_share": project.control_share,
            "adaptive_most": project.adaptive_most,
            "adaptive_certainty": project.adaptive_certainty,
            "daily_quota": project.daily_quota,
            "tag_rules": "\n".join(" | ".join(rule).rstrip(" |") for rule in rules),
            **{f"share_{order}": project.strategy.get(order) for order in Order},
        }

    def clean_tag_rules(self) -> list[dict[str, Any]]:
        lines = enumerate(self.cleaned_data["tag_rules"].splitlines(), 1)
        return [_rule_of(number, line) for number, line in lines if line.strip()]

    def settings(self) -> dict[str, Any]:
        """The arguments of `queue_update`."""
        cleaned = dict(self.cleaned_data)
        shares = {order.value: cleaned.pop(f"share_{order}") for order in Order}
        return {**cleaned, "strategy": {name: share for name, share in shares.items() if share is not None}}


def _rule_of(number: int, line: str) -> dict[str, Any]:
    tag, group, word, *more = [part.strip() for part in line.split("|")] + ["", ""]
    if not tag or any(more) or word not in PRIORITIES:
        raise forms.ValidationError(
            _("Line %(number)s: expected “tag | group | order”, with first, early, late, last or nothing as the order.")
            % {"number": number}
        )
    return {"tag": tag, "group": group, "priority": PRIORITIES[word]}


class WantedForm(forms.Form):
    """k of the round that collects."""

    wanted = forms.IntegerField(
        min_value=1,
        max_value=50,
        label=_("Judgments per comparison"),
        help_text=_("For every comparison of this round. What is held or answered already stays."),
    )


class PairForm(forms.Form):
    """Two authors whose comparisons come before the others, or after them."""

    one = forms.ChoiceField(label=_("Answers of"))
    other = forms.ChoiceField(label=_("against answers of"))
    priority = forms.TypedChoiceField(label=_("come"), coerce=int, choices=PRIORITY_WORDS, initial=2)

    def __init__(self, *args: Any, authors: Sequence[tuple[Author, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.authors = {str(number): author for number, (author, _name) in enumerate(authors)}
        choices = [(str(number), name) for number, (_author, name) in enumerate(authors)]
        for name in ("one", "other"):
            self.fields[name].choices = choices  # type: ignore[attr-defined]
        if len(choices) > 1:
            self.initial.setdefault("other", "1")

    def pair(self) -> dict[str, Any]:
        """The arguments of `comparisons_prioritise`."""
        cleaned = self.cleaned_data
        return {
            "one": self.authors[cleaned["one"]],
            "other": self.authors[cleaned["other"]],
            "priority": cleaned["priority"],
        }


class GroupsForm(forms.Form):
    """The groups of a member, comma between."""

    groups = forms.CharField(required=False, max_length=2_000)

    def clean_groups(self) -> list[str]:
        names: str = self.cleaned_data["groups"]
        return names.split(",")
