"""The lives of rounds, assignments, runs, imports, datasets and checkpoints, each as one table.

Services consult ALLOWED before they change a state; the tests walk it.
"""

from __future__ import annotations

from enum import StrEnum

from annotator.domain.wording import gettext_noop as _


class RoundState(StrEnum):
    DRAFT = _("draft")  # its answers are still being written
    COLLECTING = _("collecting")  # raters are judging
    FROZEN = _("frozen")  # no more judgments; the snapshot is being taken
    TRAINING = _("training")  # reward, dpo and evaluate runs
    EVALUATED = _("evaluated")  # the new checkpoint is judged; the next round is being prepared
    CLOSED = _("closed")  # the next round is open
    ABANDONED = _("abandoned")  # given up by the owner; its judgments stay


class AssignmentState(StrEnum):
    HELD = "held"  # leased to a rater
    ANSWERED = "answered"  # turned into a judgment
    SKIPPED = "skipped"  # the rater passed
    LAPSED = "lapsed"  # the lease ran out; the slot is free again


class RunState(StrEnum):
    QUEUED = _("queued")  # waits for a worker
    RUNNING = _("running")  # a worker claimed it and sends heartbeats
    SUCCEEDED = _("succeeded")
    FAILED = _("failed")
    CANCELLED = _("cancelled")  # by a person


class ImportState(StrEnum):
    FETCHING = _("fetching")  # a worker fetches it from a hub, and sends heartbeats
    UPLOADED = _("uploaded")  # nobody knows yet how to read it
    RECOGNISED = _("recognised")  # its first rows were read, and nothing is stored yet
    WAITING = _("waiting")  # for a worker
    READING = _("reading")  # a worker claimed it and sends heartbeats
    IMPORTED = _("imported")
    BROKEN = _("broken")  # what went in before stays
    STOPPED = _("stopped")  # by a person; what went in before stays


class DatasetState(StrEnum):
    WAITING = _("waiting")  # for a worker
    WRITING = _("writing")  # a worker claimed it and sends heartbeats
    READY = _("ready")  # whole, and never changed again
    BROKEN = _("broken")  # nothing of it is kept
    STOPPED = _("stopped")  # by a person; nothing of it is kept


class SendingState(StrEnum):
    WAITING = _("waiting")  # for a worker
    SENDING = _("sending")  # a worker claimed it
    SENT = _("sent")
    REFUSED = _("refused")  # the place did not take it; it may be sent anew


class RunKind(StrEnum):
    SFT = "sft"
    REWARD = "reward"
    DPO = "dpo"
    EVALUATE = "evaluate"
    GENERATE = "generate"
    SCORE = "score"
    MERGE = "merge"
    PUSH = "push"


class CheckpointState(StrEnum):
    CANDIDATE = _("candidate")  # trained, not yet trusted
    PROMOTED = _("promoted")  # the policy that the next round starts from
    RETIRED = _("retired")  # was promoted once, or was turned down


# By kind, because states of two kinds may have the same word.
ALLOWED: dict[type[StrEnum], dict[StrEnum, frozenset[StrEnum]]] = {
    RoundState: {
        RoundState.DRAFT: frozenset({RoundState.COLLECTING, RoundState.ABANDONED}),
        RoundState.COLLECTING: frozenset({RoundState.FROZEN, RoundState.ABANDONED}),
        RoundState.FROZEN: frozenset({RoundState.TRAINING, RoundState.ABANDONED}),
        RoundState.TRAINING: frozenset({RoundState.EVALUATED, RoundState.ABANDONED}),
        RoundState.EVALUATED: frozenset({RoundState.CLOSED, RoundState.ABANDONED}),
        RoundState.CLOSED: frozenset({RoundState.ABANDONED}),
        RoundState.ABANDONED: frozenset(),
    },
    AssignmentState: {
        AssignmentState.HELD: frozenset({AssignmentState.ANSWERED, AssignmentState.SKIPPED, AssignmentState.LAPSED}),
        # The same rater may take up again what lapsed or was skipped, if a slot is still free.
        AssignmentState.LAPSED: frozenset({AssignmentState.HELD, AssignmentState.ANSWERED, AssignmentState.SKIPPED}),
        AssignmentState.SKIPPED: frozenset({AssignmentState.HELD}),
        AssignmentState.ANSWERED: frozenset(),
    },
    RunState: {
        RunState.QUEUED: frozenset({RunState.RUNNING, RunState.CANCELLED, RunState.FAILED}),
        # running → running: a new attempt after the worker went silent; running → queued: its process was killed.
        RunState.RUNNING: frozenset(
            {RunState.RUNNING, RunState.QUEUED, RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED}
        ),
        RunState.SUCCEEDED: frozenset(),
        RunState.FAILED: frozenset(),
        RunState.CANCELLED: frozenset(),
    },
    ImportState: {
        # fetching → fetching: a new attempt after the worker went silent.
        ImportState.FETCHING: frozenset(
            {
                ImportState.FETCHING,
                ImportState.UPLOADED,
                ImportState.RECOGNISED,
                ImportState.BROKEN,
                ImportState.STOPPED,
            }
        ),
        ImportState.UPLOADED: frozenset({ImportState.RECOGNISED}),
        # recognised → recognised: to be read in another way.
        ImportState.RECOGNISED: frozenset({ImportState.RECOGNISED, ImportState.WAITING}),
        ImportState.WAITING: frozenset({ImportState.READING, ImportState.STOPPED}),
        # reading → reading: a new attempt after the worker went silent.
        ImportState.READING: frozenset(
            {ImportState.READING, ImportState.IMPORTED, ImportState.BROKEN, ImportState.STOPPED}
        ),
        ImportState.IMPORTED: frozenset(),
        # Both go on behind the last row that is in.
        ImportState.BROKEN: frozenset({ImportState.WAITING, ImportState.FETCHING}),
        ImportState.STOPPED: frozenset({ImportState.WAITING, ImportState.FETCHING}),
    },
    DatasetState: {
        DatasetState.WAITING: frozenset({DatasetState.WRITING, DatasetState.STOPPED}),
        # writing → writing: a new attempt after the worker went silent.
        DatasetState.WRITING: frozenset(
            {DatasetState.WRITING, DatasetState.READY, DatasetState.BROKEN, DatasetState.STOPPED}
        ),
        DatasetState.READY: frozenset(),
        # Both begin again from the first row.
        DatasetState.BROKEN: frozenset({DatasetState.WAITING}),
        DatasetState.STOPPED: frozenset({DatasetState.WAITING}),
    },
    SendingState: {
        SendingState.WAITING: frozenset({SendingState.SENDING}),
        # sending → sending: a new attempt after the worker was gone.
        SendingState.SENDING: frozenset({SendingState.SENDING, SendingState.SENT, SendingState.REFUSED}),
        SendingState.SENT: frozenset(),
        SendingState.REFUSED: frozenset(),
    },
    CheckpointState: {
        CheckpointState.CANDIDATE: frozenset({CheckpointState.PROMOTED, CheckpointState.RETIRED}),
        CheckpointState.PROMOTED: frozenset({CheckpointState.RETIRED}),
        CheckpointState.RETIRED: frozenset({CheckpointState.PROMOTED}),
    },
}

LIVE_IMPORT = (ImportState.FETCHING, ImportState.WAITING, ImportState.READING)
LIVE_DATASET = (DatasetState.WAITING, DatasetState.WRITING)
LIVE_SENDING = (SendingState.WAITING, SendingState.SENDING)
LIVE_RUN = (RunState.QUEUED, RunState.RUNNING)
OPEN_ROUND = (RoundState.DRAFT, RoundState.COLLECTING)


def is_allowed(before: StrEnum, after: StrEnum) -> bool:
    return after in ALLOWED[type(before)][before]
