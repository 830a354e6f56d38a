"""`make up`: check, start what is missing, migrate, seed, serve, and on Ctrl-C leave nothing behind.

    make up ── this process (the launcher)
        ├── keeper ── Postgres         embedded, unless DATABASE_URL says where one is
        ├── keeper ── Redis            embedded, unless CELERY_BROKER_URL says where one is
        └── honcho
            ├── keeper ── granian      pages and API
            ├── keeper ── celery ×3    one worker per queue: default, generate, train
            └── keeper ── celery beat  the clock: tick and sweep

Whatever is killed comes back: a process by its keeper, a keeper by the launcher. When the launcher is killed, the
keepers stop everything. Postgres and Redis stop last, so that nobody's last write is lost.
"""

import contextlib
import os
import signal
import socket
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg

from deploy.embedded import Home, Postgres, Redis
from deploy.errors import CannotStart
from deploy.group import Group, Watch, run_step
from deploy.instance import announced, claim, logins_read, secret_key_ensure, wait_for_keepers
from deploy.keep import Kept
from deploy.progress import Progress, write, write_error

ROOT = Path(__file__).resolve().parent.parent
OLDEST_POSTGRES = 14
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Somebody asked us to stop before the group ran."""


def main() -> int:
    for number in STOP_SIGNALS:
        signal.signal(number, stop_now)
    try:
        up()
    except CannotStart as error:
        write_error(str(error))
        return 1
    except Stopped:
        pass
    write("stopped")
    return 0


def stop_now(number: int, frame: FrameType | None) -> None:
    raise Stopped


def up() -> None:
    progress = Progress()
    settings = settings_checked()
    home = Home(settings.HOME)
    home.prepare()
    lock = home.run / "keepers.lock"
    with contextlib.ExitStack() as stack:
        stack.enter_context(claim(home.path))
        stack.callback(home.release)
        port_check(settings.BIND, settings.PORT)
        wait_for_keepers(lock)
        secret_key_ensure(settings.KEY_FILE)

        progress.say(f"data folder {home.path}")
        postgres = None if settings.secret("DATABASE_URL") else Postgres(home)
        redis = None if settings.secret("CELERY_BROKER_URL") else Redis(home)
        for server in (postgres, redis):
            if server:
                server.prepare()
        watch = Watch(
            address=("127.0.0.1" if settings.BIND in ("", "0.0.0.0", "::") else settings.BIND, settings.PORT),
            host=probe_host(settings.ALLOWED_HOSTS),
            servers=[server.kept(launcher=os.getpid(), lock=lock) for server in (postgres, redis) if server],
            run=home.run,
        )
        watch.progress = progress
        stack.callback(watch.stop)
        stack.callback(signals_ignore)  # from here on nothing may interrupt the stopping

        if postgres:
            postgres.wait_until_ready()
            progress.say("database: embedded Postgres answers")
        else:
            database_check(settings.secret("DATABASE_URL"))
            progress.say("database: DATABASE_URL answers")
        if redis:
            redis.wait_until_ready()
            progress.say("broker: embedded Redis answers")
        else:
            broker_check(settings.secret("CELERY_BROKER_URL"))
            progress.say("broker: CELERY_BROKER_URL answers")

        stack.enter_context(
            announced(
                home.path,
                database_url=postgres.url() if postgres else settings.secret("DATABASE_URL"),
                broker_url=redis.url if redis else settings.secret("CELERY_BROKER_URL"),
                port=settings.PORT,
            )
        )
        environment = os.environ | {
            "TIEBREAK_HOME": str(home.path),
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "PYTHONUNBUFFERED": "1",
        }
        if run_step([sys.executable, "-m", "deploy.prepare"], environment=environment, progress=progress):
            raise CannotStart("the database could not be prepared; the lines above say why")
        progress.say("web, workers and clock: starting …")
        watch.greeting = greeting(settings)
        os.environ |= environment
        serve(settings, home, lock, watch)
        write("stopping …")


def serve(settings: Any, home: Home, lock: Path, watch: Watch) -> None:
    """Until somebody asks us to stop. A group that ended unasked (a keeper was killed) starts again, whole."""
    kepts = [
        Kept(name=name, command=command, folder=str(ROOT), launcher=os.getpid(), lock=str(lock))
        for name, command in commands(settings.BIND, settings.PORT).items()
    ]
    while True:
        group = Group(kepts, home.run, watch)
        # honcho knows two of the three signals
        signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
        group.loop()
        if group.was_asked:
            return
        write("a keeper was killed; starting web, workers and clock again")


def commands(bind: str, port: int) -> dict[str, list[str]]:
    """Name → command of each process. To grow beyond one machine, run these very commands elsewhere."""
    python = sys.executable
    web = [
        python,
        "-m",
        "granian",
        "config.wsgi:application",
        "--interface",
        "wsgi",
        "--host",
        bind,
        "--port",
        str(port),
    ]
    # Threads wait for the database while others compute; idle ones stay, because each keeps a connection.
    web += ["--workers", "2", "--blocking-threads", "4", "--blocking-threads-idle-timeout", "600"]
    web += ["--respawn-failed-workers", "--respawn-interval", "0.2", "--workers-kill-timeout", "3"]
    web += ["--http", "1", "--no-ws", "--log-level", "warning"]
    celery = [python, "-m", "celery", "--quiet", "--app", "config"]

    def worker(queue: str, threads: int) -> list[str]:
        # Threads suffice: the work is SQL, and training runs in a child process of its own.
        # Nicely, children too: whoever waits for a page goes first.
        command = ["nice", "-n", "10", *celery, "worker", "--queues", queue]
        command += ["--hostname", f"{queue}@%h", "--loglevel", "WARNING"]
        command += ["--pool", "threads", "--concurrency", str(threads)]
        # Workers need to know nothing of each other; not asking makes them start at once.
        return [*command, "--without-gossip", "--without-mingle", "--without-heartbeat"]

    return {
        "web": web,
        "default": worker("default", 3),
        "generate": worker("generate", 1),
        "train": worker("train", 1),
        # Both entries are plain intervals, so the clock needs no file that a crash could spoil.
        "clock": [*celery, "beat", "--scheduler", "celery.beat:Scheduler", "--loglevel", "WARNING", "--pidfile="],
    }


def settings_checked() -> Any:
    """The settings module, read outside Django; a word that it refuses is one line, as everywhere."""
    from django.core.exceptions import ImproperlyConfigured

    try:
        from config import settings
    except ImproperlyConfigured as error:
        raise CannotStart(str(error)) from None
    return settings


def port_check(bind: str, port: int) -> None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(bind, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
            probe.bind(address)
    except socket.gaierror:
        raise CannotStart(f"TIEBREAK_BIND={bind!r} is not an address of this machine.") from None
    except OSError as error:
        raise CannotStart(
            f"port {port} on {bind} cannot be used ({os.strerror(error.errno or 0)}). "
            f"Stop what uses it, or choose another: TIEBREAK_PORT={port + 1} make up"
        ) from None


def database_check(url: str) -> None:
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            found = connection.info.server_version // 10000
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        raise CannotStart(f"the database in DATABASE_URL does not answer: {reason}") from None
    if found < OLDEST_POSTGRES:
        raise CannotStart(f"DATABASE_URL leads to Postgres {found}; Tiebreak needs {OLDEST_POSTGRES} or newer.")


def broker_check(url: str) -> None:
    from kombu.connection import Connection

    try:
        with Connection(url, connect_timeout=3) as connection:  # type: ignore[no-untyped-call]
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0, timeout=5)
    except Exception as error:  # each broker's library has its own tree of errors; all mean the same here
        reason = " ".join(str(error).split())
        raise CannotStart(f"the broker in CELERY_BROKER_URL does not answer: {reason}") from None


def probe_host(allowed: list[str]) -> str:
    """A Host header that the web process accepts when the launcher asks whether it is ready."""
    first = allowed[0].lstrip(".") if allowed else "localhost"
    return "localhost" if first == "*" else first


def greeting(settings: Any) -> list[str]:
    host = "localhost" if settings.BIND in ("127.0.0.1", "0.0.0.0", "::", "") else settings.BIND
    logins = logins_read(settings.HOME / "logins.json")
    lines = ["", f"    Tiebreak   http://{host}:{settings.PORT}/"]
    lines += [f"    {role:<10} {login['username']}  {login['password']}" for role, login in logins.items()]
    if settings.BIND not in ("127.0.0.1", "::1", "localhost") and not settings.text("TIEBREAK_ALLOWED_HOSTS"):
        lines += ["", "    Browsers elsewhere need to be told this machine's names: TIEBREAK_ALLOWED_HOSTS=name,name"]
    lines += ["", "    Ctrl-C stops everything; `make up` goes on from there. `make logins` prints this again."]
    return [*lines, ""]


def signals_ignore() -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main())
