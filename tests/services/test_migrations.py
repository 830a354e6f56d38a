"""Data of an earlier version survives the way up and the way back."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from annotator.models import Project
from tests.factories import person


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_projects_scale_becomes_its_first_protocol_and_comes_back(store: Any) -> None:
    """Slow because tables change twice."""
    person("olga")
    try:
        old = migrated("0002_the_physics").get_model("annotator", "Project")
        old.objects.create(slug="shop", name="Shop", preset="forced_choice")

        migrated(None)
        (protocol,) = Project.objects.get(slug="shop").protocols.all()
        assert (protocol.version, protocol.preset, protocol.outcomes) == (1, "forced_choice", [])

        again = migrated("0002_the_physics").get_model("annotator", "Project")
        assert again.objects.get(slug="shop").preset == "forced_choice"
    finally:
        migrated(None)


def migrated(name: str | None) -> Any:
    """The models as they are after this migration; None is the newest."""
    executor = MigrationExecutor(connection)
    target = [("annotator", name)] if name else executor.loader.graph.leaf_nodes("annotator")
    executor.migrate(target)
    return executor.loader.project_state(target).apps
