"""What raters read is rendered once and kept."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("annotator", "0005_project_preset_moves")]

    operations = [
        migrations.CreateModel(
            name="Rendering",
            fields=[
                ("sha256", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("version", models.PositiveSmallIntegerField()),
                ("html", models.TextField()),
            ],
        ),
    ]
