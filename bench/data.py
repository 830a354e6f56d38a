"""How fast data comes in and goes out, beside a bare COPY of the same rows (`make bench-data`).

Rows are TRL preference pairs of about 1 KB with prompts of their own, read from a file, recognised, checked, hashed
and stored with every index, foreign key and counter of a database that keeps what it acknowledged. Memory is the
growth of the peak from ten thousand rows to all of them. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.data_export import exported
from bench.instance import ROOT
from deploy import keep
from deploy.embedded import Home, Postgres

FEW = 10_000
WORDS = ["order", "parcel", "refund", "customer", "letter", "carrier", "depot", "receipt", "account", "answer", "today"]


def import_figures(rows: int) -> dict[str, float]:
    """Rows a second through the whole import, through a bare COPY, and what a hundred times as many rows add in MB."""
    with tempfile.TemporaryDirectory(prefix="tiebreak-bench-data-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        few, many = folder / "few.jsonl", folder / "many.jsonl"
        pairs_written(few, FEW)
        pairs_written(many, rows)
        with _database(folder) as environment:
            small = _measured(environment, "few", few)
            large = _measured(environment, "many", many)
            floor = _measured(environment, "floor", many)
            small_out = _measured(environment, "export few", few)
            large_out = _measured(environment, "export many", many)
        return {
            "import_rows_per_s": round(rows / large["seconds"]),
            "import_memory_growth_mb": round(large["peak_mb"] - small["peak_mb"], 1),
            "export_rows_per_s": round(rows / large_out["seconds"]),
            "export_memory_growth_mb": round(large_out["peak_mb"] - small_out["peak_mb"], 1),
            "copy_rows_per_s": round(rows / floor["seconds"]),
        }


def pairs_written(path: Path, rows: int) -> None:
    """So many pairs of about 1 KB, the same for the same number."""
    rng = random.Random(rows)
    with path.open("w") as file:
        for number in range(rows):
            prompt, chosen, rejected = (" ".join(rng.choices(WORDS, k=k)) for k in (30, 50, 50))
            file.write(json.dumps({"prompt": f"{number} {prompt}?", "chosen": chosen, "rejected": rejected}) + "\n")


class _database:
    """A Postgres of its own with the product's tables, durable as in an installation."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)

    def __enter__(self) -> dict[str, str]:
        self.postgres = Postgres(self.home)
        self.postgres.prepare()
        self.keeper = keep.start(
            self.postgres.kept(launcher=os.getpid(), lock=self.home.run / "keepers.lock"), self.home.run
        )
        self.postgres.wait_until_ready()
        environment = {
            **os.environ,
            "DATABASE_URL": self.postgres.url(),
            "TIEBREAK_HOME": str(self.home.path),
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
        return environment

    def __exit__(self, *_: object) -> None:
        self.keeper.terminate()
        self.keeper.wait()


def _measured(environment: dict[str, str], what: str, path: Path) -> dict[str, Any]:
    """In a process of its own, so that its peak is its own."""
    command = [sys.executable, "-m", "bench.data", "--measure", what, str(path)]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(f"{what}: {found}", file=sys.stderr)
    return found


def _measure(what: str, path: Path) -> dict[str, float]:
    import django

    django.setup()
    from django.db import connection

    started = time.monotonic()
    if what == "floor":
        with connection.cursor() as cursor:
            cursor.execute("CREATE UNLOGGED TABLE floor (row jsonb)")
        connection.ensure_connection()
        with connection.connection.cursor().copy("COPY floor FROM STDIN") as copy, path.open() as file:
            for line in file:
                copy.write(line.replace("\\", "\\\\"))
    elif what.startswith("export "):
        seconds = exported(what.removeprefix("export "))
        return {"seconds": seconds, "peak_mb": _peak_mb()}
    else:
        _imported(what, path)
    return {"seconds": time.monotonic() - started, "peak_mb": _peak_mb()}


def _imported(slug: str, path: Path) -> None:
    from annotator.models import User
    from annotator.services.import_files import source_open
    from annotator.services.imports import preferences_import
    from annotator.services.projects import project_create

    owner, _ = User.objects.get_or_create(username="olga")
    project = project_create(owner=owner, name=slug, slug=slug)
    counts = preferences_import(project=project, source=source_open(path))
    if counts.bad or counts.known:
        raise SystemExit(f"Every row should be new and good: {counts}")


def _peak_mb() -> float:
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--measure", nargs=2, metavar=("WHAT", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        what, path = options.measure
        print(json.dumps(_measure(what, Path(path))))
        return
    print(json.dumps(import_figures(options.rows)))


if __name__ == "__main__":
    main()
