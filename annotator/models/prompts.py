"""What is asked of the model, and what was answered."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Split(models.TextChoices):
    TRAIN = "train", _("Train")
    HOLDOUT = "holdout", _("Holdout")  # never trained on; what every accuracy is measured on


class PromptManager(models.Manager["Prompt"]):
    """The prompts that policies answer, without those that were made of gold to check raters."""

    def get_queryset(self) -> models.QuerySet[Prompt]:
        return super().get_queryset().filter(gold__isnull=True)


class Prompt(models.Model):
    """A conversation that wants an answer. Rows never change; the split is fixed by the content.

    source   where it came from; `license` under which terms, as that place says it
    gold     what it was made of, to check raters; `objects` leaves it out
    """

    project = models.ForeignKey("annotator.Project", models.CASCADE, related_name="prompts")
    messages = models.JSONField()
    content_sha256 = models.CharField(max_length=64)
    split = models.CharField(max_length=10, choices=Split.choices)
    tags = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    source = models.CharField(max_length=200, blank=True)
    license = models.CharField(max_length=100, blank=True, default="", db_default="")
    gold = models.OneToOneField("annotator.Gold", models.CASCADE, null=True, related_name="prompt")
    created_at = models.DateTimeField(default=timezone.now)

    objects = PromptManager()
    with_checks: ClassVar[models.Manager[Prompt]] = models.Manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "content_sha256"], condition=Q(gold__isnull=True), name="prompt_once_per_project"
            ),
            models.CheckConstraint(condition=Q(split__in=Split.values), name="prompt_split_is_known"),
        ]

    def __str__(self) -> str:
        return str(self.messages[-1]["content"])[:80]


class Response(models.Model):
    """An answer to a prompt with its origin: a checkpoint's run, or an import. Rows never change.

    token_ids  the ids a policy wrote, used verbatim in training; None for imported text
    author     who wrote an imported answer (a model's name, "chosen", …)
    label      whether an import says that it is good by itself, or not; None where it says nothing
    """

    prompt = models.ForeignKey(Prompt, models.CASCADE, related_name="responses")
    text = models.TextField()
    text_sha256 = models.CharField(max_length=64)
    # What is imported has neither, and most is imported: both are found by indexes of what has one.
    checkpoint = models.ForeignKey(
        "annotator.Checkpoint", models.PROTECT, null=True, related_name="responses", db_index=False
    )
    run = models.ForeignKey("annotator.Run", models.PROTECT, null=True, related_name="responses", db_index=False)
    sample = models.PositiveSmallIntegerField(default=0)
    token_ids = ArrayField(models.IntegerField(), null=True)
    finish = models.CharField(max_length=10, blank=True)
    sampling = models.JSONField(default=dict)
    author = models.CharField(max_length=200, blank=True)
    label = models.BooleanField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "checkpoint", "prompt", "sample"],
                condition=Q(run__isnull=False),
                name="generated_response_once",
            ),
            models.UniqueConstraint(
                fields=["prompt", "author", "text_sha256"],
                condition=Q(run__isnull=True),
                name="imported_response_once",
            ),
            models.CheckConstraint(
                condition=Q(run__isnull=True, checkpoint__isnull=True) | Q(run__isnull=False, checkpoint__isnull=False),
                name="response_origin_is_whole",
            ),
        ]
        indexes = [
            models.Index(fields=["checkpoint"], condition=Q(checkpoint__isnull=False), name="response_of_checkpoint"),
        ]

    def __str__(self) -> str:
        return self.text[:80]
