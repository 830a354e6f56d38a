"""A warning about unsettling content, what each member says to it, and the blur."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("annotator", "0007_flag")]

    operations = [
        migrations.AddField(
            model_name="member",
            name="content",
            field=models.CharField(
                choices=[("unasked", "Not asked yet"), ("accepted", "Wants to see it"), ("declined", "Opted out")],
                default="unasked",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="project",
            name="content_warning",
            field=models.TextField(
                blank=True, help_text="What raters may meet here; they are asked first whether they want to."
            ),
        ),
        migrations.AddField(
            model_name="project",
            name="is_blurred",
            field=models.BooleanField(
                default=False, help_text="Answers stay blurred until the rater asks to see them."
            ),
        ),
        migrations.AddConstraint(
            model_name="member",
            constraint=models.CheckConstraint(
                condition=models.Q(("content__in", ["unasked", "accepted", "declined"])), name="member_content_is_known"
            ),
        ),
    ]
