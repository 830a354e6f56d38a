"""What axe finds wrong with a page for people who see, hear or move otherwise than most."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from axe_playwright_python.sync_playwright import Axe

OPTIONS = {"resultTypes": ["violations"]}  # what is fine need not be told, which takes most of the time


@lru_cache(maxsize=1)
def _axe() -> Axe:
    return Axe()


def harm_in(page: Any) -> list[str]:
    """A line for each element that does harm, with the rule and how to put it right."""
    return [
        f"{violation['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for violation in _axe().run(page, options=OPTIONS).response["violations"]
        for node in violation["nodes"]
    ]
