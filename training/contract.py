"""The seam between app and engine: the files both sides read and write.

Torch-free and Django-free on purpose. A request and a snapshot folder go in;
a stream of JSON-line events and a folder come out. Every folder is whole or
absent: it is written beside its place, its manifest last, then renamed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from training.config import (
    DpoSettings,
    EvaluateSettings,
    RewardSettings,
    SamplingSettings,
    ScoreSettings,
    SftSettings,
)
from training.errors import CheckpointIncomplete, RequestInvalid, SnapshotInvalid

MANIFEST = "manifest.json"
COMPARISONS = "comparisons.jsonl"
REPORT = "report.json"
RESPONSES = "responses.jsonl"
REWARDS = "rewards.jsonl"

Split = Literal["train", "holdout"]


class Frozen(BaseModel):
    """A value that never changes and refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# --- rows --------------------------------------------------------------------


class Message(Frozen):
    """One turn of a conversation, in the spelling chat templates expect."""

    role: Literal["system", "user", "assistant"]
    content: str


class Completion(Frozen):
    """An answer to a prompt. `token_ids`, when present, are used verbatim and never re-tokenised."""

    response_id: str
    text: str
    token_ids: list[int] | None = None


class CriterionVotes(Frozen):
    """The judgments of one comparison on one criterion; fields as in PreferenceRecord."""

    prefer_first: float = Field(ge=0, le=1)
    weight: float = Field(gt=0)
    tie_share: float = Field(default=0.0, ge=0, le=1)
    strength: float = Field(default=1.0, ge=0, le=1)

    @model_validator(mode="after")
    def _ties_fit(self) -> CriterionVotes:
        if self.tie_share / 2 > min(self.prefer_first, 1 - self.prefer_first) + 1e-9:
            raise ValueError("tie_share is larger than prefer_first allows: half of it counts for each side")
        return self


class PreferenceRecord(CriterionVotes):
    """All judgments of one comparison as one training row.

    prefer_first  share of the decided judgments for `first`, a tie counting one half, in [0, 1]
    weight        trust in this row, > 0 (the number of judgments unless an aggregation says otherwise)
    tie_share     share of the judgments that were ties, in [0, 1]
    strength      mean absolute strength of the judgments, in [0, 1]; 0.5 = slightly, 1 = clearly
    round         the round it was judged in; a snapshot also holds the rows of earlier rounds
    criteria      the same for each criterion that was asked beside the overall question
    adjudicated   whether one person decided it where the judgments left it open; prefer_first, tie_share and strength
                  are then what they said
    """

    comparison_id: str
    prompt_id: str
    prompt: list[Message] = Field(min_length=1)
    first: Completion
    second: Completion
    round: int = Field(default=1, ge=1)
    criteria: dict[str, CriterionVotes] = {}
    adjudicated: bool = False
    split: Split


class TrlPreference(Frozen):
    """A decided comparison in the columns that TRL's preference trainers read, conversational form.

    vote_share  share of the judgments for `chosen`, a tie counting one half, in (0.5, 1]
    weight      number of judgments behind the row
    """

    prompt: list[Message]
    chosen: list[Message]
    rejected: list[Message]
    vote_share: float
    weight: float
    split: Split


class PromptRecord(Frozen):
    """A prompt that wants answers."""

    prompt_id: str
    prompt: list[Message] = Field(min_length=1)
    split: Split


class DemonstrationRecord(Frozen):
    """A conversation to imitate; every assistant turn counts in the loss."""

    messages: list[Message] = Field(min_length=2)


class ResponseRecord(Frozen):
    """An answer that a policy wrote, with the ids it was written in.

    finish   "stop" when the policy ended its turn itself or came to the stop text, "length" when it was cut off
    policy   the label of the policy in the request
    """

    prompt_id: str
    policy: str
    sample: int = Field(ge=0)
    text: str
    token_ids: list[int]
    finish: Literal["stop", "length"]


class AnswerRecord(Completion):
    """An answer that wants a reward.

    base_model  the base of the policy that wrote `token_ids`: a judge on another one reads the text
    """

    prompt_id: str
    prompt: list[Message] = Field(min_length=1)
    base_model: str | None = None


class RewardRecord(Frozen):
    """What a reward model says of an answer to the overall question: a number for each of its heads.

    judge  the label of the reward model in the request
    """

    response_id: str
    judge: str
    heads: list[float] = Field(min_length=1)


# --- requests ----------------------------------------------------------------


class PolicyRef(Frozen):
    """A language model: a base, and the adapter on top of it if there is one.

    base_model  "starter", a local folder, or a hub name
    adapter     a checkpoint folder of ours, or None for the base as it is
    label       the name under which answers and metrics are reported
    """

    label: str
    base_model: str
    adapter: str | None = None


class JudgeRef(Frozen):
    """A reward model: its checkpoint folder, and the name under which its rewards are reported."""

    label: str
    reward_dir: str


class Request(Frozen):
    """What every request says.

    out_dir    the folder to create; it must not exist yet
    work_dir   scratch space that survives a kill, so that a second start resumes
    cache_dir  where log-probabilities of references are kept for later runs; None keeps them in work_dir
    """

    out_dir: str
    work_dir: str
    cache_dir: str | None = None
    seed: int = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"


class SftRequest(Request):
    kind: Literal["sft"] = "sft"
    policy: PolicyRef
    demonstrations: str
    settings: SftSettings = SftSettings()


class RewardRequest(Request):
    kind: Literal["reward"] = "reward"
    policy: PolicyRef
    snapshot_dir: str
    settings: RewardSettings = RewardSettings()


class DpoRequest(Request):
    kind: Literal["dpo"] = "dpo"
    parent: PolicyRef
    snapshot_dir: str
    settings: DpoSettings = DpoSettings()


class GenerateRequest(Request):
    """`prompts` is a file of PromptRecord lines; each policy answers each prompt."""

    kind: Literal["generate"] = "generate"
    policies: list[PolicyRef] = Field(min_length=1)
    prompts: str
    settings: SamplingSettings = SamplingSettings()

    @model_validator(mode="after")
    def _labels_differ(self) -> GenerateRequest:
        return _with_labels(self, self.policies)


class ScoreRequest(Request):
    """`answers` is a file of AnswerRecord lines, those to one prompt side by side; each judge reads each of them."""

    kind: Literal["score"] = "score"
    judges: list[JudgeRef] = Field(min_length=1)
    answers: str
    settings: ScoreSettings = ScoreSettings()

    @model_validator(mode="after")
    def _labels_differ(self) -> ScoreRequest:
        return _with_labels(self, self.judges)


class EvaluateRequest(Request):
    kind: Literal["evaluate"] = "evaluate"
    candidate: PolicyRef
    parent: PolicyRef
    reward_dir: str
    snapshot_dir: str
    prompts: str
    settings: EvaluateSettings = EvaluateSettings()

    @model_validator(mode="after")
    def _labels_differ(self) -> EvaluateRequest:
        return _with_labels(self, [self.candidate, self.parent])


class MergeRequest(Request):
    """`checkpoint_dir` is a policy's checkpoint with an adapter; whole weights come of it."""

    kind: Literal["merge"] = "merge"
    checkpoint_dir: str


class PushRequest(Request):
    """The weights in `folder` become one commit of `repo` on `hub`; the token is in the environment.

    hub        its address, such as https://huggingface.co
    private    a repository that does not exist yet is made so; one that exists must be so
    card       the README.md
    base_name  what the base is called there, in the place of a folder of this machine
    """

    kind: Literal["push"] = "push"
    folder: str
    hub: str
    repo: str
    private: bool
    card: str
    base_name: str


Asking = TypeVar("Asking", bound=Request)


def _with_labels(request: Asking, models: Sequence[PolicyRef | JudgeRef]) -> Asking:
    """What models say is told apart by label alone, so no two may share one."""
    if len({model.label for model in models}) != len(models):
        raise ValueError("two models have the same label")
    return request


# Kinds that train: what several processes share, and what leaves a checkpoint.
TRAINED = ("sft", "reward", "dpo")
AnyRequest = Annotated[
    SftRequest
    | RewardRequest
    | DpoRequest
    | GenerateRequest
    | EvaluateRequest
    | ScoreRequest
    | MergeRequest
    | PushRequest,
    Field(discriminator="kind"),
]
REQUEST: TypeAdapter[AnyRequest] = TypeAdapter(AnyRequest)


def request_read(path: Path) -> AnyRequest:
    """The request in `path`. Raises RequestInvalid naming each bad field."""
    try:
        return REQUEST.validate_json(path.read_bytes())
    except OSError as error:
        raise RequestInvalid(f"{path}: {error.strerror}.") from error
    except ValidationError as error:
        raise RequestInvalid(f"{path}: {_fields_of(error)}") from error


# --- reports and manifests ---------------------------------------------------


class Estimate(Frozen):
    """A number that was measured on a sample: never shown without n and its 95 % interval."""

    value: float
    n: int = Field(ge=0)
    low: float
    high: float


class RunReport(Frozen):
    """What a finished run says of itself; `report.json` of every output folder."""

    kind: Literal["sft", "reward", "dpo", "generate", "evaluate", "score", "merge", "push"]
    seconds: float
    steps: int = 0
    metrics: dict[str, float] = {}
    estimates: dict[str, Estimate] = {}
    tables: dict[str, list[dict[str, float]]] = {}
    notes: list[str] = []
    versions: dict[str, str] = {}
    device: str = "cpu"


class FileDigest(Frozen):
    sha256: str
    bytes: int


class SnapshotManifest(Frozen):
    """`manifest.json` of a snapshot folder."""

    format: Literal["tiebreak-snapshot/1"] = "tiebreak-snapshot/1"
    project: str
    round: int
    created_at: str
    counts: dict[str, int]
    guideline_versions: list[int] = []
    criteria: list[str] = []
    filters: dict[str, Any] = {}
    consensus: str = "vote share"
    files: dict[str, FileDigest] = {}


class CheckpointManifest(Frozen):
    """`manifest.json` of a checkpoint folder.

    parent_sha256    digest of the parent checkpoint's manifest, None above a bare base model
    snapshot_sha256  digest of the snapshot's manifest, None for SFT
    weights          "adapter": goes on top of base_model; "full": the folder is a base model itself
    """

    format: Literal["tiebreak-checkpoint/1"] = "tiebreak-checkpoint/1"
    kind: Literal["policy", "reward"]
    weights: Literal["adapter", "full"] = "adapter"
    base_model: str
    parent_sha256: str | None = None
    snapshot_sha256: str | None = None
    request: dict[str, Any]
    report: RunReport
    files: dict[str, FileDigest] = {}


# --- progress events ---------------------------------------------------------


class Started(Frozen):
    event: Literal["started"] = "started"
    total_steps: int
    device: str
    resumed_from: int = 0


class Stage(Frozen):
    """The engine turned to something else; `sentence` is for people."""

    event: Literal["stage"] = "stage"
    sentence: str


class Metrics(Frozen):
    event: Literal["metrics"] = "metrics"
    step: int
    total_steps: int
    values: dict[str, float]


class Note(Frozen):
    """Something people should know, such as rows that were left out and why."""

    event: Literal["note"] = "note"
    sentence: str


class Finished(Frozen):
    event: Literal["finished"] = "finished"
    report: RunReport


class Failed(Frozen):
    event: Literal["failed"] = "failed"
    error: str
    message: str


AnyEvent = Annotated[Started | Stage | Metrics | Note | Finished | Failed, Field(discriminator="event")]
EVENT: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent)


# --- folders -----------------------------------------------------------------

Row = TypeVar("Row", bound=Frozen)


def rows_write(path: Path, rows: Iterable[Frozen]) -> int:
    """Write one JSON line per row; return how many."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(row.model_dump_json() + "\n")
            count += 1
    return count


def rows_read(path: Path, kind: type[Row]) -> Iterator[Row]:
    """The rows of a JSON-lines file. Raises SnapshotInvalid naming file, line and field."""
    try:
        file = path.open(encoding="utf-8")
    except OSError as error:
        raise SnapshotInvalid(f"{path}: {error.strerror}.") from error
    with file:
        for number, line in enumerate(file, start=1):
            try:
                yield kind.model_validate_json(line)
            except ValidationError as error:
                raise SnapshotInvalid(f"{path.name}, line {number}: {_fields_of(error)}") from error


@contextmanager
def folder_whole_or_absent(out_dir: Path) -> Iterator[Path]:
    """A scratch folder that becomes `out_dir` in one rename when the block ends well.

    A crash inside the block leaves at most a hidden `.partial-…` folder beside
    it, which readers never look at and the next writer of `out_dir` removes.
    """
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    for stale in out_dir.parent.glob(f".partial-{out_dir.name}-*"):
        shutil.rmtree(stale, ignore_errors=True)
    partial = Path(tempfile.mkdtemp(prefix=f".partial-{out_dir.name}-", dir=out_dir.parent))
    try:
        yield partial
        partial.chmod(0o755)
        partial.replace(out_dir)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def manifest_write(folder: Path, manifest: SnapshotManifest | CheckpointManifest) -> str:
    """Write `manifest` with the digests of all files in `folder`, last; return its own sha256."""
    files = {
        str(path.relative_to(folder)): FileDigest(sha256=file_sha256(path), bytes=path.stat().st_size)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
    whole = manifest.model_copy(update={"files": files})
    (folder / MANIFEST).write_text(whole.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return file_sha256(folder / MANIFEST)


def snapshot_verify(folder: Path) -> SnapshotManifest:
    """The manifest of a snapshot whose files all match it. Raises SnapshotInvalid."""
    try:
        manifest = SnapshotManifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError) as error:
        raise SnapshotInvalid(f"{folder}: no readable {MANIFEST}; freeze the round again.") from error
    if wrong := _files_that_differ(folder, manifest.files):
        raise SnapshotInvalid(f"{folder}: {', '.join(wrong)} differ from the manifest; restore the folder.")
    return manifest


def checkpoint_verify(folder: Path) -> CheckpointManifest:
    """The manifest of a checkpoint whose files all match it. Raises CheckpointIncomplete."""
    try:
        manifest = CheckpointManifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError) as error:
        raise CheckpointIncomplete(f"{folder}: no readable {MANIFEST}; the checkpoint was never finished.") from error
    if wrong := _files_that_differ(folder, manifest.files):
        raise CheckpointIncomplete(f"{folder}: {', '.join(wrong)} differ from the manifest; restore the folder.")
    return manifest


def report_read(folder: Path) -> RunReport:
    """The report of a finished output folder."""
    return RunReport.model_validate_json((folder / REPORT).read_bytes())


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files_that_differ(folder: Path, files: dict[str, FileDigest]) -> list[str]:
    return [
        name
        for name, digest in files.items()
        if not (folder / name).is_file() or file_sha256(folder / name) != digest.sha256
    ]


def _fields_of(error: ValidationError) -> str:
    """Each problem as `field: what is wrong`, without dumping the input."""
    problems = json.loads(error.json(include_url=False, include_input=False, include_context=False))
    return "; ".join(f"{'.'.join(map(str, p['loc'])) or 'line'}: {p['msg']}" for p in problems)
