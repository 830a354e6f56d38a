"""What runs found, number by number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from annotator.models import Run
from annotator.selectors.quality import METRICS as TITLES
from annotator.selectors.quality import Estimate, estimates_of, share_of
from annotator.selectors.runs import Series
from training.metric_names import METRICS

COUNTED = ("rows", "prompts", "answers")


@dataclass(frozen=True)
class Number:
    """A metric's newest value, with what it says; `kind` says how it is written: share, seconds, count or number."""

    name: str
    value: float
    unit: str
    sentence: str
    kind: str


@dataclass(frozen=True)
class Bin:
    """Held-out comparisons for which a reward model predicted a share of judgments between low and high.

    n          comparisons
    predicted  mean of what was predicted
    observed   share that people gave, with its interval; by the weight of each comparison
    """

    low: float
    high: float
    n: int
    predicted: float
    observed: Estimate


@dataclass(frozen=True)
class Reliability:
    """How often what a reward model predicts comes true.

    ece  mean distance between predicted and observed over the bins, by weight
    n    held-out comparisons it was measured on
    """

    bins: list[Bin]
    ece: float
    n: int


def run_estimates(run: Run) -> list[Estimate]:
    """What a finished run measured on samples, under the names that its checkpoint carries."""
    found = (run.report or {}).get("estimates", {})
    led = {name if "/" in name or name in TITLES else f"{run.kind}/{name}": value for name, value in found.items()}
    return estimates_of(led)


def run_numbers(run: Run, series: Sequence[Series]) -> list[Number]:
    """The newest value of everything that a run measured, and of what it counted, in the order of the vocabulary."""
    values = {one.name: one.last for one in series} | (run.report or {}).get("metrics", {})
    if not run.is_live:
        values.pop("eta_seconds", None)
    known = [name for name in METRICS if name in values] + [name for name in values if name not in METRICS]
    return [_number(name, values[name]) for name in known]


def run_reliability(run: Run) -> Reliability | None:
    """The reliability curve of a finished reward model, None without held-out comparisons."""
    report = run.report or {}
    rows = report.get("tables", {}).get("reliability", [])
    if not rows or "calibration/ece" not in report["metrics"]:
        return None
    bins = [
        Bin(
            low=row["low"],
            high=row["high"],
            n=int(row["n"]),
            predicted=row["predicted"],
            # Split votes spread less than whole ones, so the interval for whole ones is wide enough.
            observed=share_of(row["observed"] * row["n"], int(row["n"]), _("Observed"), _("Share that people gave.")),
        )
        for row in rows
    ]
    return Reliability(bins, report["metrics"]["calibration/ece"], sum(bin.n for bin in bins))


def seconds_left(run: Run, series: Sequence[Series]) -> float | None:
    """What a running run said last about the time it still needs."""
    left = next((one.last for one in series if one.name == "eta_seconds"), None)
    return left if run.is_live and left else None


def _number(name: str, value: float) -> Number:
    sentence, unit = METRICS.get(name, (gettext_noop("Reported by the engine under this name."), ""))
    kind = unit if unit in ("share", "seconds") else "count" if unit in COUNTED else "number"
    return Number(name, value, _(unit), _(sentence), kind)
