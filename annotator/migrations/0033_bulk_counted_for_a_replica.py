"""What comes in bulk is counted whoever says that its rows were checked.

An import knows that what its rows refer to is there, and may say so by `session_replication_role`, which leaves out the
look-up of each foreign key and every trigger that is not told to run always. So the triggers that count once per
statement and hold a statement to the rules are told so. The sums of a round get a trigger of their own for bulk:
who restores or replicates a database brings the sums along.
"""

from importlib import import_module

from django.db import migrations

IS_BULK = import_module("annotator.migrations.0019_votes_in_bulk").IS_BULK

NEW = """
CREATE TRIGGER {name} AFTER INSERT ON annotator_comparison REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT {when} EXECUTE FUNCTION comparison_tally_new();
"""
FORWARD = f"""
DROP TRIGGER comparison_tally_new ON annotator_comparison;
{NEW.format(name="comparison_tally_new", when=f"WHEN (NOT {IS_BULK})")}
{NEW.format(name="comparison_tally_bulk", when=f"WHEN ({IS_BULK})")}
ALTER TABLE annotator_comparison ENABLE ALWAYS TRIGGER comparison_tally_bulk;
ALTER TABLE annotator_assignment ENABLE ALWAYS TRIGGER assignment_count_bulk;
ALTER TABLE annotator_judgment ENABLE ALWAYS TRIGGER judgment_count_bulk;
"""
BACKWARD = f"""
ALTER TABLE annotator_judgment ENABLE TRIGGER judgment_count_bulk;
ALTER TABLE annotator_assignment ENABLE TRIGGER assignment_count_bulk;
DROP TRIGGER comparison_tally_bulk ON annotator_comparison;
DROP TRIGGER comparison_tally_new ON annotator_comparison;
{NEW.format(name="comparison_tally_new", when="")}
"""


class Migration(migrations.Migration):
    dependencies = [("annotator", "0032_one_index_of_what_is_held")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
