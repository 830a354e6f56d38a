from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from annotator.domain.asking import Said
from annotator.domain.lifecycles import RoundState, RunState
from annotator.models import Project, Role, Round, Run, User
from annotator.services.assignments import assignment_claim
from annotator.services.judgments import judgment_submit
from annotator.services.projects import member_set_role, project_create
from annotator.services.prompts import prompts_add
from annotator.services.rounds import round_advance, round_prepare
from annotator.services.runs import run_execute
from tests.fakes import FakeEngine
from tests.keys import key


@pytest.fixture
def olga(db: None) -> User:
    return User.objects.create_user("olga")


@pytest.fixture
def project(olga: User, store: Path) -> Project:
    project = project_create(owner=olga, name="Shop", slug="shop")
    prompts_add(project=project, conversations=[[{"role": "user", "content": f"Question {n}?"}] for n in range(20)])
    return project


@pytest.fixture
def round(project: Project, olga: User) -> Round:
    round = round_prepare(project=project)
    run_execute(run_id=round.runs.get().pk, worker="test", engine=FakeEngine())
    round_advance(round_id=round.pk)
    for number in range(12):
        assignment = assignment_claim(rater=olga, project=project)
        assert assignment is not None
        judgment_submit(assignment=assignment, said=Said("a"), key=key(number))
    round.refresh_from_db()
    return round


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def launch(client: Client, body: dict[str, Any] | None = None) -> Any:
    return client.post("/api/v1/projects/shop/rounds/1/launch/", body or {}, content_type="application/json")


def test_an_owner_launches_a_round_with_a_preset_and_a_change(round: Round, olga: User) -> None:
    answer = launch(client_of(olga), {"preset": "quick", "settings": {"dpo": {"beta": 0.2}}})

    assert answer.status_code == 200
    round.refresh_from_db()
    assert round.state == RoundState.FROZEN
    assert (round.settings["dpo"]["beta"], round.settings["reward"]["epochs"]) == (0.2, 1.0)


def test_a_misspelt_setting_is_named_and_nothing_is_launched(round: Round, olga: User) -> None:
    answer = launch(client_of(olga), {"settings": {"dpo": {"betta": 0.2}}})

    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    assert "dpo.betta" in answer.json()["detail"]
    round.refresh_from_db()
    assert round.state == RoundState.COLLECTING


def test_a_change_deep_inside_leaves_its_neighbours_alone(round: Round, olga: User) -> None:
    launch(client_of(olga), {"settings": {"evaluate": {"sampling": {"temperature": 0.5}}}})

    round.refresh_from_db()
    sampling = round.settings["evaluate"]["sampling"]
    assert (sampling["temperature"], sampling["answers_per_prompt"]) == (0.5, 1)


def test_settings_that_do_not_fit_together_are_refused_with_the_sentence(round: Round, olga: User) -> None:
    answer = launch(client_of(olga), {"settings": {"dpo": {"loss": "ipo", "label_smoothing": 0.1}}})

    assert answer.status_code == 422
    assert "settings: dpo: label_smoothing acts only with the loss sigmoid" in answer.json()["detail"]
    round.refresh_from_db()
    assert round.state == RoundState.COLLECTING


def test_launching_twice_says_conflict(round: Round, olga: User) -> None:
    client = client_of(olga)
    launch(client)

    assert (launch(client).status_code, launch(client).json()["code"]) == (409, "state_not_allowed")


@pytest.mark.parametrize(("role", "status"), [(None, 404), (Role.RATER, 403), (Role.REVIEWER, 403)])
def test_nobody_but_an_owner_launches(round: Round, project: Project, role: str | None, status: int) -> None:
    person = User.objects.create_user("person")
    if role:
        member_set_role(project=project, user=person, role=role)

    assert launch(client_of(person)).status_code == status


def test_without_log_in_the_api_answers_in_json(round: Round) -> None:
    answer = launch(Client())

    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")


def test_a_run_is_watched_and_cancelled(project: Project, olga: User) -> None:
    run = round_prepare(project=project).runs.get()
    client = client_of(olga)

    before = client.get(f"/api/v1/projects/shop/runs/{run.pk}/").json()["state"]
    after = client.post(f"/api/v1/projects/shop/runs/{run.pk}/cancel/").json()["state"]

    assert (before, after) == (RunState.QUEUED, RunState.CANCELLED)
    assert Run.objects.get().state == RunState.CANCELLED


def test_raters_see_no_checkpoint(project: Project, olga: User) -> None:
    rater = User.objects.create_user("ann")
    member_set_role(project=project, user=rater, role=Role.RATER)

    assert client_of(olga).get("/api/v1/projects/shop/checkpoints/").json()["results"][0]["name"] == "base"
    assert client_of(rater).get("/api/v1/projects/shop/checkpoints/").status_code == 403
    assert client_of(rater).get("/api/v1/projects/").json()["results"][0]["role"] == "rater"


def test_the_schema_describes_every_operation(db: None) -> None:
    schema = Client().get("/api/v1/schema/").json()

    assert "/api/v1/projects/{slug}/rounds/{number}/launch/" in schema["paths"]
