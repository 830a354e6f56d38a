"""Where many tests begin: the shop with its people and rounds, made once in a process and found by all the others.

A world is a database beside the one of tests without a world, and what its rows refer to in the store. A test that
asks for one begins in it; what it changes is rolled back, as ever. Tests that must see what is committed (a live
server, other connections) begin in no world, and neither does a test in another hour than its world: sums are by
the hour, so it makes what it needs itself.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

Made = TypeVar("Made", bound=Callable[[], object])
COMMITTED = {"transactional_db", "live_server", "page", "window"}


@dataclass
class World:
    """
    make    writes its rows, and their files into the store
    holds   the fixtures that find what they are about in it
    module  where these fixtures are
    """

    make: Callable[[], object]
    holds: set[str]
    module: str
    database: str = ""
    store: Path = Path()
    made_at: datetime | None = None


worlds: dict[str, World] = {}
here: World | None = None
base = ""
blocker: Any = None


def world(name: str, *others: str) -> Callable[[Made], Made]:
    """Tests that ask for the fixture of this name, and perhaps for the others, begin where `make` has been."""

    def known(make: Made) -> Made:
        worlds[name] = World(make, {name, *others}, make.__module__)
        return make

    return known


@contextmanager
def prepared(django_db_blocker: Any) -> Iterator[None]:
    """A database for each world, copied while nobody is connected to the one without a world."""
    global base, blocker
    with tempfile.TemporaryDirectory(prefix="tiebreak-tests-worlds-") as folder:
        base, blocker = connection.settings_dict["NAME"], django_db_blocker
        connection.close()
        for name, one in worlds.items():
            one.database, one.store = f"{base}_{name}", Path(folder) / name
            _run(f'DROP DATABASE IF EXISTS "{one.database}"', f'CREATE DATABASE "{one.database}" TEMPLATE "{base}"')
        yield
        _connect_to(base)
        for one in worlds.values():
            _run(f'DROP DATABASE "{one.database}"')


def _run(*statements: str) -> None:
    with blocker.unblock(), connection._nodb_cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def begin(item: pytest.Item) -> None:
    """Connect to the world that this test asks for, which is made if it is the first to ask; or to none."""
    global here
    here = _asked(item) if base else None
    if here is not None and here.made_at is None:
        with blocker.unblock():
            _connect_to(here.database)
            here.store.mkdir()
            before, settings.TIEBREAK_STORE = settings.TIEBREAK_STORE, here.store
            try:
                here.make()
            finally:
                settings.TIEBREAK_STORE = before
            here.made_at = timezone.now()
    if base:
        _connect_to(here.database if here else base)


def _asked(item: pytest.Item) -> World | None:
    if not isinstance(item, pytest.Function):
        return None
    fixtures = item._fixtureinfo.name2fixturedefs
    marker = item.get_closest_marker("django_db")
    if COMMITTED & fixtures.keys() or (marker is not None and marker.kwargs.get("transaction")):
        return None
    asked = worlds.keys() & fixtures.keys()
    found = next((one for name, one in worlds.items() if name in asked and one.holds >= asked), None)
    # Another folder or file may have fixtures of the same names.
    if found and any(fixtures[name][-1].func.__module__ != found.module for name in found.holds & fixtures.keys()):
        return None
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    return found if found and (found.made_at is None or found.made_at >= hour) else None


def _connect_to(name: str) -> None:
    if connection.settings_dict["NAME"] != name:
        connection.close()
        connection.settings_dict["NAME"] = name


def has(name: str) -> bool:
    """Whether this test began where what the fixture of this name makes is there already."""
    return here is not None and name in here.holds


def store_found(store: Path) -> None:
    """What the rows of this world refer to, in a store for this test alone."""
    if here is not None:
        shutil.copytree(here.store, store, dirs_exist_ok=True)
