"""What every test stands on: real servers, a data folder of its own, no network, and a browser on demand."""

import os
import sys
import tempfile
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from tests import servers

# Before Django reads its settings, hence at import. A developer's own TIEBREAK_… must not change what is tested.
for name in [name for name in os.environ if name.startswith("TIEBREAK_") and not name.startswith("TIEBREAK_TEST_")]:
    del os.environ[name]
stop_servers = servers.start()
data_folder = tempfile.TemporaryDirectory(prefix="tiebreak-tests-home-")
os.environ |= {
    "TIEBREAK_HOME": data_folder.name,
    "TIEBREAK_SECRET_KEY": "only-for-tests",
    "TIEBREAK_STATIC": "plain",
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "DJANGO_ALLOW_ASYNC_UNSAFE": "1",  # Playwright's synchronous API runs a loop in the test's own thread
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_NUM_THREADS": "1",  # tiny models; with several workers, more threads only wait for each other
}

import django  # noqa: E402  the environment above must come first

django.setup()

import hypothesis  # noqa: E402
from django.conf import settings  # noqa: E402

# No test is timed: on a busy machine a deadline says how busy it is.
hypothesis.settings.register_profile("tiebreak", deadline=None)
hypothesis.settings.load_profile("tiebreak")
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # Argon2 is slow on purpose


def pytest_unconfigure() -> None:
    stop_servers()
    data_folder.cleanup()


def refuse_the_network(event: str, arguments: tuple[Any, ...]) -> None:
    """Tests talk to this machine only; anything else is a dependency that nobody declared."""
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = str(arguments[1][0])
        if host != "localhost" and not ip_address(host.split("%")[0]).is_loopback:
            raise ConnectionRefusedError(f"tests may not connect to {arguments[1]}")


sys.addaudithook(refuse_the_network)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    from tests import worlds

    with worlds.prepared(django_db_blocker):
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    from tests import worlds

    worlds.begin(item)


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    """Each test has a database of its own, in which the same number is another row, and begins in English."""
    from django.core.cache import cache
    from django.utils import translation

    from annotator import shells
    from annotator.selectors import kept

    cache.clear()
    kept.forget()
    shells.forget()
    translation.deactivate()  # a request answered in this thread leaves its language behind


@pytest.fixture
def store(settings: Any, tmp_path: Path) -> Path:
    """A TIEBREAK_STORE for this test alone, empty but for what its world has written."""
    from tests import worlds

    settings.TIEBREAK_STORE = tmp_path / "store"
    settings.TIEBREAK_STORE.mkdir()
    worlds.store_found(settings.TIEBREAK_STORE)
    return tmp_path / "store"


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One Chromium per worker, started by the first test that asks."""
    from playwright.sync_api import expect, sync_playwright

    from tests import chromium

    expect.set_options(timeout=30_000)  # what is waited for nearly always comes at once; a busy machine may need longer
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.executable(), args=[*chromium.ARGUMENTS])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any, live_server: Any) -> Iterator[Any]:
    """A fresh window on the live server: `page.goto("/")`. Script errors and CSP violations fail the test."""
    context = browser.new_context(base_url=live_server.url)
    context.set_default_timeout(30_000)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    # Chromium also reports each 4xx answer here; tests expect those by their own assertions.
    assert [error for error in errors if not error.startswith("Failed to load resource")] == []
