"""What a rater decides about their own page."""

from __future__ import annotations

from collections.abc import Mapping

from annotator.domain.keys import keys_checked
from annotator.domain.wording import Unfit
from annotator.exceptions import InputInvalid
from annotator.models import User


def keys_set(*, user: User, wanted: Mapping[str, str]) -> User:
    """Let these keys do these things, on every project; what is left out has its usual key. Raises InputInvalid."""
    try:
        user.keys = keys_checked(wanted)
    except Unfit as unfit:
        raise InputInvalid.of(unfit) from unfit
    user.save(update_fields=["keys"])
    return user
