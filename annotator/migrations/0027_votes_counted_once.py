"""What comes in bulk is joined to what it is about once per statement.

The two triggers of 0019 looked up the same assignments and comparisons several times over. They hold to the same rules;
where the judgments of a statement are all that a comparison has, adding those up is counting it.

Outer and lateral joins keep the order in which they are written. The planner knows nothing of tables that were empty a
second ago, and given the choice it may look through all that was added once for each row.
"""

from importlib import import_module

from django.db import migrations

earlier = import_module("annotator.migrations.0019_votes_in_bulk")

ASSIGNMENTS = f"""
CREATE OR REPLACE FUNCTION assignment_count_bulk() RETURNS trigger LANGUAGE plpgsql {earlier.LOOKED_UP} AS $$
DECLARE
    is_off boolean;
BEGIN
    IF EXISTS (SELECT 1 FROM added WHERE state <> 'answered' OR check_kind <> '') THEN
        RAISE EXCEPTION 'only work that is answered comes in bulk'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'assignment_in_bulk_is_answered',
                  TABLE = 'annotator_assignment';
    END IF;
    WITH known AS MATERIALIZED (
        SELECT n.rater_id, date_trunc('hour', coalesce(n.ended_at, n.claimed_at), 'UTC') AS hour,
               c.id, c.round_id, c.held, c.answered
          FROM added n LEFT JOIN annotator_comparison c ON c.id = n.comparison_id
    ), hours AS (
        INSERT INTO annotator_raterhour AS h
               (round_id, rater_id, hour, answered, checks, skipped, decided, "left", seconds)
        SELECT round_id, rater_id, hour, count(*), 0, 0, 0, 0, 0 FROM known WHERE id IS NOT NULL
         GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
            ON CONFLICT (rater_id, round_id, hour) DO UPDATE SET answered = h.answered + excluded.answered
    )
    SELECT EXISTS (
        SELECT 1 FROM (SELECT DISTINCT id, held, answered FROM known WHERE id IS NOT NULL) c CROSS JOIN LATERAL (
               SELECT count(*) FILTER (WHERE a.state = 'held') AS held,
                      count(*) FILTER (WHERE a.state = 'answered') AS answered
                 FROM annotator_assignment a WHERE a.comparison_id = c.id AND a.check_kind = '') n
         WHERE (c.held, c.answered) IS DISTINCT FROM (n.held, n.answered)
    ) INTO is_off;
    IF is_off THEN
        RAISE EXCEPTION 'a comparison came with other counts than it has assignments'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'comparison_counts_its_assignments',
                  TABLE = 'annotator_comparison';
    END IF;
    RETURN NULL;
END $$;
"""

# An assignment has one first judgment, so a comparison with as many answers as this statement brings has no others.
JUDGMENTS = f"""
CREATE OR REPLACE FUNCTION judgment_count_bulk() RETURNS trigger LANGUAGE plpgsql {earlier.LOOKED_UP} AS $$
DECLARE
    broken text;
    is_off boolean;
BEGIN
    WITH known AS MATERIALIZED (
        SELECT n.supersedes_id, n.is_check, n.preferred_id, n.value, n.outcome, n.seconds,
               a.state, a.check_kind, a.rater_id, a.first_on_left,
               date_trunc('hour', coalesce(a.ended_at, a.claimed_at), 'UTC') AS hour,
               c.id, c.round_id, c.first_id, c.second_id, c.answered, c.for_first, c.for_second, c.level
          FROM added n LEFT JOIN annotator_assignment a ON a.id = n.assignment_id
          LEFT JOIN annotator_comparison c ON c.id = a.comparison_id
    ), hours AS (
        UPDATE annotator_raterhour h
           SET decided = h.decided + s.decided, "left" = h."left" + s.on_left, seconds = h.seconds + s.seconds
          FROM (SELECT round_id, rater_id, hour, count(preferred_id) AS decided,
                       count(*) FILTER (WHERE (preferred_id = first_id) = first_on_left) AS on_left,
                       sum(least(seconds, 600)) AS seconds
                  FROM known GROUP BY 1, 2, 3) s
         WHERE h.rater_id = s.rater_id AND h.round_id = s.round_id AND h.hour = s.hour
    ), votes AS (
        SELECT id, answered, first_id, second_id, for_first, for_second, level, count(*) AS added,
               count(*) FILTER (WHERE preferred_id = first_id) AS added_first,
               count(*) FILTER (WHERE preferred_id = second_id) AS added_second,
               count(*) FILTER (WHERE outcome IN ('tie', 'both_good', 'both_bad')) AS added_level
          FROM known GROUP BY 1, 2, 3, 4, 5, 6, 7
    )
    SELECT (SELECT CASE
                   WHEN state IS DISTINCT FROM 'answered' OR check_kind <> '' THEN 'judgment_has_answered_assignment'
                   WHEN supersedes_id IS NOT NULL OR is_check THEN 'judgment_in_bulk_is_a_first_one'
                   ELSE 'judgment_prefers_the_side_of_its_value' END
              FROM known
             WHERE state IS DISTINCT FROM 'answered' OR check_kind <> '' OR supersedes_id IS NOT NULL OR is_check
                OR preferred_id <> (CASE WHEN value < 0 THEN first_id ELSE second_id END)
             LIMIT 1),
           EXISTS (SELECT 1 FROM votes WHERE answered = added AND
                   (for_first, for_second, level) IS DISTINCT FROM (added_first, added_second, added_level))
        OR EXISTS (
           SELECT 1 FROM votes c CROSS JOIN LATERAL (
                  SELECT count(*) FILTER (WHERE j.preferred_id = c.first_id) AS for_first,
                         count(*) FILTER (WHERE j.preferred_id = c.second_id) AS for_second,
                         count(*) FILTER (WHERE j.outcome IN ('tie', 'both_good', 'both_bad')) AS level
                    FROM annotator_assignment a JOIN annotator_judgment j ON j.assignment_id = a.id
                   WHERE a.comparison_id = c.id AND NOT j.is_check
                     AND NOT EXISTS (SELECT 1 FROM annotator_judgment later WHERE later.supersedes_id = j.id)) n
            WHERE c.answered <> c.added
              AND (c.for_first, c.for_second, c.level) IS DISTINCT FROM (n.for_first, n.for_second, n.level))
      INTO broken, is_off;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'a judgment in bulk does not fit its assignment: %', broken
            USING ERRCODE = 'check_violation', CONSTRAINT = broken, TABLE = 'annotator_judgment';
    END IF;
    IF is_off THEN
        RAISE EXCEPTION 'a comparison came with other counts than it has judgments'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'comparison_counts_its_judgments',
                  TABLE = 'annotator_comparison';
    END IF;
    RETURN NULL;
END $$;
"""


def as_replaced(functions: str) -> str:
    """The functions of an earlier migration without their triggers, in the place of what there is."""
    return functions.split("CREATE TRIGGER")[0].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


class Migration(migrations.Migration):
    dependencies = [("annotator", "0026_counters_outside_indexes")]

    operations = [
        migrations.RunSQL(ASSIGNMENTS + JUDGMENTS, as_replaced(earlier.ASSIGNMENTS) + as_replaced(earlier.JUDGMENTS))
    ]
