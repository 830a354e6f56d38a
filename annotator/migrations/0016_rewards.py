"""What reward models say of answers, and what the most informative order goes by."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("annotator", "0015_adaptive_overlap_and_adjudication"),
    ]

    operations = [
        migrations.CreateModel(
            name="Reward",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("value", models.FloatField()),
                ("heads", django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), size=None)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="run",
            name="run_kind_is_known",
        ),
        migrations.AddField(
            model_name="project",
            name="informative_by",
            field=models.CharField(
                choices=[("ranking", "Ranking"), ("disagreement", "Disagreement")],
                default="ranking",
                help_text="What the most informative order goes by; by the ranking until a reward model has read the answers.",
                max_length=12,
            ),
        ),
        migrations.AlterField(
            model_name="run",
            name="kind",
            field=models.CharField(
                choices=[
                    ("sft", "Sft"),
                    ("reward", "Reward"),
                    ("dpo", "Dpo"),
                    ("evaluate", "Evaluate"),
                    ("generate", "Generate"),
                    ("score", "Score"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="project",
            constraint=models.CheckConstraint(
                condition=models.Q(("informative_by__in", ["ranking", "disagreement"])),
                name="project_informative_by_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="run",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["sft", "reward", "dpo", "evaluate", "generate", "score"])),
                name="run_kind_is_known",
            ),
        ),
        migrations.AddField(
            model_name="reward",
            name="checkpoint",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="rewards",
                to="annotator.checkpoint",
            ),
        ),
        migrations.AddField(
            model_name="reward",
            name="response",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="rewards",
                to="annotator.response",
            ),
        ),
        migrations.AddConstraint(
            model_name="reward",
            constraint=models.UniqueConstraint(
                fields=("response", "checkpoint"), name="reward_once_per_response_and_checkpoint"
            ),
        ),
    ]
