"""Comparisons with a known answer, and what raters made of them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from annotator.domain.asking import Asking
from annotator.domain.gold import GoldUse, SittingKind
from annotator.models.choices import choices_of, one_of


class Gold(models.Model):
    """One pair of answers, what is right about it, and why. Rows never change; they are retired.

    It holds its texts itself: no policy learns from them, and no round can lose them.

    messages     the conversation, as of a prompt
    right        one or more of domain.gold.Right
    explanation  Markdown; {A} and {B} stand for the letters of the first and the second answer, wherever they are shown
    """

    project = models.ForeignKey("annotator.Project", models.CASCADE, related_name="gold")
    use = models.CharField(max_length=10, choices=choices_of(GoldUse))
    messages = models.JSONField()
    first = models.TextField()
    second = models.TextField()
    right = models.JSONField()
    explanation = models.TextField()
    created_by = models.ForeignKey("annotator.User", models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(use__in=one_of(GoldUse)), name="gold_use_is_known"),
        ]

    def __str__(self) -> str:
        return str(self.messages[-1]["content"])[:80]

    def explained(self, *, first_on_left: bool = True) -> str:
        """Why it is right, with the letters that the answers are shown under."""
        first, second = ("A", "B") if first_on_left else ("B", "A")
        return self.explanation.replace("{A}", first).replace("{B}", second)


class Sitting(models.Model):
    """One rater's turn over gold comparisons: practice, or an attempt at the exam.

    pass_share  share of right answers that was wanted when it began
    protocol    how it was asked
    guideline   the version in force when it began
    passed      None until it is over, and for practice
    """

    project = models.ForeignKey("annotator.Project", models.CASCADE, related_name="sittings")
    user = models.ForeignKey("annotator.User", models.CASCADE, related_name="sittings")
    kind = models.CharField(max_length=10, choices=choices_of(SittingKind))
    protocol = models.ForeignKey("annotator.Protocol", models.PROTECT, related_name="+")
    guideline = models.ForeignKey("annotator.Guideline", models.PROTECT, null=True, related_name="+")
    pass_share = models.FloatField()
    passed = models.BooleanField(null=True)
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=one_of(SittingKind)), name="sitting_kind_is_known"),
            models.UniqueConstraint(
                fields=["project", "user", "kind"], condition=Q(ended_at__isnull=True), name="one_open_sitting_per_kind"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.kind}"

    @property
    def is_exam(self) -> bool:
        return self.kind == SittingKind.EXAM

    @property
    def asking(self) -> Asking:
        """Of what the project asks, the overall question alone: gold says nothing about criteria."""
        asking = self.protocol.asking
        return Asking(asking.preset)


class SittingAnswer(models.Model):
    """One question of a sitting; the pair is shown as `first_on_left` says, and answered once.

    is_right  None until it is answered
    """

    sitting = models.ForeignKey(Sitting, models.CASCADE, related_name="answers")
    gold = models.ForeignKey(Gold, models.PROTECT, related_name="answers")
    number = models.PositiveSmallIntegerField()
    first_on_left = models.BooleanField()
    answer = models.CharField(max_length=40, blank=True)
    is_right = models.BooleanField(null=True)
    seconds = models.FloatField(default=0.0)
    answered_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["sitting", "number"], name="sitting_answer_once_per_number"),
            models.UniqueConstraint(fields=["sitting", "gold"], name="sitting_answer_once_per_gold"),
        ]

    def __str__(self) -> str:
        return f"{self.sitting}, question {self.number}"

    @property
    def left(self) -> str:
        return self.gold.first if self.first_on_left else self.gold.second

    @property
    def explained(self) -> str:
        return self.gold.explained(first_on_left=self.first_on_left)

    @property
    def right(self) -> str:
        return self.gold.second if self.first_on_left else self.gold.first
