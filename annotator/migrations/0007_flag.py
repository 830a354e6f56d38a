"""Raters flag what is wrong with a pair, and what several flag is set aside."""

import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("annotator", "0006_rendering")]

    operations = [
        migrations.CreateModel(
            name="Flag",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("unsafe", "Unsafe"),
                            ("personal", "Personal"),
                            ("broken", "Broken"),
                            ("author", "Author"),
                            ("language", "Language"),
                            ("cannot", "Cannot"),
                        ],
                        max_length=10,
                    ),
                ),
                ("settled_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.RemoveIndex(
            model_name="comparison",
            name="comparison_with_free_slot",
        ),
        migrations.AddField(
            model_name="comparison",
            name="set_aside_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="project",
            name="flags_to_set_aside",
            field=models.PositiveSmallIntegerField(
                default=2,
                help_text="Raters who flag a comparison before it is set aside.",
                validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(10)],
            ),
        ),
        migrations.AddIndex(
            model_name="comparison",
            index=models.Index(
                condition=models.Q(
                    ("set_aside_at__isnull", True),
                    (
                        "wanted__gt",
                        django.db.models.expressions.CombinedExpression(models.F("held"), "+", models.F("answered")),
                    ),
                ),
                fields=["round", "id"],
                name="comparison_with_free_slot",
            ),
        ),
        migrations.AddIndex(
            model_name="comparison",
            index=models.Index(
                condition=models.Q(("set_aside_at__isnull", False)), fields=["round"], name="comparison_set_aside"
            ),
        ),
        migrations.AddField(
            model_name="flag",
            name="assignment",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="flags", to="annotator.assignment"
            ),
        ),
        migrations.AddConstraint(
            model_name="flag",
            constraint=models.UniqueConstraint(fields=("assignment", "kind"), name="flag_once_per_assignment_and_kind"),
        ),
        migrations.AddConstraint(
            model_name="flag",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["unsafe", "personal", "broken", "author", "language", "cannot"])),
                name="flag_kind_is_known",
            ),
        ),
    ]
