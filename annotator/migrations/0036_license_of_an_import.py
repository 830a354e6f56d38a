"""An owner may say under which terms a whole file came."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("annotator", "0035_no_index_that_nothing_asks")]

    operations = [
        migrations.AddField("import", "license", models.CharField(blank=True, db_default="", max_length=100)),
    ]
