"""The shape of what people type. What is true is for services to say."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from django import forms
from django.contrib.auth import password_validation
from pydantic import ValidationError as SettingsInvalid
from pydantic.fields import FieldInfo

from annotator.domain.verdicts import PRESETS as SCALES
from annotator.domain.verdicts import Preset
from training.config import PRESETS, RoundSettings, Settings

MAX_UPLOAD_BYTES = 16 * 1024 * 1024
MAX_PROMPTS_AT_ONCE = 20_000
ROLES = [
    ("rater", "Rater: judges, and sees nothing of who wrote what"),
    ("reviewer", "Reviewer: sees everything, judges, changes nothing else"),
    ("owner", "Owner: sees and changes everything"),
]


# --- judging -----------------------------------------------------------------


class VerdictForm(forms.Form):
    """What the verdict bar sends: the button, the key of this card, and how long it took."""

    answer = forms.ChoiceField(error_messages={"required": "Choose one of the answers."})
    key = forms.UUIDField(widget=forms.HiddenInput)
    milliseconds = forms.FloatField(required=False, min_value=0, widget=forms.HiddenInput)
    rationale = forms.CharField(required=False, max_length=4000)

    def __init__(self, *args: Any, preset: Preset, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        answer = self.fields["answer"]
        assert isinstance(answer, forms.ChoiceField)
        answer.choices = [(option.code, option.label) for option in preset.answers]

    def judgment(self) -> dict[str, Any]:
        """The arguments of `judgment_submit`; without JavaScript nobody measured the time, which is 0."""
        cleaned = self.cleaned_data
        return {
            "answer": cleaned["answer"],
            "key": cleaned["key"],
            "seconds": (cleaned["milliseconds"] or 0.0) / 1000,
            "rationale": cleaned["rationale"].strip(),
        }

    @staticmethod
    def new_key() -> uuid.UUID:
        """Drawn for each card that is shown, so that sending a card twice stores one judgment."""
        return uuid.uuid4()


# --- people ------------------------------------------------------------------


class RegisterForm(forms.Form):
    username = forms.CharField(
        label="User name", max_length=150, widget=forms.TextInput(attrs={"autocomplete": "username", "autofocus": True})
    )
    password = forms.CharField(
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=password_validation.password_validators_help_text_html(),
    )


class InvitationForm(forms.Form):
    role = forms.ChoiceField(choices=ROLES, initial="rater", widget=forms.RadioSelect)
    days = forms.IntegerField(label="Valid for how many days", min_value=1, max_value=90, initial=7)


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=[(value, label.split(":")[0]) for value, label in ROLES])


# --- projects ----------------------------------------------------------------


class ProjectSettingsForm(forms.Form):
    """What may change while a project lives."""

    name = forms.CharField(max_length=120)
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    preset = forms.ChoiceField(
        label="Scale",
        choices=[(scale.code, scale.name) for scale in SCALES.values()],
        help_text="How raters are asked. Judgments keep the scale that they were given on.",
    )
    overlap = forms.IntegerField(
        min_value=1,
        max_value=50,
        initial=2,
        label="Judgments where several are wanted",
        help_text="How many people judge a comparison that is judged more than once.",
    )
    overlap_share = forms.FloatField(
        min_value=0,
        max_value=1,
        initial=0.2,
        label="Share that is judged more than once",
        help_text="From 0 to 1. These comparisons tell how far your raters agree.",
    )
    lease_minutes = forms.IntegerField(
        min_value=1,
        max_value=1440,
        initial=20,
        label="Reserved for",
        help_text="Minutes that an opened comparison stays reserved for its rater.",
    )
    prompts_per_round = forms.IntegerField(
        min_value=1, initial=300, label="Prompts per round", help_text="Prompts that get fresh answers in each round."
    )
    comparisons_per_prompt = forms.IntegerField(
        min_value=1,
        max_value=50,
        initial=2,
        label="Comparisons per prompt",
        help_text="Comparisons made from the answers to one prompt.",
    )
    auto_promote = forms.BooleanField(
        required=False,
        initial=True,
        label="Promote by itself",
        help_text="Promote a new checkpoint when its win rate is above one half with 95 % confidence.",
    )
    launch_at_judgments = forms.IntegerField(
        required=False,
        min_value=1,
        label="Launch at judgments",
        help_text="Launch the round by itself at this many judgments. Empty: by hand only.",
    )
    launch_every_hours = forms.IntegerField(
        required=False,
        min_value=1,
        label="Launch after hours",
        help_text="Launch the round by itself this long after it opened. Empty: by hand only.",
    )

    @property
    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The fields as the page groups them."""
        named = [
            ("Project", ["name", "slug", "base_model", "description", "guideline"]),
            ("Judging", ["preset", "overlap", "overlap_share", "lease_minutes"]),
            ("Rounds", ["prompts_per_round", "comparisons_per_prompt"]),
            ("By itself", ["auto_promote", "launch_at_judgments", "launch_every_hours"]),
        ]
        return [(title, [self[name] for name in names if name in self.fields]) for title, names in named]


class ProjectForm(ProjectSettingsForm):
    """A new project: its settings and what stays fixed from then on."""

    slug = forms.SlugField(
        max_length=60, label="Short name", help_text="Part of every address of the project. It cannot change later."
    )
    base_model = forms.CharField(
        max_length=300,
        initial="starter",
        label="Base model",
        help_text="“starter”, a local folder, or a hub name of a causal language model. It cannot change later.",
    )
    guideline = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text="What raters should look for, in Markdown. You can publish new versions at any time.",
    )


class GuidelineForm(forms.Form):
    text = forms.CharField(
        label="New version",
        max_length=100_000,
        widget=forms.Textarea(attrs={"rows": 18}),
        help_text="Markdown. Raters see the new version with their next comparison.",
    )


class PromptsForm(forms.Form):
    """Prompts typed one per line or uploaded as JSON lines."""

    system = forms.CharField(
        required=False,
        max_length=20_000,
        label="Instructions",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="A system message, put before each prompt that is typed below.",
    )
    text = forms.CharField(
        required=False,
        strip=False,
        label="Prompts",
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text="One prompt per line. For prompts of several lines or turns, upload a file.",
    )
    file = forms.FileField(
        required=False,
        label="Or a file",
        widget=forms.FileInput(attrs={"accept": ".jsonl,.ndjson,.json,.txt"}),
        help_text=(
            "JSON lines, at most 16 MB and 20,000 prompts. Each line is a text, a list of messages, or an object "
            "with “prompt” or “messages”."
        ),
    )
    source = forms.CharField(required=False, max_length=200, help_text="Where these come from, kept with each prompt.")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        if not (cleaned.get("text") or "").strip() and not cleaned.get("file"):
            raise forms.ValidationError("Type at least one prompt, or choose a file.")
        conversations = list(self._typed(cleaned))
        if upload := cleaned.get("file"):
            conversations += self._uploaded(upload)
        if len(conversations) > MAX_PROMPTS_AT_ONCE:
            raise forms.ValidationError(
                f"These are {len(conversations):,} prompts; at most {MAX_PROMPTS_AT_ONCE:,} fit into one upload."
            )
        cleaned["conversations"] = conversations
        return cleaned

    def _typed(self, cleaned: dict[str, Any]) -> Iterator[list[dict[str, str]]]:
        before = [{"role": "system", "content": cleaned["system"]}] if cleaned.get("system") else []
        for line in (cleaned.get("text") or "").splitlines():
            if line.strip():
                yield [*before, {"role": "user", "content": line.strip()}]

    def _uploaded(self, upload: Any) -> list[Any]:
        if upload.size > MAX_UPLOAD_BYTES:
            self.add_error("file", f"This file has {upload.size / 1024 / 1024:.1f} MB; at most 16 MB fit.")
            return []
        try:
            lines = upload.read().decode("utf-8-sig").splitlines()
        except UnicodeDecodeError:
            self.add_error("file", "This file is not UTF-8 text.")
            return []
        found = []
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                found.append(conversation_of(json.loads(line)))
            except (ValueError, RecursionError) as error:  # the latter for ten thousand brackets in a row
                self.add_error("file", f"Line {number}: {error}")
                break
        return found


def conversation_of(row: Any) -> Any:
    """The conversation in one line of a file. Raises ValueError saying what is expected."""
    if isinstance(row, dict):
        row = row.get("messages", row.get("prompt"))
    if isinstance(row, str):
        return [{"role": "user", "content": row}]
    if isinstance(row, list):
        return row
    raise ValueError("expected a text, a list of messages, or an object with “prompt” or “messages”.")


# --- launching ---------------------------------------------------------------


@dataclass(frozen=True)
class Section:
    """One recipe's settings on the launch page."""

    code: str
    title: str
    sentence: str
    fields: list[forms.BoundField]

    @property
    def has_errors(self) -> bool:
        return any(field.errors for field in self.fields)


class LaunchForm(forms.Form):
    """Every setting of a round, made from the fields of `RoundSettings` and nothing else.

    A field is called by its path (`dpo.learning_rate`). Titles, descriptions,
    ranges and defaults are those of the settings, so page and checkpoint never differ.
    """

    SECTIONS = {
        "": "Round",
        "reward": "Reward model",
        "dpo": "Policy (DPO)",
        "evaluate": "Evaluation",
        "evaluate.sampling": "Answers for the evaluation",
        "generate": "Answers for the next round",
    }
    SENTENCES = {
        "": "What holds for all stages.",
        "evaluate.sampling": "How both policies answer the held-out prompts.",
        "generate": "How the promoted policy writes the answers that raters see next.",
    }

    def __init__(self, *args: Any, start: RoundSettings, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.settings: RoundSettings | None = None
        self._sections: dict[str, list[str]] = {}
        for path, field, value in _leaves(start):
            self.fields[path] = _form_field(field, value)
            self._sections.setdefault(path.rpartition(".")[0], []).append(path)

    @property
    def sections(self) -> list[Section]:
        return [
            Section(code or "round", self.SECTIONS[code], self._sentence(code), [self[path] for path in paths])
            for code, paths in self._sections.items()
        ]

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
                self.add_error(path if path in self.fields else None, problem["msg"] + ".")
        return cleaned

    def _sentence(self, code: str) -> str:
        if code in self.SENTENCES:
            return self.SENTENCES[code]
        owner: type[Settings] = RoundSettings
        for part in filter(None, code.split(".")):
            owner = type(getattr(owner(), part))
        return (owner.__doc__ or "").strip()


def launch_presets() -> list[tuple[str, str]]:
    """Code and sentence of each preset, in the order of the cards."""
    return [(code, sentence) for code, (sentence, _) in PRESETS.items()]


def launch_start(code: str) -> tuple[str, RoundSettings]:
    """The preset with this code, or the first one."""
    known = code if code in PRESETS else next(iter(PRESETS))
    return known, PRESETS[known][1]


def settings_shown(settings: dict[str, Any]) -> list[tuple[str, list[tuple[str, Any, str]]]]:
    """Stored round settings as (section, [(title, value, description)]), for reading."""
    shown: dict[str, list[tuple[str, Any, str]]] = {}
    for path, field, _ in _leaves(RoundSettings()):
        value: Any = settings
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        shown.setdefault(LaunchForm.SECTIONS[path.rpartition(".")[0]], []).append(
            (field.title or path, value, field.description or "")
        )
    return list(shown.items())


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
    is_optional = NoneType in get_args(field.annotation)
    limits = {
        key: getattr(limit, key) for limit in field.metadata for key in ("ge", "gt", "le", "lt") if hasattr(limit, key)
    }
    range_text = _range_text(limits)
    shared: dict[str, Any] = {
        "label": field.title,
        "help_text": f"{field.description or ''} {range_text}".strip(),
        "initial": value,
        "required": not is_optional,
    }
    if get_origin(field.annotation) is Literal:
        return forms.ChoiceField(choices=[(kind, kind) for kind in kinds], **shared)
    if kinds[0] is bool:
        return forms.BooleanField(**{**shared, "required": False})
    number: dict[str, Any] = {"min_value": limits.get("ge"), "max_value": limits.get("le")}
    if kinds[0] is int:
        return forms.IntegerField(**shared, **number)
    if kinds[0] is float:
        return forms.FloatField(**shared, **number, widget=forms.NumberInput(attrs={"step": "any"}))
    return forms.CharField(**shared)


def _range_text(limits: dict[str, Any]) -> str:
    low = f"from {limits['ge']:g}" if "ge" in limits else f"above {limits['gt']:g}" if "gt" in limits else ""
    high = f"to {limits['le']:g}" if "le" in limits else f"below {limits['lt']:g}" if "lt" in limits else ""
    text = " ".join(part for part in (low, high) if part)
    return f"Range: {text}." if text else ""
