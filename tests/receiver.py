"""Somebody else's server: a real one on this machine, that keeps what it is sent and answers as it is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from annotator.domain.webhooks import Heard
from annotator.post import webhook_post


def post_from_a_thread(*arguments: Any, **options: Any) -> Heard:
    """`webhook_post` as the worker calls it: a browser of other tests may have left its loop in this thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(webhook_post, *arguments, **options).result()


@dataclass
class Sent:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """status, headers, answer  what every request gets
    drip  seconds between the bytes of the answer
    """

    port: int = 0
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    answer: bytes = b""
    drip: float = 0.0
    sent: list[Sent] = field(default_factory=list)
    then: Callable[[], None] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            receiver.sent.append(Sent(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            if receiver.then is not None:
                receiver.then()
            self.send_response(receiver.status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                for byte in receiver.answer if receiver.drip else [receiver.answer]:
                    self.wfile.write(bytes([byte]) if isinstance(byte, int) else byte)
                    self.wfile.flush()
                    time.sleep(receiver.drip)
            except ConnectionError:
                pass  # whoever asked had enough

        do_GET = do_POST

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
