"""What comes back for a judgment, where it and what comes after it are committed as on a server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from annotator.domain.lifecycles import AssignmentState
from annotator.models import Assignment, Judgment, Round, User
from annotator.services.assignments import assignment_skip
from annotator.services.projects import project_update
from tests.cast import Cast
from tests.views.page import forms_of
from tests.views.test_entrance import close

JUDGE = "/p/shop/judge/"
HELD = {"X-Tiebreak-Cards": ""}

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ann(cast: Cast, collecting: Round, client_of: Callable[[User | None], Client]) -> Client:
    return client_of(cast.ann)


def judged(client: Client, page: Any) -> Any:
    verdict = forms_of(page)["verdict"]
    return client.post(verdict.action, {**verdict.fields, "answer": "a"}, headers=HELD)


def transactions() -> int:
    """In how many the judgment and all that is held were written."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(DISTINCT xmin::text) FROM (SELECT xmin FROM annotator_judgment"
            " UNION ALL SELECT xmin FROM annotator_assignment WHERE state = 'held') written"
        )
        return int(cursor.fetchone()[0])


def test_a_judgment_and_the_pairs_after_it_are_one_transaction(ann: Client) -> None:
    answered = judged(ann, ann.get(JUDGE))

    assert "Saved: A is better" in answered.content.decode()
    assert answered.content.count(b"<template data-card>") == 3
    assert Assignment.objects.filter(state=AssignmentState.HELD).count() == 3
    assert transactions() == 1


@pytest.mark.parametrize("step", ["content", "declined", "guideline", "exam"])
def test_a_gate_that_closes_meanwhile_leaves_the_judgment_and_leases_nothing(
    cast: Cast, ann: Client, step: str
) -> None:
    page = ann.get(JUDGE)
    heading = close(cast.shop, step)

    answered = judged(ann, page)

    assert heading in answered.content.decode()
    assert Judgment.objects.count() == 1
    assert not Assignment.objects.filter(state=AssignmentState.HELD).exists()


def test_a_daily_quota_is_kept_to(cast: Cast, ann: Client) -> None:
    page = ann.get(JUDGE)
    project_update(project=cast.shop, daily_quota=2)

    answered = judged(ann, page)

    assert answered.content.count(b"<template data-card>") == 1
    assert Assignment.objects.filter(state=AssignmentState.HELD).count() == 1


def test_a_card_that_was_skipped_elsewhere_is_said_and_the_next_ones_come(ann: Client) -> None:
    page = ann.get(JUDGE)
    assignment_skip(assignment=Assignment.objects.get())

    answered = judged(ann, page)

    assert answered.status_code == 409
    assert "You skipped this comparison." in answered.content.decode()
    assert answered.content.count(b"<template data-card>") == 3
    assert not Judgment.objects.exists()
