"""Webhooks as the Standard Webhooks specification says (standardwebhooks.com): secrets, signatures, new attempts."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from annotator.domain.wording import gettext_noop as _

SECRET_PREFIX = "whsec_"
SECRET_BYTES = 32
NAT64 = IPv6Network("64:ff9b::/96")  # the last four bytes are an IPv4 address

# How long to wait after the first, second, … attempt that failed. After the last one a delivery is given up.
WAITS = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
JITTER = 0.2  # of a wait, so that what failed together is not tried together for ever
STOP_AFTER = timedelta(days=3)  # of nothing but failures a target hears no more until an owner says so


class EventKind(StrEnum):
    """What a project tells about. The test is sent by hand only."""

    JUDGMENT_STORED = "judgment.stored"
    ROUND_OPENED = "round.opened"
    ROUND_FROZEN = "round.frozen"
    ROUND_EVALUATED = "round.evaluated"
    ROUND_CLOSED = "round.closed"
    ROUND_ABANDONED = "round.abandoned"
    RUN_FINISHED = "run.finished"
    RUN_FAILED = "run.failed"
    SNAPSHOT_MADE = "snapshot.made"
    CHECKPOINT_REGISTERED = "checkpoint.registered"
    CHECKPOINT_PROMOTED = "checkpoint.promoted"
    RATER_PAUSED = "rater.paused"
    TEST = "webhook.test"


# What an owner chooses from, with what each one means.
HEARD: dict[EventKind, str] = {
    EventKind.JUDGMENT_STORED: _("Judgments were stored: how many the round has now, at most every half minute"),
    EventKind.ROUND_OPENED: _("A round collects judgments"),
    EventKind.ROUND_FROZEN: _("A round was launched and takes no more judgments"),
    EventKind.ROUND_EVALUATED: _("A round’s new checkpoint was evaluated"),
    EventKind.ROUND_CLOSED: _("A round ended; the next one collects"),
    EventKind.ROUND_ABANDONED: _("A round was given up"),
    EventKind.RUN_FINISHED: _("A run succeeded"),
    EventKind.RUN_FAILED: _("A run failed"),
    EventKind.SNAPSHOT_MADE: _("A snapshot was made"),
    EventKind.CHECKPOINT_REGISTERED: _("A checkpoint was registered"),
    EventKind.CHECKPOINT_PROMOTED: _("A checkpoint was promoted"),
    EventKind.RATER_PAUSED: _("A rater was paused by the checks"),
}


@dataclass(frozen=True)
class Heard:
    """What the other side said: the status, and the first characters of its answer."""

    status: int
    answer: str


# Sends one signed body to an address, with these headers. Raises annotator.exceptions.NotDelivered without an answer.
Post = Callable[[str, dict[str, str], bytes], Heard]


def secret_make() -> str:
    """A fresh secret, in the spelling that receivers’ libraries expect."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signatures(keys: Iterable[str], *, message_id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature` header: one signature per secret, so that a receiver may hold the old or the new one."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digests = (hmac.digest(base64.b64decode(key.removeprefix(SECRET_PREFIX)), signed, hashlib.sha256) for key in keys)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def wait_after(attempts: int, draw: float) -> timedelta | None:
    """How long to wait after so many failed attempts, None when it is time to give up. `draw` is uniform in [0, 1)."""
    if attempts > len(WAITS):
        return None
    return WAITS[attempts - 1] * (1 + JITTER * (2 * draw - 1))


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the open internet: not private, loopback, link-local, metadata or multicast.

    An IPv6 address that carries an IPv4 one is what that one is, because that is where the packets end up.
    """
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address) and (inner := _ipv4_inside(found)) is not None:
        found = inner
    return found.is_global and not found.is_multicast and not found.is_reserved


def _ipv4_inside(address: IPv6Address) -> IPv4Address | None:
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
