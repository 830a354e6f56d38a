"""Signatures as receivers' libraries check them, waits, and addresses that nothing is sent to."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook as Receiver
from standardwebhooks import WebhookVerificationError

from annotator.domain.webhooks import JITTER, WAITS, is_public, secret_make, signatures, wait_after


def test_the_signature_is_the_one_that_a_receiver_would_make() -> None:
    """The example of the Standard Webhooks specification's own libraries."""
    secret, message_id, timestamp = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330
    body = b'{"test": 2432232314}'
    at = datetime.fromtimestamp(timestamp, UTC)

    made = signatures([secret], message_id=message_id, timestamp=timestamp, body=body)

    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert made == Receiver(secret).sign(message_id, at, body.decode())


def test_while_a_secret_changes_both_open_the_message_and_a_third_does_not() -> None:
    old, new, other, now = secret_make(), secret_make(), secret_make(), int(time.time())
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(now),
        "webhook-signature": signatures([new, old], message_id="msg_1", timestamp=now, body=b"{}"),
    }

    assert Receiver(old).verify("{}", headers) == Receiver(new).verify("{}", headers) == {}
    with pytest.raises(WebhookVerificationError):
        Receiver(other).verify("{}", headers)
    with pytest.raises(WebhookVerificationError):
        Receiver(new).verify('{"more": 1}', headers)


@given(st.integers(1, len(WAITS)), st.floats(0, 1, exclude_max=True))
def test_waits_grow_with_every_attempt_and_differ_a_little(attempts: int, draw: float) -> None:
    wait, longest = wait_after(attempts, draw), WAITS[attempts - 1]

    assert wait is not None
    assert (1 - JITTER) * longest <= wait <= (1 + JITTER) * longest
    assert list(WAITS) == sorted(WAITS)


def test_the_last_attempt_comes_after_three_days_and_nothing_after_it() -> None:
    assert sum(WAITS, timedelta()) > timedelta(days=3)
    assert wait_after(len(WAITS) + 1, 0.5) is None


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1",
        "fd00:ec2::254", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1",
        "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:a9fe:a9fe::1",
    ],
)  # fmt: skip
def test_nothing_is_sent_into_a_private_network(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_the_open_internet_is_reached(address: str) -> None:
    assert is_public(address)
