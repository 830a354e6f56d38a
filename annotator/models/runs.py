"""Pieces of engine work, what they said on the way, and what they made."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from annotator.domain.lifecycles import LIVE_RUN, CheckpointState, RunKind, RunState
from annotator.models.choices import choices_of, one_of


class Run(models.Model):
    """One piece of engine work.

    attempt   grows with every claim; only the newest attempt may write
    rung_at   when a worker was last told about it; the tick rings again for what nobody claimed
    details   what this run is about beyond its settings (checkpoints, prompts to answer)
    report    training.contract.RunReport as JSON, once it succeeded
    """

    project = models.ForeignKey("annotator.Project", models.CASCADE, related_name="runs")
    round = models.ForeignKey("annotator.Round", models.CASCADE, null=True, related_name="runs")
    kind = models.CharField(max_length=10, choices=choices_of(RunKind))
    state = models.CharField(max_length=10, choices=choices_of(RunState), default=RunState.QUEUED.value)
    settings = models.JSONField(default=dict)
    details = models.JSONField(default=dict)
    seed = models.PositiveIntegerField(default=0)
    attempt = models.PositiveIntegerField(default=0)
    worker = models.CharField(max_length=200, blank=True)
    queued_at = models.DateTimeField(default=timezone.now)
    rung_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    report = models.JSONField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["round", "kind"],
                condition=Q(state__in=[state.value for state in LIVE_RUN]),
                name="one_live_run_per_round_and_kind",
            ),
            models.CheckConstraint(condition=Q(state__in=one_of(RunState)), name="run_state_is_known"),
            models.CheckConstraint(condition=Q(kind__in=one_of(RunKind)), name="run_kind_is_known"),
        ]
        indexes = [
            models.Index(
                fields=["state", "heartbeat_at"], condition=Q(state__in=["queued", "running"]), name="run_live"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} run {self.pk}"

    @property
    def is_live(self) -> bool:
        return self.state in LIVE_RUN

    @property
    def seconds(self) -> float | None:
        """From claim to end, None before."""
        if self.started_at is None:
            return None
        return ((self.finished_at or timezone.now()) - self.started_at).total_seconds()


class RunEvent(models.Model):
    """One thing a run said while it ran. Rows never change."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="events")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=10)
    payload = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="run_event_number_once"),
        ]

    def __str__(self) -> str:
        return f"{self.run}: {self.kind}"


class CheckpointKind(models.TextChoices):
    POLICY = "policy", _("Policy")  # writes answers
    REWARD = "reward", _("Reward model")  # scores answers


class Checkpoint(models.Model):
    """A base model with an adapter on it (or as it is), and where it came from.

    path     folder below the store; empty for the bare base model
    sha256   digest of the folder's manifest; empty for the bare base model
    parent   the policy it was trained from
    metrics  estimates of training.contract.RunReport, by name
    merge    the run that makes, or made, whole weights of its adapter; None where nobody asked or they were removed
    """

    project = models.ForeignKey("annotator.Project", models.CASCADE, related_name="checkpoints")
    kind = models.CharField(max_length=10, choices=CheckpointKind.choices)
    name = models.CharField(max_length=80)
    state = models.CharField(
        max_length=10, choices=choices_of(CheckpointState), default=CheckpointState.CANDIDATE.value
    )
    base_model = models.CharField(max_length=300)
    parent = models.ForeignKey("self", models.PROTECT, null=True, related_name="children")
    snapshot = models.ForeignKey("annotator.Snapshot", models.PROTECT, null=True, related_name="checkpoints")
    run = models.OneToOneField(Run, models.PROTECT, null=True, related_name="checkpoint")
    path = models.CharField(max_length=300, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    settings = models.JSONField(default=dict)
    metrics = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    promoted_at = models.DateTimeField(null=True)
    merge = models.OneToOneField(Run, models.SET_NULL, null=True, related_name="merges")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project"],
                condition=Q(state="promoted", kind="policy"),
                name="one_promoted_policy_per_project",
            ),
            models.UniqueConstraint(fields=["project", "name"], name="checkpoint_name_once_per_project"),
            models.CheckConstraint(condition=Q(state__in=one_of(CheckpointState)), name="checkpoint_state_is_known"),
            models.CheckConstraint(condition=Q(kind__in=CheckpointKind.values), name="checkpoint_kind_is_known"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def has_adapter(self) -> bool:
        """Whether its folder holds an adapter, and not whole weights already."""
        is_whole = self.settings.get("lora_rank", 1) == 0
        return bool(self.path) and not is_whole
