"""A project whose first round collects, written by a fake engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from annotator.models import Project, Role, Round, User
from annotator.services.projects import member_set_role, project_create
from annotator.services.prompts import prompts_add
from annotator.services.rounds import round_advance, round_prepare
from annotator.services.runs import run_execute
from tests import worlds
from tests.cast import cast, collecting, turned
from tests.fakes import FakeEngine
from tests.worlds import world

__all__ = ["cast", "collecting", "olga", "project", "raters", "round", "turned"]


@world("project", "olga")
def project_made() -> Project:
    return _project(User.objects.create_user("olga"))


@world("round", "project", "olga")
def round_made() -> Round:
    return _round(project_made())


def _project(olga: User) -> Project:
    project = project_create(owner=olga, name="Shop", slug="shop", overlap=2, overlap_share=1.0, prompts_per_round=20)
    prompts_add(project=project, conversations=[[{"role": "user", "content": f"Question {n}?"}] for n in range(20)])
    return project


def _round(project: Project) -> Round:
    round = round_prepare(project=project)
    run_execute(run_id=round.runs.get().pk, worker="test", engine=FakeEngine())
    round_advance(round_id=round.pk)
    round.refresh_from_db()
    return round


@pytest.fixture
def olga(db: None) -> User:
    return User.objects.get(username="olga") if worlds.has("olga") else User.objects.create_user("olga")


@pytest.fixture
def project(olga: User, store: Path) -> Project:
    return Project.objects.get() if worlds.has("project") else _project(olga)


@pytest.fixture
def round(project: Project) -> Round:
    """Collecting: 20 prompts with two comparisons each, two judgments wanted on every one."""
    return project.rounds.get() if worlds.has("round") else _round(project)


@pytest.fixture
def raters(project: Project) -> list[User]:
    people = [User.objects.create_user(f"rater-{number}") for number in range(3)]
    for person in people:
        member_set_role(project=project, user=person, role=Role.RATER)
    return people
