"""What happens is told: in order, signed, again after a failure, and to nobody who did not ask."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from standardwebhooks import Webhook as Library

from annotator.domain.webhooks import HEARD, STOP_AFTER, WAITS, EventKind
from annotator.exceptions import InputInvalid, WebhookTaken
from annotator.models import Checkpoint, Delivery, Project, Round, Webhook, WebhookEvent
from annotator.services.checkpoints import checkpoint_promote
from annotator.services.events import event_add, judgments_tell
from annotator.services.webhooks import (
    delivery_again,
    webhook_create,
    webhook_deliver,
    webhook_go_on,
    webhook_secret_renew,
    webhook_stop,
    webhook_test,
    webhooks_claim,
    webhooks_forget,
)
from tests.cast import Cast
from tests.factories import judged
from tests.receiver import Receiver, post_from_a_thread, receiving

post = partial(post_from_a_thread, allow_private=True)


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.TIEBREAK_WEBHOOKS_PRIVATE = True
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def webhook(project: Project, receiver: Receiver) -> Webhook:
    return webhook_create(project=project, url=receiver.url, kinds=HEARD)


def happen(project: Project, number: int = 1, kind: EventKind = EventKind.RUN_FINISHED) -> None:
    event_add(project_id=project.pk, kind=kind, data={"number": number})


def deliver() -> None:
    """What the clock does."""
    for webhook_id in webhooks_claim():
        webhook_deliver(webhook_id=webhook_id, post=post)


def due_now() -> None:
    Delivery.objects.update(due_at=timezone.now())


def numbers(receiver: Receiver) -> list[int]:
    return [json.loads(sent.body)["data"]["number"] for sent in receiver.sent]


# --- what is told ---------------------------------------------------------------------


def test_a_whole_turn_is_told_in_order_and_every_message_opens_with_the_secret(
    cast: Cast, receiver: Receiver, request: pytest.FixtureRequest
) -> None:
    webhook = webhook_create(project=cast.shop, url=receiver.url, kinds=HEARD)
    turned: Round = request.getfixturevalue("turned")
    judgments_tell()
    deliver()

    opened = [Library(webhook.secret).verify(sent.body.decode(), sent.headers) for sent in receiver.sent]
    told = [message["type"] for message in opened]
    assert told[:2] == ["run.finished", "round.opened"]
    kinds = [*HEARD]
    for kind in (EventKind.RUN_FAILED, EventKind.ROUND_ABANDONED, EventKind.RATER_PAUSED):
        kinds.remove(kind)
    assert set(told) == set(kinds)
    assert [kind for kind in told if kind.startswith("round.")] == [
        *["round.opened", "round.frozen", "round.evaluated", "round.opened", "round.closed"]
    ]
    stored = next(message["data"] for message in opened if message["type"] == "judgment.stored")
    assert (stored["round"], stored["judgments"], stored["before"]) == (turned.number, 12, 0)
    assert stored["url"] == f"http://localhost:8000/p/shop/rounds/{turned.number}/"
    assert not re.search(r"Question|Answer \d|olga|ann|rui", json.dumps(opened))


def test_nothing_is_written_for_a_project_that_nobody_listens_to(project: Project) -> None:
    happen(project)

    assert not WebhookEvent.objects.exists()


def test_what_did_not_happen_after_all_is_not_told(project: Project, webhook: Webhook) -> None:
    savepoint = transaction.savepoint()
    happen(project)
    transaction.savepoint_rollback(savepoint)

    assert not Delivery.objects.exists()


def test_a_webhook_hears_its_own_project_and_the_kinds_that_it_chose(cast: Cast, receiver: Receiver) -> None:
    webhook_create(project=cast.shop, url=receiver.url, kinds=["run.failed"])
    webhook_create(project=cast.garden, url=receiver.url, kinds=HEARD)
    happen(cast.shop, 1)
    happen(cast.shop, 2, EventKind.RUN_FAILED)
    deliver()

    assert numbers(receiver) == [2]


def test_judgments_are_told_as_a_number_that_is_exact_and_only_when_it_grew(
    cast: Cast, collecting: Round, receiver: Receiver
) -> None:
    webhook_create(project=cast.shop, url=receiver.url, kinds=["judgment.stored"])
    judged(cast.shop, cast.ann, limit=3)
    judgments_tell()
    judgments_tell()
    judged(cast.shop, cast.rui, limit=2)
    judgments_tell()

    told = [(event.data["before"], event.data["judgments"]) for event in WebhookEvent.objects.order_by("id")]
    assert told == [(0, 3), (3, 5)]


def test_storing_a_judgment_costs_no_statement_more(cast: Cast, collecting: Round, receiver: Receiver) -> None:
    judged(cast.shop, cast.ann, limit=1)
    with CaptureQueriesContext(connection) as before:
        judged(cast.shop, cast.ann, limit=1)
    webhook_create(project=cast.shop, url=receiver.url, kinds=HEARD)
    with CaptureQueriesContext(connection) as after:
        judged(cast.shop, cast.ann, limit=1)

    assert len(after) == len(before)


def test_promoting_the_promoted_tells_nothing(project: Project, webhook: Webhook) -> None:
    checkpoint_promote(checkpoint=Checkpoint.objects.get(project=project))

    assert not WebhookEvent.objects.exists()


# --- failures -------------------------------------------------------------------------


def test_a_failure_is_tried_again_later_with_the_same_id_and_then_all_is_well(
    project: Project, webhook: Webhook, receiver: Receiver
) -> None:
    receiver.status, receiver.answer = 500, b"<b>out of order</b>"
    happen(project)
    deliver()

    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts, delivery.status) == ("waiting", 1, 500)
    assert delivery.answer == "<b>out of order</b>"
    assert delivery.error.startswith("Answered 500")
    assert abs((delivery.due_at - timezone.now()) / WAITS[0] - 1) < 0.3
    deliver()
    assert len(receiver.sent) == 1  # not due yet
    assert Webhook.objects.exclude(failing_since=None).exists()

    receiver.status = 200
    due_now()
    deliver()
    delivery.refresh_from_db()
    webhook.refresh_from_db()
    assert (delivery.state, delivery.attempts, delivery.error) == ("delivered", 2, "")
    assert webhook.failing_since is None
    assert receiver.sent[0].headers["webhook-id"] == receiver.sent[1].headers["webhook-id"]
    assert receiver.sent[0].body == receiver.sent[1].body


def test_what_comes_behind_a_failure_waits_for_the_next_time(
    project: Project, webhook: Webhook, receiver: Receiver
) -> None:
    receiver.status = 503
    happen(project, 1)
    happen(project, 2)
    deliver()

    assert numbers(receiver) == [1]


def test_after_the_last_attempt_it_is_given_up_and_can_be_sent_again(
    project: Project, webhook: Webhook, receiver: Receiver
) -> None:
    receiver.status = 500
    happen(project)
    for _ in range(len(WAITS) + 3):
        due_now()
        deliver()

    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts) == ("given_up", len(WAITS) + 1)
    assert len(receiver.sent) == len(WAITS) + 1

    receiver.status = 200
    delivery_again(delivery=delivery)
    deliver()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == ("delivered", 1)


def test_days_of_nothing_but_failures_stop_a_webhook_until_an_owner_says_so(
    project: Project, webhook: Webhook, receiver: Receiver
) -> None:
    receiver.status = 500
    Webhook.objects.update(failing_since=timezone.now() - STOP_AFTER)
    happen(project)
    deliver()
    due_now()
    deliver()

    webhook.refresh_from_db()
    assert webhook.stopped_at is not None
    assert len(receiver.sent) == 1

    receiver.status = 200
    webhook_go_on(webhook=webhook)
    deliver()
    assert Delivery.objects.get().state == "delivered"


def test_a_receiver_that_is_gone_is_left_alone(project: Project, webhook: Webhook, receiver: Receiver) -> None:
    receiver.status = 410
    happen(project)
    deliver()

    webhook.refresh_from_db()
    assert webhook.stopped_at is not None


def test_a_stopped_webhook_is_told_nothing(project: Project, webhook: Webhook, receiver: Receiver) -> None:
    webhook_stop(webhook=webhook)
    happen(project)
    deliver()

    assert receiver.sent == []


# --- workers --------------------------------------------------------------------------


def test_two_workers_never_send_at_once_and_a_worker_that_died_holds_nothing_up(
    project: Project, webhook: Webhook, receiver: Receiver
) -> None:
    happen(project)
    now = timezone.now()

    assert webhooks_claim(now=now) == [webhook.pk]
    assert webhooks_claim(now=now) == []
    assert webhooks_claim(now=now + timedelta(minutes=2)) == [webhook.pk]


def test_an_attempt_counts_before_it_is_made(project: Project, webhook: Webhook, receiver: Receiver) -> None:
    """A worker that is killed while it sends has tried, and the next one waits its time."""
    happen(project)

    def dies(url: str, headers: dict[str, str], body: bytes) -> Any:
        raise SystemExit

    [claimed] = webhooks_claim()
    with pytest.raises(SystemExit):
        webhook_deliver(webhook_id=claimed, post=dies)

    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts) == ("waiting", 1)
    assert delivery.due_at > timezone.now()


def test_the_log_forgets_after_a_month(project: Project, webhook: Webhook) -> None:
    happen(project)
    webhooks_forget(now=timezone.now() + timedelta(days=29))
    assert Delivery.objects.count() == 1
    webhooks_forget(now=timezone.now() + timedelta(days=31))

    assert not Delivery.objects.exists()


# --- owners ---------------------------------------------------------------------------


def test_a_new_secret_opens_messages_and_the_old_one_does_for_a_day(
    project: Project, webhook: Webhook, receiver: Receiver
) -> None:
    old = webhook.secret
    webhook_secret_renew(webhook=webhook)
    webhook_test(webhook=webhook)
    deliver()
    Webhook.objects.update(secret_before_until=timezone.now())
    webhook_test(webhook=webhook)
    deliver()

    first, second = receiver.sent
    for secret in (old, webhook.secret):
        assert Library(secret).verify(first.body.decode(), first.headers)["type"] == "webhook.test"
    assert " " not in second.headers["webhook-signature"]
    assert old != webhook.secret


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://example.com/hook", "must begin with https://"),
        ("file:///etc/passwd", "must begin with https://"),
        ("https://", "must begin with https://"),
        ("https://me:secret@example.com/", "no user name or password"),
        ("https://[::1", "must begin with https://"),
    ],
)
def test_an_address_has_a_form(project: Project, url: str, said: str) -> None:
    with pytest.raises(InputInvalid, match=said):
        webhook_create(project=project, url=url, kinds=["run.failed"])


def test_a_webhook_listens_to_something_that_exists_and_an_address_is_told_once(project: Project) -> None:
    for kinds in ([], ["run.started"], ["webhook.test"]):
        with pytest.raises(InputInvalid, match="at least one event"):
            webhook_create(project=project, url="https://example.com/", kinds=kinds)
    webhook_create(project=project, url="https://example.com/", kinds=["run.failed"])

    with pytest.raises(WebhookTaken):
        webhook_create(project=project, url="https://example.com/", kinds=["run.finished"])
