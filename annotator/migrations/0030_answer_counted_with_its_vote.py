"""An answer to what is held is counted once, and a claim brings what its card shows.

The trigger of the assignment and that of the judgment each wrote the comparison,
the sums of its round and the rater's hour. Where judgment_store stores both in one
breath, the first now leaves all of it to the second. That holds for held leases
only: they stay inside k whoever counts when. A lease that ran out is counted
before its vote as ever, since adaptive overlap would make room for one too many.
"""

from importlib import import_module

from django.db import migrations

checks = import_module("annotator.migrations.0014_checks")
queue = import_module("annotator.migrations.0013_queue_claim")

SLOTS = checks.SLOTS.replace(
    """    IF was = becomes THEN
        RETURN NULL;
    END IF;
""",
    """    IF was = becomes THEN
        RETURN NULL;
    END IF;
    IF was = 'held' AND becomes = 'answered' AND current_setting('tiebreak.answering', true) = NEW.id::text THEN
        RETURN NULL;  -- the judgment that follows counts for both
    END IF;
""",
)

VOTES = """
CREATE OR REPLACE FUNCTION judgment_count_votes() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    found record;
    before record;
    answers boolean := coalesce(current_setting('tiebreak.answering', true) = NEW.assignment_id::text, false);
BEGIN
    SELECT c.id, c.round_id, c.first_id, a.rater_id, a.first_on_left, a.ended_at, a.claimed_at INTO found
      FROM annotator_assignment a JOIN annotator_comparison c ON c.id = a.comparison_id
     WHERE a.id = NEW.assignment_id;
    SELECT outcome, preferred_id INTO before FROM annotator_judgment WHERE id = NEW.supersedes_id;
    UPDATE annotator_comparison
       SET held = held - answers::int, answered = answered + answers::int,
           for_first = for_first + (NEW.preferred_id IS NOT DISTINCT FROM first_id)::int
                     - (before.preferred_id IS NOT DISTINCT FROM first_id)::int,
           for_second = for_second + (NEW.preferred_id IS NOT DISTINCT FROM second_id)::int
                      - (before.preferred_id IS NOT DISTINCT FROM second_id)::int,
           level = level + (NEW.outcome IN ('tie', 'both_good', 'both_bad'))::int
                 - coalesce(before.outcome IN ('tie', 'both_good', 'both_bad'), false)::int
     WHERE id = found.id AND NOT NEW.is_check;
    IF NEW.supersedes_id IS NULL THEN
        INSERT INTO annotator_raterhour AS h
               (round_id, rater_id, hour, answered, checks, skipped, decided, "left", seconds)
        VALUES (found.round_id, found.rater_id,
                date_trunc('hour', coalesce(found.ended_at, found.claimed_at), 'UTC'), answers::int,
                (answers AND NEW.is_check)::int, 0, (NEW.preferred_id IS NOT NULL)::int,
                (NEW.preferred_id IS NOT NULL AND (NEW.preferred_id = found.first_id) = found.first_on_left)::int,
                least(NEW.seconds, 600))
            ON CONFLICT (rater_id, round_id, hour) DO UPDATE
           SET answered = h.answered + excluded.answered, checks = h.checks + excluded.checks,
               decided = h.decided + excluded.decided, "left" = h."left" + excluded."left",
               seconds = h.seconds + excluded.seconds;
    END IF;
    RETURN NULL;
END $$;
"""

STORE = queue.STORE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
STORE_NOW = STORE.replace(
    """        -- The counting trigger refuses one too many.
""",
    """        IF its_state = 'held' AND current_setting('tiebreak.bulk', true) IS DISTINCT FROM 'on' THEN
            PERFORM set_config('tiebreak.answering', p_assignment::text, true);
        END IF;
        -- The counting trigger refuses one too many.
""",
).replace(
    """    RETURNING j.id, j.created_at INTO judgment_id, stored_at;
""",
    """    RETURNING j.id, j.created_at INTO judgment_id, stored_at;
    PERFORM set_config('tiebreak.answering', '', true);
""",
)

# Subqueries rather than joins: each is one look into an index, whatever the planner believes about the table.
FACE = """
CREATE FUNCTION card_face(p_assignment bigint, p_version int) RETURNS TABLE (
    pk bigint, first_on_left boolean, first text, second text, first_html text, second_html text, turns jsonb
) LANGUAGE plpgsql STRICT AS $$
BEGIN
    RETURN QUERY
    SELECT a.id, a.first_on_left, f.text, s.text,
           (SELECT html FROM annotator_rendering WHERE sha256 = f.text_sha256 AND version = p_version),
           (SELECT html FROM annotator_rendering WHERE sha256 = s.text_sha256 AND version = p_version),
           (SELECT jsonb_agg(jsonb_build_array(turn ->> 'role', turn ->> 'content',
                                               (SELECT html FROM annotator_rendering
                                                 WHERE version = p_version AND sha256 = encode(sha256(
                                                       convert_to(turn ->> 'content', 'UTF8')), 'hex'))) ORDER BY place)
              FROM jsonb_array_elements(p.messages) WITH ORDINALITY m(turn, place))
      FROM annotator_assignment a
      JOIN annotator_comparison c ON c.id = a.comparison_id
      JOIN annotator_prompt p ON p.id = c.prompt_id
      JOIN annotator_response f ON f.id = c.first_id
      JOIN annotator_response s ON s.id = c.second_id
     WHERE a.id = p_assignment;
END $$;
"""

FORWARD = SLOTS + VOTES + STORE_NOW + FACE
BACKWARD = "DROP FUNCTION card_face(bigint, int);" + STORE + checks.VOTES_NOW + checks.SLOTS


class Migration(migrations.Migration):
    dependencies = [("annotator", "0029_imports_from_a_hub")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
