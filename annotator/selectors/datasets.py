"""What a dataset is made of, streamed: facts in the order of their prompts, some thousand in memory at a time.

Prompts are walked by ranges of their ids; each range is one statement whose rows are streamed. What is read belongs to
one moment: judgments up to the newest one when the walk began, and those that count are the ones that none of
these replaced. Writing goes on meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from django.db.models import Exists, Max, Min, OuterRef
from django.utils.crypto import salted_hmac

from annotator.domain.aggregation import Consensus, Target, target_adjudicated, target_of_counts, targets_of
from annotator.domain.datasets.facts import Answer, Asked, Edit, Lone, Pair, Said
from annotator.domain.datasets.filters import Filters
from annotator.domain.lifecycles import RoundState
from annotator.domain.verdicts import Outcome, Verdict
from annotator.models import Assignment, Checkpoint, Dataset, Judgment, Project, Prompt, User
from annotator.selectors.exclusion import excluded_of
from annotator.selectors.judgments import judgments_of_project
from annotator.sql import stream

PROMPTS = 5000  # ids in a range
PAGE = 30
NOTHING = Asked(0, "", [], "", [], "", "")
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
    excluded  raters whose judgments do not count
    agreed    comparison → target, where the consensus looks at all of them together
    """

    project: Project
    filters: Filters
    until: int
    first: int
    last: int
    excluded: list[int]
    models: dict[int, str]
    agreed: dict[int, Target]
    names: dict[int, str]

    def parameters(self, first: int, last: int) -> dict[str, Any]:
        return {
            "project": self.project.pk,
            "first": first,
            "last": last,
            "until": self.until,
            "excluded": self.excluded,
            "rounds": list(self.filters.rounds),
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
        excluded=sorted(excluded_of(project)),
        models=dict(Checkpoint.objects.filter(project=project).values_list("pk", "name")),
        agreed=_agreed(project, filters.consensus),
        names=_user_names(project) if filters.named else {},
    )


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


def ranges(moment: Moment) -> Iterator[tuple[int, int]]:
    """The ids of the project's prompts, some thousand at a time."""
    for first in range(moment.first, moment.last + 1, PROMPTS):
        yield first, min(first + PROMPTS - 1, moment.last)


def versions_asked(moment: Moment, what: str) -> list[int]:
    """The versions of the guideline, or of the protocol, under which the judgments were given."""
    asked = Judgment.objects.filter(pk__lte=moment.until, **{f"{what}__project": moment.project})
    if moment.filters.rounds:
        asked = asked.filter(assignment__comparison__round__number__in=moment.filters.rounds)
    return sorted(asked.order_by().values_list(f"{what}__version", flat=True).distinct())


# --- facts of one range --------------------------------------------------------


def pairs_in(moment: Moment, first: int, last: int) -> Iterator[Pair]:
    """The judged comparisons in play, with what their judgments teach together."""
    models, agreed, asked = moment.models, moment.agreed, NOTHING
    for (
        id_, number, prompt, sha256, messages, split, tags, source, license,
        one, one_text, one_by, one_author, two, two_text, two_by, two_author,
        for_first, for_second, ties, good, bad, strength, edits, decided, value,
    ) in stream(PAIRS, moment.parameters(first, last)):  # fmt: skip
        if prompt != asked.id:
            asked = Asked(prompt, sha256, orjson.loads(messages), split, tags, source, license)
        target = target_of_counts(for_first, for_second, ties + good + bad, strength)
        if agreed and target is not None:
            target = agreed.get(id_, target)
        if decided is not None:
            target = target_adjudicated(Verdict(Outcome(decided), value), target)
        yield Pair(
            id_,
            number,
            asked,
            Answer(one, one_text, models[one_by] if one_by else one_author),
            Answer(two, two_text, models[two_by] if two_by else two_author),
            target,
            for_first + for_second + ties + good + bad,
            good,
            bad,
            decided is not None,
            _edits(moment, edits) if edits else (),
        )


def _edits(moment: Moment, found: str) -> list[Edit]:
    return [
        Edit(judgment, moment.rater(rater), of_first, text) for judgment, rater, of_first, text in orjson.loads(found)
    ]


def said_in(moment: Moment, first: int, last: int) -> Iterator[Said]:
    """Every judgment of the comparisons in play, also what was corrected and who was excluded."""
    models, asked = moment.models, NOTHING
    for (
        id_, comparison, number, prompt, sha256, messages, split, tags, source, license,
        one, one_text, one_by, one_author, two, two_text, two_by, two_author,
        rater, on_left, outcome, value, answer, preset, protocol, guideline, criteria, ratings,
        reasons, rationale, edited, seconds, created_at, supersedes, current, excluded,
    ) in stream(SAID, moment.parameters(first, last)):  # fmt: skip
        if prompt != asked.id:
            asked = Asked(prompt, sha256, orjson.loads(messages), split, tags, source, license)
        yield Said(
            id_,
            comparison,
            number,
            asked,
            Answer(one, one_text, models[one_by] if one_by else one_author),
            Answer(two, two_text, models[two_by] if two_by else two_author),
            moment.rater(rater),
            on_left,
            outcome,
            value,
            answer,
            preset,
            protocol or 0,
            guideline or 0,
            orjson.loads(criteria),
            orjson.loads(ratings),
            orjson.loads(reasons),
            rationale,
            edited,
            seconds,
            created_at.isoformat(),
            supersedes or 0,
            current,
            excluded,
        )


def lone_in(moment: Moment, first: int, last: int) -> Iterator[Lone]:
    """Imported answers that are labelled, and demonstrations."""
    for id_, sha256, messages, split, tags, source, license, answer, text, author, label in stream(
        LONE, moment.parameters(first, last)
    ):
        asked = Asked(id_, sha256, orjson.loads(messages), split, tags, source, license)
        yield Lone(asked, Answer(answer, text, author), label)


def prompts_in(moment: Moment, first: int, last: int) -> Iterator[Asked]:
    for id_, sha256, messages, split, tags, source, license in stream(ASKED, moment.parameters(first, last)):
        yield Asked(id_, sha256, orjson.loads(messages), split, tags, source, license)


PROMPT = "p.id, p.content_sha256, p.messages, p.split, p.tags, p.source, p.license"
SIDES = "f.id, f.text, f.checkpoint_id, f.author, s.id, s.text, s.checkpoint_id, s.author"
WANTED = """
       p.project_id = %(project)s AND p.gold_id IS NULL AND p.id BETWEEN %(first)s AND %(last)s
   AND (%(tags)s::text[] = '{}' OR p.tags && %(tags)s::varchar[])
"""
IN_PLAY = """
  FROM annotator_prompt p
  JOIN annotator_comparison c ON c.prompt_id = p.id
  JOIN annotator_round r ON r.id = c.round_id
  JOIN annotator_response f ON f.id = c.first_id
  JOIN annotator_response s ON s.id = c.second_id
"""
ARE_WANTED = f"""
 WHERE {WANTED}
   AND c.gold_id IS NULL AND c.set_aside_at IS NULL AND c.answered > 0 AND r.state <> 'abandoned'
   AND (%(rounds)s::int[] = '{{}}' OR r.number = ANY(%(rounds)s::int[]))
"""
# Whether no judgment of this moment replaced it.
CURRENT = """
NOT EXISTS (SELECT FROM annotator_judgment n WHERE n.supersedes_id = j.id AND n.id <= %(until)s)
"""
PAIRS = f"""
SELECT c.id, r.number, {PROMPT}, {SIDES}, v.*, d.outcome, d.value
  {IN_PLAY}
 CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE j.value < 0), count(*) FILTER (WHERE j.value > 0),
           count(*) FILTER (WHERE j.outcome = 'tie'), count(*) FILTER (WHERE j.outcome = 'both_good'),
           count(*) FILTER (WHERE j.outcome = 'both_bad'), coalesce(sum(abs(j.value)), 0),
           jsonb_agg(jsonb_build_array(j.id, a.rater_id, j.value < 0, j.edited) ORDER BY j.id)
             FILTER (WHERE j.edited <> '' AND j.outcome = 'prefer')
      FROM annotator_assignment a JOIN annotator_judgment j ON j.assignment_id = a.id
     WHERE a.comparison_id = c.id AND j.id <= %(until)s AND NOT j.is_check
       AND a.rater_id <> ALL(%(excluded)s::bigint[]) AND {CURRENT}
 ) v
  LEFT JOIN annotator_adjudication d ON d.comparison_id = c.id
   AND NOT EXISTS (SELECT FROM annotator_adjudication n WHERE n.supersedes_id = d.id)
  {ARE_WANTED}
 ORDER BY p.id, c.id
"""
SAID = f"""
SELECT j.id, c.id, r.number, {PROMPT}, {SIDES}, a.rater_id, a.first_on_left, j.outcome, j.value, j.answer, j.preset,
       o.version, g.version, j.criteria, j.ratings, j.reasons, j.rationale, j.edited, j.seconds, j.created_at,
       j.supersedes_id, {CURRENT}, a.rater_id = ANY(%(excluded)s::bigint[])
  {IN_PLAY}
  JOIN annotator_assignment a ON a.comparison_id = c.id
  JOIN annotator_judgment j ON j.assignment_id = a.id AND j.id <= %(until)s AND NOT j.is_check
  LEFT JOIN annotator_protocol o ON o.id = j.protocol_id
  LEFT JOIN annotator_guideline g ON g.id = j.guideline_id
  {ARE_WANTED}
 ORDER BY p.id, c.id, j.id
"""
LONE = f"""
SELECT {PROMPT}, f.id, f.text, f.author, f.label
  FROM annotator_prompt p
  JOIN annotator_response f ON f.prompt_id = p.id
 WHERE {WANTED} AND f.run_id IS NULL AND (f.label IS NOT NULL OR f.author = %(demonstration)s)
 ORDER BY p.id, f.id
"""
ASKED = f"SELECT {PROMPT} FROM annotator_prompt p WHERE {WANTED} ORDER BY p.id"
