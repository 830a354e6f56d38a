"""Weights are sent to a hub by a run of its own kind."""

from django.db import migrations, models

KINDS = [
    ("sft", "Sft"),
    ("reward", "Reward"),
    ("dpo", "Dpo"),
    ("evaluate", "Evaluate"),
    ("generate", "Generate"),
    ("score", "Score"),
    ("merge", "Merge"),
    ("push", "Push"),
]


class Migration(migrations.Migration):
    dependencies = [("annotator", "0027_votes_counted_once")]

    operations = [
        migrations.RemoveConstraint("run", "run_kind_is_known"),
        migrations.AlterField("run", "kind", models.CharField(choices=KINDS, max_length=10)),
        migrations.AddConstraint(
            "run",
            models.CheckConstraint(
                condition=models.Q(("kind__in", [kind for kind, _words in KINDS])), name="run_kind_is_known"
            ),
        ),
    ]
