"""A claim reads no more than it needs, and never holds one comparison while it waits for another.

Whoever asks for the next comparison is asked about each that is offered, and not about all that they ever judged: as a
join, the look at somebody's own assignments may be planned as one reading of them all, which takes the longer the more
they have judged. With an OFFSET Postgres keeps it a question about one comparison, which one index entry answers.

A query that locks rows keeps the lock of each that it waited for, also where it turned out not to be free any more and
the next one is waited for. So who waits now waits for one at a time, and gives back what is no longer free before
looking again. Locks are those of an update: whoever only says that their row refers to a comparison waits for none of
them. And a claim may go along in the transaction of a judgment, which holds a comparison: a lease of the same
rater that somebody is writing at this moment is prolonged next time.
"""

from importlib import import_module

from django.db import migrations

counters = import_module("annotator.migrations.0026_counters_outside_indexes")
claims = import_module("annotator.migrations.0037_a_judgment_in_fewer_steps")

FREE = """c.round_id = p_round AND c.audience = p_audience AND c.is_control = p_control AND {free}
           AND NOT EXISTS (SELECT 1 FROM annotator_assignment a
                            WHERE a.comparison_id = c.id AND a.rater_id = p_rater AND a.state <> 'lapsed' OFFSET 0)"""
AT_ONCE = f"""
        SELECT c.id INTO picked FROM annotator_comparison c
         WHERE {FREE}
         ORDER BY c.priority DESC, {{columns}} LIMIT 1 FOR NO KEY UPDATE OF c SKIP LOCKED;"""
IN_TIME = f"""
        LOOP
            SELECT c.id INTO seen FROM annotator_comparison c
             WHERE {FREE}
             ORDER BY c.priority DESC, {{columns}} LIMIT 1;
            EXIT WHEN seen IS NULL;
            BEGIN
                SELECT c.id INTO picked FROM annotator_comparison c
                 WHERE c.id = seen AND {FREE} FOR NO KEY UPDATE OF c;
                EXIT WHEN picked IS NOT NULL;
                RAISE EXCEPTION USING ERRCODE = 'TB001';  -- its lock goes with all that this block did
            EXCEPTION WHEN SQLSTATE 'TB001' THEN
                NULL;
            END;
        END LOOP;"""


def branches() -> str:
    word, lines = "IF", []
    for name, (columns, free) in counters.ORDERS.items():
        for waits, pick in (("NOT p_waits", AT_ONCE), ("p_waits", IN_TIME)):
            lines.append(f"    {word} p_order = '{name}' AND {waits} THEN{pick.format(columns=columns, free=free)}")
            word = "ELSIF"
    return "\n".join(lines)


PICK = counters.PICK.replace(counters.branches(), branches()).replace(
    "    picked bigint;\n", "    picked bigint;\n    seen bigint;\n"
)

PROLONGED = "UPDATE annotator_assignment SET leased_until = until WHERE id = ANY(mine);"
CLAIM = claims.CLAIM.replace(
    PROLONGED,
    """UPDATE annotator_assignment SET leased_until = until
         WHERE id IN (SELECT id FROM annotator_assignment WHERE id = ANY(mine) FOR NO KEY UPDATE SKIP LOCKED);""",
)


class Migration(migrations.Migration):
    dependencies = [("annotator", "0038_where_judgments_of_a_round_are")]

    operations = [migrations.RunSQL(PICK + CLAIM, counters.PICK + claims.CLAIM)]
