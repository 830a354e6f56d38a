"""Datasets are sent to places outside."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("annotator", "0030_answer_counted_with_its_vote"),
    ]

    operations = [
        migrations.CreateModel(
            name="Sending",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("depot", models.CharField(choices=[("hub", "Hub"), ("storage", "Storage")], max_length=10)),
                ("place", models.CharField(max_length=300)),
                ("is_private", models.BooleanField(default=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("sending", "Sending"),
                            ("sent", "Sent"),
                            ("refused", "Refused"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("address", models.CharField(blank=True, max_length=500)),
                ("error", models.TextField(blank=True)),
                ("attempt", models.PositiveIntegerField(default=0)),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("rung_at", models.DateTimeField(null=True)),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "asked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="sendings", to="annotator.dataset"
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["waiting", "sending", "sent", "refused"])),
                        name="sending_state_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("depot__in", ["hub", "storage"])), name="sending_depot_is_known"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["waiting", "sending"])),
                        fields=("dataset", "depot", "place"),
                        name="sending_once_at_a_time",
                    ),
                ],
            },
        ),
    ]
