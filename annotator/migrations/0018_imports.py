"""Files that are brought into a project, and what they say of an answer by itself."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("annotator", "0017_webhooks"),
    ]

    operations = [
        migrations.AddField(
            model_name="response",
            name="label",
            field=models.BooleanField(null=True),
        ),
        migrations.CreateModel(
            name="Import",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=200)),
                ("path", models.CharField(max_length=1000)),
                ("size", models.BigIntegerField(default=0)),
                ("format", models.CharField(blank=True, max_length=40)),
                ("columns", models.JSONField(default=dict)),
                ("sample", models.JSONField(default=dict)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("uploaded", "Uploaded"),
                            ("recognised", "Recognised"),
                            ("waiting", "Waiting"),
                            ("reading", "Reading"),
                            ("imported", "Imported"),
                            ("broken", "Broken"),
                            ("stopped", "Stopped"),
                        ],
                        default="uploaded",
                        max_length=12,
                    ),
                ),
                ("position", models.BigIntegerField(default=0)),
                ("counts", models.JSONField(default=dict)),
                ("notes", models.JSONField(default=list)),
                ("error", models.TextField(blank=True)),
                ("attempt", models.PositiveIntegerField(default=0)),
                ("added_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("rung_at", models.DateTimeField(null=True)),
                ("started_at", models.DateTimeField(null=True)),
                ("heartbeat_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "added_by",
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
                        on_delete=django.db.models.deletion.CASCADE, related_name="imports", to="annotator.project"
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["waiting", "reading"])), fields=["state"], name="import_live"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                ["uploaded", "recognised", "waiting", "reading", "imported", "broken", "stopped"],
                            )
                        ),
                        name="import_state_is_known",
                    )
                ],
            },
        ),
    ]
