"""An imported answer has neither run nor checkpoint, and no index says so.

Each stood in two indexes with nothing. Answers of a run are found by `generated_response_once`, which begins with the
run; those of a checkpoint by an index of what has one.
"""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q


def without_index(other: str) -> models.ForeignKey:
    return models.ForeignKey(
        f"annotator.{other}",
        db_index=False,
        null=True,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="responses",
    )


class Migration(migrations.Migration):
    dependencies = [("annotator", "0033_bulk_counted_for_a_replica")]

    operations = [
        migrations.AlterField("response", "run", without_index("run")),
        migrations.AlterField("response", "checkpoint", without_index("checkpoint")),
        migrations.AddIndex(
            "response",
            models.Index(
                fields=["checkpoint"], condition=Q(("checkpoint__isnull", False)), name="response_of_checkpoint"
            ),
        ),
    ]
