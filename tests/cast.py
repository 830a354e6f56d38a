"""A small cast, the same everywhere.

Olga owns the shop, Rui reviews it, Ann rates it, all three have read its guideline
and know the page; Max is an outsider, and Otto owns another project. Import the fixtures into a folder's conftest.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from annotator.models import Project, Role, Round, User
from annotator.services.projects import member_set_role
from tests import worlds
from tests.factories import at_home, person, project_of, round_collecting, round_turned
from tests.worlds import world


@dataclass(frozen=True)
class Cast:
    olga: User
    rui: User
    ann: User
    max: User
    otto: User
    shop: Project
    garden: Project

    def by_role(self) -> dict[str, User | None]:
        return {
            "anonymous": None,
            "outsider": self.max,
            "rater": self.ann,
            "reviewer": self.rui,
            "owner": self.olga,
            "owner elsewhere": self.otto,
        }


@world("cast")
def cast_made() -> Cast:
    """Everybody in place; the shop has prompts and no round yet."""
    olga, rui, ann, max_, otto = (person(name) for name in ("olga", "rui", "ann", "max", "otto"))
    shop, garden = project_of(olga, "shop"), project_of(otto, "garden", prompts=1)
    member_set_role(project=shop, user=rui, role=Role.REVIEWER)
    member_set_role(project=shop, user=ann, role=Role.RATER)
    for user in (olga, rui, ann):
        at_home(shop, user)
    return Cast(olga, rui, ann, max_, otto, shop, garden)


@world("collecting", "cast")
def collecting_made() -> Round:
    """The shop's first round, open for judging."""
    return round_collecting(cast_made().shop)


@world("turned", "cast")
def turned_made() -> Round:
    """The shop's first round after a whole turn; the second one collects."""
    return _turned(cast_made())


def _turned(cast: Cast) -> Round:
    return round_turned(cast.shop, by=cast.olga, raters=[cast.ann, cast.rui])


@pytest.fixture
def cast(db: None, store: Path) -> Cast:
    """Everybody in place; the shop has prompts and no round yet."""
    if not worlds.has("cast"):
        return cast_made()
    olga, rui, ann, max, otto = (User.objects.get(username=name) for name in ("olga", "rui", "ann", "max", "otto"))
    shop, garden = (Project.objects.get(slug=slug) for slug in ("shop", "garden"))
    return Cast(olga, rui, ann, max, otto, shop, garden)


@pytest.fixture
def collecting(cast: Cast) -> Round:
    """The shop's first round, open for judging."""
    return cast.shop.rounds.get() if worlds.has("collecting") else round_collecting(cast.shop)


@pytest.fixture
def turned(cast: Cast) -> Round:
    """The shop's first round after a whole turn; the second one collects."""
    return cast.shop.rounds.get(number=1) if worlds.has("turned") else _turned(cast)
