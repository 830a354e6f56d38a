"""Datasets that people take along, and the terms under which a prompt came."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("annotator", "0023_placing"),
    ]

    operations = [
        migrations.AddField(
            model_name="prompt",
            name="license",
            field=models.CharField(blank=True, db_default="", default="", max_length=100),
        ),
        migrations.CreateModel(
            name="Dataset",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.PositiveIntegerField()),
                ("shape", models.CharField(max_length=20)),
                ("file_format", models.CharField(max_length=10)),
                ("filters", models.JSONField(default=dict)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("writing", "Writing"),
                            ("ready", "Ready"),
                            ("broken", "Broken"),
                            ("stopped", "Stopped"),
                        ],
                        default="waiting",
                        max_length=12,
                    ),
                ),
                ("share", models.FloatField(default=0.0)),
                ("path", models.CharField(blank=True, max_length=300)),
                ("sha256", models.CharField(blank=True, max_length=64)),
                ("manifest", models.JSONField(default=dict)),
                ("error", models.TextField(blank=True)),
                ("attempt", models.PositiveIntegerField(default=0)),
                ("added_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("rung_at", models.DateTimeField(null=True)),
                ("started_at", models.DateTimeField(null=True)),
                ("heartbeat_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "made_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="datasets", to="annotator.project"
                    ),
                ),
            ],
            options={
                "ordering": ["-version"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["waiting", "writing"])), fields=["state"], name="dataset_live"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("project", "version"), name="dataset_version_once_per_project"),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["waiting", "writing", "ready", "broken", "stopped"])),
                        name="dataset_state_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state", "ready"), _negated=True),
                            models.Q(("sha256", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="dataset_ready_is_whole",
                    ),
                ],
            },
        ),
    ]
