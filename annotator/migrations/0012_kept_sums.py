"""Votes of a comparison, sums of a round and hours of a rater, kept by whoever writes.

A transaction counts into the first shard of a round that no other transaction is
counting into, so nobody ever waits for a sum.
"""

from django.db import migrations

ASSIGNMENT = """
CREATE OR REPLACE FUNCTION assignment_count_slots() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was text := CASE WHEN TG_OP = 'INSERT' THEN '' ELSE OLD.state END;
    becomes text := CASE WHEN TG_OP = 'DELETE' THEN '' ELSE NEW.state END;
BEGIN
    IF was = becomes THEN
        RETURN NULL;
    END IF;
    IF was IN ('held', 'answered') OR becomes IN ('held', 'answered') THEN
        UPDATE annotator_comparison
           SET held = held + (becomes = 'held')::int - (was = 'held')::int,
               answered = answered + (becomes = 'answered')::int - (was = 'answered')::int
         WHERE id = CASE WHEN TG_OP = 'DELETE' THEN OLD.comparison_id ELSE NEW.comparison_id END;
    END IF;
    IF was IN ('answered', 'skipped') THEN
        UPDATE annotator_raterhour h
           SET answered = h.answered - (was = 'answered')::int, skipped = h.skipped - (was = 'skipped')::int
          FROM annotator_comparison c
         WHERE c.id = OLD.comparison_id AND h.rater_id = OLD.rater_id AND h.round_id = c.round_id
           AND h.hour = date_trunc('hour', coalesce(OLD.ended_at, OLD.claimed_at), 'UTC');
    END IF;
    IF becomes IN ('answered', 'skipped') THEN
        INSERT INTO annotator_raterhour AS h
               (round_id, rater_id, hour, answered, skipped, decided, "left", seconds)
        SELECT c.round_id, NEW.rater_id, date_trunc('hour', coalesce(NEW.ended_at, NEW.claimed_at), 'UTC'),
               (becomes = 'answered')::int, (becomes = 'skipped')::int, 0, 0, 0
          FROM annotator_comparison c WHERE c.id = NEW.comparison_id
            ON CONFLICT (rater_id, round_id, hour) DO UPDATE
           SET answered = h.answered + excluded.answered, skipped = h.skipped + excluded.skipped;
    END IF;
    RETURN NULL;
END $$;
"""

VOTES = """
CREATE FUNCTION judgment_count_votes() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    found record;
    before record;
BEGIN
    SELECT c.id, c.round_id, c.first_id, a.rater_id, a.first_on_left, a.ended_at, a.claimed_at INTO found
      FROM annotator_assignment a JOIN annotator_comparison c ON c.id = a.comparison_id
     WHERE a.id = NEW.assignment_id;
    SELECT outcome, preferred_id INTO before FROM annotator_judgment WHERE id = NEW.supersedes_id;
    UPDATE annotator_comparison
       SET for_first = for_first + (NEW.preferred_id IS NOT DISTINCT FROM first_id)::int
                     - (before.preferred_id IS NOT DISTINCT FROM first_id)::int,
           for_second = for_second + (NEW.preferred_id IS NOT DISTINCT FROM second_id)::int
                      - (before.preferred_id IS NOT DISTINCT FROM second_id)::int,
           level = level + (NEW.outcome IN ('tie', 'both_good', 'both_bad'))::int
                 - coalesce(before.outcome IN ('tie', 'both_good', 'both_bad'), false)::int
     WHERE id = found.id;
    IF NEW.supersedes_id IS NULL THEN
        UPDATE annotator_raterhour
           SET decided = decided + (NEW.preferred_id IS NOT NULL)::int,
               "left" = "left" + (NEW.preferred_id IS NOT NULL
                                  AND (NEW.preferred_id = found.first_id) = found.first_on_left)::int,
               seconds = seconds + least(NEW.seconds, 600)
         WHERE rater_id = found.rater_id AND round_id = found.round_id
           AND hour = date_trunc('hour', coalesce(found.ended_at, found.claimed_at), 'UTC');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER judgment_count_votes AFTER INSERT ON annotator_judgment
    FOR EACH ROW EXECUTE FUNCTION judgment_count_votes();
"""

ROUND = """
CREATE FUNCTION round_tally_add(
    p_round bigint, p_comparisons bigint, p_wanted bigint, p_answered bigint, p_set_aside bigint, p_decided bigint
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    mine int := pg_backend_pid() % 32;
BEGIN
    FOR tried IN 1..32 LOOP
        EXIT WHEN pg_try_advisory_xact_lock(826735, mine);
        mine := (mine + 1) % 32;
    END LOOP;
    INSERT INTO annotator_roundtally AS t (round_id, shard, comparisons, wanted, answered, set_aside, decided)
    VALUES (p_round, mine, p_comparisons, p_wanted, p_answered, p_set_aside, p_decided)
        ON CONFLICT (round_id, shard) DO UPDATE
       SET comparisons = t.comparisons + p_comparisons, wanted = t.wanted + p_wanted,
           answered = t.answered + p_answered, set_aside = t.set_aside + p_set_aside, decided = t.decided + p_decided;
END $$;

CREATE FUNCTION comparison_tally_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was int := (OLD.set_aside_at IS NULL)::int;
    becomes int := (NEW.set_aside_at IS NULL)::int;
    decided bigint := becomes * (NEW.for_first + NEW.for_second) - was * (OLD.for_first + OLD.for_second);
BEGIN
    IF decided <> 0 AND (SELECT split FROM annotator_prompt WHERE id = NEW.prompt_id) <> 'train' THEN
        decided := 0;
    END IF;
    PERFORM round_tally_add(
        NEW.round_id, becomes - was, becomes * NEW.wanted - was * OLD.wanted,
        becomes * NEW.answered - was * OLD.answered, was - becomes, decided
    );
    RETURN NULL;
END $$;
CREATE TRIGGER comparison_tally_change AFTER UPDATE ON annotator_comparison FOR EACH ROW
    WHEN ((OLD.wanted, OLD.answered, OLD.for_first + OLD.for_second, OLD.set_aside_at IS NULL)
          IS DISTINCT FROM
          (NEW.wanted, NEW.answered, NEW.for_first + NEW.for_second, NEW.set_aside_at IS NULL))
    EXECUTE FUNCTION comparison_tally_change();

CREATE FUNCTION comparison_tally_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM round_tally_add(
        round_id, count(*) FILTER (WHERE set_aside_at IS NULL),
        coalesce(sum(wanted) FILTER (WHERE set_aside_at IS NULL), 0), 0,
        count(*) FILTER (WHERE set_aside_at IS NOT NULL), 0
    ) FROM added GROUP BY round_id;
    RETURN NULL;
END $$;
CREATE TRIGGER comparison_tally_new AFTER INSERT ON annotator_comparison REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION comparison_tally_new();

-- A round that goes takes its sums along; the sums of one that stays lose what went.
CREATE FUNCTION comparison_tally_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM round_tally_add(
        g.round_id, -count(*) FILTER (WHERE g.set_aside_at IS NULL),
        -coalesce(sum(g.wanted) FILTER (WHERE g.set_aside_at IS NULL), 0)::bigint,
        -coalesce(sum(g.answered) FILTER (WHERE g.set_aside_at IS NULL), 0)::bigint,
        -count(*) FILTER (WHERE g.set_aside_at IS NOT NULL),
        -coalesce(sum(g.for_first + g.for_second) FILTER (WHERE g.set_aside_at IS NULL AND p.split = 'train'), 0)::bigint
    ) FROM gone g JOIN annotator_round r ON r.id = g.round_id LEFT JOIN annotator_prompt p ON p.id = g.prompt_id
    GROUP BY g.round_id;
    RETURN NULL;
END $$;
CREATE TRIGGER comparison_tally_gone AFTER DELETE ON annotator_comparison REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION comparison_tally_gone();
"""

# What was stored before anybody counted; the triggers above are not asked, since nothing that they watch changes.
SO_FAR = """
UPDATE annotator_comparison c
   SET for_first = v.for_first, for_second = v.for_second, level = v.level
  FROM (SELECT a.comparison_id, count(*) FILTER (WHERE j.preferred_id = c.first_id) AS for_first,
               count(*) FILTER (WHERE j.preferred_id = c.second_id) AS for_second,
               count(*) FILTER (WHERE j.outcome IN ('tie', 'both_good', 'both_bad')) AS level
          FROM annotator_judgment j JOIN annotator_assignment a ON a.id = j.assignment_id
          JOIN annotator_comparison c ON c.id = a.comparison_id
         WHERE NOT EXISTS (SELECT 1 FROM annotator_judgment s WHERE s.supersedes_id = j.id)
         GROUP BY a.comparison_id) v
 WHERE v.comparison_id = c.id;
INSERT INTO annotator_roundtally (round_id, shard, comparisons, wanted, answered, set_aside, decided)
SELECT c.round_id, 0, count(*) FILTER (WHERE c.set_aside_at IS NULL),
       coalesce(sum(c.wanted) FILTER (WHERE c.set_aside_at IS NULL), 0),
       coalesce(sum(c.answered) FILTER (WHERE c.set_aside_at IS NULL), 0),
       count(*) FILTER (WHERE c.set_aside_at IS NOT NULL),
       coalesce(sum(c.for_first + c.for_second) FILTER (WHERE c.set_aside_at IS NULL AND p.split = 'train'), 0)
  FROM annotator_comparison c JOIN annotator_prompt p ON p.id = c.prompt_id GROUP BY c.round_id;
INSERT INTO annotator_raterhour (round_id, rater_id, hour, answered, skipped, decided, "left", seconds)
SELECT c.round_id, a.rater_id, date_trunc('hour', coalesce(a.ended_at, a.claimed_at), 'UTC') AS hour,
       count(*) FILTER (WHERE a.state = 'answered'), count(*) FILTER (WHERE a.state = 'skipped'),
       count(*) FILTER (WHERE j.preferred_id IS NOT NULL),
       count(*) FILTER (WHERE j.preferred_id IS NOT NULL AND (j.preferred_id = c.first_id) = a.first_on_left),
       coalesce(sum(least(j.seconds, 600)), 0)
  FROM annotator_assignment a JOIN annotator_comparison c ON c.id = a.comparison_id
  LEFT JOIN annotator_judgment j ON j.assignment_id = a.id AND j.supersedes_id IS NULL
 WHERE a.state IN ('answered', 'skipped') GROUP BY c.round_id, a.rater_id, hour;
"""

# A judgment updates its comparison's row; with room on the page, most of that touches no index.
ROOM = "ALTER TABLE annotator_comparison SET (fillfactor = 80);"

BACKWARD = """
DROP TRIGGER comparison_tally_gone ON annotator_comparison; DROP FUNCTION comparison_tally_gone();
DROP TRIGGER comparison_tally_new ON annotator_comparison; DROP FUNCTION comparison_tally_new();
DROP TRIGGER comparison_tally_change ON annotator_comparison; DROP FUNCTION comparison_tally_change();
DROP FUNCTION round_tally_add(bigint, bigint, bigint, bigint, bigint, bigint);
DROP TRIGGER judgment_count_votes ON annotator_judgment; DROP FUNCTION judgment_count_votes();
ALTER TABLE annotator_comparison RESET (fillfactor);
CREATE OR REPLACE FUNCTION assignment_count_slots() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        UPDATE annotator_comparison
           SET held = held - (OLD.state = 'held')::int, answered = answered - (OLD.state = 'answered')::int
         WHERE id = OLD.comparison_id AND OLD.state IN ('held', 'answered')
           AND (TG_OP = 'DELETE' OR OLD.state <> NEW.state);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        UPDATE annotator_comparison
           SET held = held + (NEW.state = 'held')::int, answered = answered + (NEW.state = 'answered')::int
         WHERE id = NEW.comparison_id AND NEW.state IN ('held', 'answered')
           AND (TG_OP = 'INSERT' OR OLD.state <> NEW.state);
    END IF;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("annotator", "0011_queue")]

    operations = [
        migrations.RunSQL(SO_FAR, "DELETE FROM annotator_roundtally; DELETE FROM annotator_raterhour"),
        migrations.RunSQL(ROOM + ASSIGNMENT + VOTES + ROUND, BACKWARD),
    ]
