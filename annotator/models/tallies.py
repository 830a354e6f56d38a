"""Sums that triggers keep while rows are written, so that no page counts a million rows."""

from __future__ import annotations

from django.db import models
from django.db.models import Sum


class RoundTallyQuerySet(models.QuerySet["RoundTally"]):
    def sums(self) -> dict[str, int]:
        """Each column over all shards; 0 where there is no row yet."""
        found = self.aggregate(**{name: Sum(name) for name in RoundTally.COUNTED})
        return {name: int(found[name] or 0) for name in RoundTally.COUNTED}


class RoundTally(models.Model):
    """Sums over the comparisons of a round, spread over shards: two connections seldom wait for one row.

    comparisons, wanted, answered  over what is in play; what is held changes too often to be worth a sum
    set_aside  comparisons that are not
    decided    current judgments that prefer a side, on prompts that may be trained on
    """

    COUNTED = ("comparisons", "wanted", "answered", "set_aside", "decided")

    round = models.ForeignKey("annotator.Round", models.CASCADE, related_name="tallies", db_index=False)
    shard = models.SmallIntegerField()
    comparisons = models.BigIntegerField(default=0)
    wanted = models.BigIntegerField(default=0)
    answered = models.BigIntegerField(default=0)
    set_aside = models.BigIntegerField(default=0)
    decided = models.BigIntegerField(default=0)

    objects = RoundTallyQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["round", "shard"], name="round_tally_once_per_shard")]

    def __str__(self) -> str:
        return f"{self.round_id}/{self.shard}"


class RaterHour(models.Model):
    """What one person did in one hour for one round.

    answered  comparisons judged and not taken back; skipped: passed on
    checks    those among the answered that were hidden checks: work of the rater, no progress of the round
    decided   first answers that prefer a side; left: those that prefer the left one
    seconds   that the judgments took, each at most CAP: a page that stood open over lunch is no work
    """

    CAP = 600.0

    round = models.ForeignKey("annotator.Round", models.CASCADE, related_name="hours", db_index=False)
    rater = models.ForeignKey("annotator.User", models.PROTECT, related_name="hours", db_index=False)
    hour = models.DateTimeField()
    answered = models.IntegerField(default=0)
    checks = models.IntegerField(default=0, db_default=0)
    skipped = models.IntegerField(default=0)
    decided = models.IntegerField(default=0)
    left = models.IntegerField(default=0)
    seconds = models.FloatField(default=0.0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["rater", "round", "hour"], name="rater_hour_once")]
        indexes = [models.Index(fields=["round", "hour"], name="rater_hour_of_round")]

    def __str__(self) -> str:
        return f"{self.rater_id}: {self.hour:%Y-%m-%d %H}"


class Stretch(models.Model):
    """A stretch of the ids of judgments in which a round has some, so that its newest are found among those of all.

    number  of the stretch: it holds the ids from number × SPAN on. Two rows may say the same.
    """

    SPAN = 4096

    round = models.ForeignKey("annotator.Round", models.CASCADE, related_name="stretches", db_index=False)
    number = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["round", "number"], name="stretch_of_round")]

    def __str__(self) -> str:
        return f"{self.round_id}: {self.number}"
