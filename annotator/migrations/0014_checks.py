"""Hidden checks of raters, who may be paused or excluded: counted nowhere but in the check, whoever writes."""

from importlib import import_module

import django.db.models.deletion
from django.db import migrations, models

kept_sums = import_module("annotator.migrations.0012_kept_sums")
physics = import_module("annotator.migrations.0002_the_physics")
queue = import_module("annotator.migrations.0013_queue_claim")

# A check takes no slot, and a normal lease never becomes one. Its rater's hours count it, as work.
SLOTS = """
CREATE OR REPLACE FUNCTION assignment_count_slots() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was text := CASE WHEN TG_OP = 'INSERT' THEN '' ELSE OLD.state END;
    becomes text := CASE WHEN TG_OP = 'DELETE' THEN '' ELSE NEW.state END;
    is_work boolean := CASE WHEN TG_OP = 'DELETE' THEN OLD.check_kind ELSE NEW.check_kind END = '';
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.check_kind <> NEW.check_kind THEN
        RAISE EXCEPTION 'an assignment is a check from the beginning, or never'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'assignment_check_kind_stays',
                  TABLE = 'annotator_assignment';
    END IF;
    IF TG_OP = 'INSERT' AND NOT is_work AND (NEW.check_kind = 'gold') IS DISTINCT FROM
       (SELECT gold_id IS NOT NULL FROM annotator_comparison WHERE id = NEW.comparison_id) THEN
        RAISE EXCEPTION 'a check with gold shows a comparison that was made of gold, and no other check does'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'assignment_check_fits_comparison',
                  TABLE = 'annotator_assignment';
    END IF;
    IF was = becomes THEN
        RETURN NULL;
    END IF;
    IF is_work AND (was IN ('held', 'answered') OR becomes IN ('held', 'answered')) THEN
        UPDATE annotator_comparison
           SET held = held + (becomes = 'held')::int - (was = 'held')::int,
               answered = answered + (becomes = 'answered')::int - (was = 'answered')::int
         WHERE id = CASE WHEN TG_OP = 'DELETE' THEN OLD.comparison_id ELSE NEW.comparison_id END;
    END IF;
    IF was IN ('answered', 'skipped') THEN
        UPDATE annotator_raterhour h
           SET answered = h.answered - (was = 'answered')::int, skipped = h.skipped - (was = 'skipped')::int,
               checks = h.checks - (was = 'answered' AND NOT is_work)::int
          FROM annotator_comparison c
         WHERE c.id = OLD.comparison_id AND h.rater_id = OLD.rater_id AND h.round_id = c.round_id
           AND h.hour = date_trunc('hour', coalesce(OLD.ended_at, OLD.claimed_at), 'UTC');
    END IF;
    IF becomes IN ('answered', 'skipped') THEN
        INSERT INTO annotator_raterhour AS h
               (round_id, rater_id, hour, answered, checks, skipped, decided, "left", seconds)
        SELECT c.round_id, NEW.rater_id, date_trunc('hour', coalesce(NEW.ended_at, NEW.claimed_at), 'UTC'),
               (becomes = 'answered')::int, (becomes = 'answered' AND NOT is_work)::int, (becomes = 'skipped')::int,
               0, 0, 0
          FROM annotator_comparison c WHERE c.id = NEW.comparison_id
            ON CONFLICT (rater_id, round_id, hour) DO UPDATE
           SET answered = h.answered + excluded.answered, checks = h.checks + excluded.checks,
               skipped = h.skipped + excluded.skipped;
    END IF;
    RETURN NULL;
END $$;
"""

# The judgment says itself whether it answers a check, so that no reader has to look at its assignment.
FITS = physics.JUDGMENT_FITS.partition("CREATE TRIGGER")[0].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
FITS_NOW = FITS.replace("SELECT a.state,", "SELECT a.state, a.check_kind,").replace(
    "    RETURN NEW;", "    NEW.is_check := held.check_kind <> '';\n    RETURN NEW;"
)

VOTES = kept_sums.VOTES.partition("CREATE TRIGGER")[0].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
VOTES_NOW = VOTES.replace("WHERE id = found.id;", "WHERE id = found.id AND NOT NEW.is_check;")

# Of the sums of a round, what was made of gold is no part.
ROUND = """
CREATE OR REPLACE FUNCTION comparison_tally_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM round_tally_add(
        round_id, count(*) FILTER (WHERE set_aside_at IS NULL),
        coalesce(sum(wanted) FILTER (WHERE set_aside_at IS NULL), 0), 0,
        count(*) FILTER (WHERE set_aside_at IS NOT NULL), 0
    ) FROM added g {only} GROUP BY round_id;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION comparison_tally_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM round_tally_add(
        g.round_id, -count(*) FILTER (WHERE g.set_aside_at IS NULL),
        -coalesce(sum(g.wanted) FILTER (WHERE g.set_aside_at IS NULL), 0)::bigint,
        -coalesce(sum(g.answered) FILTER (WHERE g.set_aside_at IS NULL), 0)::bigint,
        -count(*) FILTER (WHERE g.set_aside_at IS NOT NULL),
        -coalesce(sum(g.for_first + g.for_second) FILTER (WHERE g.set_aside_at IS NULL AND p.split = 'train'), 0)::bigint
    ) FROM gone g JOIN annotator_round r ON r.id = g.round_id LEFT JOIN annotator_prompt p ON p.id = g.prompt_id
    {only} GROUP BY g.round_id;
    RETURN NULL;
END $$;
DROP TRIGGER comparison_tally_change ON annotator_comparison;
CREATE TRIGGER comparison_tally_change AFTER UPDATE ON annotator_comparison FOR EACH ROW
    WHEN ({when}(OLD.wanted, OLD.answered, OLD.for_first + OLD.for_second, OLD.set_aside_at IS NULL)
          IS DISTINCT FROM
          (NEW.wanted, NEW.answered, NEW.for_first + NEW.for_second, NEW.set_aside_at IS NULL))
    EXECUTE FUNCTION comparison_tally_change();
"""

# Which comparison this rater is shown as a check, and how; nothing where there is none that suits.
CHECK = """
CREATE FUNCTION queue_check(
    p_round bigint, p_rater bigint, p_kind text, p_apart int, OUT picked bigint, OUT on_left boolean
) LANGUAGE plpgsql AS $$
BEGIN
    IF p_kind = 'gold' THEN
        SELECT c.id, random() < 0.5 INTO picked, on_left
          FROM annotator_comparison c JOIN annotator_gold g ON g.id = c.gold_id
          JOIN annotator_round r ON r.id = c.round_id AND r.project_id = g.project_id
         WHERE r.id = p_round AND g.use = 'check' AND g.retired_at IS NULL AND c.set_aside_at IS NULL
           AND NOT EXISTS (SELECT 1 FROM annotator_comparison o JOIN annotator_assignment a ON a.comparison_id = o.id
                            WHERE o.gold_id = g.id AND a.rater_id = p_rater)
         ORDER BY random() LIMIT 1;
    ELSE
        -- Not among the newest, which are remembered; among those before them, so that the look is short.
        SELECT a.comparison_id, a.first_on_left = (p_kind = 'repeat') INTO picked, on_left
          FROM (SELECT comparison_id, first_on_left, check_kind FROM annotator_assignment
                 WHERE rater_id = p_rater AND state = 'answered'
                 ORDER BY ended_at DESC, id DESC OFFSET p_apart LIMIT 200) a
          JOIN annotator_comparison c ON c.id = a.comparison_id
         WHERE a.check_kind = '' AND c.round_id = p_round AND c.set_aside_at IS NULL
           AND NOT EXISTS (SELECT 1 FROM annotator_assignment o
                            WHERE o.comparison_id = c.id AND o.rater_id = p_rater AND o.check_kind <> '')
         ORDER BY random() LIMIT 1;
    END IF;
END $$;
"""

CLAIM = """
CREATE FUNCTION queue_claim(
    p_project bigint, p_rater bigint, p_wanted int, p_minutes int, p_audiences text[], p_orders text[],
    p_shares float8[], p_control_share float8, p_checks float8[], p_apart int, p_waits boolean
) RETURNS TABLE (assignment_id bigint, is_new boolean, fault text) LANGUAGE plpgsql AS $$
DECLARE
    kinds constant text[] := ARRAY['gold', 'repeat', 'swap'];
    until timestamptz := now() + make_interval(mins => p_minutes);
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
    -- The same person in two tabs: the second claim waits and then finds the first one's leases.
    -- Whoever pauses this person waits too, and then releases what is leased here.
    PERFORM pg_advisory_xact_lock((p_project << 32) + p_rater);
    SELECT role, paused_at IS NOT NULL OR excluded_at IS NOT NULL INTO its_role, is_stopped
      FROM annotator_member WHERE project_id = p_project AND user_id = p_rater;
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
    RETURN QUERY SELECT held, false, fault FROM unnest(mine) held
        UNION ALL SELECT held, true, fault FROM unnest(made) held;
END $$;
"""

CLAIM_GONE = "DROP FUNCTION queue_claim(bigint, bigint, int, int, text[], text[], float8[], float8, boolean);"
CLAIM_NOW_GONE = """
DROP FUNCTION queue_claim(bigint, bigint, int, int, text[], text[], float8[], float8, float8[], int, boolean);
DROP FUNCTION queue_check(bigint, bigint, text, int);
"""
FORWARD = (
    SLOTS
    + FITS_NOW
    + VOTES_NOW
    + ROUND.format(only="WHERE g.gold_id IS NULL", when="NEW.gold_id IS NULL AND ")
    + CLAIM_GONE
    + CHECK
    + CLAIM
)
BACKWARD = CLAIM_NOW_GONE + queue.CLAIM + ROUND.format(only="", when="") + VOTES + FITS + kept_sums.ASSIGNMENT


class Migration(migrations.Migration):
    dependencies = [
        ("annotator", "0013_queue_claim"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="assignment",
            name="assignment_once_per_comparison_and_rater",
        ),
        migrations.RemoveConstraint(
            model_name="gold",
            name="gold_use_is_known",
        ),
        migrations.RemoveConstraint(
            model_name="prompt",
            name="prompt_once_per_project",
        ),
        migrations.AddField(
            model_name="assignment",
            name="check_kind",
            field=models.CharField(
                blank=True,
                choices=[("gold", "Gold"), ("repeat", "Repeat"), ("swap", "Swap")],
                db_default="",
                default="",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="comparison",
            name="gold",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="comparisons",
                to="annotator.gold",
            ),
        ),
        migrations.AddField(
            model_name="judgment",
            name="is_check",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="member",
            name="resumed_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="member",
            name="excluded_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="member",
            name="paused_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="member",
            name="paused_reason",
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name="project",
            name="checks",
            field=models.JSONField(blank=True, default=dict, help_text="domain.checks.CheckRules, where they differ."),
        ),
        migrations.AddField(
            model_name="project",
            name="pausing_looked_at",
            field=models.DateTimeField(null=True, blank=True),
        ),
        migrations.AddField(
            model_name="project",
            name="pausing_stopped_at",
            field=models.DateTimeField(null=True, blank=True),
        ),
        migrations.AddField(
            model_name="prompt",
            name="gold",
            field=models.OneToOneField(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="prompt", to="annotator.gold"
            ),
        ),
        migrations.AddField(
            model_name="raterhour",
            name="checks",
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.AlterField(
            model_name="gold",
            name="use",
            field=models.CharField(
                choices=[("example", "Example"), ("practice", "Practice"), ("exam", "Exam"), ("check", "Check")],
                max_length=10,
            ),
        ),
        migrations.AddIndex(
            model_name="assignment",
            index=models.Index(
                condition=models.Q(("check_kind", ""), _negated=True), fields=["rater"], name="assignment_checking"
            ),
        ),
        migrations.AddConstraint(
            model_name="assignment",
            constraint=models.UniqueConstraint(
                fields=("comparison", "rater", "check_kind"), name="assignment_once_per_comparison_rater_and_check"
            ),
        ),
        migrations.AddConstraint(
            model_name="assignment",
            constraint=models.CheckConstraint(
                condition=models.Q(("check_kind__in", ["", "gold", "repeat", "swap"])),
                name="assignment_check_kind_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="comparison",
            constraint=models.CheckConstraint(
                condition=models.Q(("gold__isnull", True), ("wanted", 0), _connector="OR"),
                name="comparison_of_gold_wants_nobody",
            ),
        ),
        migrations.AddConstraint(
            model_name="comparison",
            constraint=models.UniqueConstraint(
                condition=models.Q(("gold__isnull", False)),
                fields=("gold", "round"),
                name="comparison_of_gold_once_per_round",
            ),
        ),
        migrations.AddConstraint(
            model_name="gold",
            constraint=models.CheckConstraint(
                condition=models.Q(("use__in", ["example", "practice", "exam", "check"])), name="gold_use_is_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="prompt",
            constraint=models.UniqueConstraint(
                condition=models.Q(("gold__isnull", True)),
                fields=("project", "content_sha256"),
                name="prompt_once_per_project",
            ),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
