"""The real Postgres and Redis that tests talk to: one pair for the whole run, shared by all xdist workers.

Addresses travel in the environment, so the process that finds none starts the servers, and the workers that it
spawns find them. DATABASE_URL and CELERY_BROKER_URL that are already set are honoured. The keepers watch the
process that started them: however the run ends, nothing stays behind but a folder in the temporary folder.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from deploy import keep
from deploy.embedded import Home, Postgres, Redis


def start() -> Callable[[], None]:
    """Both servers answer and the environment says where. Returns what stops them."""
    if "DATABASE_URL" in os.environ and "CELERY_BROKER_URL" in os.environ:
        return lambda: None
    folder = Path(tempfile.mkdtemp(prefix="tiebreak-tests-"))
    folder.chmod(0o711)  # as root, Postgres runs under another account, which must pass through
    home = Home(folder)
    lock = home.run / "keepers.lock"
    keepers = []
    if "DATABASE_URL" not in os.environ:
        postgres = Postgres(home, durable=False)
        postgres.prepare()
        keepers.append(keep.start(postgres.kept(launcher=os.getpid(), lock=lock), home.run))
        postgres.wait_until_ready()
        os.environ["DATABASE_URL"] = postgres.url()
    if "CELERY_BROKER_URL" not in os.environ:
        redis = Redis(home)
        redis.prepare()
        keepers.append(keep.start(redis.kept(launcher=os.getpid(), lock=lock), home.run))
        redis.wait_until_ready()
        os.environ["CELERY_BROKER_URL"] = redis.url

    def stop() -> None:
        for keeper in keepers:
            keeper.terminate()
        for keeper in keepers:
            keeper.wait()
        shutil.rmtree(folder, ignore_errors=True)

    return stop
