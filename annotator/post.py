"""The one doorway to other people's servers: a signed body goes out, a status and a few words come back.

Whoever sets up a webhook chooses where this server connects to, so it must not become a way into the network
around it. A host is looked up once, every address found must be public (unless TIEBREAK_WEBHOOKS_PRIVATE is set),
and the connection goes to the very address that was checked: a name that points elsewhere a moment later
changes nothing. Redirects are not followed, no proxy is asked, and neither a slow nor an endless answer holds a
worker for longer than DEADLINE_SECONDS.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import httpx

from annotator.domain.webhooks import Heard, is_public
from annotator.exceptions import NotDelivered

DEADLINE_SECONDS = 10.0  # for everything: looking up, connecting, sending, answering
ANSWER_BYTES = 2000  # of an answer that are read and kept

Lookup = Callable[[str, int], list[str]]


def addresses_of(host: str, port: int) -> list[str]:
    """Every address of a host. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def webhook_post(
    url: str, headers: dict[str, str], body: bytes, *, allow_private: bool = False, lookup: Lookup = addresses_of,
    deadline: float = DEADLINE_SECONDS,
) -> Heard:  # fmt: skip
    """Send `body` to `url`. Raises NotDelivered when the host may not or cannot be reached, or answers too late."""
    return asyncio.run(_post_in_time(httpx.URL(url), headers, body, allow_private, lookup, deadline))


async def _post_in_time(
    url: httpx.URL, headers: dict[str, str], body: bytes, allow_private: bool, lookup: Lookup, deadline: float
) -> Heard:
    try:
        async with asyncio.timeout(deadline):
            address = await _address(url, allow_private, lookup)
            return await _post(url, address, headers, body)
    except TimeoutError:
        raise NotDelivered(f"No answer from {url.host} within {deadline:g} seconds.") from None
    except httpx.HTTPError as error:
        raise NotDelivered(f"{url.host} could not be asked: {str(error) or type(error).__name__}.") from error


async def _address(url: httpx.URL, allow_private: bool, lookup: Lookup) -> str:
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().run_in_executor(None, lookup, url.host, port)
    except (OSError, UnicodeError):
        raise NotDelivered(f"There is no host {url.host}.") from None
    if not found:
        raise NotDelivered(f"There is no host {url.host}.")
    # All of them: one public address beside a private one is what an attempt looks like.
    if not allow_private and not all(map(is_public, found)):
        raise NotDelivered(
            f"{url.host} is an address inside a private network, which this server does not send to. "
            "Its operator can allow that with TIEBREAK_WEBHOOKS_PRIVATE=1."
        )
    return found[0]


async def _post(url: httpx.URL, address: str, headers: dict[str, str], body: bytes) -> Heard:
    # The address instead of the name; TLS still checks the certificate against the name.
    request = httpx.Request(
        "POST",
        url.copy_with(host=address),
        headers={**headers, "host": url.netloc.decode("ascii"), "accept-encoding": "identity"},
        content=body,
        extensions={"sni_hostname": url.host},
    )
    async with httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=None) as client:
        response = await client.send(request, stream=True)
        try:
            return Heard(response.status_code, await _beginning(response))
        finally:
            await response.aclose()


async def _beginning(response: httpx.Response) -> str:
    read = b""
    async for chunk in response.aiter_raw():
        read += chunk
        if len(read) >= ANSWER_BYTES:
            break
    # NUL is the one character that Postgres does not store.
    return read[:ANSWER_BYTES].decode("utf-8", errors="replace").replace("\x00", "�")
