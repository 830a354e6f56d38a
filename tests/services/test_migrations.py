"""Data of an earlier version survives the way up and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from annotator.models import Judgment, Project, Round, Stretch, User
from tests.factories import ids_from, judged


@pytest.fixture
def empty(transactional_db: None) -> Iterator[None]:
    """A database without tables: from it, an early version is a few steps away."""
    name = connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}_empty"')
    try:
        _connect_to(f"{name}_empty")
        yield
    finally:
        _connect_to(name)
        with connection.cursor() as cursor:
            cursor.execute(f'DROP DATABASE "{name}_empty"')


def _connect_to(name: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = name


@pytest.mark.slow
def test_a_projects_scale_becomes_its_first_protocol_and_comes_back(empty: None) -> None:
    """Slow because tables are made and change twice."""
    old = migrated("0002_the_physics").get_model("annotator", "Project")
    old.objects.create(slug="shop", name="Shop", preset="forced_choice")

    new = migrated("0005_project_preset_moves")
    (protocol,) = new.get_model("annotator", "Project").objects.get(slug="shop").protocols.all()
    assert (protocol.version, protocol.preset, protocol.outcomes) == (1, "forced_choice", [])

    again = migrated("0002_the_physics").get_model("annotator", "Project")
    assert again.objects.get(slug="shop").preset == "forced_choice"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_round_that_is_collected_fewest_first_goes_on_so_after_the_upgrade(project: Project, round: Round) -> None:
    """Slow because tables change twice."""
    Project.objects.update(strategy={"fewest": 1.0})
    one = round.comparisons.earliest("pk")
    try:
        before = migrated("0025_merges").get_model("annotator", "Comparison")
        before.objects.filter(pk=one.pk).update(is_control=True)

        migrated("0026_counters_outside_indexes")

        assert set(round.comparisons.values_list("is_control", "taken")) == {(True, None), (False, 0)}
    finally:
        migrated(None)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_where_the_judgments_are_is_found_out_in_the_upgrade(
    project: Project, round: Round, raters: list[User]
) -> None:
    """Slow because tables change twice."""
    with ids_from(Stretch.SPAN - 2):
        judged(project, raters[0], limit=3)
        assert told() == {(round.pk, 0), (round.pk, 1)}
        try:
            migrated("0036_license_of_an_import")
            judged(project, raters[1], limit=3)  # as that version claims, stores and counts
        finally:
            migrated(None)
    with ids_from(2 * Stretch.SPAN):
        judged(project, raters[2], limit=3)

    assert told() == {(round.pk, 0), (round.pk, 1), (round.pk, 2)}
    assert round.tallies.sums()["answered"] == Judgment.objects.count() == 9


def told() -> set[tuple[int, int]]:
    return set(Stretch.objects.values_list("round", "number"))


def migrated(name: str | None) -> Any:
    """The models as they are after this migration; None is the newest."""
    executor = MigrationExecutor(connection)
    target = [("annotator", name)] if name else executor.loader.graph.leaf_nodes("annotator")
    executor.migrate(target)
    return executor.loader.project_state(target).apps
