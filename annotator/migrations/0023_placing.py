"""Comparisons are placed by other rules after the owner's request, and the round knows how far that is."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("annotator", "0022_checks_by_the_clock")]

    operations = [
        migrations.AddField("round", "placing_since", models.DateTimeField(null=True)),
        migrations.AddField("round", "placing_behind", models.BigIntegerField(default=0, db_default=0)),
        migrations.AddField("round", "placing_seen", models.PositiveBigIntegerField(default=0, db_default=0)),
    ]
