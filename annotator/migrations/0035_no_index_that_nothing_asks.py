"""Nothing asks in which comparisons a response stands, or which judgments prefer it.

Only a deletion of the response would, and what was compared is never deleted. Comparisons are found by their round and
by their prompt, judgments by their assignment. Three indexes less are written with every pair that comes in, and one
less with every judgment.
"""

import django.db.models.deletion
from django.db import migrations, models


def response(**more: bool) -> models.ForeignKey:
    return models.ForeignKey(
        "annotator.response", db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", **more
    )


class Migration(migrations.Migration):
    dependencies = [("annotator", "0034_no_index_of_responses_without_a_run")]

    operations = [
        migrations.AlterField("comparison", "first", response()),
        migrations.AlterField("comparison", "second", response()),
        migrations.AlterField("judgment", "preferred", response(null=True)),
    ]
