"""Measured numbers: never without n, an interval, and what they mean."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from annotator.models import Project, Round
from annotator.selectors.exclusion import left_out
from annotator.selectors.figures import age_of


class EstimateOutput(serializers.Serializer[Any]):
    """A measured number with its 95 % interval."""

    title = serializers.CharField()
    definition = serializers.CharField()
    kind = serializers.CharField(help_text="How it is written: share, coefficient, seconds, number, count.")
    value = serializers.FloatField(allow_null=True, help_text="null: nothing can be said; `reason` says why.")
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    n = serializers.IntegerField(help_text="What was counted, in `unit`.")
    unit = serializers.CharField(allow_blank=True)
    reason = serializers.CharField(allow_blank=True)


class AgeOutput(serializers.Serializer[Any]):
    """How old a finding is: in big projects a worker makes it, and what came since does not count yet."""

    found_at = serializers.DateTimeField(allow_null=True, help_text="null: not found for the first time yet.")
    later = serializers.IntegerField(help_text="Judgments that came since.")


class LeftOutOutput(serializers.Serializer[Any]):
    """Judgments of excluded raters, which no figure counts."""

    judgments = serializers.IntegerField()
    raters = serializers.IntegerField()


class FigureOutput(serializers.Serializer[Any]):
    """What every finding comes with."""

    age = AgeOutput(allow_null=True, help_text="null: found just now, with everything that there is.")
    left_out = LeftOutOutput()


def around(scope: Project | Round, name: str, wish: dict[str, Any] | None = None) -> dict[str, Any]:
    """The fields of FigureOutput."""
    return {"age": age_of(scope, name, wish), "left_out": left_out(scope)}
