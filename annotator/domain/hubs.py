"""Names of repositories on a model hub."""

from __future__ import annotations

import re

# As the hub itself checks them.
REPO = re.compile(r"(?=.{3,96}\Z)[A-Za-z0-9][\w.-]*/[A-Za-z0-9](?:[\w.-]*\w)?\Z", re.ASCII)


def is_repo_name(name: str) -> bool:
    """Whether this is owner/name."""
    return bool(REPO.match(name)) and "--" not in name and ".." not in name and not name.endswith(".git")
