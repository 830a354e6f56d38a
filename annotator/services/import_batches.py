"""Some thousand records become rows in one transaction: hashed here once, looked up by set, and copied.

What a batch means is worked out by `batch_of`, which needs no database and may run in another thread while the batch
before is stored. `batch_store` then knows its rows by content, so storing a batch twice adds nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from itertools import islice
from typing import Any, NamedTuple

import orjson
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, connection, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.text import slugify
from psycopg.sql import SQL, Identifier

from annotator.domain.formats.records import (
    AnsweredPrompt,
    BadLine,
    JudgedComparison,
    Record,
    Vote,
    WrittenResponse,
)
from annotator.domain.lifecycles import OPEN_ROUND, RoundState
from annotator.domain.overlap import Tally, wanted_next
from annotator.domain.placing import placed
from annotator.domain.splits import content_sha256, split_of
from annotator.domain.verdicts import Outcome
from annotator.exceptions import Conflict, RoundNotCollecting, constraint_of
from annotator.models import Guideline, Project, Round, User
from annotator.services.comparisons import Placing
from annotator.services.gold import gold_stage
from annotator.services.prompts import text_sha256

Side = tuple[str, str, str]  # a response by content: its prompt's hash, its author, its text's hash
Pair = tuple[Side, Side]

PRESET = "import"
AT_ONCE = 500  # lines of a COPY
KEYS = bytes.fromhex("6a6a0d8e3c1b5d0e9d431f0f6c1f5b11")
ONE_LEVEL = (Outcome.TIE, Outcome.BOTH_GOOD, Outcome.BOTH_BAD)


class RaterNameTaken(Conflict):
    """A person who can sign in has the user name that stands for an imported rater; rename that account first."""

    code = "rater_name_taken"


@dataclass
class ImportCounts:
    """What an import did so far. read = imported + known + bad, in judgments, or in answers or prompts without one."""

    imported: int = 0
    known: int = 0
    bad: int = 0
    prompts: int = 0
    responses: int = 0
    comparisons: int = 0
    judgments: int = 0
    rounds: set[int] = field(default_factory=set)

    @property
    def read(self) -> int:
        return self.imported + self.known + self.bad

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> ImportCounts:
        """What `stored` made a JSON object of; nothing so far where there is none."""
        found = {one.name: stored[one.name] for one in fields(cls) if one.name in stored}
        return cls(**{**found, "rounds": set(stored.get("rounds", []))})

    def stored(self) -> dict[str, Any]:
        return {**asdict(self), "rounds": sorted(self.rounds), "read": self.read}

    def add(self, other: ImportCounts) -> None:
        for name in ("imported", "known", "bad", "prompts", "responses", "comparisons", "judgments"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.rounds |= other.rounds


class Entry(NamedTuple):
    """One vote on its way in. The key says what it is about and by whom, so that a second one is known."""

    vote: Vote
    pair: Pair
    key: str


class Asked(NamedTuple):
    """A prompt on its way in, with its row of a COPY but for its id and when.

    said  the last turn
    """

    tags: Sequence[str]
    said: str
    cells: str


class Written(NamedTuple):
    """A response on its way in, with its row of a COPY but for the two ids before and when."""

    label: bool | None
    cells: str


class Bare(NamedTuple):
    """A response without a judgment, or a prompt without a response."""

    file: str
    line: int
    prompt: str
    side: Side | None = None
    label: bool | None = None


@dataclass
class Batch:
    """What some records mean.

    end      records of the file up to and with this batch
    prompts  content hash → the prompt of the first record that has it
    bare     what comes without a judgment
    """

    end: int = 0
    prompts: dict[str, Asked] = field(default_factory=dict)
    responses: dict[Side, Written] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    bare: list[Bare] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)


def batch_of(project_id: int, records: Iterable[Record], *, end: int = 0) -> Batch:
    """Hash what the records hold, and write it as it will be copied. Touches no database."""
    batch = Batch(end=end)
    for record in records:
        if isinstance(record, BadLine):
            batch.bad.append(record)
            continue
        prompt = content_sha256(record.messages)
        if prompt not in batch.prompts:
            batch.prompts[prompt] = _asked(project_id, prompt, record)
        if isinstance(record, JudgedComparison):
            pair = first, second = _side(batch, prompt, record.first), _side(batch, prompt, record.second)
            said = f"{project_id}\x00{prompt}\x00{first[1]}\x00{first[2]}\x00{second[1]}\x00{second[2]}\x00"
            for vote in record.votes:
                key = hashlib.sha256(KEYS + (said + vote.rater).encode()).hexdigest()[:32]
                batch.entries.append(Entry(vote, pair, key))
        elif record.responses:
            batch.bare += [
                Bare(record.file, record.line, prompt, _side(batch, prompt, response), response.label)
                for response in record.responses
            ]
        else:
            batch.bare.append(Bare(record.file, record.line, prompt))
    return batch


def _side(batch: Batch, prompt: str, response: WrittenResponse) -> Side:
    sha256 = text_sha256(response.text)
    side = (prompt, response.author, sha256)
    if side not in batch.responses:
        label = "\\N" if response.label is None else "t" if response.label else "f"
        cells = f"{_cell(response.text)}\t{sha256}\t{_cell(response.author)}\t{label}\t0\t\t{{}}"
        batch.responses[side] = Written(response.label, cells)
    return side


def _asked(project_id: int, sha256: str, record: JudgedComparison | AnsweredPrompt) -> Asked:
    messages, tags = _cell(orjson.dumps(record.messages).decode()), _cell(_array(record.tags))
    cells = f"{project_id}\t{messages}\t{sha256}\t{split_of(sha256)}\t{tags}\t{_cell(record.source)}"
    cells += f"\t{_cell(record.license)}"
    return Asked(record.tags, record.messages[-1]["content"], cells)


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
        self.now = timezone.now()
        self.prompts: dict[str, int] = {}
        self.tags: dict[str, Sequence[str]] = {}  # of the prompts that were here before
        self.responses: dict[Side, int] = {}
        self.labels: dict[Side, bool | None] = {}  # of the responses that were here before

    def run(self) -> list[BadLine]:
        # A session keeps the plan of a foreign key's check: one from when a table was nearly empty reads all of it.
        _run("DISCARD PLANS")
        # Two imports at once take turns.
        Project.objects.select_for_update(no_key=True).get(pk=self.project.pk)
        added = ImportCounts()
        entries, bad = self._fresh_entries(added)
        sides = {side: None for entry in entries for side in entry.pair}
        sides |= {bare.side: None for bare in self.batch.bare if bare.side}
        self._add_prompts({side[0]: None for side in sides} | {bare.prompt: None for bare in self.batch.bare}, added)
        self._add_responses(list(sides), added)
        bad += self._bare(added)
        if entries:
            self._add_votes(_open_round(self.project), entries, added)
        added.bad = len(bad) + len(self.batch.bad)
        self.counts.add(added)
        return bad

    def _fresh_entries(self, added: ImportCounts) -> tuple[list[Entry], list[BadLine]]:
        """What is new, and what contradicts an earlier vote of the same rater."""
        keys = [entry.key for entry in self.batch.entries]
        found = _rows(KNOWN_KEYS, f"{{{','.join(keys)}}}") if keys else []
        said = {key.hex: answer for key, answer in found}
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

    def _add_prompts(self, wanted: Mapping[str, None], added: ImportCounts) -> None:
        """Know the id of each prompt, adding it where it is new."""
        if not wanted:
            return
        for sha256, pk, tags in _rows(KNOWN_PROMPTS, self.project.pk, f"{{{','.join(wanted)}}}"):
            self.prompts[sha256], self.tags[sha256] = pk, tags
        fresh = [sha256 for sha256 in wanted if sha256 not in self.prompts]
        ids = _ids("annotator_prompt", len(fresh))
        self.prompts |= dict(zip(fresh, ids, strict=True))
        added.prompts = len(fresh)
        asked, now = self.batch.prompts, self.now.isoformat()
        _copy(
            "annotator_prompt",
            PROMPT_COLUMNS,
            (f"{pk}\t{asked[sha256].cells}\t{now}" for sha256, pk in zip(fresh, ids, strict=True)),
        )

    def _add_responses(self, wanted: Sequence[Side], added: ImportCounts) -> None:
        """Know the id of each response, adding it where it is new."""
        if self.tags:
            before = {self.prompts[sha256]: sha256 for sha256 in self.tags}
            for prompt, author, sha256, pk, label in _rows(KNOWN_RESPONSES, list(before)):
                side = (before[prompt], author, sha256)
                self.responses[side], self.labels[side] = pk, label
        fresh = [side for side in wanted if side not in self.responses]
        ids = _ids("annotator_response", len(fresh))
        self.responses |= dict(zip(fresh, ids, strict=True))
        added.responses = len(fresh)
        written, prompts, now = self.batch.responses, self.prompts, self.now.isoformat()
        _copy(
            "annotator_response",
            RESPONSE_COLUMNS,
            (f"{pk}\t{prompts[side[0]]}\t{written[side].cells}\t{now}" for side, pk in zip(fresh, ids, strict=True)),
        )

    def _bare(self, added: ImportCounts) -> list[BadLine]:
        """Count what comes without a judgment; return the labels that contradict an earlier one."""
        bad = []
        said: dict[Side | str, bool | None] = dict.fromkeys(self.tags)
        for side, label in self.labels.items():
            said[side] = label
        labelled: dict[int, bool] = {}
        for bare in self.batch.bare:
            what = bare.side or bare.prompt
            if what not in said:
                said[what] = bare.label
                added.imported += 1
            elif bare.label is None or bare.label is said[what]:
                added.known += 1
            elif said[what] is None and bare.side:
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
        with _bulk():
            comparisons = self._add_comparisons(round, tallies, added)
            raters = _raters(self.project, {entry.vote.rater for entry in entries})
            ids = _ids("annotator_assignment", len(entries))
            now = self.now.isoformat()
            _copy(
                "annotator_assignment",
                ASSIGNMENT_COLUMNS,
                (
                    f"{pk}\t{comparisons[entry.pair]}\t{raters[entry.vote.rater]}\tanswered"
                    f"\t{'t' if entry.vote.first_on_left else 'f'}\t{now}\t{now}\t{now}"
                    for entry, pk in zip(entries, ids, strict=True)
                ),
            )
            _copy("annotator_judgment", JUDGMENT_COLUMNS, self._judgments(entries, ids))

    def _judgments(self, entries: Sequence[Entry], assignments: Sequence[int]) -> Iterator[str]:
        guideline, now = str(self.guideline.pk) if self.guideline else "\\N", self.now.isoformat()
        for entry, pk in zip(entries, assignments, strict=True):
            vote = entry.vote
            preferred: int | str = "\\N"
            if vote.outcome is Outcome.PREFER:
                preferred = self.responses[entry.pair[(vote.value or 0.0) > 0]]
            value = "\\N" if vote.value is None else vote.value
            yield (
                f"{pk}\t{entry.key}\t{vote.outcome}\t{value}\t{preferred}\t{PRESET}\t{_cell(vote.answer)}"
                f"\t{{}}\t{{}}\t[]\t{_cell(vote.rationale)}\t\t0\t{guideline}\t{now}"
            )

    def _add_comparisons(self, round: Round, tallies: Mapping[Pair, _Tally], added: ImportCounts) -> dict[Pair, int]:
        """Pair → id of each comparison, with room for the votes that are about to be added."""
        pairs = {(self.responses[first], self.responses[second]): (first, second) for first, second in tallies}
        found: dict[Pair, int] = {}
        old = [ids for ids, (first, _) in pairs.items() if first[0] in self.tags]
        if old:
            firsts, seconds = (list(side) for side in zip(*old, strict=True))
            for pk, first, second in _rows(KNOWN_COMPARISONS, firsts, seconds, round.pk):
                found[pairs[first, second]] = pk
        if found:
            counted = [(pk, *tallies[pair].counts) for pair, pk in found.items()]
            _run(ADD_COUNTS, *(list(column) for column in zip(*counted, strict=True)))
        fresh = [(ids, pair) for ids, pair in pairs.items() if pair not in found]
        ids_ = _ids("annotator_comparison", len(fresh))
        found |= dict(zip((pair for _, pair in fresh), ids_, strict=True))
        _copy("annotator_comparison", COMPARISON_COLUMNS, self._comparisons(round, tallies, fresh, ids_))
        added.comparisons = len(fresh)
        added.rounds.add(round.number)
        return found

    def _comparisons(
        self,
        round: Round,
        tallies: Mapping[Pair, _Tally],
        fresh: Sequence[tuple[tuple[int, int], Pair]],
        ids: Sequence[int],
    ) -> Iterator[str]:
        place, now = Placing(self.project), self.now.isoformat()
        for ((first, second), pair), pk in zip(fresh, ids, strict=True):
            prompt, tally = pair[0][0], tallies[pair]
            tags = self.tags[prompt] if prompt in self.tags else self.batch.prompts[prompt].tags
            audience, priority = placed(tags, place.rules) if place.rules else ("", 0)
            is_control = place.draws_control(round.pk, first, second)
            yield (
                f"{pk}\t{round.pk}\t{self.prompts[prompt]}\t{first}\t{second}\t{self._wanted(tally)}\t0"
                f"\t{tally.answered}\t{tally.for_first}\t{tally.for_second}\t{tally.level}\t{_cell(audience)}"
                f"\t{'t' if is_control else 'f'}\t{0 if is_control else priority}\t0\t{now}"
                f"\t{'t' if place.is_by_count and not is_control else 'f'}"
            )

    def _wanted(self, tally: _Tally) -> int:
        """As many as there are, and one more where the project asks on while they disagree."""
        if self.project.adaptive_most is None:
            return tally.answered
        return wanted_next(
            Tally(tally.for_first, tally.for_second, tally.level), wanted=tally.answered, held=0,
            answered=tally.answered, most=self.project.adaptive_most, certain=self.project.adaptive_certainty,
        )  # fmt: skip


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


def _raters(project: Project, labels: Iterable[str]) -> dict[str, int]:
    """Label in the file → id of the inactive user that stands for this rater."""
    names = {label: rater_username(project, label) for label in labels}
    users = {user.username: user for user in User.objects.filter(username__in=names.values())}
    if missing := [name for name in names.values() if name not in users]:
        unusable = make_password(None)
        User.objects.bulk_create(
            (User(username=name, password=unusable, is_active=False) for name in missing), ignore_conflicts=True
        )
        users |= {user.username: user for user in User.objects.filter(username__in=missing)}
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


# --- statements ----------------------------------------------------------------

PROMPT_COLUMNS = ("id", "project_id", "messages", "content_sha256", "split", "tags", "source", "license", "created_at")
RESPONSE_COLUMNS = (
    "id", "prompt_id", "text", "text_sha256", "author", "label", "sample", "finish", "sampling", "created_at",
)  # fmt: skip
COMPARISON_COLUMNS = (
    "id", "round_id", "prompt_id", "first_id", "second_id", "wanted", "held", "answered", "for_first", "for_second",
    "level", "audience", "is_control", "priority", "score", "created_at", "is_by_count",
)  # fmt: skip
ASSIGNMENT_COLUMNS = (
    "id", "comparison_id", "rater_id", "state", "first_on_left", "leased_until", "claimed_at", "ended_at",
)  # fmt: skip
JUDGMENT_COLUMNS = (
    "assignment_id", "key", "outcome", "value", "preferred_id", "preset", "answer", "criteria", "ratings", "reasons",
    "rationale", "edited", "seconds", "guideline_id", "created_at",
)  # fmt: skip

# Hashes travel as one text: a list of ten thousand is dumped one by one.
KNOWN_KEYS = "SELECT key, answer FROM annotator_judgment WHERE key = ANY(%s::uuid[])"
KNOWN_PROMPTS = """
SELECT content_sha256, id, tags FROM annotator_prompt
 WHERE project_id = %s AND gold_id IS NULL AND content_sha256 = ANY(%s::text[])
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


def _copy(table: str, columns: Sequence[str], lines: Iterator[str]) -> None:
    """Send lines of a COPY as they come: Postgres stores some while the next are put together."""
    if not (some := list(islice(lines, AT_ONCE))):
        return
    statement = SQL("COPY {} ({}) FROM STDIN").format(Identifier(table), SQL(", ").join(map(Identifier, columns)))
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.cursor() as cursor, cursor.copy(statement) as copy:
        while some:
            some.append("")
            copy.write("\n".join(some))
            some = list(islice(lines, AT_ONCE))


def _cell(text: str) -> str:
    """A text as COPY reads it."""
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    return text.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")


def _array(values: Sequence[str]) -> str:
    """A list of texts as Postgres reads it."""
    return "{" + ",".join('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values) + "}"
