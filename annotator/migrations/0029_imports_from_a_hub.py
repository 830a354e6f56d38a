"""An import may begin with what a worker fetches from a hub."""

from django.db import migrations, models
from django.db.models import Q

STATES = ["fetching", "uploaded", "recognised", "waiting", "reading", "imported", "broken", "stopped"]


class Migration(migrations.Migration):
    dependencies = [("annotator", "0028_pushes")]

    operations = [
        migrations.AddField("import", "dataset", models.CharField(blank=True, db_default="", max_length=400)),
        migrations.AddField("import", "fetched", models.BigIntegerField(db_default=0, default=0)),
        migrations.RemoveConstraint("import", "import_state_is_known"),
        migrations.AlterField(
            "import",
            "state",
            models.CharField(
                choices=[(state, state.capitalize()) for state in STATES], default="uploaded", max_length=12
            ),
        ),
        migrations.AddConstraint(
            "import", models.CheckConstraint(condition=Q(("state__in", STATES)), name="import_state_is_known")
        ),
        migrations.RemoveIndex("import", "import_live"),
        migrations.AddIndex(
            "import",
            models.Index(
                condition=Q(("state__in", ["fetching", "waiting", "reading"])), fields=["state"], name="import_live"
            ),
        ),
    ]
