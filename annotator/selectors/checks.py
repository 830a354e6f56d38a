"""What hidden checks found about raters, and about the gold itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from annotator.domain.adjudication import GOOD, MISSED_BY
from annotator.domain.checks import CheckRules, Measure
from annotator.domain.wording import Unfit
from annotator.models import Gold, Member, Project, RaterHour, Role, User
from annotator.selectors.quality import Estimate, share_of
from annotator.sql import rows

NEWEST = 200  # judgments that the share of too fast ones is taken of: what a rater does now, and quick to read
DAY, WEEK = timedelta(days=1), timedelta(days=7)


def _said(j: str) -> str:
    """What a judgment or a decision amounts to, in the words of gold."""
    return f"(CASE WHEN {j}.outcome <> 'prefer' THEN {j}.outcome WHEN {j}.value < 0 THEN 'first' ELSE 'second' END)"


# Whether somebody decided otherwise about gold g than it says: then it counts for nobody.
OVERRULED = f"""EXISTS (SELECT 1 FROM annotator_comparison made
                          JOIN annotator_adjudication d ON d.comparison_id = made.id
                         WHERE made.gold_id = g.id AND d.outcome <> 'cannot_judge' AND NOT g."right" ? {_said("d")}
                           AND NOT EXISTS (SELECT 1 FROM annotator_adjudication n WHERE n.supersedes_id = d.id))"""
# Whether a judgment j, asked under protocol p, could and did say what is right about gold g.
COULD = f"""(EXISTS (SELECT 1 FROM jsonb_array_elements_text(g."right") one
                      WHERE one IN ('first', 'second') OR p.outcomes ? one) AND NOT {OVERRULED})"""
DID = f"""g."right" ? {_said("j")}"""


def _current(assignment: str) -> str:
    """The newest judgment of an assignment is the one that counts: one look into an index."""
    return f"""(SELECT outcome, value, preferred_id, protocol_id FROM annotator_judgment
                 WHERE assignment_id = {assignment}.id ORDER BY id DESC LIMIT 1)"""


BY_RATER = f"""
SELECT m.id, c.*, f.*
  FROM annotator_member m
  JOIN LATERAL (
       SELECT count(*) FILTER (WHERE a.check_kind = 'gold' AND {COULD}),
              count(*) FILTER (WHERE a.check_kind = 'gold' AND {COULD} AND {DID}),
              count(*) FILTER (WHERE a.check_kind = 'repeat' AND before.outcome IS NOT NULL),
              count(*) FILTER (WHERE a.check_kind = 'repeat' AND before.outcome IS NOT NULL
                                 AND before.preferred_id IS NOT DISTINCT FROM j.preferred_id),
              count(*) FILTER (WHERE a.check_kind = 'swap' AND before.outcome IS NOT NULL),
              count(*) FILTER (WHERE a.check_kind = 'swap' AND before.outcome IS NOT NULL
                                 AND before.preferred_id IS NOT DISTINCT FROM j.preferred_id)
         FROM annotator_assignment a
         JOIN annotator_comparison c ON c.id = a.comparison_id
         JOIN annotator_round r ON r.id = c.round_id AND r.project_id = m.project_id
         JOIN LATERAL {_current("a")} j ON true
         LEFT JOIN annotator_protocol p ON p.id = j.protocol_id
         LEFT JOIN annotator_gold g ON g.id = c.gold_id
         LEFT JOIN annotator_assignment o
                ON o.comparison_id = c.id AND o.rater_id = a.rater_id AND o.check_kind = ''
         LEFT JOIN LATERAL {_current("o")} before
                ON before.outcome <> 'cannot_judge' AND j.outcome <> 'cannot_judge'
        WHERE a.rater_id = m.user_id AND a.check_kind <> '' AND a.state = 'answered'
          AND (m.resumed_at IS NULL OR a.ended_at >= m.resumed_at)) c ON true
  JOIN LATERAL (
       SELECT count(*), count(*) FILTER (WHERE j.seconds < %(min_seconds)s)
         FROM (SELECT id, comparison_id FROM annotator_assignment
                WHERE rater_id = m.user_id AND state = 'answered' AND %(min_seconds)s::float8 > 0
                  AND (m.resumed_at IS NULL OR ended_at >= m.resumed_at)
                ORDER BY ended_at DESC LIMIT {NEWEST}) newest
         JOIN annotator_comparison c ON c.id = newest.comparison_id
         JOIN annotator_round r ON r.id = c.round_id AND r.project_id = m.project_id
         JOIN annotator_judgment j ON j.assignment_id = newest.id AND j.supersedes_id IS NULL AND j.seconds > 0) f
    ON true
 WHERE m.project_id = %(project)s AND (%(member)s::bigint IS NULL OR m.id = %(member)s)
"""


@dataclass(frozen=True)
class Checked:
    """One member as the checks found them, each with n and its interval, or the reason why nothing can be said."""

    gold: Estimate
    consistency: Estimate
    swapped: Estimate
    fast: Estimate

    @property
    def all(self) -> list[Estimate]:
        """In the order of the table's columns."""
        return [self.gold, self.consistency, self.swapped, self.fast]

    @property
    def is_empty(self) -> bool:
        return not any(estimate.n for estimate in self.all)

    def measured(self, measure: Measure) -> Estimate:
        return {Measure.GOLD: self.gold, Measure.CONSISTENCY: self.consistency, Measure.FAST: self.fast}[measure]


def checked_of(project: Project, rules: CheckRules, member: Member | None = None) -> dict[int, Checked]:
    """By member, since they were last resumed; one member alone where one is named.

    A wrong answer is one against what is right; how strongly somebody prefers an answer is never
    wrong, and gold that the protocol could not answer, or that was overruled, counts for nobody.
    """
    asked = {"project": project.pk, "member": member and member.pk, "min_seconds": rules.min_seconds}
    found = {}
    for pk, golds, right, repeats, repeated, swaps, swapped, timed, fast in rows(BY_RATER, asked):
        found[pk] = Checked(
            gold=share_of(right, golds, *GOLD, reason=NONE_YET),
            consistency=share_of(repeated + swapped, repeats + swaps, *CONSISTENCY, reason=NONE_YET),
            swapped=share_of(swapped, swaps, *SWAPPED, reason=NONE_YET),
            fast=share_of(fast, timed, *FAST, reason=NO_MINIMUM),
        )
    return found


NONE_YET = _("None answered yet.")
NO_MINIMUM = _("Nothing timed, or no minimum time.")
GOLD = (_("Gold right"), _("Share of hidden gold that was answered right."))
CONSISTENCY = (
    _("Said the same again"),
    _("Share of pairs that came a second time, on the same sides or exchanged, and were answered as before."),
)
SWAPPED = (
    _("Of these, exchanged"),
    _("The same for pairs whose sides were exchanged: a habit of the side shows here."),
)
FAST = (_("Too fast"), _("Share of timed judgments, among the newest 200, that took less than the minimum time."))


def rules_of(project: Project) -> CheckRules:
    """How this project checks; not at all where what is stored does not fit."""
    try:
        return CheckRules.of(project.checks)
    except Unfit:
        return CheckRules()


@dataclass(frozen=True)
class Rater:
    """A row of the owner's table."""

    member: Member
    checked: Checked


def raters_checked(project: Project, rules: CheckRules) -> list[Rater]:
    """Who was checked, is paused or is excluded: those first who are stopped, then by name."""
    checked = checked_of(project, rules)
    members = project.members.select_related("user").order_by("user__username")
    found = [Rater(member, checked[member.pk]) for member in members]
    return sorted(
        (row for row in found if row.member.is_stopped or not row.checked.is_empty),
        key=lambda row: not row.member.is_stopped,
    )


@dataclass(frozen=True)
class GoldMissed:
    """How raters answered one piece of gold. Many misses say something about the gold as well."""

    gold: Gold
    right: Estimate
    flags: int


BY_GOLD = f"""
SELECT g.id, count(*) FILTER (WHERE {COULD}), count(*) FILTER (WHERE {COULD} AND {DID}),
       coalesce(sum((SELECT count(*) FROM annotator_flag f WHERE f.assignment_id = a.id)), 0)
  FROM annotator_gold g
  JOIN annotator_comparison c ON c.gold_id = g.id
  JOIN annotator_assignment a ON a.comparison_id = c.id
  LEFT JOIN LATERAL {_current("a")} j ON true
  LEFT JOIN annotator_protocol p ON p.id = j.protocol_id
 WHERE g.project_id = %s AND g.use = 'check' GROUP BY g.id
"""


def gold_missed(project: Project) -> list[GoldMissed]:
    """Hidden checks that are in use, the most often missed first."""
    counted = {pk: (asked, right, flags) for pk, asked, right, flags in rows(BY_GOLD, [project.pk])}
    found = []
    for gold in project.gold.filter(use="check", retired_at=None):
        asked, right, flags = counted.get(gold.pk, (0, 0, 0))
        found.append(GoldMissed(gold, share_of(right, asked, *GOLD, reason=NONE_YET), int(flags)))
    return sorted(found, key=lambda one: (one.right.value is None, one.right.value or 0.0, one.gold.pk))


# Of those who get other gold right: how many answered a piece of gold, and how many of them against it.
DOUBTED = f"""
WITH said AS MATERIALIZED (
    SELECT DISTINCT ON (g.id, a.rater_id) g.id AS gold, c.id AS comparison, a.rater_id AS rater, {DID} AS is_right
      FROM annotator_gold g
      JOIN annotator_comparison c ON c.gold_id = g.id
      JOIN annotator_assignment a ON a.comparison_id = c.id AND a.state = 'answered'
      JOIN LATERAL {_current("a")} j ON true
      LEFT JOIN annotator_protocol p ON p.id = j.protocol_id
     WHERE g.project_id = %(project)s AND g.use = 'check' AND g.retired_at IS NULL AND {COULD}
       AND NOT EXISTS (SELECT 1 FROM annotator_member m WHERE m.project_id = g.project_id
                                                          AND m.user_id = a.rater_id AND m.excluded_at IS NOT NULL)
     ORDER BY g.id, a.rater_id, a.id DESC
), by_rater AS (
    SELECT rater, count(*) AS n, count(*) FILTER (WHERE is_right) AS n_right FROM said GROUP BY rater
)
SELECT max(said.comparison), count(*), count(*) FILTER (WHERE NOT is_right)
  FROM said JOIN by_rater USING (rater)
 WHERE (n_right - is_right::int + 1)::float8 / (n - 1 + 2) >= %(good)s
 GROUP BY said.gold
HAVING count(*) FILTER (WHERE NOT is_right) >= %(least)s
   AND NOT EXISTS (SELECT 1 FROM annotator_comparison c JOIN annotator_adjudication d ON d.comparison_id = c.id
                    WHERE c.gold_id = said.gold)
   AND NOT EXISTS (SELECT 1 FROM annotator_comparison c JOIN annotator_assignment a ON a.comparison_id = c.id
                    WHERE c.gold_id = said.gold AND a.rater_id = %(by)s AND a.state = 'answered')
"""


def gold_doubted(project: Project, by: User) -> list[tuple[int, int, int]]:
    """Gold in use that good raters miss, and that nobody decided: (its newest comparison, who met it, who missed it).

    Good is who gets other gold right; without what this person answered themself.
    """
    asked = {"project": project.pk, "by": by.pk, "good": GOOD, "least": MISSED_BY}
    return [(pk, met, missed) for pk, met, missed in rows(DOUBTED, asked)]


@dataclass(frozen=True)
class Pausing:
    """Whether raters are paused by themselves, and how many of those who judged in the last week were within a day."""

    stopped_at: datetime | None
    paused: int
    active: int


def pausing_of(project: Project) -> Pausing:
    """Pauses from before an owner last looked count no more."""
    now = timezone.now()
    active = RaterHour.objects.filter(round__project=project, hour__gte=now - WEEK, answered__gt=0).values("rater")
    since = max(now - DAY, project.pausing_looked_at or now - DAY)
    members = project.members.filter(user__in=active, role=Role.RATER)
    return Pausing(project.pausing_stopped_at, members.filter(paused_at__gte=since).count(), members.count())


def owners_of(project: Project) -> list[str]:
    """Whom a rater may ask."""
    return [str(member.user) for member in project.members.filter(role=Role.OWNER).select_related("user")]
