"""Many judgments in one statement are counted once per statement.

The triggers of 0002, 0012 and 0014 count row by row, which is right for one judgment and slow for ten thousand. A
transaction that sets `tiebreak.bulk` brings comparisons with their counters as they will be, and then what they count;
the triggers below hold each of its statements to the same rules, and recount every comparison that it touched. There
is no way around both: where the one set of triggers steps aside, the other steps in.
"""

from django.db import migrations

IS_BULK = "current_setting('tiebreak.bulk', true) IS NOT DISTINCT FROM 'on'"

# The planner does not know how many rows a table has that was empty a second ago; by its keys is right at every size.
LOOKED_UP = "SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off"

ROW_BY_ROW = f"""
DROP TRIGGER assignment_count_slots ON annotator_assignment;
CREATE TRIGGER assignment_count_slots AFTER UPDATE OR DELETE ON annotator_assignment
    FOR EACH ROW EXECUTE FUNCTION assignment_count_slots();
CREATE TRIGGER assignment_count_new_slots AFTER INSERT ON annotator_assignment
    FOR EACH ROW WHEN (NOT {IS_BULK}) EXECUTE FUNCTION assignment_count_slots();
DROP TRIGGER judgment_check_fit ON annotator_judgment;
CREATE TRIGGER judgment_check_fit BEFORE INSERT ON annotator_judgment
    FOR EACH ROW WHEN (NOT {IS_BULK}) EXECUTE FUNCTION judgment_check_fit();
DROP TRIGGER judgment_count_votes ON annotator_judgment;
CREATE TRIGGER judgment_count_votes AFTER INSERT ON annotator_judgment
    FOR EACH ROW WHEN (NOT {IS_BULK}) EXECUTE FUNCTION judgment_count_votes();
"""

# Only answered work comes in bulk: leases and hidden checks are made one by one.
ASSIGNMENTS = f"""
CREATE FUNCTION assignment_count_bulk() RETURNS trigger LANGUAGE plpgsql {LOOKED_UP} AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM added WHERE state <> 'answered' OR check_kind <> '') THEN
        RAISE EXCEPTION 'only work that is answered comes in bulk'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'assignment_in_bulk_is_answered',
                  TABLE = 'annotator_assignment';
    END IF;
    INSERT INTO annotator_raterhour AS h
           (round_id, rater_id, hour, answered, checks, skipped, decided, "left", seconds)
    SELECT c.round_id, n.rater_id, date_trunc('hour', coalesce(n.ended_at, n.claimed_at), 'UTC'), count(*),
           0, 0, 0, 0, 0
      FROM added n JOIN annotator_comparison c ON c.id = n.comparison_id GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        ON CONFLICT (rater_id, round_id, hour) DO UPDATE SET answered = h.answered + excluded.answered;
    IF EXISTS (
        SELECT 1 FROM (SELECT DISTINCT comparison_id FROM added) t JOIN annotator_comparison c ON c.id = t.comparison_id
         CROSS JOIN LATERAL (
               SELECT count(*) FILTER (WHERE a.state = 'held') AS held,
                      count(*) FILTER (WHERE a.state = 'answered') AS answered
                 FROM annotator_assignment a WHERE a.comparison_id = c.id AND a.check_kind = '') n
         WHERE (c.held, c.answered) IS DISTINCT FROM (n.held, n.answered)
    ) THEN
        RAISE EXCEPTION 'a comparison came with other counts than it has assignments'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'comparison_counts_its_assignments',
                  TABLE = 'annotator_comparison';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER assignment_count_bulk AFTER INSERT ON annotator_assignment REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT WHEN ({IS_BULK}) EXECUTE FUNCTION assignment_count_bulk();
"""

JUDGMENTS = f"""
CREATE FUNCTION judgment_count_bulk() RETURNS trigger LANGUAGE plpgsql {LOOKED_UP} AS $$
DECLARE
    broken text;
BEGIN
    SELECT CASE
           WHEN a.state IS DISTINCT FROM 'answered' OR a.check_kind <> '' THEN 'judgment_has_answered_assignment'
           WHEN n.supersedes_id IS NOT NULL OR n.is_check THEN 'judgment_in_bulk_is_a_first_one'
           ELSE 'judgment_prefers_the_side_of_its_value' END
      INTO broken
      FROM added n LEFT JOIN annotator_assignment a ON a.id = n.assignment_id
      LEFT JOIN annotator_comparison c ON c.id = a.comparison_id
     WHERE a.state IS DISTINCT FROM 'answered' OR a.check_kind <> '' OR n.supersedes_id IS NOT NULL OR n.is_check
        OR n.preferred_id <> (CASE WHEN n.value < 0 THEN c.first_id ELSE c.second_id END)
     LIMIT 1;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'a judgment in bulk does not fit its assignment: %', broken
            USING ERRCODE = 'check_violation', CONSTRAINT = broken, TABLE = 'annotator_judgment';
    END IF;
    UPDATE annotator_raterhour h
       SET decided = h.decided + s.decided, "left" = h."left" + s.on_left, seconds = h.seconds + s.seconds
      FROM (SELECT c.round_id, a.rater_id, date_trunc('hour', coalesce(a.ended_at, a.claimed_at), 'UTC') AS hour,
                   count(n.preferred_id) AS decided,
                   count(*) FILTER (WHERE (n.preferred_id = c.first_id) = a.first_on_left) AS on_left,
                   sum(least(n.seconds, 600)) AS seconds
              FROM added n JOIN annotator_assignment a ON a.id = n.assignment_id
              JOIN annotator_comparison c ON c.id = a.comparison_id GROUP BY 1, 2, 3) s
     WHERE h.rater_id = s.rater_id AND h.round_id = s.round_id AND h.hour = s.hour;
    IF EXISTS (
        SELECT 1
          FROM (SELECT DISTINCT a.comparison_id FROM added n JOIN annotator_assignment a ON a.id = n.assignment_id) t
          JOIN annotator_comparison c ON c.id = t.comparison_id
         CROSS JOIN LATERAL (
               SELECT count(*) FILTER (WHERE j.preferred_id = c.first_id) AS for_first,
                      count(*) FILTER (WHERE j.preferred_id = c.second_id) AS for_second,
                      count(*) FILTER (WHERE j.outcome IN ('tie', 'both_good', 'both_bad')) AS level
                 FROM annotator_assignment a JOIN annotator_judgment j ON j.assignment_id = a.id
                WHERE a.comparison_id = c.id AND NOT j.is_check
                  AND NOT EXISTS (SELECT 1 FROM annotator_judgment later WHERE later.supersedes_id = j.id)) n
         WHERE (c.for_first, c.for_second, c.level) IS DISTINCT FROM (n.for_first, n.for_second, n.level)
    ) THEN
        RAISE EXCEPTION 'a comparison came with other counts than it has judgments'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'comparison_counts_its_judgments',
                  TABLE = 'annotator_comparison';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER judgment_count_bulk AFTER INSERT ON annotator_judgment REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT WHEN ({IS_BULK}) EXECUTE FUNCTION judgment_count_bulk();
"""

# A comparison may come with its counts, so the sums of its round begin with them.
NEW_COMPARISONS = """
CREATE OR REPLACE FUNCTION comparison_tally_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM round_tally_add(
        g.round_id, count(*) FILTER (WHERE g.set_aside_at IS NULL),
        coalesce(sum(g.wanted) FILTER (WHERE g.set_aside_at IS NULL), 0)::bigint,
        coalesce(sum(g.answered) FILTER (WHERE g.set_aside_at IS NULL), 0)::bigint,
        count(*) FILTER (WHERE g.set_aside_at IS NOT NULL),
        coalesce(sum(g.for_first + g.for_second) FILTER (WHERE g.set_aside_at IS NULL AND p.split = 'train'), 0)::bigint
    ) FROM added g LEFT JOIN annotator_prompt p ON p.id = g.prompt_id AND g.for_first + g.for_second > 0
     WHERE g.gold_id IS NULL GROUP BY g.round_id;
    RETURN NULL;
END $$;
"""

BACKWARD = """
DROP TRIGGER judgment_count_bulk ON annotator_judgment; DROP FUNCTION judgment_count_bulk();
DROP TRIGGER assignment_count_bulk ON annotator_assignment; DROP FUNCTION assignment_count_bulk();
DROP TRIGGER assignment_count_new_slots ON annotator_assignment;
DROP TRIGGER assignment_count_slots ON annotator_assignment;
CREATE TRIGGER assignment_count_slots AFTER INSERT OR UPDATE OR DELETE ON annotator_assignment
    FOR EACH ROW EXECUTE FUNCTION assignment_count_slots();
DROP TRIGGER judgment_check_fit ON annotator_judgment;
CREATE TRIGGER judgment_check_fit BEFORE INSERT ON annotator_judgment
    FOR EACH ROW EXECUTE FUNCTION judgment_check_fit();
DROP TRIGGER judgment_count_votes ON annotator_judgment;
CREATE TRIGGER judgment_count_votes AFTER INSERT ON annotator_judgment
    FOR EACH ROW EXECUTE FUNCTION judgment_count_votes();
CREATE OR REPLACE FUNCTION comparison_tally_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM round_tally_add(
        round_id, count(*) FILTER (WHERE set_aside_at IS NULL),
        coalesce(sum(wanted) FILTER (WHERE set_aside_at IS NULL), 0), 0,
        count(*) FILTER (WHERE set_aside_at IS NOT NULL), 0
    ) FROM added g WHERE g.gold_id IS NULL GROUP BY round_id;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("annotator", "0018_imports")]

    operations = [migrations.RunSQL(ROW_BY_ROW + ASSIGNMENTS + JUDGMENTS + NEW_COMPARISONS, BACKWARD)]
