"""What raters are asked, and who holds what."""

from __future__ import annotations

from typing import cast

from django.db import models
from django.db.models import Case, F, Q, When
from django.db.models.expressions import Combinable, Expression, OrderBy
from django.db.models.functions import Least, Random
from django.db.models.lookups import GreaterThanOrEqual
from django.utils import timezone

from annotator.domain.checks import CheckKind
from annotator.domain.lifecycles import AssignmentState
from annotator.models.choices import choices_of, one_of
from annotator.models.prompts import Response

FREE = Q(wanted__gt=F("held") + F("answered"), set_aside_at__isnull=True)
TAKEN = F("held") + F("answered")
BY_COUNT = Q(is_free=True, taken__isnull=False)


def free_index(name: str, *order: F | Combinable | OrderBy, condition: Q = Q(is_free=True)) -> models.Index:  # noqa: B008
    """What is free in a round, in one order; who may be asked, which arm and how urgent come first in every one.

    Of the counters it may name none: a claim and a judgment that leave the
    comparison free then write its row alone, and no index (a "HOT" update of Postgres).
    """
    same = (F("round"), F("audience"), F("is_control"), F("priority").desc())
    return models.Index(*same, *order, condition=condition, name=name)


class ComparisonQuerySet(models.QuerySet["Comparison"]):
    def in_play(self) -> ComparisonQuerySet:
        """All but what was set aside."""
        return self.filter(set_aside_at__isnull=True)


class ComparisonManager(models.Manager["Comparison"]):
    """The comparisons of the rounds, without those that were made of gold to check raters."""

    def get_queryset(self) -> ComparisonQuerySet:
        return ComparisonQuerySet(self.model, using=self._db).filter(gold__isnull=True)

    def in_play(self) -> ComparisonQuerySet:
        return self.get_queryset().in_play()


class Comparison(models.Model):
    """Two responses to one prompt inside a round, to be judged by `wanted` people.

    `held` and `answered` count its assignments in those states. A trigger keeps
    them, whoever writes, so that `comparison_slots_within_wanted` makes more
    than k leases and judgments impossible rather than unlikely.

    Two more counters are kept like these: `for_first` and `for_second` say how
    many of the current judgments prefer a side, `level` how many put both on one.

    is_free       somebody may still be asked; Postgres keeps it
    is_by_count   the queue may order it by its leases and judgments, which makes every claim and judgment dearer:
                  only where the project's strategy asks for that
    taken         its leases and judgments if `is_by_count`; Postgres keeps it
    set_aside_at  since when it is out of the queue and out of snapshots, because raters flagged it
    audience      the group of raters that is asked, empty for everybody
    is_control    drawn by chance to be handed out by chance, whatever the strategy: an unbiased part of the round
    priority      2 comes before all others, −2 after them
    shuffle       its place in an order by chance
    score         how much a judgment of it is expected to tell; only comparisons of one round are compared by it
    gold          what it was made of, to check raters: it wants nobody, so the queue never hands it out as work,
                  and `objects` leaves it out
    """

    # It stands first in a constraint below, and what has one index less is written faster.
    round = models.ForeignKey("annotator.Round", models.CASCADE, related_name="comparisons", db_index=False)
    prompt = models.ForeignKey("annotator.Prompt", models.CASCADE, related_name="comparisons")
    # Only who deleted a response would ask where it stands.
    first = models.ForeignKey("annotator.Response", models.PROTECT, related_name="+", db_index=False)
    second = models.ForeignKey("annotator.Response", models.PROTECT, related_name="+", db_index=False)
    wanted = models.SmallIntegerField(default=1)
    held = models.SmallIntegerField(default=0)
    answered = models.SmallIntegerField(default=0)
    for_first = models.SmallIntegerField(default=0)
    for_second = models.SmallIntegerField(default=0)
    level = models.SmallIntegerField(default=0)
    set_aside_at = models.DateTimeField(null=True)
    is_free = models.GeneratedField(
        expression=cast("Expression", FREE), output_field=models.BooleanField(), db_persist=True
    )
    is_by_count = models.BooleanField(default=False, db_default=False)
    taken = models.GeneratedField(
        expression=Case(When(is_by_count=True, then=TAKEN)),
        output_field=models.SmallIntegerField(null=True),
        db_persist=True,
    )
    audience = models.CharField(max_length=60, blank=True, default="")
    is_control = models.BooleanField(default=False)
    priority = models.SmallIntegerField(default=0)
    shuffle = models.FloatField(db_default=Random())
    score = models.FloatField(default=0.0)
    gold = models.ForeignKey("annotator.Gold", models.CASCADE, null=True, related_name="comparisons", db_index=False)
    created_at = models.DateTimeField(default=timezone.now)

    objects = ComparisonManager()
    with_checks = ComparisonQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=~Q(first=F("second")), name="comparison_sides_differ"),
            models.CheckConstraint(
                condition=Q(wanted__gte=F("held") + F("answered")), name="comparison_slots_within_wanted"
            ),
            # One for all of them: Postgres sets up each anew for every statement that writes a comparison.
            models.CheckConstraint(
                condition=GreaterThanOrEqual(Least("held", "answered", "for_first", "for_second", "level"), 0),
                name="comparison_counts_from_zero",
            ),
            models.CheckConstraint(condition=Q(priority__range=(-2, 2)), name="comparison_priority_is_known"),
            models.UniqueConstraint(fields=["round", "first", "second"], name="comparison_once_per_round"),
            models.CheckConstraint(
                condition=Q(gold__isnull=True) | Q(wanted=0), name="comparison_of_gold_wants_nobody"
            ),
            models.UniqueConstraint(
                fields=["gold", "round"], condition=Q(gold__isnull=False), name="comparison_of_gold_once_per_round"
            ),
        ]
        indexes = [
            # One per order in which the queue may hand out, so that a claim reads one entry however many there are.
            free_index("comparison_free_in_order", F("id")),
            free_index("comparison_free_at_random", F("shuffle")),
            free_index("comparison_free_fewest", F("taken"), F("shuffle"), condition=BY_COUNT),
            free_index("comparison_free_started", F("taken").desc(), F("shuffle"), condition=BY_COUNT),
            free_index("comparison_free_informative", F("score").desc(), F("shuffle")),
            models.Index(fields=["round"], condition=Q(set_aside_at__isnull=False), name="comparison_set_aside"),
        ]

    def __str__(self) -> str:
        return f"Comparison {self.pk}"


class Assignment(models.Model):
    """A lease of one comparison by one rater, with the sides as they are shown.

    check_kind  empty for work; a hidden check takes no slot, and what is said to it counts for nothing but the check
    """

    # Both stand first in an index below.
    comparison = models.ForeignKey(Comparison, models.CASCADE, related_name="assignments", db_index=False)
    rater = models.ForeignKey("annotator.User", models.PROTECT, related_name="assignments", db_index=False)
    state = models.CharField(max_length=10, choices=choices_of(AssignmentState), default=AssignmentState.HELD.value)
    check_kind = models.CharField(max_length=10, choices=choices_of(CheckKind), blank=True, default="", db_default="")
    first_on_left = models.BooleanField()
    leased_until = models.DateTimeField()
    claimed_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["comparison", "rater", "check_kind"], name="assignment_once_per_comparison_rater_and_check"
            ),
            models.CheckConstraint(
                condition=Q(check_kind__in=["", *one_of(CheckKind)]), name="assignment_check_kind_is_known"
            ),
            models.CheckConstraint(condition=Q(state__in=one_of(AssignmentState)), name="assignment_state_is_known"),
        ]
        indexes = [
            models.Index(fields=["rater", "state", "ended_at"], name="assignment_of_rater"),
            models.Index(fields=["rater", "id"], name="assignment_of_rater_newest"),
            # The only one of its condition: statistics seldom know that anything is held, and then a second one by
            # time looks as cheap to a claim, which reads all leases of everybody.
            models.Index(fields=["rater", "leased_until"], condition=Q(state="held"), name="assignment_held_by"),
            models.Index(fields=["rater"], condition=~Q(check_kind=""), name="assignment_checking"),
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
