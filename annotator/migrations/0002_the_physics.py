"""Rules that hold whoever writes: slot counters, judgments that stay, judgments that fit.

Triggers rather than service code, because an import, a shell and a future
service must all be bound by them.
"""

from django.db import migrations

COUNT_SLOTS = """
CREATE FUNCTION assignment_count_slots() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        UPDATE annotator_comparison
           SET held = held - (OLD.state = 'held')::int, answered = answered - (OLD.state = 'answered')::int
         WHERE id = OLD.comparison_id AND OLD.state IN ('held', 'answered')
           AND (TG_OP = 'DELETE' OR OLD.state <> NEW.state OR OLD.comparison_id <> NEW.comparison_id);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        UPDATE annotator_comparison
           SET held = held + (NEW.state = 'held')::int, answered = answered + (NEW.state = 'answered')::int
         WHERE id = NEW.comparison_id AND NEW.state IN ('held', 'answered')
           AND (TG_OP = 'INSERT' OR OLD.state <> NEW.state OR OLD.comparison_id <> NEW.comparison_id);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER assignment_count_slots AFTER INSERT OR UPDATE OR DELETE ON annotator_assignment
    FOR EACH ROW EXECUTE FUNCTION assignment_count_slots();
"""

JUDGMENT_STAYS = """
CREATE FUNCTION judgment_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'judgments are append-only: add one that supersedes it'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'judgment_is_append_only', TABLE = 'annotator_judgment';
END $$;
CREATE TRIGGER judgment_refuse_change BEFORE UPDATE OR DELETE ON annotator_judgment
    FOR EACH ROW EXECUTE FUNCTION judgment_refuse_change();
"""

JUDGMENT_FITS = """
CREATE FUNCTION judgment_check_fit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    held record;
BEGIN
    SELECT a.state, c.first_id, c.second_id INTO held
      FROM annotator_assignment a JOIN annotator_comparison c ON c.id = a.comparison_id
     WHERE a.id = NEW.assignment_id;
    IF held.state <> 'answered' THEN
        RAISE EXCEPTION 'a judgment needs an assignment that was held and is answered in the same transaction'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'judgment_has_answered_assignment',
                  TABLE = 'annotator_judgment';
    END IF;
    IF NEW.preferred_id IS NOT NULL
       AND NEW.preferred_id <> (CASE WHEN NEW.value < 0 THEN held.first_id ELSE held.second_id END) THEN
        RAISE EXCEPTION 'the preferred response is not the one that the value points to'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'judgment_prefers_the_side_of_its_value',
                  TABLE = 'annotator_judgment';
    END IF;
    IF NEW.supersedes_id IS NOT NULL AND NEW.assignment_id <>
       (SELECT assignment_id FROM annotator_judgment WHERE id = NEW.supersedes_id) THEN
        RAISE EXCEPTION 'a judgment supersedes one of its own assignment'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'judgment_supersedes_its_own', TABLE = 'annotator_judgment';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER judgment_check_fit BEFORE INSERT ON annotator_judgment
    FOR EACH ROW EXECUTE FUNCTION judgment_check_fit();
"""


def dropped(table: str, name: str) -> str:
    return f"DROP TRIGGER {name} ON annotator_{table}; DROP FUNCTION {name}();"


class Migration(migrations.Migration):
    dependencies = [("annotator", "0001_the_nouns")]

    operations = [
        migrations.RunSQL(COUNT_SLOTS, dropped("assignment", "assignment_count_slots")),
        migrations.RunSQL(JUDGMENT_STAYS, dropped("judgment", "judgment_refuse_change")),
        migrations.RunSQL(JUDGMENT_FITS, dropped("judgment", "judgment_check_fit")),
    ]
