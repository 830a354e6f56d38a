from __future__ import annotations

from enum import StrEnum

import pytest

from annotator.domain.lifecycles import (
    ALLOWED,
    AssignmentState,
    CheckpointState,
    DatasetState,
    ImportState,
    RoundState,
    RunState,
    SendingState,
    is_allowed,
)

LIVES = [RoundState, AssignmentState, RunState, ImportState, DatasetState, SendingState, CheckpointState]


@pytest.mark.parametrize("states", LIVES)
def test_every_state_has_a_row_and_leads_only_to_its_own_kind(states: type[StrEnum]) -> None:
    for state in states:
        assert all(isinstance(after, states) for after in ALLOWED[states][state])


@pytest.mark.parametrize(
    ("states", "start"),
    [
        (RoundState, RoundState.DRAFT),
        (AssignmentState, AssignmentState.HELD),
        (RunState, RunState.QUEUED),
        (ImportState, ImportState.UPLOADED),
        (DatasetState, DatasetState.WAITING),
        (SendingState, SendingState.WAITING),
        (CheckpointState, CheckpointState.CANDIDATE),
    ],
)
def test_every_state_can_be_reached_from_the_first(states: type[StrEnum], start: StrEnum) -> None:
    reached, waiting = {start}, [start]
    while waiting:
        for after in ALLOWED[states][waiting.pop()] - reached:
            reached.add(after)
            waiting.append(after)

    assert reached == set(states)


def test_what_was_answered_stays_answered() -> None:
    assert not any(is_allowed(AssignmentState.ANSWERED, after) for after in AssignmentState)
