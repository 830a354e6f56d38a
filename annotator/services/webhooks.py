"""Webhooks are set up by owners, and told what happened until they say that they heard it."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterable
from datetime import datetime, timedelta

import httpx
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.domain.webhooks import HEARD, STOP_AFTER, EventKind, Post, secret_make, signatures, wait_after
from annotator.exceptions import InputInvalid, NotDelivered, WebhookTaken, violations_as_errors
from annotator.models import Delivery, DeliveryState, Project, Webhook, WebhookEvent
from annotator.services.events import event_add

KEPT = timedelta(days=30)  # how long the log goes back
SECRET_OVERLAP = timedelta(hours=24)  # how long the secret before signs too
BUSY_SECONDS = 60.0  # a worker that is not done by then is gone
BUDGET_SECONDS = 10.0  # no further delivery to the same webhook is begun after that, in one go
WEBHOOKS_AT_ONCE = 8
NO_WAIT = timedelta(0)
GONE = 410


# --- owners --------------------------------------------------------------------


def webhook_create(*, project: Project, url: str, kinds: Iterable[str]) -> Webhook:
    """The address hears of these kinds from now on. Its secret is on the row; show it once.

    Raises InputInvalid for an address or a kind that does not fit, WebhookTaken when the project has that address.
    """
    checked = {"url": _url_checked(url), "kinds": _kinds_checked(kinds)}
    with transaction.atomic(), violations_as_errors(webhook_url_once_per_project=WebhookTaken):
        return Webhook.objects.create(project=project, secret=secret_make(), **checked)


def webhook_update(*, webhook: Webhook, url: str, kinds: Iterable[str]) -> Webhook:
    """Hear of other things, or elsewhere. Raises as `webhook_create` does."""
    webhook.url, webhook.kinds = _url_checked(url), _kinds_checked(kinds)
    with transaction.atomic(), violations_as_errors(webhook_url_once_per_project=WebhookTaken):
        webhook.save(update_fields=["url", "kinds"])
    return webhook


def webhook_secret_renew(*, webhook: Webhook) -> Webhook:
    """Sign with a new secret; the old one signs beside it for a day, so that nobody misses anything meanwhile."""
    webhook.secret_before, webhook.secret_before_until = webhook.secret, timezone.now() + SECRET_OVERLAP
    webhook.secret = secret_make()
    webhook.save(update_fields=["secret", "secret_before", "secret_before_until"])
    return webhook


def webhook_stop(*, webhook: Webhook) -> None:
    """Tell it nothing more. What waits goes on waiting."""
    Webhook.objects.filter(pk=webhook.pk, stopped_at=None).update(stopped_at=timezone.now())


def webhook_go_on(*, webhook: Webhook) -> None:
    """Tell it again, beginning with what still waits. What happened meanwhile was not kept for it."""
    Webhook.objects.filter(pk=webhook.pk).update(stopped_at=None, failing_since=None)
    Delivery.objects.filter(webhook=webhook, state=DeliveryState.WAITING).update(due_at=timezone.now())


def webhook_remove(*, webhook: Webhook) -> None:
    """Forget the address, its secret and its log."""
    webhook.delete()


def webhook_test(*, webhook: Webhook) -> None:
    """Send it something that means nothing, whatever it listens to."""
    event_add(project_id=webhook.project_id, kind=EventKind.TEST, data={"project": webhook.project.slug}, only=webhook)


def delivery_again(*, delivery: Delivery) -> None:
    """Send it once more, now, whatever became of it; the message id stays the same."""
    Delivery.objects.filter(pk=delivery.pk).update(state=DeliveryState.WAITING, attempts=0, due_at=timezone.now())


def _url_checked(url: str) -> str:
    """Read by the library that will send, so that both understand the same."""
    schemes = ("https", "http") if settings.TIEBREAK_WEBHOOKS_PRIVATE else ("https",)
    try:
        found = httpx.URL(url.strip())
    except httpx.InvalidURL:
        found = httpx.URL()
    if found.scheme not in schemes or not found.host or len(str(found)) > 500:
        raise InputInvalid(_("The address must begin with https:// and name a host."))
    if found.userinfo:
        raise InputInvalid(_("The address must hold no user name or password; the signature says who sends."))
    return str(found.copy_with(fragment=None))


def _kinds_checked(kinds: Iterable[str]) -> list[str]:
    wanted = set(kinds)
    if not wanted or not wanted <= set(HEARD):
        raise InputInvalid(_("Choose at least one event, of those in the list."))
    return [kind.value for kind in HEARD if kind in wanted]


# --- deliveries ------------------------------------------------------------------


def webhooks_claim(*, now: datetime | None = None) -> list[int]:
    """The webhooks that something is due for, taken by this worker. None while another worker sends.

    One worker at a time, whatever hangs on the other side: the others stay free for
    everything else, and each webhook hears things one by one.
    """
    now = now or timezone.now()
    if Webhook.objects.filter(busy_until__gt=now).exists():
        return []
    is_due = Delivery.objects.filter(webhook=OuterRef("pk"), state=DeliveryState.WAITING, due_at__lte=now)
    due = (
        Webhook.objects.filter(Exists(is_due), stopped_at=None)
        .order_by("?")
        .values_list("pk", flat=True)[:WEBHOOKS_AT_ONCE]
    )
    free = Q(busy_until=None) | Q(busy_until__lte=now)
    until = now + timedelta(seconds=BUSY_SECONDS)
    # Another worker may have looked in the same moment: the row count says who has it.
    return [pk for pk in list(due) if Webhook.objects.filter(free, pk=pk).update(busy_until=until)]


def webhook_deliver(*, webhook_id: int, post: Post) -> None:
    """Send what is due to a claimed webhook, oldest first, until something fails or its time is up; then free it."""
    begun = time.monotonic()
    try:
        while time.monotonic() - begun < BUDGET_SECONDS:
            webhook = Webhook.objects.filter(pk=webhook_id, stopped_at=None).first()
            if webhook is None or not _next_delivered(webhook, post):
                break
    finally:
        Webhook.objects.filter(pk=webhook_id).update(busy_until=None)


def webhooks_forget(*, now: datetime | None = None) -> None:
    """Drop what is older than the log goes back."""
    WebhookEvent.objects.filter(created_at__lt=(now or timezone.now()) - KEPT).delete()


def _next_delivered(webhook: Webhook, post: Post) -> bool:
    """Attempt the oldest delivery that is due; whether there was one and it arrived."""
    now = timezone.now()
    waiting = webhook.deliveries.filter(state=DeliveryState.WAITING, due_at__lte=now)
    delivery = waiting.select_related("event").order_by("due_at", "id").first()
    if delivery is None:
        return False
    wait = wait_after(delivery.attempts + 1, random.random())
    # The attempt is counted and the next one planned before anything is sent: a worker that dies here has tried.
    delivery.attempts, delivery.attempted_at, delivery.due_at = delivery.attempts + 1, now, now + (wait or NO_WAIT)
    delivery.save(update_fields=["attempts", "due_at", "attempted_at"])
    begun = time.monotonic()
    heard = None
    try:
        heard = post(webhook.url, *_message(webhook, delivery.event))
        delivery.error = "" if 200 <= heard.status < 300 else _refused(heard.status)
    except NotDelivered as error:
        delivery.error = error.message
    delivery.seconds = time.monotonic() - begun
    delivery.status, delivery.answer = (heard.status, heard.answer) if heard else (None, "")
    if not delivery.error:
        delivery.state = DeliveryState.DELIVERED
    elif wait is None:
        delivery.state = DeliveryState.GIVEN_UP
    delivery.save(update_fields=["state", "seconds", "status", "answer", "error"])
    _webhook_went(webhook, is_failing=bool(delivery.error), is_gone=delivery.status == GONE)
    return not delivery.error


def _message(webhook: Webhook, event: WebhookEvent) -> tuple[dict[str, str], bytes]:
    body = json.dumps({"type": event.kind, "timestamp": event.created_at.isoformat(), "data": event.data}).encode()
    now = timezone.now()
    keys = [webhook.secret]
    if webhook.secret_before and webhook.secret_before_until and now < webhook.secret_before_until:
        keys.append(webhook.secret_before)
    message_id, timestamp = f"msg_{event.key.hex}", int(now.timestamp())
    headers = {
        "content-type": "application/json",
        "user-agent": f"Tiebreak/{settings.VERSION}",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signatures(keys, message_id=message_id, timestamp=timestamp, body=body),
    }
    return headers, body


def _refused(status: int) -> str:
    if 300 <= status < 400:
        return f"Answered {status}, a redirect, and redirects are not followed. Give the final address."
    if status == GONE:
        return "Answered 410 Gone, which asks to be told nothing more."
    return f"Answered {status}; anything from 200 to 299 means that it arrived."


def _webhook_went(webhook: Webhook, *, is_failing: bool, is_gone: bool) -> None:
    """Remember since when it fails; stop it after days of nothing else, or when it says that it is gone."""
    now = timezone.now()
    if not is_failing:
        Webhook.objects.filter(pk=webhook.pk).update(failing_since=None)
        return
    since = webhook.failing_since or now
    is_over = is_gone or now - since >= STOP_AFTER
    Webhook.objects.filter(pk=webhook.pk).update(failing_since=since, **({"stopped_at": now} if is_over else {}))
