"""What a dataset is made of: facts in the order of their prompts, some thousand in memory at a time.

Prompts are walked by ranges of their ids. Of a range each statement reads one table, by ids that an array holds, and
what belongs together is put together here: so Postgres walks an index once from left to right, however many projects,
rounds or judgments there are, and no statistics can lead it to another plan. Meanwhile the range before is written.

What is read belongs to one moment: judgments up to the newest one when the walk began, and those that count are the
ones that none of these replaced. Writing goes on meanwhile.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from django.db.models import Exists, Max, Min, OuterRef
from django.utils.crypto import salted_hmac

from annotator.domain.aggregation import Consensus, Target, target_adjudicated, target_of_counts, targets_of
from annotator.domain.datasets.facts import (
    Answer,
    Asked,
    Edit,
    Lone,
    Pair,
    Said,
    answer_made,
    asked_made,
    pair_made,
)
from annotator.domain.datasets.filters import Filters
from annotator.domain.lifecycles import RoundState
from annotator.domain.verdicts import Outcome, Verdict
from annotator.models import Adjudication, Assignment, Dataset, Judgment, Project, Prompt, User
from annotator.selectors.exclusion import excluded_of
from annotator.selectors.judgments import judgments_of_project
from annotator.sql import Ahead

FEW, MANY = 50, 2000  # ids of prompts in the first range, and in one at most
ROWS = 5000  # of a range that are aimed at
PAGE = 30
NOBODY = (0, 0, 0, 0, 0, 0, 0.0, None)  # what is counted where nobody's judgment counts
DEMONSTRATION = "demonstration"  # the author whom imports of conversations name


def datasets_page(project: Project, *, before: int | None = None) -> tuple[list[Dataset], int | None]:
    """Datasets, newest first, and the version that the next page starts behind."""
    found = Dataset.objects.filter(project=project)
    page = list((found.filter(version__lt=before) if before else found).order_by("-version")[: PAGE + 1])
    return page[:PAGE], page[PAGE - 1].version if len(page) > PAGE else None


def rounds_known(project: Project) -> list[tuple[int, str]]:
    """Number and name of the rounds that something may be known of, the newest first."""
    found = project.rounds.exclude(state=RoundState.ABANDONED).order_by("-number")
    return [(round.number, str(round)) for round in found]


@dataclass
class Moment:
    """What the facts of one dataset have in common, looked up before the first of them.

    until     id of the newest judgment
    first, last  ids of the project's prompts
    rounds    id → number of those that are wanted
    excluded  raters whose judgments do not count
    protocols, guidelines  id → version
    decided   comparison → outcome and value that one person found
    agreed    comparison → target, where the consensus looks at all of them together
    """

    project: Project
    filters: Filters
    until: int
    first: int
    last: int
    rounds: dict[int, int]
    excluded: list[int]
    protocols: dict[int, int]
    guidelines: dict[int, int]
    decided: dict[int, tuple[str, float | None]]
    agreed: dict[int, Target]
    names: dict[int, str]

    def parameters(self, first: int, last: int) -> dict[str, Any]:
        return {
            "project": self.project.pk,
            "first": first,
            "last": last,
            "until": self.until,
            "excluded": self.excluded,
            "rounds": list(self.rounds),
            "tags": list(self.filters.tags),
            "demonstration": DEMONSTRATION,
        }

    def rater(self, user_id: int) -> str:
        """Under what name a rater leaves: the same pseudonym in every version, or their user name."""
        if user_id not in self.names:
            self.names[user_id] = pseudonym(self.project, user_id)
        return self.names[user_id]


def pseudonym(project: Project, user_id: int) -> str:
    """The same for a person in every version of a project, another one in other projects; the server's key is in it."""
    mac = salted_hmac("tiebreak.datasets.rater", f"{project.pk}:{user_id}", algorithm="sha256")
    return f"rater-{mac.hexdigest()[:12]}"


def moment_of(project: Project, filters: Filters) -> Moment:
    ids = Prompt.objects.filter(project=project).aggregate(first=Min("pk"), last=Max("pk"))
    newest = Judgment.with_checks.aggregate(newest=Max("pk"))["newest"]
    return Moment(
        project=project,
        filters=filters,
        until=newest or 0,
        first=ids["first"] or 0,
        last=ids["last"] or -1,
        rounds=_rounds(project, filters),
        excluded=sorted(excluded_of(project)),
        protocols=dict(project.protocols.values_list("pk", "version")),
        guidelines=dict(project.guidelines.values_list("pk", "version")),
        decided=_decided(project),
        agreed=_agreed(project, filters.consensus),
        names=_user_names(project) if filters.named else {},
    )


def _rounds(project: Project, filters: Filters) -> dict[int, int]:
    found = project.rounds.exclude(state=RoundState.ABANDONED)
    if filters.rounds:
        found = found.filter(number__in=filters.rounds)
    return dict(found.values_list("pk", "number"))


def _decided(project: Project) -> dict[int, tuple[str, float | None]]:
    """One by one by a person, so they are few."""
    found = Adjudication.objects.current().filter(comparison__round__project=project)
    return {pk: (outcome, value) for pk, outcome, value in found.values_list("comparison", "outcome", "value")}


def _user_names(project: Project) -> dict[int, str]:
    """Of everybody who was ever asked in the project."""
    asked = Assignment.objects.filter(rater=OuterRef("pk"), comparison__round__project=project)
    return dict(User.objects.filter(Exists(asked)).values_list("pk", "username"))


def _agreed(project: Project, consensus: Consensus) -> dict[int, Target]:
    """Vote shares need no look at the other comparisons, so they are counted row by row, in constant memory."""
    if consensus is Consensus.VOTES:
        return {}
    known = judgments_of_project(project)
    targets = targets_of(known.judgments, consensus)
    found = ((pk, targets.of(place)) for place, pk in enumerate(known.comparison_ids))
    return {pk: target for pk, target in found if target is not None}


def versions_asked(moment: Moment, what: str) -> list[int]:
    """The versions of the guideline, or of the protocol, under which the judgments were given."""
    asked = Judgment.objects.filter(pk__lte=moment.until, **{f"{what}__project": moment.project})
    if moment.filters.rounds:
        asked = asked.filter(assignment__comparison__round__number__in=moment.filters.rounds)
    return sorted(asked.order_by().values_list(f"{what}__version", flat=True).distinct())


# --- facts, a range after the other -----------------------------------------------


def _walked(moment: Moment, *statements: str) -> Iterator[tuple[float, list[list[Any]]]]:
    """What each statement finds of a range, with the share of the ids that are done after it.

    How many prompts a range has follows from what the one before it held.
    """
    first, size = moment.first, FEW
    if first > moment.last:
        return
    with Ahead() as ahead:
        last = min(first + size - 1, moment.last)
        taken = ahead.asked(statements, moment.parameters(first, last))
        while True:
            found, done = taken(), (last - moment.first + 1) / (moment.last - moment.first + 1)
            if last < moment.last:
                size = min(max(size * ROWS // (1 + max(map(len, found))), 1), 4 * size, MANY)
                first, last = last + 1, min(last + size, moment.last)
                taken = ahead.asked(statements, moment.parameters(first, last))
            yield done, found
            if done == 1:
                return


def pairs_walked(moment: Moment) -> Iterator[tuple[float, Iterator[Pair]]]:
    """The judged comparisons in play, with what their judgments teach together."""
    for done, (compared, asked, answered, voted) in _walked(moment, COMPARED, ASKED, ANSWERED, VOTED):
        yield done, _pairs(moment, compared, _asked(asked), _answers(answered), voted)


def _pairs(
    moment: Moment, compared: list[Any], asked: dict[int, Asked], answers: dict[int, Answer], voted: list[Any]
) -> Iterator[Pair]:
    rounds, agreed, decided = moment.rounds, moment.agreed, moment.decided
    votes = {row[0]: row for row in voted}
    for id_, round, prompt, one, two in compared:
        if prompt not in asked:
            continue
        _, for_first, for_second, ties, good, bad, strength, edits = votes.get(id_, NOBODY)
        level = ties + good + bad
        target = target_of_counts(for_first, for_second, level, strength)
        if agreed and target is not None:
            target = agreed.get(id_, target)
        if id_ in decided:
            outcome, value = decided[id_]
            target = target_adjudicated(Verdict(Outcome(outcome), value), target)
        yield pair_made(
            (
                id_,
                rounds[round],
                asked[prompt],
                answers[one],
                answers[two],
                target,
                for_first + for_second + level,
                good,
                bad,
                id_ in decided,
                _edits(moment, edits) if edits else (),
            )
        )


def _edits(moment: Moment, found: str) -> list[Edit]:
    return [
        Edit(judgment, moment.rater(rater), of_first, text)
        for judgment, rater, of_first, text in sorted(orjson.loads(found))
    ]


def said_walked(moment: Moment) -> Iterator[tuple[float, Iterator[Said]]]:
    """Every judgment of the comparisons in play, also what was corrected and who was excluded."""
    for done, (compared, asked, answered, said) in _walked(moment, COMPARED, ASKED, ANSWERED, SAID):
        yield done, _said(moment, compared, _asked(asked), _answers(answered), said)


def _said(
    moment: Moment, compared: list[Any], asked: dict[int, Asked], answers: dict[int, Answer], found: list[Any]
) -> Iterator[Said]:
    excluded, replaced = set(moment.excluded), {row[-1] for row in found}
    said = defaultdict(list)
    for row in found:
        said[row[0]].append(row[1:])
    for comparison, round, prompt, one, two in compared:
        if prompt not in asked:
            continue
        for (
            rater, on_left, id_, outcome, value, answer, preset, protocol, guideline, criteria, ratings,
            reasons, rationale, edited, seconds, created_at, supersedes,
        ) in said[comparison]:  # fmt: skip
            yield Said(
                id_,
                comparison,
                moment.rounds[round],
                asked[prompt],
                answers[one],
                answers[two],
                moment.rater(rater),
                on_left,
                outcome,
                value,
                answer,
                preset,
                moment.protocols.get(protocol, 0),
                moment.guidelines.get(guideline, 0),
                orjson.loads(criteria),
                orjson.loads(ratings),
                orjson.loads(reasons),
                rationale,
                edited,
                seconds,
                created_at.isoformat(),
                supersedes or 0,
                id_ not in replaced,
                rater in excluded,
            )


def lone_walked(moment: Moment) -> Iterator[tuple[float, Iterator[Lone]]]:
    """Imported answers that are labelled, and demonstrations."""
    for done, (found, asked) in _walked(moment, LONE, ASKED_LONE):
        prompts = _asked(asked)
        yield (
            done,
            (
                Lone(prompts[prompt], Answer(id_, text, author), label)
                for prompt, id_, text, author, label in found
                if prompt in prompts
            ),
        )


def prompts_walked(moment: Moment) -> Iterator[tuple[float, Iterator[Asked]]]:
    for done, (asked,) in _walked(moment, ASKED_ALL):
        yield done, iter(_asked(asked).values())


def _asked(found: list[Any]) -> dict[int, Asked]:
    loads = orjson.loads
    return {
        id_: asked_made((id_, sha256, loads(messages), split, tags, source, license))
        for id_, sha256, messages, split, tags, source, license in found
    }


def _answers(found: list[Any]) -> dict[int, Answer]:
    return {row[0]: answer_made(row) for row in found}


# The comparisons of a range that are in play.
IN_PLAY = """
  FROM annotator_comparison c
 WHERE c.prompt_id BETWEEN %(first)s AND %(last)s AND c.round_id = ANY(%(rounds)s::bigint[])
   AND c.gold_id IS NULL AND c.set_aside_at IS NULL AND c.answered > 0
"""
COMPARED = f"SELECT c.id, c.round_id, c.prompt_id, c.first_id, c.second_id {IN_PLAY} ORDER BY c.prompt_id, c.id"
ANSWERED = f"""
SELECT r.id, r.text,
       CASE WHEN r.checkpoint_id IS NULL THEN r.author
            ELSE (SELECT k.name FROM annotator_checkpoint k WHERE k.id = r.checkpoint_id) END
  FROM annotator_response r
 WHERE r.id = ANY(ARRAY(SELECT unnest(ARRAY[c.first_id, c.second_id]) {IN_PLAY}))
"""
# Of an assignment the newest judgment of this moment counts: a later one corrects an earlier one. LIMIT also keeps
# Postgres from reading all judgments there are to join them by hash.
VOTED = f"""
SELECT a.comparison_id,
       count(*) FILTER (WHERE j.value < 0), count(*) FILTER (WHERE j.value > 0),
       count(*) FILTER (WHERE j.outcome = 'tie'), count(*) FILTER (WHERE j.outcome = 'both_good'),
       count(*) FILTER (WHERE j.outcome = 'both_bad'), coalesce(sum(abs(j.value)), 0),
       (jsonb_agg(jsonb_build_array(j.id, a.rater_id, j.value < 0, j.edited))
         FILTER (WHERE j.edited <> '' AND j.outcome = 'prefer'))::text
  FROM annotator_assignment a
 CROSS JOIN LATERAL (
    SELECT j.id, j.outcome, j.value, j.edited
      FROM annotator_judgment j
     WHERE j.assignment_id = a.id AND j.id <= %(until)s AND NOT j.is_check
     ORDER BY j.id DESC
     LIMIT 1
 ) j
 WHERE a.comparison_id = ANY(ARRAY(SELECT c.id {IN_PLAY})) AND a.rater_id <> ALL(%(excluded)s::bigint[])
 GROUP BY a.comparison_id
"""
SAID = f"""
SELECT a.comparison_id, a.rater_id, a.first_on_left, j.*
  FROM annotator_assignment a
 CROSS JOIN LATERAL (
    SELECT j.id, j.outcome, j.value, j.answer, j.preset, j.protocol_id, j.guideline_id, j.criteria::text,
           j.ratings::text, j.reasons::text, j.rationale, j.edited, j.seconds, j.created_at, j.supersedes_id
      FROM annotator_judgment j
     WHERE j.assignment_id = a.id AND j.id <= %(until)s AND NOT j.is_check
    OFFSET 0
 ) j
 WHERE a.comparison_id = ANY(ARRAY(SELECT c.id {IN_PLAY}))
 ORDER BY j.id
"""
PROMPT = """
SELECT p.id, p.content_sha256, p.messages::text, p.split, p.tags, p.source, p.license
  FROM annotator_prompt p
 WHERE p.project_id = %(project)s AND p.gold_id IS NULL
   AND (%(tags)s::text[] = '{}' OR p.tags && %(tags)s::varchar[])
"""
ASKED = f"{PROMPT} AND p.id = ANY(ARRAY(SELECT c.prompt_id {IN_PLAY}))"
ASKED_ALL = f"{PROMPT} AND p.id BETWEEN %(first)s AND %(last)s ORDER BY p.id"
LONE_IN_RANGE = """
  FROM annotator_response r
 WHERE r.prompt_id BETWEEN %(first)s AND %(last)s
   AND r.run_id IS NULL AND (r.label IS NOT NULL OR r.author = %(demonstration)s)
"""
LONE = f"SELECT r.prompt_id, r.id, r.text, r.author, r.label {LONE_IN_RANGE} ORDER BY r.prompt_id, r.id"
ASKED_LONE = f"{PROMPT} AND p.id = ANY(ARRAY(SELECT r.prompt_id {LONE_IN_RANGE}))"
