"""Raters are looked at by the clock, so that sending the answer to a check takes no longer than any other."""

from django.db import migrations, models

# What came before was looked at when it came.
SEEN = "UPDATE annotator_project SET checks_seen = coalesce((SELECT max(id) FROM annotator_judgment), 0)"


class Migration(migrations.Migration):
    dependencies = [("annotator", "0021_figures")]

    operations = [
        migrations.AddField(
            model_name="project",
            name="checks_seen",
            field=models.BigIntegerField(
                default=0, db_default=0, editable=False,
                help_text="Id of the newest judgment after which raters were looked at.",
            ),
        ),
        migrations.RunSQL(SEEN, migrations.RunSQL.noop),
    ]  # fmt: skip
