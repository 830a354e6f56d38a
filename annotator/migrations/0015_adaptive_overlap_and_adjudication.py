"""k follows the judgments where the owner wants it, and somebody decides what they leave open.

The rule of annotator.domain.overlap stands here again, because it has to hold whoever writes. It changes the row that
is being written, so it costs no statement of its own, and it looks at a project only once two judgments are in.
"""

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

CERTAINTY = """
CREATE FUNCTION overlap_certainty(p_first int, p_second int, p_level int) RETURNS float8
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    least_one float8 := 1 + least(p_first, p_second) + p_level / 2.0;
    m float8 := CASE WHEN p_level % 2 = 0 THEN 1 ELSE 1.5 END;
    term float8 := CASE WHEN p_level % 2 = 0 THEN 0.25 ELSE 1 / (1.5 * pi()) END;
    above float8 := 0.5;
BEGIN
    WHILE m < least_one LOOP
        term := term * (2 * m + 1) / (2 * (m + 1));
        m := m + 1;
    END LOOP;
    FOR step IN 0..abs(p_first - p_second) - 1 LOOP
        above := above + term;
        term := term * (2 * m + step) / (2 * (m + step + 1));
    END LOOP;
    RETURN least(above, 1);
END $$;
"""

ADAPT = """
CREATE FUNCTION comparison_adapt_wanted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    bound record;
BEGIN
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
CREATE TRIGGER comparison_adapt_wanted BEFORE UPDATE ON annotator_comparison FOR EACH ROW
    WHEN (NEW.for_first + NEW.for_second + NEW.level >= 2 AND NOT NEW.is_control
          AND (OLD.for_first, OLD.for_second, OLD.level) IS DISTINCT FROM (NEW.for_first, NEW.for_second, NEW.level))
    EXECUTE FUNCTION comparison_adapt_wanted();
"""

STAYS = """
CREATE FUNCTION adjudication_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'adjudications are append-only: add one that supersedes it'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'adjudication_is_append_only',
              TABLE = 'annotator_adjudication';
END $$;
CREATE TRIGGER adjudication_refuse_change BEFORE UPDATE OR DELETE ON annotator_adjudication
    FOR EACH ROW EXECUTE FUNCTION adjudication_refuse_change();
"""

BACKWARD = """
DROP TRIGGER adjudication_refuse_change ON annotator_adjudication; DROP FUNCTION adjudication_refuse_change();
DROP TRIGGER comparison_adapt_wanted ON annotator_comparison; DROP FUNCTION comparison_adapt_wanted();
DROP FUNCTION overlap_certainty(int, int, int);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("annotator", "0014_checks"),
    ]

    operations = [
        migrations.AddField(
            model_name="project",
            name="adaptive_certainty",
            field=models.FloatField(
                default=0.95,
                help_text="How sure judgments have to be of the better answer for no more to be asked for.",
                validators=[
                    django.core.validators.MinValueValidator(0.6),
                    django.core.validators.MaxValueValidator(0.999),
                ],
            ),
        ),
        migrations.AddField(
            model_name="project",
            name="adaptive_most",
            field=models.PositiveSmallIntegerField(
                blank=True,
                help_text="Judgments that a comparison may get while they disagree. Empty: k stays as it was planned.",
                null=True,
                validators=[django.core.validators.MinValueValidator(2), django.core.validators.MaxValueValidator(50)],
            ),
        ),
        migrations.AddField(
            model_name="project",
            name="tag_rules",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text="Tag of a prompt → the group that is asked and the priority, for its comparisons.",
            ),
        ),
        migrations.AlterField(
            model_name="project",
            name="daily_quota",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Judgments that a rater may give in a day (UTC). Empty: as many as they like.",
                null=True,
                validators=[django.core.validators.MinValueValidator(1)],
            ),
        ),
        migrations.CreateModel(
            name="Adjudication",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("is_blind", models.BooleanField()),
                ("first_on_left", models.BooleanField()),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("prefer", "Prefer"),
                            ("tie", "Tie"),
                            ("both_good", "Both good"),
                            ("both_bad", "Both bad"),
                            ("cannot_judge", "Cannot judge"),
                        ],
                        max_length=12,
                    ),
                ),
                ("value", models.FloatField(null=True)),
                ("answer", models.CharField(max_length=40)),
                ("note", models.TextField(blank=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "comparison",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="adjudications",
                        to="annotator.comparison",
                    ),
                ),
                (
                    "preferred",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="annotator.response",
                    ),
                ),
                (
                    "protocol",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="annotator.protocol"
                    ),
                ),
                (
                    "supersedes",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="superseded_by",
                        to="annotator.adjudication",
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("supersedes__isnull", True)),
                        fields=("comparison",),
                        name="one_first_adjudication_per_comparison",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("outcome", "prefer"),
                                ("preferred__isnull", False),
                                ("value__gte", -1),
                                ("value__lte", 1),
                                models.Q(("value", 0), _negated=True),
                            ),
                            models.Q(("outcome", "tie"), ("preferred__isnull", True), ("value", 0)),
                            models.Q(
                                ("outcome__in", ["both_good", "both_bad", "cannot_judge"]),
                                ("preferred__isnull", True),
                                ("value__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="adjudication_outcome_fits_value",
                    ),
                ],
            },
        ),
        migrations.RunSQL(CERTAINTY + ADAPT + STAYS, BACKWARD),
    ]
