"""The cast, and programs that act for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from annotator.domain.scopes import Scope
from annotator.models import Round, User
from annotator.services.imports import import_add
from annotator.services.sittings import sitting_begin
from annotator.services.tokens import token_create
from annotator.services.webhooks import webhook_create, webhook_test
from tests.cast import Cast, cast, collecting, turned
from tests.factories import datasets_ready, gold_of, held

__all__ = ["cast", "collecting", "numbers", "program_of", "turned"]


@pytest.fixture
def program_of() -> Callable[..., Client]:
    """A program with a token of this person; None is a program without one."""

    def made(user: User | None, *scopes: str, **more: Any) -> Client:
        if user is None:
            return Client()
        wanted = scopes or [scope.value for scope in Scope]
        _token, secret = token_create(user=user, name="program", scopes=wanted, days=1, **more)
        return Client(headers={"Authorization": f"Bearer {secret}"})

    return made


@pytest.fixture
def numbers(cast: Cast, turned: Round) -> dict[str, int]:
    """What there is in the shop after a turn, by noun: numbers of rows that operations are about."""
    trained = turned.runs.get(kind="dpo")
    webhook = webhook_create(project=cast.shop, url="https://example.com/hook", kinds=["run.failed"])
    webhook_test(webhook=webhook)
    brought = import_add(project=cast.shop, name="a.jsonl", chunks=[b'{"prompt": "Hi?"}'], by=cast.olga)
    judged_by_rui = turned.comparisons.filter(assignments__rater=cast.rui, assignments__state="answered")
    gold = gold_of(cast.shop, use="practice")
    return {
        "webhook": webhook.pk,
        "delivery": webhook.deliveries.latest("id").pk,
        "import": brought.pk,
        "judged": judged_by_rui[0].pk,
        "rater": cast.ann.pk,
        "snapshot": turned.snapshot.version,
        "dataset": datasets_ready(cast.shop)[-1].version,
        "sitting": sitting_begin(member=cast.shop.members.get(user=cast.ann), kind="practice").pk,
        "guideline": 1,
        "member": cast.shop.members.get(user=cast.ann).pk,
        "gold": gold.pk,
        "assignment": held(cast.shop, cast.ann).pk,
        "prompt": cast.shop.prompts.latest("id").pk,
        "round": turned.number,
        "collecting": turned.number + 1,
        "comparison": turned.comparisons.latest("id").pk,
        "run": trained.pk,
        "checkpoint": trained.checkpoint.pk,
    }


OUTSIDE = {"api-index", "api-schema", "api-projects"}


@pytest.fixture
def address_of(numbers: dict[str, int]) -> Callable[[Any], str]:
    """An address of each door, inside the shop, on rows that exist."""

    def made(door: Any) -> str:
        inside = [] if door.name in OUTSIDE else ["shop"]
        address: str = reverse(door.name, args=[*inside, *(numbers[name] for name in door.about)]) + door.query
        return address

    return made
