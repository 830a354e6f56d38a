"""What goes in and comes out. Times are ISO 8601 in UTC. Written by write_operations.py."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict


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


class Criterion(TypedDict):
    code: str
    name: str
    question: str
    answers: list[Choice]


class Entrance(TypedDict):
    # What stands before the next pair.  * `paused` - paused * `content` - content * `declined` - declined *
    # `guideline` - guideline * `exam` - exam * `quota` - quota * `nothing_left` - nothing_left
    waiting: Literal["paused", "content", "declined", "guideline", "exam", "quota", "nothing_left"] | None
    guideline: GuidelineRead | None
    content_warning: str
    protocol: Asking


class FieldError(TypedDict):
    # JSON pointer to the part of the body that does not fit.
    pointer: str
    detail: str
    code: str


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


class GuidelineRead(TypedDict):
    version: int
    text: str
    must_read: bool
    created_at: str


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


class Lease(TypedDict):
    id: int
    rater: str
    claimed_at: str
    leased_until: str


class Membership(TypedDict):
    slug: str
    name: str
    description: str
    # Your role there.  * `owner` - Owner * `reviewer` - Reviewer * `rater` - Rater
    role: Literal["owner", "reviewer", "rater"]
    # Number of its newest round.
    round: int | None
    round_state: str | None


class Next(TypedDict):
    # Why there is no pair; null when there is.  * `paused` - paused * `content` - content * `declined` - declined *
    # `guideline` - guideline * `exam` - exam * `quota` - quota * `nothing_left` - nothing_left
    waiting: Literal["paused", "content", "declined", "guideline", "exam", "quota", "nothing_left"] | None
    assignment: Assignment | None
    protocol: Asking
    # Newest version of the guideline.
    guideline: int | None


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


class Run(TypedDict):
    id: int
    round: NotRequired[int | None]
    kind: Literal["sft", "reward", "dpo", "evaluate", "generate", "score"]
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


class Turn(TypedDict):
    role: Literal["system", "user", "assistant"]
    content: str
