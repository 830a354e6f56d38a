"""Raters by the thousand: what a judgment page sends, over HTTP, from one process that costs as little as it can.

Each keeps its cards as the page does: two wait behind the one that is shown, and
every stored judgment brings the next. A browser spreads over a million machines;
this one shares ours, so it writes and reads bytes without a client library.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import deque
from dataclasses import dataclass, field

from bench.queue_world import Rater

# What the page keeps of a card: where its judgment goes, and the fields that go with it.
CARD = re.compile(
    rb'<form id="verdict"[^>]* action="([^"]+)".*?name="csrfmiddlewaretoken" value="([^"]+)".*?'
    rb'name="key" value="([^"]+)".*?name="protocol" value="([^"]*)".*?name="guideline" value="([^"]*)"',
    re.DOTALL,
)
STATUS = slice(9, 12)
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
TOKEN = "x" * 32  # what a browser got as its cookie; a header may repeat it as it is
ANSWERS = (b"a", b"slightly_a", b"tie", b"slightly_b", b"b")


class Refused(Exception):
    """The server answered something else than the page expects."""


@dataclass
class Page:
    """One rater's open page."""

    rater: Rater
    slug: str
    cards: deque[tuple[bytes, bytes]] = field(default_factory=deque)  # address, fields
    known: set[bytes] = field(default_factory=set)
    judged: int = 0
    is_done: bool = False

    def take(self, body: bytes) -> None:
        for found in CARD.finditer(body):
            address, _token, key, protocol, guideline = found.groups()
            if address not in self.known:
                self.known.add(address)
                fields = b"&key=%b&protocol=%b&guideline=%b&milliseconds=4200" % (key, protocol, guideline)
                self.cards.append((address, fields))
        self.is_done = not self.cards

    @property
    def held(self) -> bytes:
        return b",".join(address.rstrip(b"/").rsplit(b"/", 1)[1] for address, _fields in self.cards)


class Line:
    """One connection that stays open."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def send(self, request: bytes) -> tuple[int, bytes]:
        """Status and body."""
        for attempt in range(3):
            try:
                if self.writer is None:
                    self.reader, self.writer = await asyncio.open_connection(self.host, self.port, limit=2**20)
                assert self.reader is not None
                self.writer.write(request)
                head = await self.reader.readuntil(b"\r\n\r\n")
                length = LENGTH.search(head)
                body = await self.reader.readexactly(int(length[1])) if length else b""
                if b"onnection: close" in head:
                    self.close()
                return int(head[STATUS]), body
            except (asyncio.IncompleteReadError, ConnectionError):
                self.close()
                if attempt == 2:
                    raise
        raise AssertionError

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None


@dataclass
class Crowd:
    """host, port: of the server; cookie: names of its session and csrf cookies."""

    host: str
    port: int

    def _head(self, page: Page, method: bytes, path: bytes, body: bytes) -> bytes:
        cookies = f"tiebreak_session_{self.port}={page.rater.session}; tiebreak_csrf_{self.port}={TOKEN}".encode()
        return (
            b"%b %b HTTP/1.1\r\nHost: %b:%d\r\nCookie: %b\r\nX-CSRFToken: %b\r\nX-Tiebreak-Cards: %b\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%b"
            % (method, path, self.host.encode(), self.port, cookies, TOKEN.encode(), page.held, len(body), body)
        )

    def request_for_cards(self, page: Page) -> bytes:
        return self._head(page, b"GET", f"/p/{page.slug}/judge/next/".encode(), b"")

    def request_for(self, page: Page, address: bytes, body: bytes) -> bytes:
        return self._head(page, b"POST", address, body)

    async def open(self, page: Page, line: Line) -> None:
        status, body = await line.send(self.request_for_cards(page))
        if status != 200:
            raise Refused(f"{status}: {body[:300]!r}")
        page.take(body)

    async def judge(self, page: Page, line: Line) -> float:
        """Judge what the page shows and take what comes back; seconds until it was there."""
        address, fields = page.cards.popleft()
        body = b"answer=" + random.choice(ANSWERS) + fields
        request = self.request_for(page, address, body)
        began = time.perf_counter()
        status, answer = await line.send(request)
        seconds = time.perf_counter() - began
        if status != 200:
            raise Refused(f"{status}: {answer[:300]!r}")
        page.take(answer)
        page.judged += 1
        return seconds


async def opened(crowd: Crowd, pages: list[Page], lines: int) -> None:
    """Every page has its first cards."""
    waiting = deque(pages)

    async def one() -> None:
        line = Line(crowd.host, crowd.port)
        while waiting:
            await crowd.open(waiting.popleft(), line)
        line.close()

    await asyncio.gather(*(one() for _ in range(lines)))


async def closed_loop(crowd: Crowd, pages: list[Page], *, lines: int, seconds: float) -> tuple[list[float], float]:
    """As many as there are lines judge without a pause, page after page; latencies and how long it took."""
    found: list[float] = []
    turns = deque(pages)
    began = time.perf_counter()

    async def one() -> None:
        line = Line(crowd.host, crowd.port)
        while time.perf_counter() - began < seconds and turns:
            page = turns.popleft()
            found.append(await crowd.judge(page, line))
            if page.cards:
                turns.append(page)
        line.close()

    await asyncio.gather(*(one() for _ in range(lines)))
    return found, time.perf_counter() - began


async def open_loop(crowd: Crowd, pages: list[Page], *, per_second: float, lines: int, seconds: float) -> list[float]:
    """Judgments arrive by chance (Poisson), whether or not earlier ones are answered.

    A latency runs from when its rater pressed the key, so waiting for a free line is in it.
    """
    found: list[float] = []
    idle = list(pages)
    due: asyncio.Queue[tuple[float, Page] | None] = asyncio.Queue()

    async def one() -> None:
        line = Line(crowd.host, crowd.port)
        while (turn := await due.get()) is not None:
            pressed, page = turn
            await crowd.judge(page, line)
            found.append(time.perf_counter() - pressed)
            if page.cards:
                idle.append(page)
        line.close()

    workers = [asyncio.create_task(one()) for _ in range(lines)]
    began = moment = time.perf_counter()
    while moment - began < seconds and idle:
        moment += random.expovariate(per_second)
        await asyncio.sleep(max(moment - time.perf_counter(), 0))
        at = random.randrange(len(idle))
        idle[at], idle[-1] = idle[-1], idle[at]
        due.put_nowait((moment, idle.pop()))
    for _ in workers:
        due.put_nowait(None)
    await asyncio.gather(*workers)
    return found
