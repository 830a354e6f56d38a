"""Where among all judgments those of a round are: no index leads from a round to its newest ones.

Ids are told apart by stretches of 4,096. A row says that a round has judgments in one; where two transactions say so at
the same time there are two, because a rater must not wait until somebody's import is in.
"""

from importlib import import_module

import django.db.models.deletion
from django.db import migrations, models

bulk = import_module("annotator.migrations.0027_votes_counted_once")
votes = import_module("annotator.migrations.0037_a_judgment_in_fewer_steps")

# Whoever is storing one ends first, and the next begins with the new functions: nothing is stored in between.
SO_FAR = """
LOCK TABLE annotator_judgment IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO annotator_stretch (round_id, number)
SELECT DISTINCT c.round_id, j.id / 4096
  FROM annotator_judgment j JOIN annotator_assignment a ON a.id = j.assignment_id
  JOIN annotator_comparison c ON c.id = a.comparison_id;
"""

VOTES = votes.VOTES.replace(
    """    RETURN NULL;
END $$;""",
    """    INSERT INTO annotator_stretch (round_id, number) SELECT found.round_id, NEW.id / 4096
     WHERE NOT EXISTS (SELECT 1 FROM annotator_stretch WHERE round_id = found.round_id AND number = NEW.id / 4096);
    RETURN NULL;
END $$;""",
)

JUDGMENTS = bulk.JUDGMENTS.replace("SELECT n.supersedes_id,", "SELECT n.id AS judgment_id, n.supersedes_id,").replace(
    "), hours AS (",
    """), stretches AS (
        INSERT INTO annotator_stretch (round_id, number)
        SELECT DISTINCT k.round_id, k.judgment_id / 4096 FROM known k
         WHERE k.round_id IS NOT NULL AND NOT EXISTS (
               SELECT 1 FROM annotator_stretch s WHERE s.round_id = k.round_id AND s.number = k.judgment_id / 4096)
    ), hours AS (""",
)


class Migration(migrations.Migration):
    dependencies = [("annotator", "0037_a_judgment_in_fewer_steps")]

    operations = [
        migrations.CreateModel(
            name="Stretch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.BigIntegerField()),
                (
                    "round",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="stretches",
                        to="annotator.round",
                    ),
                ),
            ],
            options={"indexes": [models.Index(fields=["round", "number"], name="stretch_of_round")]},
        ),
        migrations.RunSQL(SO_FAR, migrations.RunSQL.noop),
        migrations.RunSQL(VOTES + JUDGMENTS, votes.VOTES + bulk.JUDGMENTS),
    ]
