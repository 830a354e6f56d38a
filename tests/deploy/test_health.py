"""What probes hear. The whole answer, with workers, is part of `test_up`."""

import pytest
from django.db import OperationalError, connection
from django.test import Client


def test_alive_needs_neither_log_in_nor_database(client: Client) -> None:
    """pytest-django forbids the database here, so touching it would fail."""
    assert client.get("/healthz").status_code == 200


@pytest.mark.django_db
def test_not_ready_names_the_queues_that_nobody_serves(client: Client) -> None:
    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json() == {
        "ready": False,
        "database": "ok",
        "broker": "ok",
        "workers": "nobody serves default, generate, train",
    }


@pytest.mark.django_db
def test_not_ready_names_the_database_that_does_not_answer(client: Client) -> None:
    def refuse(*_: object) -> None:
        raise OperationalError("gone")

    with connection.execute_wrapper(refuse):
        answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["database"].startswith("does not answer")


def test_probes_only_read(client: Client) -> None:
    assert client.post("/healthz").status_code == 405
    assert client.post("/readyz").status_code == 405
