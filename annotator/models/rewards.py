"""What reward models say of answers that people compare."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Reward(models.Model):
    """How one reward model scores one answer for the overall question. Rows never change.

    value  the mean over its heads
    heads  what each of them says: one, or an ensemble's
    """

    # It stands first in the constraint below.
    response = models.ForeignKey("annotator.Response", models.CASCADE, related_name="rewards", db_index=False)
    # Nothing asks for all rewards of a checkpoint, and what has one index less is written faster.
    checkpoint = models.ForeignKey("annotator.Checkpoint", models.CASCADE, related_name="rewards", db_index=False)
    value = models.FloatField()
    heads = ArrayField(models.FloatField())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["response", "checkpoint"], name="reward_once_per_response_and_checkpoint"),
        ]

    def __str__(self) -> str:
        return f"{self.value:.3f} by {self.checkpoint}"
