"""What raters are asked, and who holds what."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from annotator.domain.lifecycles import AssignmentState
from annotator.models.choices import choices_of, one_of
from annotator.models.prompts import Response


class ComparisonQuerySet(models.QuerySet["Comparison"]):
    def in_play(self) -> ComparisonQuerySet:
        """All but what was set aside."""
        return self.filter(set_aside_at__isnull=True)


class Comparison(models.Model):
    """Two responses to one prompt inside a round, to be judged by `wanted` people.

    `held` and `answered` count its assignments in those states. A trigger keeps
    them, whoever writes, so that `comparison_slots_within_wanted` makes more
    than k leases and judgments impossible rather than unlikely.

    set_aside_at  since when it is out of the queue and out of snapshots, because raters flagged it
    """

    round = models.ForeignKey("annotator.Round", models.CASCADE, related_name="comparisons")
    prompt = models.ForeignKey("annotator.Prompt", models.CASCADE, related_name="comparisons")
    first = models.ForeignKey("annotator.Response", models.PROTECT, related_name="+")
    second = models.ForeignKey("annotator.Response", models.PROTECT, related_name="+")
    wanted = models.PositiveSmallIntegerField(default=1)
    held = models.PositiveSmallIntegerField(default=0)
    answered = models.PositiveSmallIntegerField(default=0)
    set_aside_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = ComparisonQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=~Q(first=F("second")), name="comparison_sides_differ"),
            models.CheckConstraint(
                condition=Q(wanted__gte=F("held") + F("answered")), name="comparison_slots_within_wanted"
            ),
            models.UniqueConstraint(fields=["round", "first", "second"], name="comparison_once_per_round"),
        ]
        indexes = [
            # The queue reads only comparisons with a free slot.
            models.Index(
                fields=["round", "id"],
                condition=Q(wanted__gt=F("held") + F("answered"), set_aside_at__isnull=True),
                name="comparison_with_free_slot",
            ),
            models.Index(fields=["round"], condition=Q(set_aside_at__isnull=False), name="comparison_set_aside"),
        ]

    def __str__(self) -> str:
        return f"Comparison {self.pk}"


class Assignment(models.Model):
    """A lease of one comparison by one rater, with the sides as they are shown."""

    comparison = models.ForeignKey(Comparison, models.CASCADE, related_name="assignments")
    rater = models.ForeignKey("annotator.User", models.PROTECT, related_name="assignments")
    state = models.CharField(max_length=10, choices=choices_of(AssignmentState), default=AssignmentState.HELD.value)
    first_on_left = models.BooleanField()
    leased_until = models.DateTimeField()
    claimed_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["comparison", "rater"], name="assignment_once_per_comparison_and_rater"),
            models.CheckConstraint(condition=Q(state__in=one_of(AssignmentState)), name="assignment_state_is_known"),
        ]
        indexes = [
            models.Index(fields=["rater", "state", "ended_at"], name="assignment_of_rater"),
            models.Index(fields=["leased_until"], condition=Q(state="held"), name="assignment_held_until"),
        ]

    def __str__(self) -> str:
        return f"{self.rater}: {self.comparison} ({self.state})"

    @property
    def is_answered(self) -> bool:
        return self.state == AssignmentState.ANSWERED

    @property
    def left(self) -> Response:
        """The response on the left."""
        return self.comparison.first if self.first_on_left else self.comparison.second

    @property
    def right(self) -> Response:
        """The response on the right."""
        return self.comparison.second if self.first_on_left else self.comparison.first
