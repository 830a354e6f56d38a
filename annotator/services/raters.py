"""What a rater decides about their own page."""

from __future__ import annotations

from collections.abc import Mapping

from annotator.domain.keys import keys_checked
from annotator.exceptions import InputInvalid
from annotator.models import User


def keys_set(*, user: User, wanted: Mapping[str, str]) -> User:
    """Let these keys do these things, on every project; what is left out has its usual key. Raises InputInvalid."""
    try:
        user.keys = keys_checked(wanted)
    except ValueError as error:
        raise InputInvalid(str(error)) from error
    user.save(update_fields=["keys"])
    return user
