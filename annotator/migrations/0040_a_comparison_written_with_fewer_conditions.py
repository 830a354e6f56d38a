"""A claim and a judgment write a comparison with fewer conditions around it.

Postgres sets up each CHECK of a table and each WHEN of its triggers anew for every statement that writes a row
(ExecRelCheck and TriggerEnabled in its executor). So one CHECK says that no count is below zero, a trigger fires for
the columns that it is about, and what else it depends on is asked inside, where a condition is set up once.

The functions stand here whole, to be read as they are now.
"""

from importlib import import_module

from django.db import migrations, models
from django.db.models.functions import Least
from django.db.models.lookups import GreaterThanOrEqual

checks = import_module("annotator.migrations.0014_checks")
adaptive = import_module("annotator.migrations.0015_adaptive_overlap_and_adjudication")
kept_sums = import_module("annotator.migrations.0012_kept_sums")

COUNTS = ("held", "answered", "for_first", "for_second", "level")

ADAPT = """
CREATE OR REPLACE FUNCTION comparison_adapt_wanted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    bound record;
BEGIN
    IF NEW.for_first + NEW.for_second + NEW.level < 2 OR NEW.is_control
       OR (OLD.for_first, OLD.for_second, OLD.level) = (NEW.for_first, NEW.for_second, NEW.level) THEN
        RETURN NEW;
    END IF;
    SELECT p.adaptive_most, p.adaptive_certainty INTO bound
      FROM annotator_round r JOIN annotator_project p ON p.id = r.project_id
     WHERE r.id = NEW.round_id AND r.state = 'collecting';
    IF bound.adaptive_most IS NULL THEN
        RETURN NEW;
    END IF;
    IF overlap_certainty(NEW.for_first, NEW.for_second, NEW.level) >= bound.adaptive_certainty THEN
        NEW.wanted := NEW.held + NEW.answered;
    ELSIF NEW.answered >= NEW.wanted AND NEW.wanted < bound.adaptive_most THEN
        NEW.wanted := NEW.wanted + 1;
    END IF;
    RETURN NEW;
END $$;
DROP TRIGGER comparison_adapt_wanted ON annotator_comparison;
CREATE TRIGGER comparison_adapt_wanted BEFORE UPDATE OF for_first, for_second, level ON annotator_comparison
    FOR EACH ROW EXECUTE FUNCTION comparison_adapt_wanted();
"""

# With all the columns at which adaptive overlap changes `wanted`, because what a trigger changed is not looked at.
TALLY = """
CREATE OR REPLACE FUNCTION comparison_tally_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was int := (OLD.set_aside_at IS NULL)::int;
    becomes int := (NEW.set_aside_at IS NULL)::int;
    wanted bigint := becomes * NEW.wanted - was * OLD.wanted;
    answered bigint := becomes * NEW.answered - was * OLD.answered;
    decided bigint := becomes * (NEW.for_first + NEW.for_second) - was * (OLD.for_first + OLD.for_second);
BEGIN
    IF NEW.gold_id IS NOT NULL OR (was = becomes AND wanted = 0 AND answered = 0 AND decided = 0) THEN
        RETURN NULL;
    END IF;
    IF decided <> 0 AND (SELECT split FROM annotator_prompt WHERE id = NEW.prompt_id) <> 'train' THEN
        decided := 0;
    END IF;
    PERFORM round_tally_add(NEW.round_id, becomes - was, wanted, answered, was - becomes, decided);
    RETURN NULL;
END $$;
DROP TRIGGER comparison_tally_change ON annotator_comparison;
CREATE TRIGGER comparison_tally_change
    AFTER UPDATE OF wanted, answered, for_first, for_second, level, set_aside_at ON annotator_comparison
    FOR EACH ROW EXECUTE FUNCTION comparison_tally_change();
"""

TALLY_BEFORE = (
    "CREATE OR REPLACE FUNCTION comparison_tally_change("
    + kept_sums.ROUND.partition("CREATE FUNCTION comparison_tally_change(")[2].partition("CREATE TRIGGER")[0]
    + "DROP TRIGGER comparison_tally_change"
    + checks.ROUND.partition("DROP TRIGGER comparison_tally_change")[2].format(when="NEW.gold_id IS NULL AND ")
)
ADAPT_BEFORE = "DROP TRIGGER comparison_adapt_wanted ON annotator_comparison;" + adaptive.ADAPT.replace(
    "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"
)


class Migration(migrations.Migration):
    dependencies = [("annotator", "0039_a_claim_waits_for_one_at_a_time")]

    operations = [
        *(migrations.AlterField("comparison", name, models.SmallIntegerField(default=0)) for name in COUNTS),
        migrations.AlterField("comparison", "wanted", models.SmallIntegerField(default=1)),
        migrations.AddConstraint(
            "comparison",
            models.CheckConstraint(condition=GreaterThanOrEqual(Least(*COUNTS), 0), name="comparison_counts_from_zero"),
        ),
        migrations.RunSQL(ADAPT + TALLY, ADAPT_BEFORE + TALLY_BEFORE),
    ]
