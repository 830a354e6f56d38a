"""The doorway to other people's servers, against a real one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

import pytest

from annotator.exceptions import NotDelivered
from annotator.post import ANSWER_BYTES
from tests.receiver import Receiver, post_from_a_thread, receiving

sent_inside = partial(post_from_a_thread, headers={"webhook-id": "msg_1"}, body=b'{"a": 1}', allow_private=True)
sent_outside = partial(post_from_a_thread, headers={}, body=b"{}")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def test_headers_and_body_arrive_as_they_are(receiver: Receiver) -> None:
    receiver.status, receiver.answer = 200, b"thank you\x00"

    heard = sent_inside(receiver.url + "?a=b")

    assert (heard.status, heard.answer) == (200, "thank you�")
    [sent] = receiver.sent
    assert (sent.path, sent.body, sent.headers["webhook-id"]) == ("/hook?a=b", b'{"a": 1}', "msg_1")
    assert sent.headers["host"] == f"127.0.0.1:{receiver.port}"


def test_a_private_address_is_refused_before_anything_is_sent(receiver: Receiver) -> None:
    for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f000001", "2130706433", "127.1"):
        with pytest.raises(NotDelivered, match=r"private network.*TIEBREAK_WEBHOOKS_PRIVATE"):
            sent_outside(f"http://{host}:{receiver.port}/")

    assert receiver.sent == []


def test_a_name_is_looked_up_once_and_what_was_checked_is_what_is_connected_to(receiver: Receiver) -> None:
    """DNS rebinding: a second look-up would find another address, so there is none."""
    asked: list[tuple[str, int]] = []

    def lookup(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"]

    sent_inside(f"http://receiver.test:{receiver.port}/", lookup=lookup)

    assert asked == [("receiver.test", receiver.port)]
    assert receiver.sent[0].headers["host"] == f"receiver.test:{receiver.port}"


def test_one_private_address_among_public_ones_is_enough_to_refuse(receiver: Receiver) -> None:
    with pytest.raises(NotDelivered, match="private network"):
        sent_outside(f"https://receiver.test:{receiver.port}/", lookup=lambda *_: ["93.184.216.34", "10.0.0.1"])


def test_redirects_are_not_followed(receiver: Receiver) -> None:
    receiver.status, receiver.headers = 302, {"Location": "/elsewhere"}

    assert sent_inside(receiver.url).status == 302
    assert len(receiver.sent) == 1


def test_an_endless_answer_is_read_to_its_bound_and_a_slow_one_to_its_deadline(receiver: Receiver) -> None:
    receiver.status, receiver.answer = 200, b"x" * 10_000_000
    assert sent_inside(receiver.url).answer == "x" * ANSWER_BYTES

    receiver.drip, begun = 0.05, time.monotonic()
    with pytest.raises(NotDelivered, match=r"No answer from 127\.0\.0\.1 within 0\.5 seconds"):
        sent_inside(receiver.url, deadline=0.5)
    assert time.monotonic() - begun < 3


def test_a_closed_port_and_an_unknown_host_are_told_apart() -> None:
    with receiving() as receiver:
        url = receiver.url
    with pytest.raises(NotDelivered, match=r"127\.0\.0\.1 could not be asked"):
        sent_inside(url)
    with pytest.raises(NotDelivered, match=r"There is no host nowhere\.invalid"):
        sent_inside("http://nowhere.invalid/", lookup=lambda *_: [])
