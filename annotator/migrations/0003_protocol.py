"""How raters are asked gets versions of its own, and a judgment holds all that may be asked."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("annotator", "0002_the_physics")]

    operations = [
        migrations.CreateModel(
            name="Protocol",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.PositiveIntegerField()),
                ("preset", models.CharField(max_length=40)),
                ("outcomes", models.JSONField(default=list)),
                ("criteria", models.JSONField(default=list)),
                ("ratings", models.JSONField(default=list)),
                ("reason", models.CharField(default="optional", max_length=10)),
                ("reason_min", models.PositiveSmallIntegerField(default=0)),
                ("reasons", models.JSONField(default=list)),
                ("edit", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="protocols", to="annotator.project"
                    ),
                ),
            ],
            options={"ordering": ["-version"]},
        ),
        migrations.AddConstraint(
            model_name="protocol",
            constraint=models.UniqueConstraint(fields=("project", "version"), name="protocol_version_once_per_project"),
        ),
        migrations.AddField("user", "keys", models.JSONField(blank=True, default=dict)),
        migrations.AddField(
            "judgment",
            "protocol",
            models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="annotator.protocol"
            ),
        ),
        migrations.AddField("judgment", "criteria", models.JSONField(default=dict)),
        migrations.AddField("judgment", "ratings", models.JSONField(default=dict)),
        migrations.AddField("judgment", "reasons", models.JSONField(default=list)),
        migrations.AddField("judgment", "edited", models.TextField(blank=True, default=""), preserve_default=False),
    ]
