"""Judgments that were made elsewhere come in: once, whole, and with whoever made them."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import F, Max
from django.utils import timezone
from django.utils.text import slugify

from annotator.domain.formats.records import BadLine, JudgedComparison, Vote
from annotator.domain.lifecycles import OPEN_ROUND, AssignmentState, RoundState
from annotator.domain.splits import content_sha256, split_of
from annotator.domain.verdicts import Outcome
from annotator.exceptions import Conflict, RoundNotCollecting
from annotator.models import Assignment, Comparison, Guideline, Judgment, Project, Prompt, Response, Round, User
from annotator.services.comparisons import Placing
from annotator.services.gold import gold_stage
from annotator.services.import_files import Source
from annotator.services.projects import guideline_publish
from annotator.services.prompts import text_sha256

Side = tuple[str, str, str]  # a response by content: its prompt's hash, its author, its text's hash

BATCH_VOTES = 1000  # per transaction
PRESET = "import"
KEYS = uuid.UUID("6a6a0d8e-3c1b-5d0e-9d43-1f0f6c1f5b11")


class RaterNameTaken(Conflict):
    """A person who can sign in has the user name that stands for an imported rater; rename that account first."""

    code = "rater_name_taken"


@dataclass
class ImportCounts:
    """What an import did so far, in judgments unless the name says otherwise. read = imported + known + bad."""

    imported: int = 0
    known: int = 0
    bad: int = 0
    prompts: int = 0
    responses: int = 0
    comparisons: int = 0
    rounds: set[int] = field(default_factory=set)

    @property
    def read(self) -> int:
        return self.imported + self.known + self.bad


@dataclass(frozen=True)
class _Entry:
    """One vote on its way in."""

    of: JudgedComparison
    vote: Vote
    prompt: str  # its content hash
    key: uuid.UUID

    @cached_property
    def pair(self) -> tuple[Side, Side]:
        """The first and the second response by content."""
        first, second = self.of.first, self.of.second
        return (
            (self.prompt, first.author, text_sha256(first.text)),
            (self.prompt, second.author, text_sha256(second.text)),
        )


def preferences_import(
    *,
    project: Project,
    source: Source,
    on_bad: Callable[[BadLine], None] = lambda bad: None,
    on_progress: Callable[[ImportCounts], None] = lambda counts: None,
) -> ImportCounts:
    """Add the judgments of `source` to the open round of the project; open one when there is none.

    1. Prompts, responses, raters, comparisons and judgments are known by their
       content, so what is there already is counted as known and not added again.
       A second vote of one rater on one comparison is bad unless it says the same.
    2. Each rater of the file becomes an inactive user "imported-<project>-<label>".
    3. Every thousand judgments are one transaction: an import that was cut off
       is whole up to there, and the next one goes on.
    4. What does not fit goes to `on_bad`, and the rest goes in.

    Raises RoundNotCollecting while the newest round learns, and RaterNameTaken.
    """
    counts = ImportCounts()
    guideline = None
    if source.guideline:
        guideline = guideline_publish(project=project, text=source.guideline, by=None)
    for batch in _batches(source.records):
        bad = [record for record in batch if isinstance(record, BadLine)]
        bad += _store(project, guideline, [r for r in batch if isinstance(r, JudgedComparison)], counts)
        counts.bad += len(bad)
        for line in bad:
            on_bad(line)
        on_progress(counts)
    return counts


@transaction.atomic
def _store(
    project: Project, guideline: Guideline | None, batch: Sequence[JudgedComparison], counts: ImportCounts
) -> list[BadLine]:
    """Store what is new of one batch; return the votes that contradict what their rater said before."""
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)  # two imports at once take turns
    fresh, known, bad = _sorted_out([entry for judged in batch for entry in _entries(project, judged)])
    counts.known += known
    if not fresh:
        return bad
    round = _open_round(project)
    prompts = _prompts(project, fresh, counts)
    responses = _responses(prompts, fresh, counts)
    raters = _raters(project, {entry.vote.rater for entry in fresh})
    comparisons = _comparisons(round, prompts, responses, fresh, counts)
    now = timezone.now()
    assignments = Assignment.objects.bulk_create(
        Assignment(
            comparison_id=comparisons[entry.pair],
            rater_id=raters[entry.vote.rater],
            state=AssignmentState.ANSWERED,
            first_on_left=entry.vote.first_on_left,
            leased_until=now,
            claimed_at=now,
            ended_at=now,
        )
        for entry in fresh
    )
    Judgment.objects.bulk_create(
        Judgment(
            assignment=assignment,
            key=entry.key,
            outcome=entry.vote.outcome,
            value=entry.vote.value,
            preferred_id=_preferred(entry.vote, *(responses[side] for side in entry.pair)),
            preset=PRESET,
            answer=entry.vote.answer,
            guideline=guideline,
        )
        for entry, assignment in zip(fresh, assignments, strict=True)
    )
    counts.imported += len(fresh)
    counts.rounds.add(round.number)
    return bad


def _entries(project: Project, judged: JudgedComparison) -> Iterator[_Entry]:
    prompt = content_sha256(judged.messages)
    sides = [f"{response.author}\x00{text_sha256(response.text)}" for response in (judged.first, judged.second)]
    for vote in judged.votes:
        said = "\x00".join((str(project.pk), prompt, *sides, vote.rater))
        yield _Entry(judged, vote, prompt, uuid.UUID(bytes=hashlib.sha256(KEYS.bytes + said.encode()).digest()[:16]))


def _sorted_out(entries: Sequence[_Entry]) -> tuple[list[_Entry], int, list[BadLine]]:
    """What is new, how many are known, and what contradicts an earlier vote of the same rater."""
    said = dict(Judgment.objects.filter(key__in=[entry.key for entry in entries]).values_list("key", "answer"))
    fresh: list[_Entry] = []
    known = 0
    bad: list[BadLine] = []
    for entry in entries:
        before = said.setdefault(entry.key, entry.vote.answer) if entry.key in said else None
        if before is None:
            said[entry.key] = entry.vote.answer
            fresh.append(entry)
        elif before == entry.vote.answer:
            known += 1
        else:
            reason = (
                f"rater {entry.vote.rater[:40]} judged this comparison already, as “{before}”; the first vote counts"
            )
            bad.append(BadLine(entry.vote.file, entry.vote.line, "winner", reason))
    return fresh, known, bad


def _open_round(project: Project) -> Round:
    """The round that takes judgments now, opened when the project has none."""
    rounds = Round.objects.filter(project=project)
    # The lock keeps a launch out until this batch is in.
    live = rounds.select_for_update(no_key=True).exclude(state__in=[RoundState.CLOSED, RoundState.ABANDONED])
    newest = live.order_by("-number").first()
    if newest is not None and newest.state in OPEN_ROUND:
        return newest
    if newest is not None:  # opening one here would be in the way of the one that follows it
        raise RoundNotCollecting(
            f"{newest} of “{project}” is {newest.state}; import again when the next round is open."
        )
    number = (rounds.aggregate(newest=Max("number"))["newest"] or 0) + 1
    round = Round.objects.create(project=project, number=number, state=RoundState.COLLECTING, opened_at=timezone.now())
    gold_stage(project=project)
    return round


def _prompts(project: Project, entries: Sequence[_Entry], counts: ImportCounts) -> dict[str, int]:
    """Content hash → id of each prompt, added where it is new."""
    wanted = {entry.prompt: entry.of for entry in reversed(entries)}
    known = Prompt.objects.filter(project=project, content_sha256__in=wanted)
    before = set(known.values_list("content_sha256", flat=True))
    Prompt.objects.bulk_create(
        (
            Prompt(
                project=project,
                messages=list(judged.messages),
                content_sha256=sha256,
                split=split_of(sha256),
                tags=list(judged.tags),
                source=judged.source,
            )
            for sha256, judged in sorted(wanted.items(), key=lambda item: item[1].votes[0].line)
            if sha256 not in before
        ),
        ignore_conflicts=True,  # somebody may be adding the same prompt by hand
    )
    counts.prompts += len(wanted) - len(before)
    return dict(known.all().values_list("content_sha256", "pk"))


def _responses(prompts: dict[str, int], entries: Sequence[_Entry], counts: ImportCounts) -> dict[Side, int]:
    """(prompt, author, text hash) → id of each response, added where it is new."""
    wanted = {
        side: response
        for entry in entries
        for side, response in zip(entry.pair, (entry.of.first, entry.of.second), strict=True)
    }
    sha256_of = {pk: sha256 for sha256, pk in prompts.items()}
    known = Response.objects.filter(run=None, prompt_id__in=sha256_of, text_sha256__in={sha for *_, sha in wanted})

    def ids() -> dict[Side, int]:
        rows = known.all().values_list("prompt_id", "author", "text_sha256", "pk")
        return {(sha256_of[prompt], author, sha): pk for prompt, author, sha, pk in rows}

    before = ids().keys()
    added = Response.objects.bulk_create(
        Response(prompt_id=prompts[side[0]], text=response.text, text_sha256=side[2], author=response.author)
        for side, response in wanted.items()
        if side not in before
    )
    counts.responses += len(added)
    return ids()


def _raters(project: Project, labels: Iterable[str]) -> dict[str, int]:
    """Label in the file → id of the inactive user that stands for this rater."""
    names = {label: rater_username(project, label) for label in labels}
    User.objects.bulk_create(
        (User(username=name, password=make_password(None), is_active=False) for name in names.values()),
        ignore_conflicts=True,
    )
    users = {user.username: user for user in User.objects.filter(username__in=names.values())}
    for user in users.values():
        if user.is_active:
            raise RaterNameTaken(
                f"“{user.username}” is the account of a person, so no imported rater can have this name."
            )
    return {label: users[name].pk for label, name in names.items()}


def rater_username(project: Project, label: str) -> str:
    """The user name of an imported rater; labels that are no user names keep a readable part and get a hash."""
    if not re.fullmatch(r"[\w.@+-]{1,70}", label):
        label = f"{slugify(label)[:50]}-{hashlib.sha256(label.encode()).hexdigest()[:12]}".lstrip("-")
    return f"imported-{project.slug}-{label}"


def _comparisons(
    round: Round,
    prompts: dict[str, int],
    responses: dict[Side, int],
    entries: Sequence[_Entry],
    counts: ImportCounts,
) -> dict[tuple[Side, Side], int]:
    """Sides → id of each comparison, with room for the votes that are about to be added."""
    votes = Counter(entry.pair for entry in entries)
    sides = {pair: (responses[pair[0]], responses[pair[1]]) for pair in votes}
    rows = Comparison.objects.filter(round=round, first_id__in={first for first, _ in sides.values()})
    known = {(first, second): pk for pk, first, second in rows.values_list("pk", "first_id", "second_id")}
    for pair, ids in sides.items():
        if ids in known:
            Comparison.objects.filter(pk=known[ids]).update(wanted=F("wanted") + votes[pair])
    place = Placing(round.project)
    tags = {row["id"]: row["tags"] for row in Prompt.objects.filter(pk__in=prompts.values()).values("id", "tags")}
    added = Comparison.objects.bulk_create(
        place(
            Comparison(round=round, prompt_id=prompt, first_id=ids[0], second_id=ids[1], wanted=votes[pair]),
            tags[prompt],
        )
        for pair, ids in sides.items()
        if ids not in known
        for prompt in [prompts[pair[0][0]]]
    )
    counts.comparisons += len(added)
    known |= {(comparison.first_id, comparison.second_id): comparison.pk for comparison in added}
    return {pair: known[ids] for pair, ids in sides.items()}


def _preferred(vote: Vote, first: int, second: int) -> int | None:
    if vote.outcome is not Outcome.PREFER:
        return None
    return first if vote.value < 0 else second


def _batches(records: Iterable[JudgedComparison | BadLine]) -> Iterator[list[JudgedComparison | BadLine]]:
    batch: list[JudgedComparison | BadLine] = []
    votes = 0
    for record in records:
        batch.append(record)
        votes += len(record.votes) if isinstance(record, JudgedComparison) else 1
        if votes >= BATCH_VOTES:
            yield batch
            batch, votes = [], 0
    if batch:
        yield batch
