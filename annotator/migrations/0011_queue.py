"""The queue at any size: an index per order, and sums that are kept instead of counted."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.math
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("annotator", "0010_gold"),
    ]

    operations = [
        migrations.CreateModel(
            name="RaterHour",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("hour", models.DateTimeField()),
                ("answered", models.IntegerField(default=0)),
                ("skipped", models.IntegerField(default=0)),
                ("decided", models.IntegerField(default=0)),
                ("left", models.IntegerField(default=0)),
                ("seconds", models.FloatField(default=0.0)),
            ],
        ),
        migrations.CreateModel(
            name="RoundTally",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shard", models.SmallIntegerField()),
                ("comparisons", models.BigIntegerField(default=0)),
                ("wanted", models.BigIntegerField(default=0)),
                ("answered", models.BigIntegerField(default=0)),
                ("set_aside", models.BigIntegerField(default=0)),
                ("decided", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.RemoveIndex(
            model_name="comparison",
            name="comparison_with_free_slot",
        ),
        migrations.AddField(
            model_name="comparison",
            name="audience",
            field=models.CharField(blank=True, default="", max_length=60),
        ),
        migrations.AddField(
            model_name="comparison",
            name="for_first",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="comparison",
            name="for_second",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="comparison",
            name="is_control",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="comparison",
            name="level",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="comparison",
            name="priority",
            field=models.SmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="comparison",
            name="score",
            field=models.FloatField(default=0.0),
        ),
        migrations.AddField(
            model_name="comparison",
            name="shuffle",
            field=models.FloatField(db_default=django.db.models.functions.math.Random()),
        ),
        migrations.AddField(
            model_name="member",
            name="groups",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=60), blank=True, default=list, size=None
            ),
        ),
        migrations.AddField(
            model_name="project",
            name="control_share",
            field=models.FloatField(
                default=0.0,
                help_text="Share of the comparisons that are drawn and handed out by chance, whatever the strategy.",
                validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1)],
            ),
        ),
        migrations.AddField(
            model_name="project",
            name="daily_quota",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Judgments that a rater may give in a day (UTC). Empty: as many as they like.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="project",
            name="strategy",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text="How the queue chooses: the share of the claims that each order gets. Empty: in order.",
            ),
        ),
        migrations.AlterField(
            model_name="assignment",
            name="comparison",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="assignments",
                to="annotator.comparison",
            ),
        ),
        migrations.AlterField(
            model_name="assignment",
            name="rater",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="assignments",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="comparison",
            name="round",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="comparisons",
                to="annotator.round",
            ),
        ),
        migrations.AlterField(
            model_name="judgment",
            name="guideline",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="annotator.guideline",
            ),
        ),
        migrations.AlterField(
            model_name="judgment",
            name="protocol",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="annotator.protocol",
            ),
        ),
        migrations.AddIndex(
            model_name="assignment",
            index=models.Index(fields=["rater", "id"], name="assignment_of_rater_newest"),
        ),
        migrations.AddIndex(
            model_name="assignment",
            index=models.Index(condition=models.Q(("state", "held")), fields=["rater"], name="assignment_held_by"),
        ),
        migrations.AddIndex(
            model_name="comparison",
            index=models.Index(
                models.F("round"),
                models.F("audience"),
                models.F("is_control"),
                models.OrderBy(models.F("priority"), descending=True),
                models.F("id"),
                condition=models.Q(
                    ("set_aside_at__isnull", True),
                    (
                        "wanted__gt",
                        django.db.models.expressions.CombinedExpression(models.F("held"), "+", models.F("answered")),
                    ),
                ),
                name="comparison_free_in_order",
            ),
        ),
        migrations.AddIndex(
            model_name="comparison",
            index=models.Index(
                models.F("round"),
                models.F("audience"),
                models.F("is_control"),
                models.OrderBy(models.F("priority"), descending=True),
                models.F("shuffle"),
                condition=models.Q(
                    ("set_aside_at__isnull", True),
                    (
                        "wanted__gt",
                        django.db.models.expressions.CombinedExpression(models.F("held"), "+", models.F("answered")),
                    ),
                ),
                name="comparison_free_at_random",
            ),
        ),
        migrations.AddIndex(
            model_name="comparison",
            index=models.Index(
                models.F("round"),
                models.F("audience"),
                models.F("is_control"),
                models.OrderBy(models.F("priority"), descending=True),
                django.db.models.expressions.CombinedExpression(models.F("held"), "+", models.F("answered")),
                models.F("shuffle"),
                condition=models.Q(
                    ("set_aside_at__isnull", True),
                    (
                        "wanted__gt",
                        django.db.models.expressions.CombinedExpression(models.F("held"), "+", models.F("answered")),
                    ),
                ),
                name="comparison_free_fewest",
            ),
        ),
        migrations.AddIndex(
            model_name="comparison",
            index=models.Index(
                models.F("round"),
                models.F("audience"),
                models.F("is_control"),
                models.OrderBy(models.F("priority"), descending=True),
                models.OrderBy(
                    django.db.models.expressions.CombinedExpression(models.F("held"), "+", models.F("answered")),
                    descending=True,
                ),
                models.F("shuffle"),
                condition=models.Q(
                    ("set_aside_at__isnull", True),
                    (
                        "wanted__gt",
                        django.db.models.expressions.CombinedExpression(models.F("held"), "+", models.F("answered")),
                    ),
                ),
                name="comparison_free_started",
            ),
        ),
        migrations.AddIndex(
            model_name="comparison",
            index=models.Index(
                models.F("round"),
                models.F("audience"),
                models.F("is_control"),
                models.OrderBy(models.F("priority"), descending=True),
                models.OrderBy(models.F("score"), descending=True),
                models.F("shuffle"),
                condition=models.Q(
                    ("set_aside_at__isnull", True),
                    (
                        "wanted__gt",
                        django.db.models.expressions.CombinedExpression(models.F("held"), "+", models.F("answered")),
                    ),
                ),
                name="comparison_free_informative",
            ),
        ),
        migrations.AddConstraint(
            model_name="comparison",
            constraint=models.CheckConstraint(
                condition=models.Q(("priority__range", (-2, 2))), name="comparison_priority_is_known"
            ),
        ),
        migrations.AddField(
            model_name="raterhour",
            name="rater",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="hours",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="raterhour",
            name="round",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="hours", to="annotator.round"
            ),
        ),
        migrations.AddField(
            model_name="roundtally",
            name="round",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="tallies",
                to="annotator.round",
            ),
        ),
        migrations.AddIndex(
            model_name="raterhour",
            index=models.Index(fields=["round", "hour"], name="rater_hour_of_round"),
        ),
        migrations.AddConstraint(
            model_name="raterhour",
            constraint=models.UniqueConstraint(fields=("rater", "round", "hour"), name="rater_hour_once"),
        ),
        migrations.AddConstraint(
            model_name="roundtally",
            constraint=models.UniqueConstraint(fields=("round", "shard"), name="round_tally_once_per_shard"),
        ),
    ]
