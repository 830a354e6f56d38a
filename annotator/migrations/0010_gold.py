"""Gold comparisons, practice and exam."""

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("annotator", "0009_acknowledgement")]

    operations = [
        migrations.CreateModel(
            name="Gold",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "use",
                    models.CharField(
                        choices=[("example", "Example"), ("practice", "Practice"), ("exam", "Exam")], max_length=10
                    ),
                ),
                ("messages", models.JSONField()),
                ("first", models.TextField()),
                ("second", models.TextField()),
                ("right", models.JSONField()),
                ("explanation", models.TextField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("retired_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="Sitting",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("practice", "Practice"), ("exam", "Exam")], max_length=10)),
                ("pass_share", models.FloatField()),
                ("passed", models.BooleanField(null=True)),
                ("started_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="SittingAnswer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveSmallIntegerField()),
                ("first_on_left", models.BooleanField()),
                ("answer", models.CharField(blank=True, max_length=40)),
                ("is_right", models.BooleanField(null=True)),
                ("seconds", models.FloatField(default=0.0)),
                ("answered_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["number"],
            },
        ),
        migrations.AddField(
            model_name="member",
            name="further_attempts",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="project",
            name="exam_again",
            field=models.BooleanField(
                default=True, help_text="Whether a guideline that has to be read asks for the exam again."
            ),
        ),
        migrations.AddField(
            model_name="project",
            name="exam_attempts",
            field=models.PositiveSmallIntegerField(
                default=2,
                help_text="Attempts at the exam.",
                validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(10)],
            ),
        ),
        migrations.AddField(
            model_name="project",
            name="exam_pass_share",
            field=models.FloatField(
                default=0.8,
                help_text="Share of right answers that passes the exam.",
                validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1)],
            ),
        ),
        migrations.AddField(
            model_name="project",
            name="exam_questions",
            field=models.PositiveSmallIntegerField(
                default=0,
                help_text="Questions of the exam that raters pass before they begin; 0: no exam.",
                validators=[django.core.validators.MaxValueValidator(100)],
            ),
        ),
        migrations.AddField(
            model_name="gold",
            name="created_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="gold",
            name="project",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="gold", to="annotator.project"
            ),
        ),
        migrations.AddField(
            model_name="sitting",
            name="guideline",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="annotator.guideline"
            ),
        ),
        migrations.AddField(
            model_name="sitting",
            name="project",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="sittings", to="annotator.project"
            ),
        ),
        migrations.AddField(
            model_name="sitting",
            name="protocol",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="annotator.protocol"
            ),
        ),
        migrations.AddField(
            model_name="sitting",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="sittings", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="sittinganswer",
            name="gold",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="answers", to="annotator.gold"
            ),
        ),
        migrations.AddField(
            model_name="sittinganswer",
            name="sitting",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="answers", to="annotator.sitting"
            ),
        ),
        migrations.AddConstraint(
            model_name="gold",
            constraint=models.CheckConstraint(
                condition=models.Q(("use__in", ["example", "practice", "exam"])), name="gold_use_is_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="sitting",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["practice", "exam"])), name="sitting_kind_is_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="sitting",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at__isnull", True)),
                fields=("project", "user", "kind"),
                name="one_open_sitting_per_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="sittinganswer",
            constraint=models.UniqueConstraint(fields=("sitting", "number"), name="sitting_answer_once_per_number"),
        ),
        migrations.AddConstraint(
            model_name="sittinganswer",
            constraint=models.UniqueConstraint(fields=("sitting", "gold"), name="sitting_answer_once_per_gold"),
        ),
    ]
