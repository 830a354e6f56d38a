"""Projects and the people in them."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from annotator.domain.overlap import HIGHEST_BOUND, LOWEST_BOUND
from annotator.domain.strategies import Informative
from annotator.models.choices import choices_of, one_of


class User(AbstractUser):
    """A person. What they may do is said by their Members; `is_staff` may create projects.

    keys  their own keys on the judgment page, action → place on the keyboard, where they differ from the usual ones
    """

    keys = models.JSONField(default=dict, blank=True)


class Role(models.TextChoices):
    OWNER = "owner", _("Owner")  # sees and changes everything in the project
    REVIEWER = "reviewer", _("Reviewer")  # sees everything, judges, changes nothing else
    RATER = "rater", _("Rater")  # judges, and sees nothing of who wrote what


class Content(models.TextChoices):
    UNASKED = "unasked", "Not asked yet"
    ACCEPTED = "accepted", "Wants to see it"
    DECLINED = "declined", "Opted out"


class Project(models.Model):
    """One model being shaped by one group of people under one protocol.

    pausing_stopped_at  since when nobody is paused by itself, because too many were; None while pausing goes on
    pausing_looked_at   when an owner last looked at that and let it go on
    """

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    base_model = models.CharField(
        max_length=300,
        default="starter",
        help_text="“starter”, a local folder, or a hub name of a causal language model.",
    )
    overlap = models.PositiveSmallIntegerField(
        default=2,
        validators=[MinValueValidator(1), MaxValueValidator(50)],
        help_text="Judgments wanted for a comparison that is judged more than once.",
    )
    overlap_share = models.FloatField(
        default=0.2,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text="Share of the comparisons that are judged more than once, to measure agreement.",
    )
    strategy = models.JSONField(
        default=dict,
        blank=True,
        help_text="How the queue chooses: the share of the claims that each order gets. Empty: in order.",
    )
    informative_by = models.CharField(
        max_length=12,
        choices=choices_of(Informative),
        default=Informative.RANKING.value,
        help_text="What the most informative order goes by; by the ranking until a reward model has read the answers.",
    )
    control_share = models.FloatField(
        default=0.0,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text="Share of the comparisons that are drawn and handed out by chance, whatever the strategy.",
    )
    daily_quota = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Judgments that a rater may give in a day (UTC). Empty: as many as they like.",
    )
    adaptive_most = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(LOWEST_BOUND), MaxValueValidator(HIGHEST_BOUND)],
        help_text="Judgments that a comparison may get while they disagree. Empty: k stays as it was planned.",
    )
    adaptive_certainty = models.FloatField(
        default=0.95,
        validators=[MinValueValidator(0.6), MaxValueValidator(0.999)],
        help_text="How sure judgments have to be of the better answer for no more to be asked for.",
    )
    tag_rules = models.JSONField(
        default=list,
        blank=True,
        help_text="Tag of a prompt → the group that is asked and the priority, for its comparisons.",
    )
    lease_minutes = models.PositiveSmallIntegerField(
        default=20,
        validators=[MinValueValidator(1)],
        help_text="How long a comparison stays reserved for the rater who opened it.",
    )
    prompts_per_round = models.PositiveIntegerField(
        default=300, validators=[MinValueValidator(1)], help_text="Prompts that get fresh answers in each round."
    )
    comparisons_per_prompt = models.PositiveSmallIntegerField(
        default=2, validators=[MinValueValidator(1)], help_text="Comparisons made from the answers to one prompt."
    )
    flags_to_set_aside = models.PositiveSmallIntegerField(
        default=2,
        validators=[MinValueValidator(1), MaxValueValidator(10)],
        help_text="Raters who flag a comparison before it is set aside.",
    )
    content_warning = models.TextField(
        blank=True, help_text="What raters may meet here; they are asked first whether they want to."
    )
    is_blurred = models.BooleanField(default=False, help_text="Answers stay blurred until the rater asks to see them.")
    exam_questions = models.PositiveSmallIntegerField(
        default=0,
        validators=[MaxValueValidator(100)],
        help_text="Questions of the exam that raters pass before they begin; 0: no exam.",
    )
    exam_pass_share = models.FloatField(
        default=0.8,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text="Share of right answers that passes the exam.",
    )
    exam_attempts = models.PositiveSmallIntegerField(
        default=2, validators=[MinValueValidator(1), MaxValueValidator(10)], help_text="Attempts at the exam."
    )
    exam_again = models.BooleanField(
        default=True, help_text="Whether a guideline that has to be read asks for the exam again."
    )
    checks = models.JSONField(default=dict, blank=True, help_text="domain.checks.CheckRules, where they differ.")
    checks_seen = models.BigIntegerField(
        default=0,
        db_default=0,
        editable=False,
        help_text="Id of the newest judgment after which raters were looked at.",
    )
    pausing_stopped_at = models.DateTimeField(null=True, blank=True)
    pausing_looked_at = models.DateTimeField(null=True, blank=True)
    auto_promote = models.BooleanField(
        default=True,
        help_text="Promote a new checkpoint by itself when its win rate is above one half with 95 % confidence.",
    )
    launch_at_judgments = models.PositiveIntegerField(
        null=True, blank=True, help_text="Launch the round by itself at this many judgments. Empty: by hand only."
    )
    launch_every_hours = models.PositiveIntegerField(
        null=True, blank=True, help_text="Launch the round by itself this long after it opened. Empty: by hand only."
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(overlap__gte=1), name="project_overlap_is_positive"),
            models.CheckConstraint(
                condition=Q(overlap_share__gte=0, overlap_share__lte=1), name="project_overlap_share_is_a_share"
            ),
            models.CheckConstraint(
                condition=Q(informative_by__in=one_of(Informative)), name="project_informative_by_is_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Member(models.Model):
    """A person's role in a project: one per person and project.

    content           what they said to the project's warning about its content
    shown_around_at   when they had been shown around the judgment page
    further_attempts  at the exam, which an owner granted beside the usual ones
    groups            audiences that they belong to, such as a language or a field they know
    paused_at         since when they get no pairs because a measure fell below its threshold; an owner may resume them
    paused_reason     {"measure", "value", "low", "high", "n", "bound"} as they were then
    resumed_at        when an owner let them go on; answers from before are not looked at any more
    excluded_at       since when they get no pairs and nothing is learnt from their judgments, which stay
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="members")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices)
    content = models.CharField(max_length=10, choices=Content.choices, default=Content.UNASKED)
    shown_around_at = models.DateTimeField(null=True)
    further_attempts = models.PositiveSmallIntegerField(default=0)
    groups = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    paused_at = models.DateTimeField(null=True)
    paused_reason = models.JSONField(default=dict)
    resumed_at = models.DateTimeField(null=True)
    excluded_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(content__in=Content.values), name="member_content_is_known"),
            models.UniqueConstraint(fields=["project", "user"], name="member_once_per_project"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="member_role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.role})"

    @property
    def is_stopped(self) -> bool:
        """Whether they get no pairs now."""
        return self.paused_at is not None or self.excluded_at is not None


class Invitation(models.Model):
    """A link that makes whoever opens it a member, once. Only the token's hash is kept."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.RATER)
    token_sha256 = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(User, models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    accepted_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    accepted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(role__in=Role.values), name="invitation_role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.project}: {self.role}"

    @property
    def is_open(self) -> bool:
        return self.accepted_at is None and self.expires_at > timezone.now()


class Guideline(models.Model):
    """One published version of what raters should look for. Rows never change.

    must_read  whether raters are asked to read it before their next comparison; a corrected comma need not be
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="guidelines")
    version = models.PositiveIntegerField()
    text = models.TextField()
    must_read = models.BooleanField(default=True)
    published_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-version"]
        constraints = [
            models.UniqueConstraint(fields=["project", "version"], name="guideline_version_once_per_project"),
        ]

    def __str__(self) -> str:
        return f"{self.project}, guideline v{self.version}"


class Acknowledgement(models.Model):
    """A person said that they had read this version of a guideline."""

    guideline = models.ForeignKey(Guideline, models.CASCADE, related_name="acknowledgements")
    user = models.ForeignKey(User, models.CASCADE, related_name="acknowledgements")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["guideline", "user"], name="acknowledgement_once_per_guideline_and_user"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.guideline}"
