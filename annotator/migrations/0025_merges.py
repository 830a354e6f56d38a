"""Whole weights are made of a checkpoint's adapter by a run of its own kind."""

import django.db.models.deletion
from django.db import migrations, models

KINDS = [
    ("sft", "Sft"),
    ("reward", "Reward"),
    ("dpo", "Dpo"),
    ("evaluate", "Evaluate"),
    ("generate", "Generate"),
    ("score", "Score"),
    ("merge", "Merge"),
]


class Migration(migrations.Migration):
    dependencies = [("annotator", "0024_datasets")]

    operations = [
        migrations.RemoveConstraint("run", "run_kind_is_known"),
        migrations.AlterField("run", "kind", models.CharField(choices=KINDS, max_length=10)),
        migrations.AddConstraint(
            "run",
            models.CheckConstraint(
                condition=models.Q(("kind__in", [kind for kind, _words in KINDS])), name="run_kind_is_known"
            ),
        ),
        migrations.AddField(
            "checkpoint",
            "merge",
            models.OneToOneField(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="merges", to="annotator.run"
            ),
        ),
    ]
