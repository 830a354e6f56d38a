"""The part of a start that needs Django, in one process because loading it takes most of the time.

1. Migrate the database.
2. Collect static files, unless nothing changed since the last time.
3. On the first start in this data folder, seed the demo project.
"""

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

import django
from django.core.management import CommandError, call_command


def main() -> int:
    django.setup()
    migrate()
    static_collect()
    demo_seed()
    return 0


def migrate() -> None:
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if waiting:
        timed(f"database: applying {len(waiting)} migrations", lambda: call_command("migrate", verbosity=0))


def static_collect() -> None:
    from django.conf import settings

    if settings.STATIC != "hashed":
        return
    stamp = settings.HOME / "static.stamp"
    fingerprint = static_fingerprint()
    if stamp.exists() and stamp.read_text() == fingerprint and settings.STATIC_ROOT.exists():
        return
    stamp.unlink(missing_ok=True)  # an interrupted collection must be done again
    # The API answers JSON only, so the pages of the framework's own browser are left out.
    options = {"clear": True, "ignore_patterns": ["rest_framework"], "interactive": False, "verbosity": 0}
    timed("static files: collecting", lambda: call_command("collectstatic", **options))
    stamp.write_text(fingerprint)


def static_fingerprint() -> str:
    """Changes whenever a source file, or the version that collects it, does."""
    from django.contrib.staticfiles.finders import get_finders

    seen = hashlib.sha256(f"{django.VERSION}".encode())
    for finder in get_finders():
        for name, storage in sorted(finder.list([]), key=lambda found: found[0]):
            facts = Path(storage.path(name)).stat()
            seen.update(f"{name} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return seen.hexdigest()


def demo_seed() -> None:
    """Once per data folder, and never into a database that already has people of its own."""
    from django.conf import settings
    from django.contrib.auth import get_user_model

    from deploy.instance import logins_ensure

    stamp, logins = settings.HOME / "seeded", settings.HOME / "logins.json"
    if stamp.exists():
        return
    was_interrupted = logins.exists()
    if was_interrupted or not get_user_model().objects.exists():
        logins_ensure(logins)
        try:
            timed("demo: seeding the first project", lambda: call_command("seed_demo", stdout=sys.stdout))
        except CommandError as error:
            say(f"demo: not complete ({error}); the next start goes on with it")
            return
    stamp.touch()


def timed(step: str, work: Callable[[], object]) -> None:
    say(f"{step} …")
    work()


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
