"""What tick and workers do, one step after the other, inside a test."""

from __future__ import annotations

from annotator.domain.lifecycles import RunState
from annotator.models import Project, Round, Run
from annotator.services.rounds import round_advance
from annotator.services.runs import Engine, run_execute


def work(project: Project, engine: Engine, limit: int = 20) -> None:
    """Advance rounds and execute runs until nothing is left to do; a failed run fails the test with its reason."""
    for _ in range(limit):
        for round in Round.objects.filter(project=project):
            round_advance(round_id=round.pk)
        waiting = Run.objects.filter(project=project, state=RunState.QUEUED)
        if not waiting:
            return
        for run in waiting:
            done = run_execute(run_id=run.pk, worker="test", engine=engine)
            assert done is not None
            assert done.state != RunState.FAILED, f"{done}: {done.error}"
    raise AssertionError("the loop does not come to rest")
