"""A claim looks up what its rater holds by rater, whatever statistics say.

Leases come and go faster than statistics are taken, so the index of held leases
by time looked as small as that by rater, and each claim read all of it.
"""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("annotator", "0031_sendings")]

    operations = [
        migrations.RemoveIndex("assignment", "assignment_held_until"),
        migrations.RemoveIndex("assignment", "assignment_held_by"),
        migrations.AddIndex(
            "assignment",
            models.Index(fields=["rater", "leased_until"], condition=Q(("state", "held")), name="assignment_held_by"),
        ),
    ]
