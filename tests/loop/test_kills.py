"""`kill -9` of everything in turn, in a real instance, while people judge and a round trains."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deploy.embedded import wait_for
from deploy.instance import logins_ensure
from tests.instances import ROOT, Instance, environment, free_port

JUDGMENTS = 60
SECONDS = 240.0  # far more than needed: the processor is shared with other tests


@pytest.fixture
def instance() -> Iterator[Instance]:
    """An instance whose demo project is small."""
    with tempfile.TemporaryDirectory(prefix="tiebreak-kills-") as name:
        home = Path(name)
        home.chmod(0o711)
        (home / "seeded").touch()  # the launcher would seed a large one
        logins_ensure(home / "logins.json")
        instance = Instance(home, free_port())
        try:
            instance.wait_until_ready()
            manage(instance, "seed_demo", "--prompts", "60").wait_for_success()
            yield instance
        finally:
            if instance.launcher.poll() is None:
                instance.stop(signal.SIGTERM)


class Command:
    """A management command beside the instance, as its operator would type it."""

    def __init__(self, instance: Instance, words: tuple[str, ...]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=environment(instance.home, instance.port),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for_success(self) -> str:
        output, errors = self.process.communicate(timeout=SECONDS)
        assert self.process.returncode == 0, output + errors
        return output


def manage(instance: Instance, *words: str) -> Command:
    return Command(instance, words)


def number(instance: Instance, query: str) -> int:
    with instance.database() as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(str(row[0]))


def kill_whole(process: psutil.Process) -> None:
    """SIGKILL a process and all its children, as a machine that runs out of memory may."""
    for victim in [process, *process.children(recursive=True)]:
        try:
            victim.kill()
        except psutil.NoSuchProcess:
            continue


def child_of_run(instance: Instance, kind: str) -> psutil.Process:
    """The engine's process for this kind of run, once it has trained a step."""
    steps = f"""
        SELECT count(*) FROM annotator_runevent e JOIN annotator_run r ON r.id = e.run_id
         WHERE r.kind = '{kind}' AND r.state = 'running' AND e.kind = 'metrics'
    """
    wait_for(lambda: number(instance, steps) > 0, seconds=SECONDS, what=f"the first step of {kind}")
    return instance.process("training", kind)


@pytest.mark.slow
@pytest.mark.engine
def test_a_round_and_a_labelling_session_survive_kill_9_of_web_worker_and_training(instance: Instance) -> None:
    """Slow because a whole instance turns the loop, and a dead worker must first fall silent."""
    judged = "SELECT count(*) FROM annotator_judgment"
    session = manage(
        instance,
        *["simulate_raters", "--project", "demo", "--raters", "3"],
        *["--judgments", str(JUDGMENTS), "--prefer", "shorter"],
    )
    wait_for(lambda: number(instance, judged) >= JUDGMENTS // 4, seconds=SECONDS, what="the first judgments")
    kill_whole(instance.process("granian"))
    session.wait_for_success()

    # As many as were acknowledged: none lost with the web process, none stored twice by the retry.
    assert number(instance, judged) == JUDGMENTS
    assert number(instance, "SELECT count(DISTINCT assignment_id) FROM annotator_judgment") == JUDGMENTS

    turn = manage(instance, "run_round", "--project", "demo", "--preset", "quick", "--wait")
    child_of_run(instance, "reward").kill()
    child_of_run(instance, "dpo")
    kill_whole(instance.process("celery", "train"))
    report = json.loads(turn.wait_for_success().splitlines()[-1])

    assert report["judgments"] == JUDGMENTS
    assert report["fresh_comparisons"] > 0
    for kind in ("reward", "dpo"):
        assert number(instance, f"SELECT attempt FROM annotator_run WHERE kind = '{kind}'") == 2, kind
    assert number(instance, "SELECT count(*) FROM annotator_checkpoint WHERE name LIKE 'round-1%'") == 2
    assert number(instance, judged) == JUDGMENTS
