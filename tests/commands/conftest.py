"""A project whose first round collects, seen from outside a transaction, as commands and servers see it."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from annotator.domain.asking import Said
from annotator.models import Project, Role, Round, User
from annotator.services.assignments import assignment_claim
from annotator.services.judgments import judgment_submit
from annotator.services.projects import member_set_role, project_create
from annotator.services.prompts import prompts_add
from annotator.services.rounds import round_advance, round_prepare, rounds_to_advance
from annotator.services.runs import Engine, run_execute, runs_to_ring
from tests.fakes import FakeEngine

Worker = Callable[[Engine], AbstractContextManager[None]]


@pytest.fixture
def demo(transactional_db: None, store: Path) -> Project:
    project = project_create(
        owner=User.objects.create_user("olga", is_staff=True),
        name="Demo",
        slug="demo",
        prompts_per_round=20,
        overlap_share=0,
    )
    prompts_add(project=project, conversations=[[{"role": "user", "content": f"Question {n}?"}] for n in range(20)])
    return project


@pytest.fixture
def collecting(demo: Project) -> Round:
    """20 prompts with two comparisons each, one judgment wanted on every one."""
    round = round_prepare(project=demo)
    run_execute(run_id=round.runs.get().pk, worker="test", engine=FakeEngine())
    round_advance(round_id=round.pk)
    round.refresh_from_db()
    return round


@pytest.fixture
def judged(collecting: Round) -> Round:
    """Ten comparisons judged by Ann, always for the left one."""
    ann = User.objects.create_user("ann")
    member_set_role(project=collecting.project, user=ann, role=Role.RATER)
    for _ in range(10):
        assignment = assignment_claim(rater=ann, project=collecting.project)
        assert assignment is not None
        judgment_submit(assignment=assignment, said=Said("a"), key=uuid.uuid4())
    return collecting


@pytest.fixture
def worker() -> Worker:
    """What the tick and a worker do, in a thread of this test's own: `with worker(engine): …`."""

    @contextmanager
    def working(engine: Engine) -> Iterator[None]:
        stop = threading.Event()

        def work() -> None:
            while not stop.wait(0.02):
                for round_id in rounds_to_advance():
                    round_advance(round_id=round_id)
                for run in runs_to_ring():
                    run_execute(run_id=run.pk, worker="test", engine=engine)
            connection.close()

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    return working


def said(command: str, **options: object) -> list[str]:
    """The lines that a command writes to standard output."""
    out = StringIO()
    call_command(command, stdout=out, stderr=StringIO(), **options)
    return out.getvalue().splitlines()
