"""A project and its guideline, as an owner types them."""

from __future__ import annotations

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from annotator.domain.protocols import PRESETS as SCALES


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
