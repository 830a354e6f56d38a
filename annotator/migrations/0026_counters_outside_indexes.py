"""A claim and a judgment write the comparison's row and no index of it, wherever it stays free.

Every index of what is free named the counters that both of them write, so each
wrote ten index entries anew and left ten dead ones at the head of the queue.
"""

from importlib import import_module

from django.db import migrations, models
from django.db.models import Case, F, OrderBy, Q, When
from django.db.models.expressions import CombinedExpression

queue = import_module("annotator.migrations.0013_queue_claim")

TAKEN = CombinedExpression(F("held"), "+", F("answered"))
SAME = (F("round"), F("audience"), F("is_control"), OrderBy(F("priority"), descending=True))
FREE = Q(("is_free", True))
BY_COUNT = Q(("is_free", True), ("taken__isnull", False))
# Name → the columns behind the common ones, and what the index holds.
INDEXES = {
    "comparison_free_in_order": ((F("id"),), FREE),
    "comparison_free_at_random": ((F("shuffle"),), FREE),
    "comparison_free_fewest": ((F("taken"), F("shuffle")), BY_COUNT),
    "comparison_free_started": ((OrderBy(F("taken"), descending=True), F("shuffle")), BY_COUNT),
    "comparison_free_informative": ((OrderBy(F("score"), descending=True), F("shuffle")), FREE),
}

SO_FAR = """
UPDATE annotator_comparison c SET is_by_count = true
  FROM annotator_round r JOIN annotator_project p ON p.id = r.project_id
 WHERE c.round_id = r.id AND r.state = 'collecting' AND NOT c.is_control AND c.gold_id IS NULL
   AND coalesce((p.strategy ->> 'fewest')::float8, 0) + coalesce((p.strategy ->> 'started')::float8, 0) > 0;
"""

ORDERS = {
    "in_order": ("c.id", "c.is_free"),
    "random": ("c.shuffle", "c.is_free"),
    "fewest": ("c.taken, c.shuffle", "c.is_free AND c.taken IS NOT NULL"),
    "started": ("c.taken DESC, c.shuffle", "c.is_free AND c.taken IS NOT NULL"),
    "informative": ("c.score DESC, c.shuffle", "c.is_free"),
}

ONE = """
        SELECT c.id INTO picked FROM annotator_comparison c
         WHERE c.round_id = p_round AND c.audience = p_audience AND c.is_control = p_control AND {free}
           AND NOT EXISTS (SELECT 1 FROM annotator_assignment a
                            WHERE a.comparison_id = c.id AND a.rater_id = p_rater AND a.state <> 'lapsed')
         ORDER BY c.priority DESC, {columns} LIMIT 1 FOR UPDATE OF c{skip};"""


def branches() -> str:
    word = "IF"
    lines = []
    for name, (columns, free) in ORDERS.items():
        for waits in (False, True):
            lines.append(f"    {word} p_order = '{name}' AND {'p_waits' if waits else 'NOT p_waits'} THEN")
            lines.append(ONE.format(columns=columns, free=free, skip="" if waits else " SKIP LOCKED"))
            word = "ELSIF"
    return "\n".join(lines)


PICK = f"""
CREATE OR REPLACE FUNCTION queue_pick(
    p_round bigint, p_rater bigint, p_audience text, p_control boolean, p_order text, p_waits boolean
) RETURNS bigint LANGUAGE plpgsql SET enable_sort = off SET enable_seqscan = off AS $$
DECLARE
    picked bigint;
BEGIN
{branches()}
    ELSE
        RAISE EXCEPTION 'the queue knows no order %', p_order;
    END IF;
    -- Until a worker has placed what is collected, an order by count knows only a part of it, or nothing.
    IF picked IS NULL AND p_order IN ('fewest', 'started') THEN
        picked := queue_pick(p_round, p_rater, p_audience, p_control, 'in_order', p_waits);
    END IF;
    RETURN picked;
END $$;
"""
PICK_BEFORE = queue.PICK.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")

# The share of a table of a million is long to wait for: until then each claim steps over what is gone.
VACUUM = (
    "ALTER TABLE annotator_comparison SET (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.01);",
    "ALTER TABLE annotator_comparison RESET (autovacuum_vacuum_threshold, autovacuum_vacuum_scale_factor);",
)


class Migration(migrations.Migration):
    dependencies = [("annotator", "0025_merges")]

    operations = [
        *(migrations.RemoveIndex("comparison", name) for name in INDEXES),
        migrations.AddField("comparison", "is_by_count", models.BooleanField(db_default=False, default=False)),
        migrations.RunSQL(SO_FAR, migrations.RunSQL.noop),
        migrations.AddField(
            "comparison",
            "is_free",
            models.GeneratedField(
                db_persist=True,
                expression=Q(("set_aside_at__isnull", True), ("wanted__gt", TAKEN)),
                output_field=models.BooleanField(),
            ),
        ),
        migrations.AddField(
            "comparison",
            "taken",
            models.GeneratedField(
                db_persist=True,
                expression=Case(When(is_by_count=True, then=TAKEN)),
                output_field=models.SmallIntegerField(null=True),
            ),
        ),
        *(
            migrations.AddIndex("comparison", models.Index(*SAME, *order, condition=condition, name=name))
            for name, (order, condition) in INDEXES.items()
        ),
        migrations.RunSQL(PICK, PICK_BEFORE),
        migrations.RunSQL(*VACUUM),
    ]
