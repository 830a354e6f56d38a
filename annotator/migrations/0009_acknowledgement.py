"""Raters say that they have read a guideline, and are shown around once."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


def who_judged_has_read(apps, schema_editor):
    """Nobody is asked to read again what they judged under, or shown around a page that they know."""
    judged = apps.get_model("annotator", "Judgment").objects.exclude(guideline=None)
    pairs = set(judged.values_list("guideline_id", "assignment__rater_id"))
    Acknowledgement = apps.get_model("annotator", "Acknowledgement")
    Acknowledgement.objects.bulk_create(
        [Acknowledgement(guideline_id=guideline, user_id=user) for guideline, user in pairs], ignore_conflicts=True
    )
    Guideline = apps.get_model("annotator", "Guideline")
    Member = apps.get_model("annotator", "Member")
    projects = dict(Guideline.objects.values_list("pk", "project_id"))
    for guideline, user in pairs:
        Member.objects.filter(project=projects[guideline], user=user).update(
            shown_around_at=django.utils.timezone.now()
        )


class Migration(migrations.Migration):
    dependencies = [("annotator", "0008_content")]

    operations = [
        migrations.CreateModel(
            name="Acknowledgement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.AddField(
            model_name="guideline",
            name="must_read",
            field=models.BooleanField(default=True),
        ),
        migrations.AddField(
            model_name="member",
            name="shown_around_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="acknowledgement",
            name="guideline",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="acknowledgements", to="annotator.guideline"
            ),
        ),
        migrations.AddField(
            model_name="acknowledgement",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="acknowledgements",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            model_name="acknowledgement",
            constraint=models.UniqueConstraint(
                fields=("guideline", "user"), name="acknowledgement_once_per_guideline_and_user"
            ),
        ),
        migrations.RunPython(who_judged_has_read, migrations.RunPython.noop),
    ]
