"""What pages show of big projects is found by a worker, and kept for all processes."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("annotator", "0020_tokens")]

    operations = [
        migrations.CreateModel(
            name="Figure",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=40)),
                ("wish", models.JSONField(default=dict)),
                ("found", models.BinaryField(default=b"")),
                ("code", models.CharField(default="", max_length=64)),
                ("seen", models.JSONField(default=dict)),
                ("seconds", models.FloatField(default=0.0)),
                ("found_at", models.DateTimeField(null=True)),
                ("asked_at", models.DateTimeField(null=True)),
                ("claimed_at", models.DateTimeField(null=True)),
                (
                    "project",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="figures",
                        to="annotator.project",
                    ),
                ),
                (
                    "round",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="figures",
                        to="annotator.round",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("project", "round", "name", "wish"), name="figure_kept_once", nulls_distinct=False
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("found_at", None), models.Q(("code", ""), _negated=True), _connector="OR"),
                        name="figure_found_by_known_code",
                    ),
                ],
            },
        ),
    ]  # fmt: skip
