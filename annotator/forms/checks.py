"""How raters are checked, as an owner types it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

NOBODY_PAUSED = _("Empty: nobody is paused by it.")


def _share(**said: Any) -> forms.FloatField:
    return forms.FloatField(min_value=0, max_value=1, **said)


def _after(**said: Any) -> forms.IntegerField:
    help_text = _("Answers that are looked at before it can pause.")
    return forms.IntegerField(min_value=1, max_value=10_000, help_text=help_text, **said)


class ChecksForm(forms.Form):
    """How raters are checked: the fields of domain.checks.CheckRules."""

    gold = _share(
        label=_("Gold"), help_text=_("Share of the pairs, from 0 to 1, that are gold with the use “Hidden check”.")
    )
    repeat = _share(label=_("Repeats"), help_text=_("Share that the rater judged before, on the same sides."))
    swap = _share(
        label=_("Repeats with exchanged sides"), help_text=_("Share that the rater judged before, on the other sides.")
    )
    min_seconds = forms.FloatField(
        min_value=0,
        max_value=3600,
        label=_("Minimum time"),
        help_text=_("Seconds; a judgment in less time counts as too fast. 0: none does."),
    )
    gold_least = _share(label=_("Gold right, at least"), help_text=NOBODY_PAUSED, required=False)
    gold_after = _after(label=_("Gold looked at"))
    consistency_least = _share(label=_("Said the same again, at least"), help_text=NOBODY_PAUSED, required=False)
    consistency_after = _after(label=_("Repeats looked at"))
    fast_most = _share(label=_("Too fast, at most"), help_text=NOBODY_PAUSED, required=False)
    fast_after = _after(label=_("Judgments looked at"))

    @property
    def groups(self) -> list[tuple[str | Promise, list[forms.BoundField]]]:
        """The fields as the page groups them."""
        named = [
            (_("How often"), ["gold", "repeat", "swap", "min_seconds"]),
            (
                _("When a rater is paused"),
                ["gold_least", "gold_after", "consistency_least", "consistency_after", "fast_most", "fast_after"],
            ),
        ]
        return [(title, [self[name] for name in names]) for title, names in named]
