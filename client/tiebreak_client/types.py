"""What goes in and comes out. Times are ISO 8601 in UTC. Written by write_operations.py."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict


class Adjudication(TypedDict):
    """A pair as a rater would see it; `seen` is null until it is decided."""

    comparison: int
    messages: list[Turn]
    left: str
    right: str
    question: str
    answers: list[Choice]
    seen: Seen | None


class Age(TypedDict):
    """How old a finding is: in big projects a worker makes it, and what came since does not count yet."""

    # null: not found for the first time yet.
    found_at: str | None
    # Judgments that came since.
    later: int


class Agreement(TypedDict):
    """What every finding comes with."""

    # null: found just now, with everything that there is.
    age: Age | None
    left_out: LeftOut
    # null: not found for the first time yet.
    agreement: AgreementTables | None
    ceiling: Ceiling | None


class AgreementTables(TypedDict):
    # That were looked at: the newest, of `of`.
    judgments: int
    of: int
    comparisons: int
    overall: list[Estimate]
    questions: Table
    raters: Table
    pairs: Table
    tags: Table
    rounds: Table


class Answered(TypedDict):
    number: int
    answer: str
    # null in an exam, which tells at its end.
    is_right: bool | None
    # About A, the left one, and B: a, b, tie …
    right: list[str]
    explanation: str


class Asking(TypedDict):
    """One version of the protocol: send its `id` with each judgment, so that it is held against what you saw."""

    id: int
    version: int
    preset: str
    question: str
    answers: list[Choice]
    criteria: list[Criterion]
    # 0 to 4 points for each answer.
    ratings: list[Points]
    reason: Literal["off", "optional", "required"]
    reasons: list[str]
    # Whether the better answer may be improved.
    edit: bool


class Assignment(TypedDict):
    """A pair as you see it. Answer A stands left, B right; which is which was drawn."""

    id: int
    messages: list[Turn]
    left: str
    right: str
    state: Literal["held", "answered", "skipped", "lapsed"]
    leased_until: str


class Author(TypedDict):
    """Who wrote answers: a checkpoint by its number, or else an imported model by its name."""

    checkpoint: NotRequired[int | None]
    name: NotRequired[str]


class Board(TypedDict):
    # Best first; those without a rating last.
    rows: list[Standing]
    # That count, of `of`.
    judgments: int
    of: int
    raters: int
    # Whether raters, not judgments, are what varies.
    is_clustered: bool
    wins: list[Wins]
    swaps: list[Swap]
    top: Swap | None
    # What each trait of an answer is worth, in points.
    style: list[Estimate]
    # What a tie is worth beside a win between equals.
    nu: float | None
    # Who has 1000 points; null: the mean.
    anchor: Contestant | None


class Bought(TypedDict):
    judgments: int
    accuracy: Estimate
    checkpoint: int


class Ceiling(TypedDict):
    """What people agree on among themselves, beside what a reward model agrees on with them."""

    people: Estimate
    model: Estimate
    checkpoint: int


class CheckRules(TypedDict):
    """Shares are of the pairs that a rater gets, together at most one half. null as a bound: it pauses nobody."""

    # Share that is gold of the use “check”.
    gold: NotRequired[float]
    # Share that the rater judged before, on the same sides.
    repeat: NotRequired[float]
    # Share that the rater judged before, on the other sides.
    swap: NotRequired[float]
    # A judgment in less time is too fast; 0: none is.
    min_seconds: NotRequired[float]
    # Pauses whose gold is right less often.
    gold_least: NotRequired[float | None]
    gold_after: NotRequired[int]
    # Pauses who repeats themselves less.
    consistency_least: NotRequired[float | None]
    consistency_after: NotRequired[int]
    # Pauses whose judgments are too fast.
    fast_most: NotRequired[float | None]
    fast_after: NotRequired[int]


class Checked(TypedDict):
    """A rater as the checks found them, since they were last resumed."""

    member: int
    username: str
    paused_at: str | None
    excluded_at: str | None
    gold: Estimate
    consistency: Estimate
    swapped: Estimate
    fast: Estimate


class Checkpoint(TypedDict):
    id: int
    name: str
    kind: Literal["policy", "reward"]
    state: Literal["candidate", "promoted", "retired"]
    base_model: str
    parent: int | None
    # Its version.
    snapshot: NotRequired[int | None]
    run: int | None
    # Of the folder's manifest; empty for the bare base model.
    sha256: str
    settings: dict[str, Any]
    metrics: dict[str, Any]
    created_at: str
    promoted_at: str | None


class CheckpointCard(TypedDict):
    # Markdown, with a head of metadata as model hubs read it.
    text: str


class Checks(TypedDict):
    rules: CheckRules
    pausing: Pausing


class Choice(TypedDict):
    # What to send.
    code: str
    label: str
    # −1: A is clearly better; 1: B is.
    value: float | None


class Comparison(TypedDict):
    id: int
    round: int
    prompt: int
    # A response. Which one is shown left is drawn each time.
    first: int
    second: int
    # Judgments that are wanted.
    wanted: int
    # People who look at it now.
    held: int
    answered: int
    # The group that is asked; empty for everybody.
    audience: str
    priority: int
    # Handed out by chance, whatever the strategy.
    is_control: bool
    set_aside_at: str | None
    created_at: str


class Contestant(TypedDict):
    name: str
    # null: its answers came with an import.
    checkpoint: int | None


class Criterion(TypedDict):
    code: str
    name: str
    question: str
    answers: list[Choice]


class Dataset(TypedDict):
    version: int
    shape: Literal["preference", "reward", "unpaired", "sft", "triples", "prompts", "judgments", "battles"]
    file_format: Literal["jsonl", "parquet", "csv"]
    filters: Filters
    state: Literal["waiting", "writing", "ready", "broken", "stopped"]
    # Of the prompts that are written, from 0 to 1.
    share: float
    error: str
    # Of the manifest; empty until it is ready.
    sha256: str
    # Counts, sources, versions and the digest of each file.
    manifest: dict[str, Any]
    added_at: str
    finished_at: str | None


class Decision(TypedDict):
    id: int
    by: str
    # Whether it was given before its author saw the votes.
    is_blind: bool
    # What was pressed, about left and right as they were shown.
    answer: str
    outcome: Literal["prefer", "tie", "both_good", "both_bad", "cannot_judge"]
    # −1: first is clearly better; 1: second is.
    value: float | None
    preferred: int | None
    first_on_left: bool
    note: str
    created_at: str


class Delivery(TypedDict):
    id: int
    kind: str
    data: dict[str, Any]
    # The message id, the same at every attempt.
    key: str
    state: Literal["waiting", "delivered", "given_up"]
    attempts: int
    due_at: str
    attempted_at: str | None
    seconds: float | None
    # Of the newest answer.
    status: int | None
    # Its first characters.
    answer: str
    # Why it does not count as delivered.
    error: str
    created_at: str


class Depth(TypedDict):
    judgments: int
    # Of the comparisons in play that have so many judgments.
    share: Estimate


class Difference(TypedDict):
    earlier: int
    later: int
    # Rows.
    added: int
    removed: int
    # Rows about the same thing that say something else.
    changed: int
    same: int


class Entrance(TypedDict):
    # What stands before the next pair.
    waiting: Literal["paused", "content", "declined", "guideline", "exam", "quota", "nothing_left", None]
    guideline: GuidelineRead | None
    content_warning: str
    protocol: Asking


class Estimate(TypedDict):
    """A measured number with its 95 % interval."""

    title: str
    definition: str
    # How it is written: share, coefficient, seconds, number, count.
    kind: str
    # null: nothing can be said; `reason` says why.
    value: float | None
    low: float | None
    high: float | None
    # What was counted, in `unit`.
    n: int
    unit: str
    reason: str


class Expected(TypedDict):
    """What a reward model expected, before it could learn from the votes."""

    side: Literal["A", "B"]
    probability: float
    checkpoint: int


class FieldError(TypedDict):
    # JSON pointer to the part of the body that does not fit.
    pointer: str
    detail: str
    code: str


class Filters(TypedDict):
    # Numbers of rounds; none: all that were not abandoned.
    rounds: NotRequired[list[int]]
    # Prompts with one of them; none: all.
    tags: NotRequired[list[str]]
    # Judgments of a comparison.
    votes: NotRequired[int]
    # Share of the votes that the better answer has.
    agreement: NotRequired[float]
    consensus: NotRequired[Literal["votes", "dawid_skene", "joint"]]
    # Raters under their user names, not pseudonyms.
    named: NotRequired[bool]


class Flag(TypedDict):
    id: int
    kind: Literal["unsafe", "personal", "broken", "author", "language", "cannot"]
    comparison: int
    rater: str
    created_at: str


class Forecast(TypedDict):
    # Judgments that are still wanted.
    left: int
    per_hour: Estimate
    # To finish, at that pace.
    seconds: Estimate


class Given(TypedDict):
    """What you said, as you said it."""

    id: int
    assignment: int
    answer: str
    reasons: list[str]
    rationale: str
    seconds: float
    supersedes: int | None
    created_at: str


class Gold(TypedDict):
    id: int
    use: Literal["example", "practice", "exam", "check"]
    messages: list[Turn]
    first: str
    second: str
    right: list[Literal["first", "second", "tie", "both_good", "both_bad", "cannot_judge"]]
    explanation: str
    # Answers in practice and exams.
    answered: int
    answered_right: int
    created_at: str
    # Since when it is asked no more.
    retired_at: str | None


class GoldBehind(TypedDict):
    """The gold that a hidden check was made of."""

    id: int
    # About A and B: a, b, tie …
    right: list[str]
    explanation: str
    is_overruled: bool


class GoldMissed(TypedDict):
    """How raters answered a hidden check. Many misses say something about the gold as well."""

    gold: int
    right: Estimate
    flags: int


class Group(TypedDict):
    name: str
    members: int
    # Whether a rule hands comparisons to nobody else.
    is_asked: bool


class Guideline(TypedDict):
    version: int
    # Markdown.
    text: str
    # Whether raters are asked to read it before their next pair.
    must_read: bool
    published_by: NotRequired[str | None]
    # Raters of the project who have said that they read it.
    read_by: int
    created_at: str


class GuidelineRead(TypedDict):
    version: int
    text: str
    must_read: bool
    created_at: str


class Holder(TypedDict):
    username: str
    user: int
    leases: int
    # Since when the oldest one lasts.
    since: str
    # When the first one runs out.
    until: str


class Hours(TypedDict):
    username: str
    # In UTC.
    day: str
    judgments: int
    skips: int
    # Of work.
    seconds: float


class Import(TypedDict):
    id: int
    name: str
    # Bytes.
    size: int
    # Bytes that have come from the hub, where it is fetched from one.
    fetched: int
    # How it is read; empty until that is known.
    format: str
    # Role → column.
    columns: dict[str, str]
    # Of the rows that name none of their own.
    license: str
    state: Literal["fetching", "uploaded", "recognised", "waiting", "reading", "imported", "broken", "stopped"]
    # Records that are in; started again, it goes on behind them.
    position: int
    # read = imported + known + bad.
    counts: dict[str, Any]
    # Left aside, and near-duplicates.
    notes: list[str]
    error: str
    added_at: str
    started_at: str | None
    finished_at: str | None


class ImportSample(TypedDict):
    id: int
    name: str
    # Bytes.
    size: int
    # Bytes that have come from the hub, where it is fetched from one.
    fetched: int
    # How it is read; empty until that is known.
    format: str
    # Role → column.
    columns: dict[str, str]
    # Of the rows that name none of their own.
    license: str
    state: Literal["fetching", "uploaded", "recognised", "waiting", "reading", "imported", "broken", "stopped"]
    # Records that are in; started again, it goes on behind them.
    position: int
    # read = imported + known + bad.
    counts: dict[str, Any]
    # Left aside, and near-duplicates.
    notes: list[str]
    error: str
    added_at: str
    started_at: str | None
    finished_at: str | None
    sample: Sample


class Invitation(TypedDict):
    id: int
    role: Literal["owner", "reviewer", "rater"]
    created_by: str
    created_at: str
    expires_at: str


class InvitationMade(TypedDict):
    id: int
    role: Literal["owner", "reviewer", "rater"]
    created_by: str
    created_at: str
    expires_at: str
    # Told once: whoever opens it becomes a member, once.
    link: str | None


class Judgment(TypedDict):
    id: int
    comparison: int
    round: int
    rater: str
    outcome: Literal["prefer", "tie", "both_good", "both_bad", "cannot_judge"]
    # −1: first is clearly better; 1: second is; null: no axis.
    value: float | None
    # The better response.
    preferred: int | None
    preset: str
    # What was pressed, about left and right as they were shown.
    answer: str
    first_on_left: bool
    criteria: dict[str, Any]
    ratings: dict[str, Any]
    reasons: list[str]
    rationale: str
    # The better response as the rater improved it.
    edited: str
    seconds: float
    # The answer that it corrects.
    supersedes: int | None
    created_at: str


class JudgmentMineListInput(TypedDict):
    # Code of an answer; two sliders as 37-82.
    answer: str
    criteria: NotRequired[dict[str, str]]
    points: NotRequired[dict[str, PointsInput]]
    reasons: NotRequired[list[str]]
    rationale: NotRequired[str]
    edit_left: NotRequired[str]
    edit_right: NotRequired[str]
    flags: NotRequired[list[Literal["unsafe", "personal", "broken", "author", "language", "cannot"]]]
    seconds: NotRequired[float]
    # Drawn by you: sending it twice stores one judgment.
    key: NotRequired[str]
    # Its id, as you saw it.
    protocol: NotRequired[int | None]
    assignment: int


class Leaderboard(TypedDict):
    """What every finding comes with."""

    # null: found just now, with everything that there is.
    age: Age | None
    left_out: LeftOut
    # null: not found for the first time yet; ask again soon.
    leaderboard: Board | None


class Lease(TypedDict):
    id: int
    rater: str
    claimed_at: str
    leased_until: str


class LeftOut(TypedDict):
    """Judgments of excluded raters, which no figure counts."""

    judgments: int
    raters: int


class Member(TypedDict):
    id: int
    user: int
    username: str
    role: Literal["owner", "reviewer", "rater"]
    # Audiences that they belong to.
    groups: list[str]
    # Since when they get no pairs, by the checks.
    paused_at: str | None
    # What was measured then; empty for who is not paused.
    paused_reason: dict[str, Any]
    # Since when nothing is learnt from them.
    excluded_at: str | None
    judgments: int
    last_judged_at: str | None
    exam_passed: bool
    exams_failed: int
    created_at: str


class Membership(TypedDict):
    slug: str
    name: str
    description: str
    # Your role there.
    role: Literal["owner", "reviewer", "rater"]
    # Number of its newest round.
    round: int | None
    round_state: str | None


class Moved(TypedDict):
    # Comparisons that this changed.
    changed: int


class Next(TypedDict):
    # Why there is no pair; null when there is.
    waiting: Literal["paused", "content", "declined", "guideline", "exam", "quota", "nothing_left", None]
    assignment: Assignment | None
    protocol: Asking
    # Newest version of the guideline.
    guideline: int | None


class Pausing(TypedDict):
    """Whether raters are paused by themselves: it stops when too many were within a day, until an owner has
    looked.
    """

    stopped_at: str | None
    # Within a day, of the active ones.
    paused: int
    # Raters who judged within a week.
    active: int


class Points(TypedDict):
    code: str
    name: str


class PointsInput(TypedDict):
    left: int
    right: int


class Progress(TypedDict):
    """How many judgments a round wants, has and lends out."""

    comparisons: int
    wanted: int
    answered: int
    held: int
    # Judgments that prefer a side on a prompt that may be trained on.
    decided: int
    # Comparisons that raters flagged.
    set_aside: int


class Project(TypedDict):
    """What may change while a project lives."""

    name: str
    description: NotRequired[str]
    # Judgments where several are wanted.
    overlap: NotRequired[int]
    # Share that is judged more than once.
    overlap_share: NotRequired[float]
    # How long an opened comparison stays reserved.
    lease_minutes: NotRequired[int]
    prompts_per_round: NotRequired[int]
    comparisons_per_prompt: NotRequired[int]
    # Promote by itself what is better with 95 % confidence.
    auto_promote: NotRequired[bool]
    flags_to_set_aside: NotRequired[int]
    content_warning: NotRequired[str]
    is_blurred: NotRequired[bool]
    exam_questions: NotRequired[int]
    exam_pass_share: NotRequired[float]
    exam_attempts: NotRequired[int]
    exam_again: NotRequired[bool]
    # null: by hand only.
    launch_at_judgments: NotRequired[int | None]
    # null: by hand only.
    launch_every_hours: NotRequired[int | None]
    slug: str
    base_model: str
    # The scale that raters answer on now.
    preset: str
    created_at: str


class Prompt(TypedDict):
    id: int
    messages: list[Turn]
    split: Literal["train", "holdout"]
    tags: list[str]
    source: str
    created_at: str


class PromptListInput(TypedDict):
    # The last turn is the user's.
    messages: list[Turn]
    source: NotRequired[str]


class Protocol(TypedDict):
    """One version of what a project asks. Judgments keep the one that they were given under."""

    id: int
    version: int
    preset: Literal["arena", "five_point", "forced_choice", "helpsteer", "hh", "llama2", "prism", "webgpt"]
    outcomes: list[Literal["tie", "both_good", "both_bad", "cannot_judge"]]
    criteria: list[Criterion]
    # What each answer gets 0 to 4 points for.
    ratings: list[str]
    reason: Literal["off", "optional", "required"]
    # Characters that a required reason has.
    reason_min: int
    # Sentences to tick.
    reasons: list[str]
    # Whether the better answer may be improved.
    edit: bool
    created_at: str


class Quality(TypedDict):
    """What every finding comes with."""

    # null: found just now, with everything that there is.
    age: Age | None
    left_out: LeftOut
    # null: not found for the first time yet.
    quality: QualityTable | None


class QualityTable(TypedDict):
    """Of the newest judgments."""

    judgments: int
    agreement: Estimate
    alpha: Estimate
    left: Estimate
    ties: Estimate
    both_bad: Estimate
    seconds: Estimate
    # The busiest; all of them are in numbers/raters/.
    raters: list[RaterQuality]
    raters_left_out: int


class Question(TypedDict):
    number: int
    messages: list[Turn]
    left: str
    right: str


class Queue(TypedDict):
    # Order → parts of the claims; only their ratio counts. Orders: in_order, random, fewest, started, informative.
    strategy: NotRequired[dict[str, float]]
    informative_by: NotRequired[Literal["ranking", "disagreement"]]
    # Drawn and handed out by chance; from the next round on.
    control_share: NotRequired[float]
    # While judgments leave it open, one more is wanted, up to this many; null: off.
    adaptive_most: NotRequired[int | None]
    adaptive_certainty: NotRequired[float]
    # Judgments of a person in a day.
    daily_quota: NotRequired[int | None]
    tag_rules: NotRequired[list[Rule]]
    groups: list[Group]
    # Whose answers may meet.
    authors: list[Author]


class QueueHealth(TypedDict):
    comparisons: int
    wanted: int
    answered: int
    set_aside: int
    # Leases now; `is_many`: there are at least so many.
    held: int
    is_many: bool
    holders: list[Holder]
    finished: Estimate
    depths: list[Depth]
    # null: the round does not collect.
    forecast: Forecast | None


class Rater(TypedDict):
    user: int
    username: str
    judgments: int
    skips: int
    # Of work, each judgment at most ten minutes.
    seconds: float
    pace: Estimate
    left: Estimate
    agrees: Estimate
    last_judged_at: str | None


class RaterQuality(TypedDict):
    username: str
    judgments: int
    # Median of a judgment.
    seconds: float | None
    left: Estimate
    agrees: Estimate


class Released(TypedDict):
    # Comparisons that went back to the queue.
    released: int


class Response(TypedDict):
    id: int
    prompt: int
    text: str
    # The policy that wrote it.
    checkpoint: int | None
    run: int | None
    # Who wrote it, where it was imported.
    author: str
    sample: int
    finish: str
    created_at: str


class ResponseListInput(TypedDict):
    # Its number.
    prompt: int
    text: str
    # Who wrote it: a model's name.
    author: NotRequired[str]
    # Whether it is good by itself, where that is known.
    label: NotRequired[bool | None]


class Round(TypedDict):
    number: int
    state: Literal["draft", "collecting", "frozen", "training", "evaluated", "closed", "abandoned"]
    # training.config.RoundSettings, fixed at launch.
    settings: dict[str, Any]
    # The policy that training starts from.
    parent: int | None
    created_at: str
    opened_at: str | None
    launched_at: str | None
    closed_at: str | None


class Row(TypedDict):
    name: str
    # Its number, where the row is about a round.
    round: int | None
    # In the order of `columns`.
    estimates: list[Estimate]


class RowResult(TypedDict):
    # Its place in what was sent, from 1 on.
    row: int
    status: Literal["added", "known", "refused"]
    # Of what now stands for the row; null when refused.
    id: int | None
    # Why it was refused, for programs.
    code: str
    # Why it was refused, for people.
    detail: str
    errors: list[FieldError]


class Rule(TypedDict):
    """What holds for prompts with this tag. Of several rules that fit, the first one holds."""

    tag: str
    # The only people asked; empty: all.
    group: NotRequired[str]
    priority: NotRequired[int]


class Run(TypedDict):
    id: int
    round: NotRequired[int | None]
    kind: Literal["sft", "reward", "dpo", "evaluate", "generate", "score", "merge", "push"]
    state: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    settings: dict[str, Any]
    seed: int
    # Grows when a run is taken up again.
    attempt: int
    queued_at: str
    started_at: str | None
    finished_at: str | None
    # What came of it, once it succeeded.
    report: dict[str, Any] | None
    error: str


class RunEvent(TypedDict):
    number: int
    kind: str
    payload: dict[str, Any]
    created_at: str


class Sample(TypedDict):
    """What a look at the first rows found. Nothing is stored yet."""

    format: str
    good: NotRequired[int]
    bad: NotRequired[int]
    columns: NotRequired[list[str]]
    preview: NotRequired[list[dict[str, Any]]]
    errors: NotRequired[list[dict[str, Any]]]


class Seen(TypedDict):
    """What whoever decides sees afterwards."""

    decision: Decision
    earlier: list[Decision]
    left_response: int
    right_response: int
    votes: list[Vote]
    expected: Expected | None
    gold: GoldBehind | None


class Sending(TypedDict):
    id: int
    depot: Literal["hub", "storage"]
    place: str
    state: Literal["waiting", "sending", "sent", "refused"]
    address: str
    error: str


class ServerFiles(TypedDict):
    names: list[str]


class Sitting(TypedDict):
    id: int
    kind: Literal["practice", "exam"]
    # Questions.
    asked: int
    answered: int
    # null until it is over.
    got_right: int | None
    # null until an exam is over, and for practice.
    passed: bool | None
    # What is asked about each pair.
    question: str
    answers: list[Choice]
    # The question that waits for an answer.
    open: Question | None
    started_at: str
    ended_at: str | None


class Snapshot(TypedDict):
    version: int
    round: int
    # Of the folder's manifest, which holds the digests of its files.
    sha256: str
    counts: dict[str, Any]
    created_at: str


class Standing(TypedDict):
    contestant: Contestant
    # On Elo's scale: 400 points are odds of ten to one.
    rating: Estimate
    # The best rank that the judgments leave open.
    best: int | None
    worst: int | None


class Swap(TypedDict):
    """Without `dropped` of the judgments, `below` stands above `above`."""

    above: Contestant
    below: Contestant
    # null: no number was found.
    dropped: int | None


class Table(TypedDict):
    columns: list[str]
    rows: list[Row]
    # Rows beyond those that are shown.
    left_out: int


class Throughput(TypedDict):
    span: Literal["day", "week", "month", "all"]
    judgments: int
    skips: int
    # People in the whole span.
    raters: int
    # Hours, or days in UTC, oldest first; empty ones are left out.
    steps: list[ThroughputStep]


class ThroughputStep(TypedDict):
    begins: str
    judgments: int
    skips: int
    raters: int


class Trend(TypedDict):
    """What every finding comes with."""

    # null: found just now, with everything that there is.
    age: Age | None
    left_out: LeftOut
    # null: not found for the first time yet.
    trend: TrendSteps | None


class TrendStep(TypedDict):
    begins: str
    judgments: int
    agreement: Estimate


class TrendSteps(TypedDict):
    by: Literal["day", "number"]
    # That were looked at: the newest.
    judgments: int
    steps: list[TrendStep]


class Turn(TypedDict):
    role: Literal["system", "user", "assistant"]
    content: str


class Value(TypedDict):
    # Reward models of past rounds, by the judgments they learnt from.
    points: list[Bought]
    worth: Worth


class Vote(TypedDict):
    rater: str
    # About A, the left one, and B.
    said: str
    rationale: str


class Waiting(TypedDict):
    comparison: int
    round: int
    reasons: list[str]
    # How the votes stand, without saying for whom.
    split: str


class WaitingQueue(TypedDict):
    # How many there are, with those that are not shown.
    count: int
    # Newest judgments whose comparisons were looked at, at least.
    looked_at: int
    # The most urgent first.
    waiting: list[Waiting]


class Webhook(TypedDict):
    id: int
    url: str
    kinds: list[
        Literal[
            "judgment.stored",
            "round.opened",
            "round.frozen",
            "round.evaluated",
            "round.closed",
            "round.abandoned",
            "run.finished",
            "run.failed",
            "snapshot.made",
            "checkpoint.registered",
            "checkpoint.promoted",
            "rater.paused",
        ]
    ]
    # Deliveries that wait.
    waiting: int
    given_up: int
    attempted_at: str | None
    # null: all is well.
    failing_since: str | None
    # Since when it hears nothing.
    stopped_at: str | None
    created_at: str


class WebhookSecret(TypedDict):
    id: int
    url: str
    kinds: list[
        Literal[
            "judgment.stored",
            "round.opened",
            "round.frozen",
            "round.evaluated",
            "round.closed",
            "round.abandoned",
            "run.finished",
            "run.failed",
            "snapshot.made",
            "checkpoint.registered",
            "checkpoint.promoted",
            "rater.paused",
        ]
    ]
    # Deliveries that wait.
    waiting: int
    given_up: int
    attempted_at: str | None
    # null: all is well.
    failing_since: str | None
    # Since when it hears nothing.
    stopped_at: str | None
    created_at: str
    # Told once: it signs what is sent.
    secret: str | None


class Wins(TypedDict):
    contestant: Contestant
    # Share won, in the order of `wins`; null over itself.
    over: list[Estimate] | None


class Worth(TypedDict):
    # Judgments more.
    more: int
    # Accuracy that they would add; 0.01 is a point.
    gain: float | None
    low: float | None
    high: float | None
    # Rounds that this is drawn from.
    points: int
    # (judgments, accuracy, low, high).
    curve: list[list[float]]
    # Why nothing can be said, or empty.
    reason: str
