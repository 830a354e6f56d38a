"""What raters found wrong with a pair."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from annotator.domain.flags import WORDS, FlagKind
from annotator.models.choices import choices_of, one_of


class Flag(models.Model):
    """One thing that one rater found wrong with one pair, whether they skipped it or judged it all the same.

    settled_at  when an owner had looked at it and put the comparison back: it no longer counts
    """

    assignment = models.ForeignKey("annotator.Assignment", models.CASCADE, related_name="flags")
    kind = models.CharField(max_length=10, choices=choices_of(FlagKind))
    settled_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["assignment", "kind"], name="flag_once_per_assignment_and_kind"),
            models.CheckConstraint(condition=Q(kind__in=one_of(FlagKind)), name="flag_kind_is_known"),
        ]

    def __str__(self) -> str:
        return self.words

    @property
    def words(self) -> str:
        return WORDS[FlagKind(self.kind)]
