"""Raters who judge over HTTP, through the same pages and forms as people.

A page is read as a browser reads it: the answers by their `data-answer`, the
form by its `data-verdict-form`, its hidden fields and its buttons. Nothing here
touches the database, so what it stores went through every door that people use.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx

from annotator.domain.raters import RuleRater

VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"])
STATES = ("ready", "preparing", "done", "content", "declined", "guideline", "exam")
POLL_SECONDS = 2.0
TRIES = 7  # of one request, while the server is away or overloaded: half a minute in all
REQUEST_SECONDS = 30.0


class SimulationStopped(Exception):
    """The pages did not do what they do for people; the message says what happened."""


# --- reading a page -------------------------------------------------------------


@dataclass
class Form:
    """A form as a browser would send it."""

    action: str = ""
    hidden: dict[str, str] = field(default_factory=dict)
    buttons: list[str] = field(default_factory=list)


@dataclass
class Page:
    """What a rater needs to see of a page.

    state     where there is nothing to judge: "done", "preparing", or "ready" when others hold what there is, or
              what stands before the next pair; else empty
    forms     every form
    verdict   the one that takes the verdict
    entrance  the one that says that the guidelines are read
    shown  when it arrived, on this machine's clock
    """

    answers: dict[str, str] = field(default_factory=dict)
    state: str = ""
    forms: list[Form] = field(default_factory=list)
    verdict: Form | None = None
    entrance: Form | None = None
    shown: float = field(default_factory=time.monotonic)

    @property
    def is_comparison(self) -> bool:
        return self.verdict is not None and self.answers.keys() == {"left", "right"}


class _Reader(HTMLParser):
    """Fills a Page. Every open element is on the stack with the side it belongs to."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()
        self._open: list[tuple[str, str]] = []
        self._form: Form | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(attributes.get("action", ""))
            self.page.forms.append(self._form)
            if "data-verdict-form" in attributes:
                self.page.verdict = self._form
            if "data-entrance-form" in attributes:
                self.page.entrance = self._form
        elif tag == "input" and self._form and attributes.get("type") == "hidden" and "name" in attributes:
            self._form.hidden[attributes["name"]] = attributes.get("value", "")
        elif tag == "button" and self._form and attributes.get("name") == "answer":
            self._form.buttons.append(attributes.get("value", ""))
        if attributes.get("data-state") in STATES:
            self.page.state = attributes["data-state"]
        if tag not in VOID:
            side = attributes.get("data-answer") or (self._open[-1][1] if self._open else "")
            self._open.append((tag, side))
            if side:
                self.page.answers.setdefault(side, "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        # An element may be closed by the end of one around it, as a paragraph in a list is.
        depths = [depth for depth, (name, _) in enumerate(self._open) if name == tag]
        if depths:
            del self._open[depths[-1] :]

    def handle_data(self, data: str) -> None:
        if self._open and (side := self._open[-1][1]):
            self.page.answers[side] += data


def page_read(html: str) -> Page:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    page = reader.page
    page.answers = {side: text.strip() for side, text in page.answers.items()}
    return page


# --- acting ---------------------------------------------------------------------


@dataclass(frozen=True)
class Account:
    username: str
    password: str


@dataclass
class Tally:
    """What was stored so far, and the answers that were given. Threads share it."""

    wanted: int
    stored: Counter[str] = field(default_factory=Counter)
    sides: Counter[str] = field(default_factory=Counter)
    waiting: set[str] = field(default_factory=set)
    _promised: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def promise(self) -> bool:
        """Reserve one judgment; False when all that are wanted are stored or on their way."""
        with self._lock:
            if self._promised >= self.wanted:
                return False
            self._promised += 1
            return True

    def keep(self, rater: str, answer: str) -> None:
        """A promised judgment was acknowledged."""
        with self._lock:
            self.stored[rater] += 1
            self.sides[answer] += 1

    def give_back(self) -> None:
        """A promised judgment was not stored, so another one takes its place."""
        with self._lock:
            self._promised -= 1

    @property
    def is_full(self) -> bool:
        with self._lock:
            return self.stored.total() >= self.wanted

    @property
    def is_promised(self) -> bool:
        with self._lock:
            return self._promised >= self.wanted


@dataclass(frozen=True)
class Site:
    """Where the instance is, and which of its pages raters use."""

    url: str
    login: str
    judge: str


class HttpRater:
    """One rater with a session of their own."""

    def __init__(self, site: Site, account: Account, mind: RuleRater) -> None:
        self.site, self.account, self.mind = site, account, mind
        self.client = httpx.Client(base_url=site.url, timeout=REQUEST_SECONDS, headers={"Referer": site.url + "/"})

    def sign_in(self) -> None:
        page = page_read(self._send("GET", self.site.login).text)
        if not page.forms:
            raise SimulationStopped(f"{self.site.url}{self.site.login} shows no form to sign in with.")
        fields = {**page.forms[0].hidden, "username": self.account.username, "password": self.account.password}
        if not self._send("POST", self.site.login, fields).is_redirect:
            raise SimulationStopped(f"{self.account.username} could not sign in at {self.site.url}{self.site.login}.")

    def look(self) -> Page:
        """The page with this rater's next comparison, or why there is none."""
        page = self._looked()
        if page.entrance is not None:  # nobody reads it, but what is stored should say that it was shown
            self._send("POST", page.entrance.action, page.entrance.hidden)
            page = self._looked()
        if page.state in ("content", "declined", "exam"):
            raise SimulationStopped(
                f"{self.account.username} is asked about the {page.state} first, which only people can answer. "
                "Turn that off in the settings of the project."
            )
        return page

    def _looked(self) -> Page:
        response = self._send("GET", self.site.judge)
        if response.status_code != httpx.codes.OK:
            raise SimulationStopped(f"{response.url} answered {response.status_code} instead of a comparison.")
        return _understood(response)

    def judge(self, page: Page) -> tuple[str, Page | None]:
        """Send what this rater thinks of a comparison: the answer, and the next page.

        None instead of a page says that the comparison had moved on, so nothing was stored.
        """
        form = page.verdict
        assert form is not None
        answer = self.mind.answer(page.answers["left"], page.answers["right"], tie_is_allowed="tie" in form.buttons)
        fields = {**form.hidden, "answer": answer}
        if "milliseconds" in fields:
            fields["milliseconds"] = str(round((time.monotonic() - page.shown) * 1000))
        # As htmx sends it: the status tells whether it was stored, and the answer holds the next comparison.
        response = self._send("POST", form.action, fields, {"HX-Request": "true"})
        if response.status_code == httpx.codes.CONFLICT:
            return answer, None
        if response.is_redirect:
            return answer, self.look()
        if response.status_code != httpx.codes.OK:
            raise SimulationStopped(f"{response.url} answered {response.status_code} to a judgment.")
        return answer, _understood(response)

    def close(self) -> None:
        self.client.close()

    def _send(
        self, method: str, path: str, fields: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Send a request, again while the server is away. A form holds a key, so sending it twice stores it once."""
        for attempt in range(TRIES):
            try:
                response = self.client.request(method, urljoin(self.site.judge, path), data=fields, headers=headers)
            except httpx.TransportError as error:
                problem = f"{self.site.url} does not answer ({error}). Start the instance, or name it with --url."
            else:
                if response.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                    return response
                problem = f"{response.url} answered {response.status_code}."
            if attempt + 1 < TRIES:
                time.sleep(0.5 * 2**attempt)
        raise SimulationStopped(problem)


def _understood(response: httpx.Response) -> Page:
    page = page_read(response.text)
    if not page.is_comparison and not page.state:
        raise SimulationStopped(f"{response.url} shows neither a comparison nor why there is none.")
    return page


# --- together ---------------------------------------------------------------------


@dataclass(frozen=True)
class Ending:
    """Why the raters stopped, empty when all that was wanted is stored, and how long they took."""

    reason: str
    seconds: float


def simulate(
    raters: Sequence[HttpRater],
    tally: Tally,
    *,
    concurrency: int,
    patience: float,
    say: Callable[[str], None],
    every: float = 5.0,
) -> Ending:
    """Let all raters judge until `tally` is full, nothing is left, or answers are prepared for too long.

    concurrency  raters that act in the same moment
    patience     seconds for which raters wait while answers are being prepared
    Raises SimulationStopped when the pages break.
    """
    crew = _Crew(tally, _Turns(concurrency), patience)
    started = time.monotonic()
    threads = [threading.Thread(target=crew.work, args=(rater,), daemon=True) for rater in raters]
    for thread in threads:
        thread.start()
    said = started
    while any(thread.is_alive() for thread in threads):
        for thread in threads:
            thread.join(timeout=0.05)
        if time.monotonic() - said >= every:
            said = time.monotonic()
            say(crew.progress(said - started))
    if crew.error is not None:
        raise crew.error
    return Ending("" if tally.is_full else crew.reason, time.monotonic() - started)


class _Turns:
    """At most `n` inside at once, first come first served: a semaphore lets who just left in again first."""

    def __init__(self, n: int) -> None:
        self._free = n
        self._queue: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            mine = threading.Event()
            self._queue.append(mine)
        mine.wait()

    def __exit__(self, *error: object) -> None:
        with self._lock:
            if self._queue:
                self._queue.popleft().set()
            else:
                self._free += 1


class _Crew:
    def __init__(self, tally: Tally, turns: _Turns, patience: float) -> None:
        self.tally, self.turns, self.patience = tally, turns, patience
        self.error: Exception | None = None
        self.reason = ""

    def work(self, rater: HttpRater) -> None:
        """One rater's day, in a thread of its own."""
        try:
            with self.turns:
                rater.sign_in()
            self._judge(rater)
        except Exception as error:  # the outermost door of this thread: `simulate` raises it again
            self.error = self.error or error
        finally:
            rater.close()

    def _judge(self, rater: HttpRater) -> None:
        page: Page | None = None
        name = rater.account.username
        waits_since: float | None = None
        while self.error is None and not self.tally.is_full:
            if not self.tally.is_promised:
                with self.turns:
                    page = page or rater.look()
                    if page.is_comparison:
                        waits_since = None
                        self.tally.waiting.discard(name)
                        page = self._one(rater, page)
                        continue
                if page.state == "done":
                    self.reason = "Nothing is left to judge."
                    return
                self.tally.waiting.add(name)
                waits_since = waits_since or time.monotonic()
                if time.monotonic() - waits_since > self.patience:
                    self.reason = f"No answers were ready within {self.patience:.0f} s."
                    return
                page = None
            time.sleep(POLL_SECONDS if waits_since else 0.05)

    def _one(self, rater: HttpRater, page: Page) -> Page | None:
        """Judge one comparison if one more is wanted, and return the next page."""
        if not self.tally.promise():
            return page
        try:
            answer, following = rater.judge(page)
        except BaseException:
            self.tally.give_back()
            raise
        if following is None:
            self.tally.give_back()
        else:
            self.tally.keep(rater.account.username, answer)
        return following

    def progress(self, seconds: float) -> str:
        stored = self.tally.stored.total()
        line = f"{stored:,} of {self.tally.wanted:,} judgments, {stored / seconds:.1f} a second"
        waiting = len(self.tally.waiting)
        return f"{line}; {waiting} raters wait while answers are being prepared" if waiting else line
