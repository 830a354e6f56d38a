"""Handing out is one statement, and so is taking back: decided where the rows are, under one lock."""

from django.db import migrations

# Name of an order → the columns that it reads after the priority; each has an index of its own.
ORDERS = {
    "in_order": "c.id",
    "random": "c.shuffle",
    "fewest": "(c.held + c.answered), c.shuffle",
    "started": "(c.held + c.answered) DESC, c.shuffle",
    "informative": "c.score DESC, c.shuffle",
}

ONE = """
        SELECT c.id INTO picked FROM annotator_comparison c
         WHERE c.round_id = p_round AND c.audience = p_audience AND c.is_control = p_control
           AND c.wanted > c.held + c.answered AND c.set_aside_at IS NULL
           AND NOT EXISTS (SELECT 1 FROM annotator_assignment a
                            WHERE a.comparison_id = c.id AND a.rater_id = p_rater AND a.state <> 'lapsed')
         ORDER BY c.priority DESC, {columns} LIMIT 1 FOR UPDATE OF c{skip};"""


def branches() -> str:
    first = "IF"
    lines = []
    for name, columns in ORDERS.items():
        for waits in (False, True):
            lines.append(f"    {first} p_order = '{name}' AND {'p_waits' if waits else 'NOT p_waits'} THEN")
            lines.append(ONE.format(columns=columns, skip="" if waits else " SKIP LOCKED"))
            first = "ELSIF"
    return "\n".join(lines)


PICK = f"""
CREATE FUNCTION queue_pick(
    p_round bigint, p_rater bigint, p_audience text, p_control boolean, p_order text, p_waits boolean
) RETURNS bigint LANGUAGE plpgsql SET enable_sort = off SET enable_seqscan = off AS $$
DECLARE
    picked bigint;
BEGIN
{branches()}
    ELSE
        RAISE EXCEPTION 'the queue knows no order %', p_order;
    END IF;
    RETURN picked;
END $$;
"""

CLAIM = """
CREATE FUNCTION queue_claim(
    p_project bigint, p_rater bigint, p_wanted int, p_minutes int, p_audiences text[], p_orders text[],
    p_shares float8[], p_control_share float8, p_waits boolean
) RETURNS TABLE (assignment_id bigint, is_new boolean) LANGUAGE plpgsql AS $$
DECLARE
    until timestamptz := now() + make_interval(mins => p_minutes);
    its_round bigint;
    mine bigint[];
    made bigint[] := '{}';
    picked bigint;
    one bigint;
    grows_old boolean;
    ordered text := p_orders[1];
    control_first boolean;
    drawn float8;
    leaning int;
    on_left boolean;
BEGIN
    -- The same person in two tabs: the second claim waits and then finds the first one's leases.
    PERFORM pg_advisory_xact_lock((p_project << 32) + p_rater);
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
    SELECT id INTO its_round FROM annotator_round WHERE project_id = p_project AND state = 'collecting';
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
        EXIT WHEN picked IS NULL;
        -- Its raters see both orders; then nobody sees `first` on one side too often; else chance.
        SELECT coalesce(sum(CASE WHEN first_on_left THEN 1 ELSE -1 END), 0) INTO leaning
          FROM annotator_assignment WHERE comparison_id = picked AND state IN ('held', 'answered');
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
               (comparison_id, rater_id, state, first_on_left, leased_until, claimed_at)
        VALUES (picked, p_rater, 'held', on_left, until, clock_timestamp())
            ON CONFLICT (comparison_id, rater_id) DO UPDATE
           SET state = 'held', leased_until = until, claimed_at = clock_timestamp(), ended_at = NULL
        RETURNING id INTO one;
        made := made || one;
    END LOOP;
    RETURN QUERY SELECT held, false FROM unnest(mine) held UNION ALL SELECT held, true FROM unnest(made) held;
END $$;
"""

# The word says what came of it: only "stored" and "known" come with a judgment.
STORE = """
CREATE FUNCTION judgment_store(
    p_assignment bigint, p_key uuid, p_outcome text, p_value float8, p_preferred bigint, p_preset text, p_answer text,
    p_protocol bigint, p_criteria jsonb, p_ratings jsonb, p_reasons jsonb, p_rationale text, p_edited text,
    p_seconds float8, p_guideline bigint
) RETURNS TABLE (word text, judgment_id bigint, stored_at timestamptz, corrected bigint) LANGUAGE plpgsql AS $$
DECLARE
    its_state text;
    round_state text;
    known record;
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
        -- The counting trigger refuses one too many.
        UPDATE annotator_assignment SET state = 'answered', ended_at = now() WHERE id = p_assignment;
    END IF;
    INSERT INTO annotator_judgment AS j
           (assignment_id, key, outcome, value, preferred_id, preset, answer, protocol_id, criteria, ratings, reasons,
            rationale, edited, seconds, guideline_id, supersedes_id, created_at)
    VALUES (p_assignment, p_key, p_outcome, p_value, p_preferred, p_preset, p_answer, p_protocol, p_criteria, p_ratings,
            p_reasons, p_rationale, p_edited, p_seconds, p_guideline, corrected, now())
    RETURNING j.id, j.created_at INTO judgment_id, stored_at;
    RETURN NEXT;
END $$;
"""

BACKWARD = """
DROP FUNCTION judgment_store(
    bigint, uuid, text, float8, bigint, text, text, bigint, jsonb, jsonb, jsonb, text, text, float8, bigint
);
DROP FUNCTION queue_claim(bigint, bigint, int, int, text[], text[], float8[], float8, boolean);
DROP FUNCTION queue_pick(bigint, bigint, text, boolean, text, boolean);
"""


class Migration(migrations.Migration):
    dependencies = [("annotator", "0012_kept_sums")]

    operations = [migrations.RunSQL(PICK + CLAIM + STORE, BACKWARD)]
