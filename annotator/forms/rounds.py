"""The settings of a round, as people fill them in and as they read them later.

Titles, descriptions, ranges and defaults are those of `training.config`, so page
and checkpoint never differ; only where a setting stands is decided here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from pydantic import ValidationError as SettingsInvalid
from pydantic.fields import FieldInfo

from training.config import PRESETS, RoundSettings, Settings

# --- where a setting stands ----------------------------------------------------


@dataclass(frozen=True)
class Place:
    """A section of the page. `often` is what most people touch; everything else is behind "More settings"."""

    title: str | Promise
    sentence: str | Promise
    often: tuple[str, ...]


PLACES: dict[str, Place] = {
    "reward": Place(
        _("Reward model"),
        _("Learns which answer people prefer, and judges the new policy by it."),
        ("epochs", "learning_rate", "backbone", "earlier_rounds"),
    ),
    "dpo": Place(
        _("Policy (DPO)"),
        _("Learns to write what people prefer, starting from its parent."),
        ("epochs", "max_steps", "learning_rate", "beta", "loss"),
    ),
    "evaluate": Place(
        _("Evaluation"),
        _("Holds the new policy against its parent on prompts that were never trained on."),
        ("held_out_prompts",),
    ),
    "generate": Place(
        _("Answers for the next round"),
        _("How the promoted policy writes the answers that raters see next."),
        ("answers_per_prompt", "temperature", "max_new_tokens"),
    ),
    "": Place(_("Round"), _("What holds for all stages."), ("consensus", "seed")),
}

# Behind "More settings": what training recipes share, in this order, after what is a section's own.
GROUPS: dict[str, tuple[str, ...]] = {
    "judgments": ("targets", "weighting", "ties", "tie_width", "strength", "strength_margin", "earlier_rounds"),
    "steps": (
        "max_steps", "batch_size", "schedule", "warmup_share", "max_grad_norm", "weight_decay", "adam_beta2",
    ),
    "adapter": ("adapter", "lora_rank", "lora_alpha", "lora_dropout", "lora_targets"),
    "memory": (
        "micro_batch_size", "max_length", "layout", "precision", "gradient_checkpointing", "compile",
    ),
    "looking": ("eval_every", "save_every", "patience", "keep"),
}  # fmt: skip
# In the order of a section: what is its own, by its owner, and then the shared ones.
GROUP_TITLES: dict[str, str | Promise] = {
    "reward": pgettext_lazy("who judges", "Judge"),
    "dpo": _("Loss"),
    "evaluate": _("Scoring"),
    "evaluate.sampling": _("How both policies answer"),
    "generate": _("Writing"),
    "judgments": _("Judgments"),
    "steps": _("Steps"),
    "adapter": _("Adapter"),
    "memory": _("Memory and speed"),
    "looking": _("Looking and keeping"),
}


def _group_of(path: str) -> str:
    """The code of the group that a setting stands in, empty for what most people touch."""
    owner, _dot, name = path.rpartition(".")
    if owner in PLACES and name in PLACES[owner].often:
        return ""
    if owner not in ("reward", "dpo"):
        return owner
    return next((code for code, names in GROUPS.items() if name in names), owner)


def _section_of(path: str) -> str:
    """evaluate.sampling.top_p stands in the section evaluate, seed in that of the round."""
    return path.split(".")[0] if "." in path else ""


# --- filling in ----------------------------------------------------------------


@dataclass(frozen=True)
class Group:
    title: str | Promise
    fields: list[forms.BoundField]


@dataclass(frozen=True)
class Section:
    """One recipe's settings on the launch page.

    refusals  sentences about settings that do not fit together, and `involved`, the settings that they name
    is_open   whether something in the fold wants to be looked at
    """

    code: str
    place: Place
    often: list[forms.BoundField]
    groups: list[Group]
    refusals: list[str]
    involved: list[forms.BoundField]
    is_open: bool

    @property
    def folded(self) -> int:
        return sum(len(group.fields) for group in self.groups)


@dataclass(frozen=True)
class Problem:
    """Something that does not fit, and the id of the element where it is put right."""

    anchor: str
    where: str
    sentence: str


class LaunchForm(forms.Form):
    """Every setting of a round, made from the fields of `RoundSettings` and nothing else.

    A field is called by its path (`dpo.learning_rate`).
    """

    def __init__(self, *args: Any, start: RoundSettings, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.settings: RoundSettings | None = None
        self._refusals: dict[str, list[str]] = {}
        self._involved: set[str] = set()
        for path, setting, value in _leaves(start):
            self.fields[path] = _form_field(setting, value)

    @property
    def sections(self) -> list[Section]:
        return [self._section(code) for code in PLACES]

    @property
    def problems(self) -> list[Problem]:
        """All that does not fit, in the order of the page."""
        found = []
        for section in self.sections:
            title = str(section.place.title)
            found += [Problem(f"section-{section.code}", title, sentence) for sentence in section.refusals]
            for bound in [*section.often, *(bound for group in section.groups for bound in group.fields)]:
                where = _("%(section)s, %(setting)s") % {"section": title, "setting": bound.label}
                found += [Problem(bound.id_for_label, where, str(error)) for error in bound.errors]
        return found

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        nested: dict[str, Any] = {}
        for path, value in cleaned.items():
            *parents, name = path.split(".")
            place = nested
            for parent in parents:
                place = place.setdefault(parent, {})
            place[name] = value
        try:
            self.settings = RoundSettings.model_validate(nested)
        except SettingsInvalid as error:
            for problem in error.errors(include_url=False, include_input=False):
                path = ".".join(str(part) for part in problem["loc"])
                sentence = problem["msg"].removeprefix("Value error, ") + "."
                if path in self.fields:
                    self.add_error(path, sentence)
                else:
                    self._refuse(path, sentence)
        return cleaned

    def _refuse(self, owner: str, sentence: str) -> None:
        """Say at its section, in the words of the page, that settings do not fit together."""
        paths = {path.rpartition(".")[2]: path for path in self.fields if path.rpartition(".")[0] == owner}
        names = re.compile(rf"\b({'|'.join(map(re.escape, paths))})\b")
        self._involved |= {paths[name] for name in names.findall(sentence)}
        sentence = names.sub(lambda found: _inside_a_sentence(str(self.fields[paths[found[0]]].label)), sentence)
        self._refusals.setdefault(_section_of(f"{owner}."), []).append(sentence[:1].upper() + sentence[1:])
        self.add_error(None, sentence)

    def _section(self, code: str) -> Section:
        groups: dict[str, list[str]] = {group: [] for group in ("", *GROUP_TITLES)}
        for path in self.fields:
            if _section_of(path) == code:
                groups[_group_of(path)].append(path)
        for group, order in {"": PLACES[code].often, **GROUPS}.items():
            groups[group].sort(key=lambda path: order.index(path.rpartition(".")[2]))
        often = groups.pop("")
        folded = {path for paths in groups.values() for path in paths}
        return Section(
            code=code or "round",
            place=PLACES[code],
            often=[self[path] for path in often],
            groups=[
                Group(GROUP_TITLES[group], [self[path] for path in paths]) for group, paths in groups.items() if paths
            ],
            refusals=self._refusals.get(code, []),
            involved=[self[path] for path in self.fields if path in self._involved and _section_of(path) == code],
            is_open=bool(folded & (self.errors.keys() | self._involved)),
        )


def launch_presets() -> list[tuple[str, str]]:
    """Code and sentence of each preset, in the order of the cards."""
    return [(code, gettext(sentence)) for code, (sentence, _settings) in PRESETS.items()]


def launch_start(code: str) -> tuple[str, RoundSettings]:
    """The preset with this code, or the first one."""
    known = code if code in PRESETS else next(iter(PRESETS))
    return known, PRESETS[known][1]


def _leaves(settings: Settings, prefix: str = "") -> Iterator[tuple[str, FieldInfo, Any]]:
    """Each plain setting with its path and value; a section's own settings come before its sub-sections."""
    inner = []
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, Settings):
            inner.append((f"{prefix}{name}.", value))
        else:
            yield f"{prefix}{name}", field, value
    for path, value in inner:
        yield from _leaves(value, path)


def _form_field(field: FieldInfo, value: Any) -> forms.Field:
    kinds = [kind for kind in get_args(field.annotation) or (field.annotation,) if kind is not NoneType]
    is_optional = NoneType in get_args(field.annotation) or field.default == ""
    limits = {
        key: getattr(limit, key) for limit in field.metadata for key in ("ge", "gt", "le", "lt") if hasattr(limit, key)
    }
    description = gettext(field.description) if field.description else ""
    shared: dict[str, Any] = {
        "label": field.title and gettext(field.title),
        "help_text": f"{description} {_range_text(limits)}".strip(),
        "initial": repr(value).removesuffix(".0") if isinstance(value, float) else value,
        "required": not is_optional,
    }
    if get_origin(field.annotation) is Literal:
        return forms.ChoiceField(choices=[(kind, kind) for kind in kinds], **shared)
    if kinds[0] is bool:
        return forms.BooleanField(**{**shared, "required": False})
    number: dict[str, Any] = {"min_value": limits.get("ge"), "max_value": limits.get("le")}
    number["validators"] = [_strictly(limits)]
    if kinds[0] is int:
        return forms.IntegerField(**shared, **number)
    if kinds[0] is float:
        return forms.FloatField(**shared, **number, widget=forms.NumberInput(attrs={"step": "any"}))
    return forms.CharField(**shared)


def _strictly(limits: dict[str, Any]) -> Callable[[float], None]:
    """A check of open ends, which Django's fields do not know."""

    def check(value: float) -> None:
        if "gt" in limits and value <= limits["gt"]:
            raise forms.ValidationError(
                _("Ensure this value is greater than %(limit)s.") % {"limit": f"{limits['gt']:g}"}
            )
        if "lt" in limits and value >= limits["lt"]:
            raise forms.ValidationError(_("Ensure this value is less than %(limit)s.") % {"limit": f"{limits['lt']:g}"})

    return check


def _range_text(limits: dict[str, Any]) -> str:
    """The range where both ends mean something: a limit on epochs is there for typing errors only."""
    match limits:
        case {"ge": low, "le": high}:
            return _("%(low)s to %(high)s.") % {"low": f"{low:g}", "high": f"{high:g}"}
        case {"ge": low, "lt": high}:
            return _("%(low)s to below %(high)s.") % {"low": f"{low:g}", "high": f"{high:g}"}
        case {"gt": low, "lt": high}:
            return _("Between %(low)s and %(high)s.") % {"low": f"{low:g}", "high": f"{high:g}"}
        case _:
            return ""


def _inside_a_sentence(title: str) -> str:
    """Label smoothing → label smoothing, but SimPO gamma stays as it is."""
    return title.lower() if title == title.capitalize() else title


# --- reading -------------------------------------------------------------------


@dataclass(frozen=True)
class ShownSetting:
    title: str
    value: Any


@dataclass(frozen=True)
class ShownSection:
    """Stored settings of one section: what most people touch or somebody changed, and the rest."""

    title: str | Promise
    telling: list[ShownSetting]
    usual: list[ShownSetting]


def settings_shown(stored: dict[str, Any]) -> list[ShownSection]:
    """Stored settings of a round, or of some of its stages by their kind, section by section.

    What did not exist yet when they were stored is left out.
    """
    sections = {code: ShownSection(place.title, [], []) for code, place in PLACES.items()}
    for path, field, default in _leaves(RoundSettings()):
        value: Any = stored
        for part in path.split("."):
            value = value.get(part, ...) if isinstance(value, dict) else ...
        if value is ...:
            continue
        section = sections[_section_of(path)]
        is_telling = not _group_of(path) or value != default
        row = ShownSetting(gettext(field.title or path), value)
        (section.telling if is_telling else section.usual).append(row)
    return [section for section in sections.values() if section.telling or section.usual]
