"""A claim and a judgment ask for the same in fewer steps.

Whatever a function asks as a statement of its own is set up anew each time, which costs more than reading the few rows
that it is about. So what is one expression is assigned, the member and the round are read together, what was held
is handed back without a query, and the judgment before this one is looked for only where there is one.

The functions stand here whole rather than as replacements in the text of earlier ones, to be read as they are now.
"""

from importlib import import_module

from django.db import migrations

answers = import_module("annotator.migrations.0030_answer_counted_with_its_vote")
checks = import_module("annotator.migrations.0014_checks")

CLAIM = """
CREATE OR REPLACE FUNCTION queue_claim(
    p_project bigint, p_rater bigint, p_wanted int, p_minutes int, p_audiences text[], p_orders text[],
    p_shares float8[], p_control_share float8, p_checks float8[], p_apart int, p_waits boolean
) RETURNS TABLE (assignment_id bigint, is_new boolean, fault text) LANGUAGE plpgsql AS $$
DECLARE
    kinds constant text[] := ARRAY['gold', 'repeat', 'swap'];
    until timestamptz := now() + make_interval(mins => p_minutes);
    -- The same person in two tabs: the second claim waits and then finds the first one's leases.
    -- Whoever pauses this person waits too, and then releases what is leased here.
    is_locked constant boolean := pg_advisory_xact_lock((p_project << 32) + p_rater) IS NOT NULL;
    its_round bigint;
    its_role text;
    is_stopped boolean;
    mine bigint[];
    made bigint[] := '{}';
    picked bigint;
    one bigint;
    kind text;
    grows_old boolean;
    ordered text := p_orders[1];
    control_first boolean;
    drawn float8;
    leaning int;
    on_left boolean;
BEGIN
    SELECT m.role, m.paused_at IS NOT NULL OR m.excluded_at IS NOT NULL,
           (SELECT id FROM annotator_round WHERE project_id = p_project AND state = 'collecting')
      INTO its_role, is_stopped, its_round
      FROM (SELECT) everybody LEFT JOIN annotator_member m ON m.project_id = p_project AND m.user_id = p_rater;
    IF is_stopped THEN
        RETURN;
    END IF;
    -- A lease begins anew once a part of it is gone; writing it on every judgment would tell nobody anything.
    SELECT coalesce(array_agg(a.id ORDER BY a.claimed_at, a.id), '{}'),
           coalesce(bool_or(a.leased_until < until - make_interval(mins => p_minutes) / 8), false)
      INTO mine, grows_old
      FROM annotator_assignment a JOIN annotator_comparison c ON c.id = a.comparison_id
      JOIN annotator_round r ON r.id = c.round_id
     WHERE a.rater_id = p_rater AND a.state = 'held' AND r.project_id = p_project AND r.state <> 'abandoned';
    IF grows_old THEN
        UPDATE annotator_assignment SET leased_until = until WHERE id = ANY(mine);
    END IF;
    WHILE its_round IS NOT NULL AND cardinality(mine) + cardinality(made) < p_wanted LOOP
        drawn := random();  -- the shares sum to 1
        FOR place IN 1..cardinality(p_orders) LOOP
            ordered := p_orders[place];
            drawn := drawn - p_shares[place];
            EXIT WHEN drawn < 0;
        END LOOP;
        control_first := random() < p_control_share;
        picked := NULL;
        FOR arm IN 0..1 LOOP
            FOR place IN 1..cardinality(p_audiences) LOOP
                -- Whoever has something waits for nobody: two who hold one and wait for the other's would wait for ever.
                picked := queue_pick(
                    its_round, p_rater, p_audiences[place], control_first = (arm = 0),
                    CASE WHEN control_first = (arm = 0) THEN 'random' ELSE ordered END,
                    p_waits AND cardinality(mine) + cardinality(made) = 0
                );
                EXIT WHEN picked IS NOT NULL;
            END LOOP;
            EXIT WHEN picked IS NOT NULL;
        END LOOP;
        -- Without work there are no checks either: a pair when all is done would tell what it is.
        EXIT WHEN picked IS NULL;
        kind := NULL;
        IF its_role = 'rater' THEN
            drawn := random();
            FOR place IN 1..3 LOOP
                drawn := drawn - p_checks[place];
                IF drawn < 0 THEN
                    kind := kinds[place];
                    EXIT;
                END IF;
            END LOOP;
        END IF;
        IF kind IS NOT NULL THEN
            -- A check that fails must not stop the work: the rater gets it instead.
            BEGIN
                one := NULL;
                INSERT INTO annotator_assignment
                       (comparison_id, rater_id, check_kind, state, first_on_left, leased_until, claimed_at)
                SELECT q.picked, p_rater, kind, 'held', q.on_left, until, clock_timestamp()
                  FROM queue_check(its_round, p_rater, kind, p_apart) q WHERE q.picked IS NOT NULL
                RETURNING id INTO one;
                IF one IS NOT NULL THEN
                    made := made || one;
                    CONTINUE;
                END IF;
            EXCEPTION WHEN OTHERS THEN
                fault := SQLERRM;
            END;
        END IF;
        -- Its raters see both orders; then nobody sees `first` on one side too often; else chance.
        SELECT coalesce(sum(CASE WHEN first_on_left THEN 1 ELSE -1 END), 0) INTO leaning
          FROM annotator_assignment WHERE comparison_id = picked AND state IN ('held', 'answered') AND check_kind = '';
        IF leaning = 0 THEN
            SELECT coalesce(sum(CASE WHEN first_on_left THEN 1 ELSE -1 END), 0) INTO leaning
              FROM (SELECT first_on_left FROM annotator_assignment
                     WHERE rater_id = p_rater ORDER BY id DESC LIMIT 20) recent;
            -- A rater's own balance only decides once it leans, or the order could be foreseen.
            IF abs(leaning) <= 2 THEN
                leaning := 0;
            END IF;
        END IF;
        on_left := CASE WHEN leaning = 0 THEN random() < 0.5 ELSE leaning < 0 END;
        -- One that lapsed before comes back with the sides as this rater saw them.
        INSERT INTO annotator_assignment AS a
               (comparison_id, rater_id, check_kind, state, first_on_left, leased_until, claimed_at)
        VALUES (picked, p_rater, '', 'held', on_left, until, clock_timestamp())
            ON CONFLICT (comparison_id, rater_id, check_kind) DO UPDATE
           SET state = 'held', leased_until = until, claimed_at = clock_timestamp(), ended_at = NULL
        RETURNING id INTO one;
        made := made || one;
    END LOOP;
    is_new := false;
    FOREACH assignment_id IN ARRAY mine LOOP
        RETURN NEXT;
    END LOOP;
    is_new := true;
    FOREACH assignment_id IN ARRAY made LOOP
        RETURN NEXT;
    END LOOP;
END $$;
"""

VOTES = """
CREATE OR REPLACE FUNCTION judgment_count_votes() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    found record;
    answers boolean := coalesce(current_setting('tiebreak.answering', true) = NEW.assignment_id::text, false);
    outcome_before text;
    preferred_before bigint;
BEGIN
    SELECT c.id, c.round_id, c.first_id, a.rater_id, a.first_on_left, a.ended_at, a.claimed_at INTO found
      FROM annotator_assignment a JOIN annotator_comparison c ON c.id = a.comparison_id
     WHERE a.id = NEW.assignment_id;
    IF NEW.supersedes_id IS NOT NULL THEN
        SELECT outcome, preferred_id INTO outcome_before, preferred_before
          FROM annotator_judgment WHERE id = NEW.supersedes_id;
    END IF;
    IF NOT NEW.is_check THEN
        UPDATE annotator_comparison
           SET held = held - answers::int, answered = answered + answers::int,
               for_first = for_first + (NEW.preferred_id IS NOT DISTINCT FROM first_id)::int
                         - (preferred_before IS NOT DISTINCT FROM first_id)::int,
               for_second = for_second + (NEW.preferred_id IS NOT DISTINCT FROM second_id)::int
                          - (preferred_before IS NOT DISTINCT FROM second_id)::int,
               level = level + (NEW.outcome IN ('tie', 'both_good', 'both_bad'))::int
                     - coalesce(outcome_before IN ('tie', 'both_good', 'both_bad'), false)::int
         WHERE id = found.id;
    END IF;
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

STORE = """
CREATE OR REPLACE FUNCTION judgment_store(
    p_assignment bigint, p_key uuid, p_outcome text, p_value float8, p_preferred bigint, p_preset text, p_answer text,
    p_protocol bigint, p_criteria jsonb, p_ratings jsonb, p_reasons jsonb, p_rationale text, p_edited text,
    p_seconds float8, p_guideline bigint
) RETURNS TABLE (word text, judgment_id bigint, stored_at timestamptz, corrected bigint) LANGUAGE plpgsql AS $$
DECLARE
    its_state text;
    round_state text;
    known record;
    answering text;
BEGIN
    -- Two deliveries of one form: the second waits here and then finds the key.
    SELECT a.state, r.state INTO its_state, round_state
      FROM annotator_assignment a
      JOIN annotator_comparison c ON c.id = a.comparison_id JOIN annotator_round r ON r.id = c.round_id
     WHERE a.id = p_assignment FOR UPDATE OF a;
    SELECT id, assignment_id, created_at INTO known FROM annotator_judgment WHERE key = p_key;
    IF known.id IS NOT NULL THEN
        RETURN QUERY SELECT CASE WHEN known.assignment_id = p_assignment THEN 'known' ELSE 'elsewhere' END,
                            known.id, known.created_at, NULL::bigint;
        RETURN;
    END IF;
    word := CASE
        WHEN its_state = 'answered' AND round_state <> 'collecting' THEN 'closed'
        WHEN its_state = 'answered' THEN 'stored'
        WHEN round_state = 'abandoned' THEN 'abandoned'
        WHEN its_state = 'skipped' THEN 'skipped'
        WHEN its_state = 'lapsed' AND round_state <> 'collecting' THEN 'lapsed'
        ELSE 'stored'
    END;
    IF word <> 'stored' THEN
        RETURN NEXT;
        RETURN;
    END IF;
    IF its_state = 'answered' THEN
        SELECT j.id INTO corrected FROM annotator_judgment j
         WHERE j.assignment_id = p_assignment
           AND NOT EXISTS (SELECT 1 FROM annotator_judgment later WHERE later.supersedes_id = j.id);
    ELSE
        IF its_state = 'held' AND current_setting('tiebreak.bulk', true) IS DISTINCT FROM 'on' THEN
            answering := set_config('tiebreak.answering', p_assignment::text, true);
        END IF;
        -- The counting trigger refuses one too many.
        UPDATE annotator_assignment SET state = 'answered', ended_at = now() WHERE id = p_assignment;
    END IF;
    INSERT INTO annotator_judgment AS j
           (assignment_id, key, outcome, value, preferred_id, preset, answer, protocol_id, criteria, ratings, reasons,
            rationale, edited, seconds, guideline_id, supersedes_id, created_at)
    VALUES (p_assignment, p_key, p_outcome, p_value, p_preferred, p_preset, p_answer, p_protocol, p_criteria, p_ratings,
            p_reasons, p_rationale, p_edited, p_seconds, p_guideline, corrected, now())
    RETURNING j.id, j.created_at INTO judgment_id, stored_at;
    answering := set_config('tiebreak.answering', '', true);
    RETURN NEXT;
END $$;
"""

BEFORE = checks.CLAIM.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION") + answers.VOTES + answers.STORE_NOW


class Migration(migrations.Migration):
    dependencies = [("annotator", "0036_license_of_an_import")]

    operations = [migrations.RunSQL(CLAIM + VOTES + STORE, BEFORE)]
