"""The shape of what people type. What is true is for services to say."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from django import forms
from django.contrib.auth import password_validation
from django.http import QueryDict
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from annotator.domain.asking import Asking, ReasonWish, Said
from annotator.domain.flags import WORDS
from annotator.domain.gold import RIGHT_WORDS, USE_WORDS
from annotator.domain.protocols import PRESETS as SCALES
from annotator.domain.ranking.votes import Ties
from annotator.domain.verdicts import APART, OPTIONAL
from annotator.models import Protocol, Role
from annotator.selectors.leaderboard import Wish

MAX_UPLOAD_BYTES = 16 * 1024 * 1024
MAX_PROMPTS_AT_ONCE = 20_000
LONGEST_EDIT = 100_000  # characters
ROLES = [
    ("rater", _("Rater: judges, and sees nothing of who wrote what")),
    ("reviewer", _("Reviewer: sees everything, judges, changes nothing else")),
    ("owner", _("Owner: sees and changes everything")),
]


# --- judging -----------------------------------------------------------------


def places(fields: dict[str, Any]) -> str:
    """Two sliders as one answer: 37-82."""
    return "-".join(filter(None, (fields.get("slider_left"), fields.get("slider_right"))))


class FlagsForm(forms.Form):
    """What a card says is wrong with its pair."""

    flags = forms.MultipleChoiceField(required=False, choices=list(WORDS.items()))


class VerdictForm(FlagsForm):
    """What the card sends: the answers, the key of this card, and how long it took."""

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

    def __init__(self, *args: Any, asking: Asking, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.asking = asking
        for criterion in asking.criteria:
            self.fields[f"criterion_{criterion.code}"] = forms.CharField(required=False, max_length=40)
        for rating in asking.ratings:
            for side in ("left", "right"):
                self.fields[f"points_{side}_{rating.code}"] = forms.IntegerField(required=False)
        if asking.reasons:
            choices = [(reason, reason) for reason in asking.reasons]
            self.fields["reasons"] = forms.MultipleChoiceField(required=False, choices=choices)

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


# --- people ------------------------------------------------------------------


class RegisterForm(forms.Form):
    username = forms.CharField(
        label=_("User name"),
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=password_validation.password_validators_help_text_html(),
    )


class InvitationForm(forms.Form):
    role = forms.ChoiceField(label=_("Role"), choices=ROLES, initial="rater", widget=forms.RadioSelect)
    days = forms.IntegerField(label=_("Valid for how many days"), min_value=1, max_value=90, initial=7)


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=[(role, Role(role).label) for role, _rights in ROLES])


# --- the leaderboard ---------------------------------------------------------


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


class HoursForm(forms.Form):
    """Whose hours go into a file: those of a period."""

    first = forms.DateField(label=_("From"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    last = forms.DateField(label=_("To"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and cleaned["last"] < cleaned["first"]:
            raise forms.ValidationError(_("The period ends before it begins."))
        return cleaned


# --- projects ----------------------------------------------------------------


class ProjectSettingsForm(forms.Form):
    """What may change while a project lives."""

    name = forms.CharField(label=_("Name"), max_length=120)
    description = forms.CharField(label=_("Description"), required=False, widget=forms.Textarea(attrs={"rows": 2}))
    overlap = forms.IntegerField(
        min_value=1,
        max_value=50,
        initial=2,
        label=_("Judgments where several are wanted"),
        help_text=_("How many people judge a comparison that is judged more than once."),
    )
    overlap_share = forms.FloatField(
        min_value=0,
        max_value=1,
        initial=0.2,
        label=_("Share that is judged more than once"),
        help_text=_("From 0 to 1. These comparisons tell how far your raters agree."),
    )
    lease_minutes = forms.IntegerField(
        min_value=1,
        max_value=1440,
        initial=20,
        label=_("Reserved for"),
        help_text=_("Minutes that an opened comparison stays reserved for its rater."),
    )
    prompts_per_round = forms.IntegerField(
        min_value=1,
        initial=300,
        label=_("Prompts per round"),
        help_text=_("Prompts that get fresh answers in each round."),
    )
    comparisons_per_prompt = forms.IntegerField(
        min_value=1,
        max_value=50,
        initial=2,
        label=_("Comparisons per prompt"),
        help_text=_("Comparisons made from the answers to one prompt."),
    )
    auto_promote = forms.BooleanField(
        required=False,
        initial=True,
        label=_("Promote by itself"),
        help_text=_("Promote a new checkpoint when its win rate is above one half with a confidence of 95 %."),
    )
    flags_to_set_aside = forms.IntegerField(
        min_value=1,
        max_value=10,
        initial=2,
        label=_("Set aside after"),
        help_text=_(
            "Raters who flag a pair as unsafe, personal, broken or not blind before nobody is shown it any more."
        ),
    )
    content_warning = forms.CharField(
        required=False,
        max_length=4_000,
        label=_("Warning about the content"),
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_(
            "What raters may meet here, in Markdown. They are asked first, and may opt out. Empty: no warning."
        ),
    )
    is_blurred = forms.BooleanField(
        required=False,
        label=_("Blur until asked"),
        help_text=_("Questions and answers stay blurred until the rater asks to see them."),
    )
    exam_questions = forms.IntegerField(
        min_value=0,
        max_value=100,
        initial=0,
        label=_("Questions of the exam"),
        help_text=_("Gold comparisons that a new rater judges before the first real one. 0: no exam."),
    )
    exam_pass_share = forms.FloatField(
        min_value=0,
        max_value=1,
        initial=0.8,
        label=_("Pass mark"),
        help_text=_("Share of right answers, from 0 to 1."),
    )
    exam_attempts = forms.IntegerField(
        min_value=1, max_value=10, initial=2, label=_("Attempts"), help_text=_("How often a rater may try.")
    )
    exam_again = forms.BooleanField(
        required=False,
        initial=True,
        label=_("Again when the guidelines change"),
        help_text=_("A version that has to be read asks for the exam again."),
    )
    launch_at_judgments = forms.IntegerField(
        required=False,
        min_value=1,
        label=_("Launch at judgments"),
        help_text=_("Launch the round by itself at this many judgments. Empty: by hand only."),
    )
    launch_every_hours = forms.IntegerField(
        required=False,
        min_value=1,
        label=_("Launch after hours"),
        help_text=_("Launch the round by itself this long after it opened. Empty: by hand only."),
    )

    @property
    def groups(self) -> list[tuple[str | Promise, list[forms.BoundField]]]:
        """The fields as the page groups them."""
        named = [
            (_("Project"), ["name", "slug", "base_model", "description", "guideline"]),
            (_("Judging"), ["preset", "overlap", "overlap_share", "lease_minutes"]),
            (_("Entrance"), ["exam_questions", "exam_pass_share", "exam_attempts", "exam_again"]),
            (_("Content"), ["content_warning", "is_blurred", "flags_to_set_aside"]),
            (_("Rounds"), ["prompts_per_round", "comparisons_per_prompt"]),
            (_("By itself"), ["auto_promote", "launch_at_judgments", "launch_every_hours"]),
        ]
        return [(title, [self[name] for name in names if name in self.fields]) for title, names in named]


class ProjectForm(ProjectSettingsForm):
    """A new project: its settings and what stays fixed from then on."""

    slug = forms.SlugField(
        max_length=60,
        label=_("Short name"),
        help_text=_("Part of every address of the project. It cannot change later."),
    )
    base_model = forms.CharField(
        max_length=300,
        initial="starter",
        label=_("Base model"),
        help_text=_("“starter”, a local folder, or a hub name of a causal language model. It cannot change later."),
    )
    preset = forms.ChoiceField(
        label=_("Scale"),
        choices=[(scale.code, _(scale.name)) for scale in SCALES.values()],
        initial="five_point",
        help_text=_("How raters are asked. The project’s Protocol page adds criteria, reasons and more."),
    )
    guideline = forms.CharField(
        label=_("Guideline"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text=_("What raters should look for, in Markdown. You can publish new versions at any time."),
    )


class GuidelineForm(forms.Form):
    text = forms.CharField(
        label=_("New version"),
        max_length=100_000,
        widget=forms.Textarea(attrs={"rows": 18}),
        help_text=_("Markdown. Raters see the new version with their next comparison."),
    )
    must_read = forms.BooleanField(
        required=False,
        initial=True,
        label=_("Raters read it first"),
        help_text=_("They are shown what is new before their next comparison. Leave it out for a corrected comma."),
    )


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


def _share(**said: Any) -> forms.FloatField:
    return forms.FloatField(min_value=0, max_value=1, **said)


def _after(**said: Any) -> forms.IntegerField:
    help_text = _("Answers that are looked at before it can pause.")
    return forms.IntegerField(min_value=1, max_value=10_000, help_text=help_text, **said)


NOBODY_PAUSED = _("Empty: nobody is paused by it.")


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


class PromptsForm(forms.Form):
    """Prompts typed one per line or uploaded as JSON lines."""

    system = forms.CharField(
        required=False,
        max_length=20_000,
        label=_("Instructions"),
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("A system message, put before each prompt that is typed below."),
    )
    text = forms.CharField(
        required=False,
        strip=False,
        label=_("Prompts"),
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text=_("One prompt per line. For prompts of several lines or turns, upload a file."),
    )
    file = forms.FileField(
        required=False,
        label=_("Or a file"),
        widget=forms.FileInput(attrs={"accept": ".jsonl,.ndjson,.json,.txt"}),
        help_text=_(
            "JSON lines, at most 16 MB and 20,000 prompts. Each line is a text, a list of messages, or an object "
            "with “prompt” or “messages”."
        ),
    )
    source = forms.CharField(
        label=_("Source"), required=False, max_length=200, help_text=_("Where these come from, kept with each prompt.")
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        if not (cleaned.get("text") or "").strip() and not cleaned.get("file"):
            raise forms.ValidationError(_("Type at least one prompt, or choose a file."))
        conversations = list(self._typed(cleaned))
        if upload := cleaned.get("file"):
            conversations += self._uploaded(upload)
        if len(conversations) > MAX_PROMPTS_AT_ONCE:
            raise forms.ValidationError(
                _("These are %(number)s prompts; at most %(most)s fit into one upload.")
                % {
                    "number": number_format(len(conversations), force_grouping=True),
                    "most": number_format(MAX_PROMPTS_AT_ONCE, force_grouping=True),
                }
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
            size = number_format(f"{upload.size / 1024 / 1024:.1f}", 1)
            self.add_error("file", _("This file has %(size)s MB; at most 16 MB fit.") % {"size": size})
            return []
        try:
            lines = upload.read().decode("utf-8-sig").splitlines()
        except UnicodeDecodeError:
            self.add_error("file", _("This file is not UTF-8 text."))
            return []
        found = []
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                found.append(conversation_of(json.loads(line)))
            except (ValueError, RecursionError) as error:  # the latter for ten thousand brackets in a row
                self.add_error("file", _("Line %(number)s: %(problem)s") % {"number": number, "problem": error})
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
    raise ValueError(_("expected a text, a list of messages, or an object with “prompt” or “messages”."))
