"""A batch becomes rows in one transaction: looked up by set, and copied.

Rows are known by their content, so storing a batch twice adds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from django.db import IntegrityError, connection, transaction
from django.db.models import Max
from django.utils import timezone

from annotator.domain.formats.records import BadLine
from annotator.domain.lifecycles import OPEN_ROUND, RoundState
from annotator.domain.overlap import Tally, wanted_next
from annotator.domain.placing import placed
from annotator.domain.verdicts import Outcome
from annotator.exceptions import RoundNotCollecting, constraint_of
from annotator.models import Guideline, Project, Round
from annotator.services.comparisons import Placing
from annotator.services.gold import gold_stage
from annotator.services.import_batches import PRESET, Batch, Entry, ImportCounts, Pair, Side
from annotator.services.import_raters import raters_for
from annotator.services.import_rows import (
    ASSIGNMENT,
    COMPARISON,
    JUDGMENT,
    PROMPT,
    RESPONSE,
    Table,
    assignment_row,
    comparison_row,
    comparison_said,
    copy,
    judgment_row,
    judgment_said,
    microseconds,
    prompt_row,
    reference,
    response_row,
)

New = TypeVar("New")  # what becomes a row

ONE_LEVEL = (Outcome.TIE, Outcome.BOTH_GOOD, Outcome.BOTH_BAD)


def tables_analyse() -> None:
    """Let Postgres look at what was stored.

    By itself it does so within a minute. Until then it plans for tables as they
    were, empty at worst, and a page that reads them all may take minutes.
    """
    _run("ANALYZE annotator_prompt, annotator_response, annotator_comparison, annotator_assignment, annotator_judgment")


def batch_store(*, project: Project, batch: Batch, guideline: Guideline | None, counts: ImportCounts) -> list[BadLine]:
    """Store what is new of a batch and count it; return what contradicts something that is stored.

    Everything or nothing. Raises RoundNotCollecting while the newest round learns, and RaterNameTaken.
    """
    tries = 3
    while True:
        tries -= 1
        try:
            with transaction.atomic():
                return _Storing(project, guideline, batch, counts).run()
        except IntegrityError as error:
            # Somebody added the same prompt by hand in between; the next look finds it.
            if constraint_of(error) != "prompt_once_per_project" or not tries:
                raise


class _Storing:
    """One transaction. The methods stand in the order in which they run."""

    def __init__(self, project: Project, guideline: Guideline | None, batch: Batch, counts: ImportCounts) -> None:
        self.project, self.guideline, self.batch, self.counts = project, guideline, batch, counts
        self.now = microseconds(timezone.now())
        self.written = batch.responses
        self.prompts: dict[str, int] = {}
        self.tags: dict[str, Sequence[str]] = {}  # of the prompts that were here before
        self.responses: dict[Side, int] = {}
        self.labels: dict[Side, bool | None] = {}  # of the responses that were here before

    def run(self) -> list[BadLine]:
        # A session keeps the plan of a foreign key's check: one from when a table was nearly empty reads all of it.
        _run("DISCARD PLANS")
        # Two imports at once take turns.
        Project.objects.select_for_update(no_key=True).get(pk=self.project.pk)
        if self.guideline:
            Guideline.objects.select_for_update(no_key=True).get(pk=self.guideline.pk)
        added = ImportCounts()
        known = _prompts_known(self.project, self.batch.prompts)
        entries, bad = self._fresh_entries(known, added)
        sides = {side: None for entry in entries for side in entry.pair}
        sides |= {bare.side: None for bare in self.batch.bare if bare.side is not None}
        wanted = {self.written[side].prompt: None for side in sides} | {bare.prompt: None for bare in self.batch.bare}
        self._add_prompts(wanted, known, added)
        self._add_responses(list(sides), added)
        bad += self._bare(added)
        if entries:
            self._add_votes(_open_round(self.project), entries, added)
        added.bad = len(bad) + len(self.batch.bad)
        self.counts.add(added)
        return bad

    def _fresh_entries(self, known: Container[str], added: ImportCounts) -> tuple[list[Entry], list[BadLine]]:
        """What is new, as all votes about a new prompt are, and what contradicts an earlier vote of the same rater."""
        keys = [entry.key.hex() for entry in self.batch.entries if self.written[entry.pair[0]].prompt in known]
        found = _rows(KNOWN_KEYS, f"{{{','.join(keys)}}}") if keys else []
        said = {key.bytes: answer for key, answer in found}
        fresh: list[Entry] = []
        bad: list[BadLine] = []
        for entry in self.batch.entries:
            vote = entry.vote
            before = said.get(entry.key)
            if before is None:
                said[entry.key] = vote.answer
                fresh.append(entry)
            elif before == vote.answer:
                added.known += 1
            else:
                reason = f"rater {vote.rater[:40]} judged this comparison already, as “{before}”; the first vote counts"
                bad.append(BadLine(vote.file, vote.line, "winner", reason))
        added.imported += len(fresh)
        added.judgments = len(fresh)
        return fresh, bad

    def _add_prompts(
        self, wanted: Mapping[str, None], known: Mapping[str, tuple[int, Sequence[str]]], added: ImportCounts
    ) -> None:
        """Know the id of each prompt, adding it where it is new."""
        fresh = []
        for sha256 in wanted:
            if sha256 in known:
                self.prompts[sha256], self.tags[sha256] = known[sha256]
            else:
                fresh.append(sha256)
        ids = _ids("annotator_prompt", len(fresh))
        self.prompts |= dict(zip(fresh, ids, strict=True))
        added.prompts = len(fresh)
        asked, now = self.batch.prompts, self.now
        with _referring_to_what_is_there():
            copy(PROMPT, (prompt_row(pk, now, asked[sha256].said) for sha256, pk in zip(fresh, ids, strict=True)))

    def _add_responses(self, wanted: Sequence[Side], added: ImportCounts) -> None:
        """Know the id of each response, adding it where it is new."""
        if self.tags:
            before = {self.prompts[sha256]: sha256 for sha256 in self.tags}
            for prompt, author, sha256, pk, label in _rows(KNOWN_RESPONSES, list(before)):
                if (side := self.batch.sides.get((before[prompt], author, sha256))) is not None:
                    self.responses[side], self.labels[side] = pk, label
        fresh = [side for side in wanted if side not in self.responses]
        ids = _ids("annotator_response", len(fresh))
        self.responses |= dict(zip(fresh, ids, strict=True))
        added.responses = len(fresh)
        self._copy(
            RESPONSE, list(zip(fresh, ids, strict=True)), lambda new: self.written[new[0]].prompt, self._responses
        )

    def _responses(self, new: Iterable[tuple[Side, int]]) -> Iterator[bytes]:
        written, prompts, now = self.written, self.prompts, self.now
        for side, pk in new:
            prompt, _, said = written[side]
            yield response_row(pk, now, prompts[prompt], said)

    def _bare(self, added: ImportCounts) -> list[BadLine]:
        """Count what comes without a judgment; return the labels that contradict an earlier one."""
        bad = []
        said: dict[Side | str, bool | None] = dict.fromkeys(self.tags)
        for side, label in self.labels.items():
            said[side] = label
        labelled: dict[int, bool] = {}
        for bare in self.batch.bare:
            what = bare.prompt if bare.side is None else bare.side
            if what not in said:
                said[what] = bare.label
                added.imported += 1
            elif bare.label is None or bare.label is said[what]:
                added.known += 1
            elif said[what] is None and bare.side is not None:
                said[what] = labelled[self.responses[bare.side]] = bare.label
                added.imported += 1
            else:
                bad.append(BadLine(bare.file, bare.line, "label", "this answer has the other label already"))
        if labelled:
            _run(ADD_LABELS, list(labelled), list(labelled.values()))
        return bad

    def _add_votes(self, round: Round, entries: Sequence[Entry], added: ImportCounts) -> None:
        """Comparisons with their counts, then the assignments and judgments that these count."""
        tallies = _tallies(entries)
        raters = raters_for(self.project, {entry.vote.rater for entry in entries})
        with _bulk():
            comparisons = self._add_comparisons(round, tallies, added)
            votes = list(zip(entries, _ids("annotator_assignment", len(entries)), strict=True))
            now = self.now

            def assignments(votes: Iterable[tuple[Entry, int]]) -> Iterator[bytes]:
                for entry, pk in votes:
                    rater = raters[entry.vote.rater]
                    yield assignment_row(pk, now, comparisons[entry.pair], rater, entry.vote.first_on_left)

            self._copy(ASSIGNMENT, votes, lambda new: self.written[new[0].pair[0]].prompt, assignments)
            self._copy(JUDGMENT, votes, lambda new: self.written[new[0].pair[0]].prompt, self._judgments)

    def _judgments(self, votes: Iterable[tuple[Entry, int]]) -> Iterator[bytes]:
        guideline = reference(self.guideline.pk if self.guideline else None)
        responses, now = self.responses, self.now
        for entry, pk in votes:
            vote = entry.vote
            preferred = None
            if vote.outcome is Outcome.PREFER:
                preferred = responses[entry.pair[(vote.value or 0.0) > 0]]
            said = judgment_said(vote.outcome, vote.value, PRESET, vote.answer)
            yield judgment_row(pk, entry.key, now, preferred, guideline, said, vote.rationale, vote.edited)

    def _add_comparisons(self, round: Round, tallies: Mapping[Pair, _Tally], added: ImportCounts) -> dict[Pair, int]:
        """Pair → id of each comparison, with room for the votes that are about to be added."""
        pairs = {(self.responses[first], self.responses[second]): (first, second) for first, second in tallies}
        found: dict[Pair, int] = {}
        old = [ids for ids, (first, _) in pairs.items() if self.written[first].prompt in self.tags] if self.tags else []
        if old:
            firsts, seconds = (list(side) for side in zip(*old, strict=True))
            for pk, first, second in _rows(KNOWN_COMPARISONS, firsts, seconds, round.pk):
                found[pairs[first, second]] = pk
        if found:
            counted = [(pk, *tallies[pair].counts) for pair, pk in found.items()]
            _run(ADD_COUNTS, *(list(column) for column in zip(*counted, strict=True)))
        fresh = [(pair, ids) for ids, pair in pairs.items() if pair not in found]
        ids_ = _ids("annotator_comparison", len(fresh))
        new = [(pair, pk, ids) for (pair, ids), pk in zip(fresh, ids_, strict=True)]
        found |= {pair: pk for pair, pk, _ in new}
        place = Placing(self.project)
        rows = partial(self._comparisons, round, place, tallies)
        self._copy(COMPARISON, new, lambda one: self.written[one[0][0]].prompt, rows)
        added.comparisons = len(fresh)
        added.rounds.add(round.number)
        return found

    def _comparisons(
        self,
        round: Round,
        place: Placing,
        tallies: Mapping[Pair, _Tally],
        new: Iterable[tuple[Pair, int, tuple[int, int]]],
    ) -> Iterator[bytes]:
        for pair, pk, (first, second) in new:
            prompt, tally = self.written[pair[0]].prompt, tallies[pair]
            tags = self.tags[prompt] if prompt in self.tags else self.batch.prompts[prompt].tags
            audience, priority = placed(tags, place.rules) if place.rules else ("", 0)
            is_control = place.draws_control(round.pk, first, second)
            said = comparison_said(
                self._wanted(tally), *tally.counts, is_control, 0 if is_control else priority,
                place.is_by_count and not is_control, audience,
            )  # fmt: skip
            yield comparison_row(pk, self.now, round.pk, self.prompts[prompt], first, second, said)

    def _wanted(self, tally: _Tally) -> int:
        """As many as there are, and one more where the project asks on while they disagree."""
        if self.project.adaptive_most is None:
            return tally.answered
        return wanted_next(
            Tally(tally.for_first, tally.for_second, tally.level), wanted=tally.answered, held=0,
            answered=tally.answered, most=self.project.adaptive_most, certain=self.project.adaptive_certainty,
        )  # fmt: skip

    def _copy(
        self,
        table: Table,
        new: Sequence[New],
        prompt_of: Callable[[New], str],
        rows: Callable[[Iterable[New]], Iterator[bytes]],
    ) -> None:
        """Copy `new`; what each row refers to is looked up only where its prompt was here before.

        All that the rest refers to was stored by this transaction, or is locked by it: the project, the round, the
        raters and the guideline.
        """
        old = [one for one in new if prompt_of(one) in self.tags] if self.tags else []
        with _referring_to_what_is_there():
            copy(table, rows([one for one in new if prompt_of(one) not in self.tags] if old else new))
        copy(table, rows(old))


def _prompts_known(project: Project, hashes: Iterable[str]) -> dict[str, tuple[int, Sequence[str]]]:
    """Hash → id and tags of those that the project has. Sorted: neighbours are found on the same page of the index."""
    with _in_the_order_of_an_index():
        found = _rows(KNOWN_PROMPTS, f"{{{','.join(sorted(hashes))}}}", project.pk)
    return {sha256: (pk, tags) for sha256, pk, tags in found}


@dataclass(slots=True)
class _Tally:
    """The votes on one comparison."""

    answered: int = 0
    for_first: int = 0
    for_second: int = 0
    level: int = 0

    @property
    def counts(self) -> tuple[int, int, int, int]:
        return self.answered, self.for_first, self.for_second, self.level


def _tallies(entries: Sequence[Entry]) -> dict[Pair, _Tally]:
    tallies: dict[Pair, _Tally] = {}
    for entry in entries:
        tally = tallies.get(entry.pair)
        if tally is None:
            tally = tallies[entry.pair] = _Tally()
        tally.answered += 1
        if entry.vote.outcome is Outcome.PREFER:
            if (entry.vote.value or 0.0) < 0:
                tally.for_first += 1
            else:
                tally.for_second += 1
        elif entry.vote.outcome in ONE_LEVEL:
            tally.level += 1
    return tallies


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


# --- statements ----------------------------------------------------------------

SORTING = ("enable_sort", "enable_incremental_sort")
# Hashes travel as one text: a list of ten thousand is dumped one by one.
KNOWN_KEYS = "SELECT key, answer FROM annotator_judgment WHERE key = ANY(%s::uuid[])"
# Two bounds in the order of the index instead of two equalities, see `_in_the_order_of_an_index`.
KNOWN_PROMPTS = """
SELECT n.sha256, p.id, p.tags
  FROM unnest(%s::text[]) AS n(sha256) CROSS JOIN (SELECT %s::bigint AS id OFFSET 0) project CROSS JOIN LATERAL (
       SELECT p.id, p.tags FROM annotator_prompt p
        WHERE p.gold_id IS NULL
          AND (p.project_id, p.content_sha256) >= (project.id, n.sha256)
          AND (p.project_id, p.content_sha256) <= (project.id, n.sha256)
        ORDER BY p.project_id, p.content_sha256 LIMIT 1) p
"""
KNOWN_RESPONSES = """
SELECT prompt_id, author, text_sha256, id, label FROM annotator_response WHERE run_id IS NULL AND prompt_id = ANY(%s)
"""
KNOWN_COMPARISONS = """
SELECT c.id, c.first_id, c.second_id FROM unnest(%s::bigint[], %s::bigint[]) AS n(first_id, second_id)
  JOIN annotator_comparison c ON c.round_id = %s AND c.first_id = n.first_id AND c.second_id = n.second_id
"""
ADD_LABELS = """
UPDATE annotator_response r SET label = n.label FROM unnest(%s::bigint[], %s::boolean[]) AS n(id, label)
 WHERE r.id = n.id AND r.label IS NULL
"""
ADD_COUNTS = """
UPDATE annotator_comparison c
   SET wanted = c.wanted + n.answered, answered = c.answered + n.answered, for_first = c.for_first + n.for_first,
       for_second = c.for_second + n.for_second, level = c.level + n.level
  FROM unnest(%s::bigint[], %s::int[], %s::int[], %s::int[], %s::int[])
       AS n(id, answered, for_first, for_second, level)
 WHERE c.id = n.id
"""


@contextmanager
def _referring_to_what_is_there() -> Iterator[None]:
    """What is copied here refers to rows of which this transaction knows that they are there and stay.

    Postgres would look up each foreign key of each row, which is half of its work. A superuser may say that the rows
    were checked elsewhere, as a replica does; for any other role Postgres checks them. The triggers that count once per
    statement run either way (migration 0033).
    """
    _run("SELECT set_config('session_replication_role', 'replica', true) WHERE current_setting('is_superuser') = 'on'")
    yield
    _run("SELECT set_config('session_replication_role', 'origin', true) WHERE current_setting('is_superuser') = 'on'")


@contextmanager
def _in_the_order_of_an_index() -> Iterator[None]:
    """What is asked for in some order is read in that order, by the one index that has it.

    Of a project that came a minute ago Postgres believes that it is empty, and would read all its prompts to find some.
    """
    for way in SORTING:
        _run(f"SET LOCAL {way} = off")
    yield
    for way in SORTING:
        _run(f"SET LOCAL {way} TO DEFAULT")


def _rows(statement: str, *parameters: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        found: list[Any] = cursor.fetchall()
        return found


def _run(statement: str, *parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def _ids(table: str, count: int) -> list[int]:
    """So many new ids of a table, in one round trip."""
    statement = "SELECT array_agg(nextval(%s::regclass)) FROM generate_series(1, %s)"
    return list(_rows(statement, f"{table}_id_seq", count)[0][0]) if count else []


@contextmanager
def _bulk() -> Iterator[None]:
    """Counted once per statement instead of row by row; see migration 0019."""
    _run("SELECT set_config('tiebreak.bulk', 'on', true)")
    yield
    _run("SELECT set_config('tiebreak.bulk', '', true)")
