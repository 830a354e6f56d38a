"""What waits for a decision, and what raters said about a comparison that has one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from django.core.cache import cache
from django.db.models import Max, OuterRef, Subquery
from django.utils.translation import gettext as _

from annotator.domain.adjudication import SURPRISED, WORDS, Case
from annotator.domain.overlap import LEAST, Tally
from annotator.domain.verdicts import Outcome
from annotator.models import Adjudication, Checkpoint, Comparison, Judgment, Project, Reward, User
from annotator.selectors.checks import gold_doubted
from annotator.sql import rows

LOOKED_AT = 20_000  # newest judgments of the project whose comparisons are looked at, so that no page reads them all
SHOWN = 50
SURPRISING = math.log(1 / SURPRISED - 1)  # lead of the side with fewer votes from which on a reward model is surprised
KEPT = 600  # seconds that the list leads from one pair to the next before it is made anew

# A range of ids is read through its index, however many judgments there are.
STATEMENT = """
WITH judged AS MATERIALIZED (
    SELECT a.comparison_id, count(*) AS judgments
      FROM annotator_judgment j
      JOIN annotator_assignment a ON a.id = j.assignment_id
      JOIN annotator_comparison c ON c.id = a.comparison_id
      JOIN annotator_round r ON r.id = c.round_id
     WHERE j.id > %(low)s AND j.id <= %(high)s AND r.project_id = %(project)s AND r.state <> 'abandoned'
     GROUP BY a.comparison_id
), flagged AS MATERIALIZED (
    SELECT a.comparison_id, count(DISTINCT a.rater_id) AS raters
      FROM annotator_flag f JOIN annotator_assignment a ON a.id = f.assignment_id
     WHERE f.settled_at IS NULL GROUP BY a.comparison_id
)
SELECT c.id, c.for_first, c.for_second, c.level, coalesce(flagged.raters, 0), said.lead,
       (SELECT sum(judgments) FROM judged)
  FROM judged JOIN annotator_comparison c ON c.id = judged.comparison_id
  LEFT JOIN flagged ON flagged.comparison_id = c.id
  LEFT JOIN LATERAL (SELECT one.value - other.value AS lead
                       FROM annotator_reward one
                       JOIN annotator_reward other
                         ON other.response_id = c.second_id AND other.checkpoint_id = one.checkpoint_id
                      WHERE one.response_id = c.first_id ORDER BY one.checkpoint_id DESC LIMIT 1) said ON true
 WHERE c.set_aside_at IS NULL
   AND (c.for_first + c.for_second + c.level > greatest(c.for_first, c.for_second, c.level)
        OR flagged.raters IS NOT NULL
        OR (c.for_first + c.for_second + c.level >= %(least)s
            AND sign(c.for_second - c.for_first) * said.lead >= %(surprising)s))
   AND NOT EXISTS (SELECT 1 FROM annotator_adjudication d WHERE d.comparison_id = c.id)
   AND NOT EXISTS (SELECT 1 FROM annotator_assignment a
                    WHERE a.comparison_id = c.id AND a.rater_id = %(by)s AND a.state = 'answered')
"""


@dataclass(frozen=True)
class Waiting:
    """A comparison that wants a decision, and why."""

    comparison: Comparison
    case: Case

    @property
    def reasons(self) -> list[str]:
        return [WORDS[why] for why in self.case.reasons]

    @property
    def split(self) -> str:
        """How the votes stand, without saying for whom."""
        tally = self.case.tally
        more, fewer = sorted((tally.for_first, tally.for_second), reverse=True)
        return f"{more} : {fewer}"


@dataclass(frozen=True)
class Queue:
    """The most urgent first; `count`: how many there are with those that are not shown.

    looked_at  newest judgments whose comparisons were looked at, at least, where there are so many
    """

    waiting: list[Waiting]
    count: int
    looked_at: int

    @property
    def first(self) -> Waiting | None:
        return self.waiting[0] if self.waiting else None


def adjudications_waiting(project: Project, by: User) -> Queue:
    """What this person may decide: what has a reason, is not decided, and was not judged by themselves."""
    cases = sorted(_cases(project, by), key=lambda found: (-found[1].urgency, found[0]))
    cases = [(pk, case) for pk, case in cases if case.reasons]
    first = [pk for pk, _case in cases[:SHOWN]]
    cache.set(_key(project, by), first, timeout=KEPT)
    comparisons = Comparison.with_checks.select_related("prompt", "round").in_bulk(first)
    return Queue([Waiting(comparisons[pk], case) for pk, case in cases[:SHOWN]], len(cases), LOOKED_AT)


def adjudication_following(project: Project, by: User) -> int | None:
    """The comparison that is most urgent now by the list as it was last made, which is made anew when it is through."""
    kept: list[int] = cache.get(_key(project, by)) or []
    if (following := _still_open(project, kept)) is not None:
        return following
    return _still_open(project, [one.comparison.pk for one in adjudications_waiting(project, by).waiting])


def _still_open(project: Project, pks: list[int]) -> int | None:
    """The first of them that nobody decided or set aside meanwhile."""
    waiting = Comparison.with_checks.in_play().filter(pk__in=pks, round__project=project, adjudications=None)
    found: set[int] = set(waiting.values_list("pk", flat=True))
    return next((pk for pk in pks if pk in found), None)


def _key(project: Project, by: User) -> str:
    return f"adjudication-{project.pk}-{by.pk}"


def _cases(project: Project, by: User) -> Iterator[tuple[int, Case]]:
    """Gold first; then in ever wider ranges of judgments, until enough of this project's were looked at."""
    for pk, answered, missed in gold_doubted(project, by):
        yield pk, Case(Tally(), met=answered, missed=missed)
    asked = {"project": project.pk, "by": by.pk, "least": LEAST, "surprising": SURPRISING}
    high, width, looked = Judgment.objects.aggregate(newest=Max("pk"))["newest"] or 0, 2 * LOOKED_AT, 0
    met: set[int] = set()
    while high > 0 and looked < LOOKED_AT:
        found = rows(STATEMENT, {"low": high - width, "high": high, **asked})
        for pk, for_first, for_second, level, flags, lead, judgments in found:
            looked = max(looked, int(judgments))
            if pk not in met:
                met.add(pk)
                yield pk, Case(Tally(for_first, for_second, level), flags, lead)
        high, width = high - width, 2 * width


def adjudication_of(comparison: Comparison) -> Adjudication | None:
    return comparison.adjudications.current().select_related("by", "protocol").first()


def adjudications_before(current: Adjudication) -> list[Adjudication]:
    """Earlier decisions and notes about the same comparison, newest first."""
    earlier = Adjudication.objects.filter(comparison=current.comparison_id).exclude(pk=current.pk)
    return list(earlier.select_related("by").order_by("-pk"))


@dataclass(frozen=True)
class Vote:
    """What one rater said, told for the sides as somebody else is shown them."""

    rater: str
    said: str
    rationale: str


def votes_on(comparison: Comparison, *, first_on_left: bool) -> list[Vote]:
    """Of gold, in every round that checked with it."""
    gold = comparison.gold_id
    asked = (
        {"assignment__comparison__gold": gold} if gold else {"assignment__comparison": comparison, "is_check": False}
    )
    judgments = Judgment.with_checks.current().filter(**asked).select_related("assignment__rater").order_by("pk")
    return [
        Vote(str(one.assignment.rater), said_as_shown(one, first_on_left=first_on_left), one.rationale)
        for one in judgments
    ]


@dataclass(frozen=True)
class Expected:
    """Which side a reward model expected to be preferred, as shown, and how sure it was."""

    side: str
    probability: float
    by: Checkpoint


def expected_of(comparison: Comparison, *, first_on_left: bool) -> Expected | None:
    """By the newest reward model that read both answers, which was before it could learn from what raters said."""
    seconds = Reward.objects.filter(response=comparison.second_id, checkpoint=OuterRef("checkpoint")).values("value")
    said = Reward.objects.filter(response=comparison.first_id).annotate(other=Subquery(seconds))
    newest = said.filter(other__isnull=False).select_related("checkpoint__project").order_by("-checkpoint_id").first()
    if newest is None:
        return None
    lead = newest.value - newest.other
    return Expected("A" if (lead >= 0) == first_on_left else "B", 1 / (1 + math.exp(-abs(lead))), newest.checkpoint)


def said_as_shown(said: Judgment | Adjudication, *, first_on_left: bool) -> str:
    """A judgment or a decision in words, for these sides."""
    if not said.value:
        return {
            Outcome.TIE: _("Tie"),
            Outcome.BOTH_GOOD: _("Both good"),
            Outcome.BOTH_BAD: _("Both bad"),
            Outcome.CANNOT_JUDGE: _("Can’t judge"),
        }[Outcome(said.outcome)]
    is_left = (said.value < 0) == first_on_left
    if abs(said.value) < 1:
        return _("A, not clearly") if is_left else _("B, not clearly")
    return _("A") if is_left else _("B")
