"""What parts of the API are called in its schema."""

from __future__ import annotations

import re
from typing import Any


def name_of(serializer: type[Any]) -> str:
    """RoundLaunchApi.InputSerializer → RoundLaunchInput."""
    name = serializer.__qualname__.split("<locals>.")[-1].replace("Api.", "").replace(".", "")
    return name.removesuffix("Serializer")


def operation_of(view: type[Any], method: str) -> str:
    """RoundLaunchApi → round_launch; RoundListApi → round_list, and round_add to post to it."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", view.__name__.removesuffix("Api")).lower()
    known = [one for one in ("get", "post", "put", "patch", "delete") if hasattr(view, one)]
    if len(known) == 1 or method == "GET":
        return name
    return f"{name.removesuffix('_list')}_{DOES[method]}"


DOES = {"POST": "add", "PUT": "set", "PATCH": "change", "DELETE": "remove"}
