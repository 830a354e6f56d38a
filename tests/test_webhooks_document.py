"""The receiver that docs/webhooks.md prints, run as it is printed."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from annotator.domain.webhooks import HEARD, secret_make, signatures
from tests.receiver import post_from_a_thread

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "webhooks.md").read_text()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_every_event_stands_on_the_page() -> None:
    rows = "".join(line for line in PAGE.splitlines() if line.startswith("| `"))
    said = {name for group in re.findall(r"^\| (`.*?) \|", PAGE, re.M) for name in re.findall(r"`([\w.]+)`", group)}
    nouns = {name.split(".")[0] for name in said if name[0] != "."}

    assert rows
    for kind in HEARD:
        noun, what = kind.split(".")
        assert noun in nouns
        assert kind in said or f".{what}" in said


def test_the_printed_receiver_takes_what_is_ours_once_and_refuses_the_rest() -> None:
    code = next(block for block in re.findall(r"```python\n(.*?)```", PAGE, re.S) if "HTTPServer" in block)
    port, secret, now = free_port(), secret_make(), int(datetime.now(UTC).timestamp())
    receiver = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PORT": str(port), "WEBHOOK_SECRET": secret},
        stdout=subprocess.PIPE,
        text=True,
    )

    def sent(body: bytes, *, at: int = now, key: str = secret) -> int:
        signature = signatures([secret_make(), key], message_id="msg_1", timestamp=at, body=body)
        headers = {"webhook-id": "msg_1", "webhook-timestamp": str(at), "webhook-signature": signature}
        return post_from_a_thread(f"http://127.0.0.1:{port}/", headers, body, allow_private=True).status

    try:
        wait_for(port)
        body = b'{"type": "run.failed", "data": {"url": "https://x/p/demo/runs/1/"}}'
        assert [sent(body), sent(body)] == [204, 204]
        assert [sent(body, key=secret_make()), sent(body, at=now - 3600)] == [400, 400]
    finally:
        receiver.terminate()
        said, _ = receiver.communicate()
    assert said == "run.failed https://x/p/demo/runs/1/\n"


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the receiver did not start")
