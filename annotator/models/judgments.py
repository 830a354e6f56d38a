"""What people said. Append-only: the database refuses to change or delete a row."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from annotator.domain.verdicts import Outcome
from annotator.models.choices import choices_of
from annotator.models.projects import Member


class JudgmentQuerySet(models.QuerySet["Judgment"]):
    def current(self) -> JudgmentQuerySet:
        """Judgments that no later one supersedes: the ones that count."""
        return self.filter(superseded_by__isnull=True)

    def trusted(self) -> JudgmentQuerySet:
        """Without those of raters whom an owner excluded: what is learnt from."""
        return self.exclude(_excluded())

    def excluded(self) -> JudgmentQuerySet:
        """Those that `trusted` leaves out."""
        return self.filter(_excluded())


def _excluded() -> Exists:
    return Exists(
        Member.objects.filter(
            project=OuterRef("assignment__comparison__round__project"),
            user=OuterRef("assignment__rater"),
            excluded_at__isnull=False,
        )
    )


class JudgmentManager(models.Manager["Judgment"]):
    """What people said about the comparisons of the rounds, without answers to hidden checks.

    Leaving checks out is what happens by itself: a reader that should see them says `with_checks`.
    """

    def get_queryset(self) -> JudgmentQuerySet:
        return JudgmentQuerySet(self.model, using=self._db).filter(is_check=False)

    def current(self) -> JudgmentQuerySet:
        return self.get_queryset().current()


class Judgment(models.Model):
    """One answer by one rater to one assignment.

    key        drawn by the sender, so that sending twice stores once
    value      position on the axis in [-1, 1]: negative = first is better; None where there is no axis
    preferred  the better response, None without one
    preset, answer  how it was asked and what was pressed, as it was; `protocol` is the whole of how it was asked
    criteria   code of a criterion → {"answer", "outcome", "value"}, with a value like the one above
    ratings    code of a rating → {"first": points, "second": points}
    reasons    what was ticked, `rationale` what was written
    edited     the preferred response as the rater improved it, empty where they did not
    seconds    from the pair being shown to the answer
    supersedes the earlier answer that this one corrects
    is_check   whether its assignment is a hidden check; a trigger says so, whoever writes
    """

    assignment = models.ForeignKey("annotator.Assignment", models.PROTECT, related_name="judgments")
    key = models.UUIDField(default=uuid.uuid4, unique=True)
    outcome = models.CharField(max_length=12, choices=choices_of(Outcome))
    value = models.FloatField(null=True)
    preferred = models.ForeignKey("annotator.Response", models.PROTECT, null=True, related_name="+", db_index=False)
    preset = models.CharField(max_length=40)
    answer = models.CharField(max_length=40)
    protocol = models.ForeignKey("annotator.Protocol", models.PROTECT, null=True, related_name="+", db_index=False)
    criteria = models.JSONField(default=dict)
    ratings = models.JSONField(default=dict)
    reasons = models.JSONField(default=list)
    rationale = models.TextField(blank=True)
    edited = models.TextField(blank=True)
    seconds = models.FloatField(default=0.0)
    guideline = models.ForeignKey("annotator.Guideline", models.PROTECT, null=True, related_name="+", db_index=False)
    supersedes = models.OneToOneField("self", models.PROTECT, null=True, related_name="superseded_by")
    is_check = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(default=timezone.now)

    objects = JudgmentManager()
    with_checks = JudgmentQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            # One root per assignment and one successor per judgment: a chain, so exactly one is current.
            models.UniqueConstraint(
                fields=["assignment"], condition=Q(supersedes__isnull=True), name="one_first_judgment_per_assignment"
            ),
            models.CheckConstraint(
                condition=Q(outcome="prefer", preferred__isnull=False, value__gte=-1, value__lte=1) & ~Q(value=0)
                | Q(outcome="tie", preferred__isnull=True, value=0)
                | Q(outcome__in=["both_good", "both_bad", "cannot_judge"], preferred__isnull=True, value__isnull=True),
                name="judgment_outcome_fits_value",
            ),
            models.CheckConstraint(condition=Q(seconds__gte=0), name="judgment_seconds_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.outcome} ({self.answer})"
