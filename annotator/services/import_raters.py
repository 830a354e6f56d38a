"""Whoever judged in a file: an inactive user of each project for each label."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from django.contrib.auth.hashers import make_password
from django.utils.text import slugify

from annotator.exceptions import Conflict
from annotator.models import Project, User


class RaterNameTaken(Conflict):
    """A person who can sign in has the user name that stands for an imported rater; rename that account first."""

    code = "rater_name_taken"


def raters_for(project: Project, labels: Iterable[str]) -> dict[str, int]:
    """Label in the file → id of the inactive user that stands for this rater, and stays until the transaction ends."""
    names = {label: rater_username(project, label) for label in labels}
    there = User.objects.select_for_update(no_key=True).order_by("pk")
    users = {user.username: user for user in there.filter(username__in=names.values())}
    if missing := [name for name in names.values() if name not in users]:
        unusable = make_password(None)
        User.objects.bulk_create(
            (User(username=name, password=unusable, is_active=False) for name in missing), ignore_conflicts=True
        )
        users |= {user.username: user for user in there.filter(username__in=missing)}
    for user in users.values():
        if user.is_active:
            raise RaterNameTaken(
                f"“{user.username}” is the account of a person, so no imported rater can have this name."
            )
    return {label: users[name].pk for label, name in names.items()}


def rater_username(project: Project, label: str) -> str:
    """The user name of an imported rater; labels that are no user names keep a readable part and get a hash."""
    if not re.fullmatch(r"[\w.@+-]{1,70}", label):
        label = f"{slugify(label)[:50]}-{hashlib.sha256(label.encode()).hexdigest()[:12]}".lstrip("-")
    return f"imported-{project.slug}-{label}"
