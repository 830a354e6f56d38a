"""Fields that several operations take and return."""

from __future__ import annotations

import math
from typing import Any

from rest_framework import serializers

HIGHEST = 2**63 - 1  # of a number by which the database knows a row


class NumberField(serializers.FloatField):
    """A finite number: what came as “nan” or as 1e999 would be stored, and could never be sent again."""

    def to_internal_value(self, data: Any) -> float:
        found: float = super().to_internal_value(data)
        if not math.isfinite(found):
            self.fail("invalid")
        return found


def share_field(**more: Any) -> NumberField:
    return NumberField(min_value=0, max_value=1, **more)


def id_field(**more: Any) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=1, max_value=HIGHEST, **more)
