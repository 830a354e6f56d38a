"""A project's preset lives in its protocols now."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("annotator", "0004_protocol_of_each_project")]

    operations = [migrations.RemoveField("project", "preset")]
