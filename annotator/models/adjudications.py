"""What somebody decided where raters left it open. Append-only: the database refuses to change or delete a row."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from annotator.domain.verdicts import Outcome, Verdict
from annotator.models.choices import choices_of


class AdjudicationQuerySet(models.QuerySet["Adjudication"]):
    def current(self) -> AdjudicationQuerySet:
        """Those that no later one supersedes: at most one per comparison."""
        return self.filter(superseded_by__isnull=True)


class Adjudication(models.Model):
    """One decision about one comparison; it stands above the votes in every later snapshot.

    is_blind       whether it was given before its author saw the votes
    first_on_left  the sides as they were shown
    outcome, value, preferred, answer, protocol  as in a judgment
    note           why, for whoever reads it later
    supersedes     the earlier decision that this one replaces, or adds a note to
    """

    comparison = models.ForeignKey("annotator.Comparison", models.PROTECT, related_name="adjudications")
    by = models.ForeignKey("annotator.User", models.PROTECT, related_name="+")
    is_blind = models.BooleanField()
    first_on_left = models.BooleanField()
    outcome = models.CharField(max_length=12, choices=choices_of(Outcome))
    value = models.FloatField(null=True)
    preferred = models.ForeignKey("annotator.Response", models.PROTECT, null=True, related_name="+")
    answer = models.CharField(max_length=40)
    protocol = models.ForeignKey("annotator.Protocol", models.PROTECT, related_name="+")
    note = models.TextField(blank=True)
    supersedes = models.OneToOneField("self", models.PROTECT, null=True, related_name="superseded_by")
    created_at = models.DateTimeField(default=timezone.now)

    objects = AdjudicationQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            # One root per comparison and one successor per decision: a chain, so exactly one is current.
            models.UniqueConstraint(
                fields=["comparison"],
                condition=Q(supersedes__isnull=True),
                name="one_first_adjudication_per_comparison",
            ),
            models.CheckConstraint(
                condition=Q(outcome="prefer", preferred__isnull=False, value__gte=-1, value__lte=1) & ~Q(value=0)
                | Q(outcome="tie", preferred__isnull=True, value=0)
                | Q(outcome__in=["both_good", "both_bad", "cannot_judge"], preferred__isnull=True, value__isnull=True),
                name="adjudication_outcome_fits_value",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.comparison}: {self.outcome} ({self.answer})"

    @property
    def verdict(self) -> Verdict:
        return Verdict(Outcome(self.outcome), self.value)
