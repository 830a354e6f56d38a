"""Names on a model hub: of repositories, and of what is to be fetched from one."""

from __future__ import annotations

import re
from dataclasses import dataclass

# As the hub itself checks them.
REPO = re.compile(r"(?=.{3,96}\Z)[A-Za-z0-9][\w.-]*/[A-Za-z0-9](?:[\w.-]*\w)?\Z", re.ASCII)
DATASET = re.compile(r"(?P<repo>[^/@\s]+/[^/@\s]+)(?:/(?P<inside>[^@]+?))?/?(?:@(?P<revision>[\w./-]{1,100}))?\Z")


@dataclass(frozen=True)
class DatasetName:
    """
    inside    a folder or file of the data set; empty: all of it
    revision  a branch, a tag or a commit
    """

    repo: str
    inside: str = ""
    revision: str = "main"


def is_repo_name(name: str) -> bool:
    """Whether this is owner/name."""
    return bool(REPO.match(name)) and "--" not in name and ".." not in name and not name.endswith(".git")


def dataset_named(words: str) -> DatasetName | None:
    """What `owner/name`, `owner/name/folder` or `owner/name@revision` asks for; None where it is none of these."""
    found = DATASET.match(words.strip())
    if found is None or not is_repo_name(found["repo"]) or ".." in words or not words.strip().isprintable():
        return None
    return DatasetName(found["repo"], found["inside"] or "", found["revision"] or "main")
