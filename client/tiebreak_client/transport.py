"""How requests travel: signed, tried again until they are answered, and never done twice."""

from __future__ import annotations

import os
import random
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import httpx
from tiebreak_client.problems import Problem

LEFT_OUT: Any = object()  # stands for an argument that is not sent: None is sent, as null
ATTEMPTS = 6
LONGEST_WAIT = 30.0  # seconds
PASSING = {429, 502, 503, 504}
WRITES = {"POST", "PUT", "PATCH", "DELETE"}


class Transport:
    """A server and a token.

    url, token  left out, the environment says: TIEBREAK_URL, TIEBREAK_TOKEN
    language    of what people read, such as `detail` of a problem
    timeout     seconds that one attempt may take
    """

    def __init__(
        self, url: str | None = None, token: str | None = None, *, language: str = "en", timeout: float = 60.0
    ) -> None:
        self._http = httpx.Client(
            base_url=(url or os.environ["TIEBREAK_URL"]).rstrip("/"),
            headers={
                "Authorization": f"Bearer {token or os.environ['TIEBREAK_TOKEN']}",
                "Accept-Language": language,
                "User-Agent": "tiebreak-client",
            },
            timeout=timeout,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def _asked(
        self, method: str, path: str, *, query: Any = None, body: Any = None, file: BinaryIO | None = None
    ) -> Any:
        """The answer's JSON, None where there is none. Raises Problem, and httpx.TransportError when nobody answers."""
        with closing(self._sent(method, path, query=query, body=body, file=file)) as answer:
            answer.read()
            return answer.json() if answer.content else None

    def _pages(self, path: str, *, query: dict[str, Any]) -> Iterator[Any]:
        """The rows of a list, page after page, each asked for when the one before is used up."""
        page = self._asked("GET", path, query=query)
        while True:
            yield from page["results"]
            if page["next"] is None:
                return
            # Only what follows the path: behind a proxy the server may know itself by another name.
            page = self._asked("GET", path, query=dict(httpx.URL(page["next"]).params))

    def _saved(self, path: str, to: str | Path, *, query: Any = None) -> Path:
        """The answer as a file at `to`: written beside it first, so that it is there whole or not at all."""
        whole = Path(to)
        part = whole.with_name(f"{whole.name}.part")
        with closing(self._sent("GET", path, query=query)) as answer, part.open("wb") as file:
            for chunk in answer.iter_bytes():
                file.write(chunk)
        return part.replace(whole)

    def _sent(
        self, method: str, path: str, *, query: Any = None, body: Any = None, file: BinaryIO | None = None
    ) -> httpx.Response:
        # One key for all attempts: whichever arrives first is done, and the others are answered with what came of it.
        headers = {"Idempotency-Key": str(uuid.uuid4())} if method in WRITES else {}
        sent: dict[str, Any] = {"params": _without_left_out(query)}
        if file is not None:
            headers["Content-Type"] = "application/octet-stream"
        elif body is not None:
            sent["json"] = _without_left_out(body)
        for attempt in range(1, ATTEMPTS + 1):
            if file is not None:
                file.seek(0)
                sent["content"] = file
            try:
                answer = self._http.send(self._http.build_request(method, path, headers=headers, **sent), stream=True)
            except httpx.TransportError:
                if attempt == ATTEMPTS:
                    raise
                time.sleep(_wait(attempt))
                continue
            if answer.is_success:
                return answer
            answer.read()
            problem = Problem.of(answer)
            if attempt == ATTEMPTS or not (answer.status_code in PASSING or problem.code == "still_at_it"):
                raise problem
            time.sleep(_wait(attempt, answer.headers.get("Retry-After", "")))
        raise AssertionError("every attempt returns, raises or is followed by another")


def _wait(attempt: int, asked: str = "") -> float:
    """Seconds: what the server asks for, or longer each time, a little different for every program."""
    if asked.isdigit():
        return float(asked)
    return random.uniform(0.5, 1.0) * min(LONGEST_WAIT, 0.25 * 2.0**attempt)


def _without_left_out(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: inner for name, inner in value.items() if inner is not LEFT_OUT}
    return value
