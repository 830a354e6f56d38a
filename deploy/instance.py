"""What belongs to one running instance: its claim on the data folder, its addresses, and its first passwords."""

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

from deploy.embedded import wait_for
from deploy.errors import CannotStart


class Login(TypedDict):
    username: str
    password: str


@contextlib.contextmanager
def claim(home: Path) -> Iterator[None]:
    """One launcher per data folder. The kernel drops the lock with the process, so a crash leaves nothing to clear."""
    path = home / "instance.lock"
    with path.open("a+") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # not inherited by children, unlike flock
        except OSError:
            file.seek(0)
            raise CannotStart(
                f"another instance (process {file.read().strip() or 'unknown'}) already runs in {home}. "
                "Stop it, or start a second one beside it: TIEBREAK_HOME=/some/where TIEBREAK_PORT=8001 make up"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def wait_for_keepers(lock: Path) -> None:
    """The keepers of a launcher that was killed are still stopping its servers; they hold `lock` until then."""
    with lock.open("a+") as file:

        def is_free() -> bool:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
            return True

        wait_for(is_free, seconds=15.0, what=f"processes of an earlier instance (they hold {lock})")


def write_private(path: Path, content: str) -> None:
    """Whole or not at all, and readable by us only from its first byte on."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)
    part.replace(path)


@contextlib.contextmanager
def announced(home: Path, *, database_url: str, broker_url: str, port: int) -> Iterator[None]:
    """HOME/instance.json tells `manage.py` and the child processes where the servers are, while they are."""
    path = home / "instance.json"
    facts = {"database_url": database_url, "broker_url": broker_url, "port": port, "launcher": os.getpid()}
    write_private(path, json.dumps(facts, indent=1))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def secret_key_ensure(path: Path) -> None:
    if not path.exists():
        write_private(path, secrets.token_urlsafe(48))


def logins_ensure(path: Path) -> None:
    """The first owner and the first rater get drawn passwords; there is no default password anywhere."""
    if path.exists():
        return
    logins = {role: Login(username=role, password=secrets.token_urlsafe(12)) for role in ("owner", "rater")}
    write_private(path, json.dumps(logins, indent=1))


def logins_read(path: Path) -> dict[str, Login]:
    """Empty when this data folder never drew any (its people come from a database that was there before)."""
    try:
        found: dict[str, Login] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return found
