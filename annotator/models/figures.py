"""What pages show of big projects and takes longer to find than a page may take."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Figure(models.Model):
    """One finding about a project, or about one of its rounds, as the clock's worker made it last.

    name, wish  which one, and what was asked for; an empty wish is what everybody sees first
    found, code  the finding, packed, and a fingerprint of the code that made it; other code makes it anew
    seen        the sums of the project or round when it was made: what came since is told beside it
    seconds     that it took
    found_at    None until it was made once
    asked_at    when somebody asked for it last; None for what is kept whether asked for or not
    claimed_at  since when a worker makes it
    """

    project = models.ForeignKey("annotator.Project", models.CASCADE, related_name="figures", db_index=False)
    round = models.ForeignKey("annotator.Round", models.CASCADE, related_name="figures", null=True)
    name = models.CharField(max_length=40)
    wish = models.JSONField(default=dict)
    found = models.BinaryField(default=b"")
    code = models.CharField(max_length=64, default="")
    seen = models.JSONField(default=dict)
    seconds = models.FloatField(default=0.0)
    found_at = models.DateTimeField(null=True)
    asked_at = models.DateTimeField(null=True)
    claimed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "round", "name", "wish"], nulls_distinct=False, name="figure_kept_once"
            ),
            models.CheckConstraint(condition=Q(found_at=None) | ~Q(code=""), name="figure_found_by_known_code"),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.round_id or self.project_id}"
