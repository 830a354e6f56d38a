"""One turn of the loop."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.domain.lifecycles import OPEN_ROUND, RoundState
from annotator.models.choices import choices_of, one_of


class Round(models.Model):
    """Comparisons are collected, frozen, learnt from and evaluated; then the next round opens.

    parent    the policy that training starts from, fixed at launch
    settings  training.config.RoundSettings as JSON, fixed at launch
    judgments_told  how many judgments webhooks were last told of
    placing_since  when its comparisons began to be placed by other rules, None when all are; `placing_seen` of them,
                   with ids up to `placing_behind`, were looked at
    """

    project = models.ForeignKey("annotator.Project", models.CASCADE, related_name="rounds")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=12, choices=choices_of(RoundState), default=RoundState.DRAFT.value)
    parent = models.ForeignKey("annotator.Checkpoint", models.PROTECT, null=True, related_name="rounds_started")
    settings = models.JSONField(default=dict)
    launched_by = models.ForeignKey("annotator.User", models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    opened_at = models.DateTimeField(null=True)
    launched_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    judgments_told = models.PositiveBigIntegerField(default=0, db_default=0)
    placing_since = models.DateTimeField(null=True)
    placing_behind = models.BigIntegerField(default=0, db_default=0)
    placing_seen = models.PositiveBigIntegerField(default=0, db_default=0)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="round_number_once_per_project"),
            models.UniqueConstraint(
                fields=["project"],
                condition=Q(state__in=[state.value for state in OPEN_ROUND]),
                name="one_open_round_per_project",
            ),
            models.CheckConstraint(condition=Q(state__in=one_of(RoundState)), name="round_state_is_known"),
        ]

    def __str__(self) -> str:
        return _("Round %(number)s") % {"number": self.number}

    @property
    def is_collecting(self) -> bool:
        return self.state == RoundState.COLLECTING

    @property
    def is_moving(self) -> bool:
        """Whether something goes on that a page should watch."""
        return self.state in (RoundState.DRAFT, RoundState.FROZEN, RoundState.TRAINING, RoundState.EVALUATED)
