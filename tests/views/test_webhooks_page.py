"""The owner's pages of webhooks."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotator.models import Delivery, User, Webhook
from annotator.selectors import webhooks as selectors
from annotator.services.webhooks import webhook_create, webhook_test
from tests.cast import Cast
from tests.views.test_desk import text_of

WEBHOOKS = "/p/shop/webhooks/"
TYPED = {"url": "https://example.com/hook", "kinds": ["run.failed", "round.opened"]}


@pytest.fixture
def olga(cast: Cast, client_of: Callable[[User | None], Client]) -> Client:
    return client_of(cast.olga)


@pytest.fixture
def webhook(cast: Cast) -> Webhook:
    return webhook_create(project=cast.shop, **TYPED)  # type: ignore[arg-type]


def test_the_secret_is_shown_once_when_it_is_made(olga: Client) -> None:
    made = olga.post(WEBHOOKS, TYPED)

    webhook = Webhook.objects.get()
    assert (webhook.url, webhook.kinds) == (TYPED["url"], ["round.opened", "run.failed"])
    assert webhook.secret in made.content.decode()
    for page in (WEBHOOKS, f"{WEBHOOKS}{webhook.pk}/"):
        assert webhook.secret.removeprefix("whsec_") not in olga.get(page).content.decode()

    old = webhook.secret
    renewed = olga.post(f"{WEBHOOKS}{webhook.pk}/secret/").content.decode()
    webhook.refresh_from_db()
    assert webhook.secret in renewed
    assert old not in renewed
    assert "The one before signs beside it for a day." in renewed


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"url": "http://example.com/"}, "must begin with https://"),
        ({"url": "https://a:b@example.com/"}, "no user name or password"),
        ({"kinds": []}, "This field is required."),
        ({"kinds": ["webhook.test"]}, "webhook.test is not one of the available choices"),
        ({"url": "https://example.com/" + "x" * 500}, "at most 500 characters"),
    ],
)
def test_what_does_not_fit_is_said_beside_what_was_typed(olga: Client, wrong: dict[str, object], said: str) -> None:
    refused = olga.post(WEBHOOKS, {**TYPED, **wrong})

    assert refused.status_code == 422
    assert said in text_of(refused)
    assert not Webhook.objects.exists()


def test_an_address_is_told_once(olga: Client, webhook: Webhook) -> None:
    assert "already" in text_of(olga.post(WEBHOOKS, TYPED))
    assert Webhook.objects.count() == 1


def test_the_log_shows_what_came_back_as_text(cast: Cast, olga: Client, webhook: Webhook) -> None:
    webhook_test(webhook=webhook)
    Delivery.objects.update(
        attempts=1, attempted_at=timezone.now(), seconds=0.2, status=500, error="Answered 500; …",
        answer="<script>alert(1)</script>",
    )  # fmt: skip
    Webhook.objects.update(failing_since=timezone.now() - timedelta(hours=3))

    page = olga.get(f"{WEBHOOKS}{webhook.pk}/")

    assert "&lt;script&gt;alert(1)" in page.content.decode()
    shown = text_of(page)
    assert re.search(r"webhook\.test tried again soon just now · 500", shown)
    assert "It failed 3 h ago, and nothing has arrived since" in shown
    assert "failing" in text_of(olga.get(WEBHOOKS))


def test_stopping_going_on_and_removing_say_what_they_did(olga: Client, webhook: Webhook) -> None:
    own = f"{WEBHOOKS}{webhook.pk}/"
    assert "hears nothing more" in text_of(olga.post(f"{own}stop/", follow=True))
    assert "It was stopped just now" in text_of(olga.get(own))
    assert "It hears again" in text_of(olga.post(f"{own}go-on/", follow=True))
    assert "are removed" in text_of(olga.post(f"{own}remove/", follow=True))
    assert olga.get(own).status_code == 404


def test_a_long_log_comes_in_pages_with_the_same_number_of_queries(
    cast: Cast, olga: Client, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selectors, "PAGE", 3)
    own = f"{WEBHOOKS}{webhook.pk}/"
    webhook_test(webhook=webhook)
    with CaptureQueriesContext(connection) as few:
        olga.get(own)
    for _ in range(4):
        webhook_test(webhook=webhook)
    with CaptureQueriesContext(connection) as many:
        page = olga.get(own)

    assert len(few) == len(many) == 2
    [older] = re.findall(r'href="(\?before=\d+)"', page.content.decode())
    assert page.content.decode().count("Send now") == 3
    assert olga.get(own + older).content.decode().count("Send now") == 2
