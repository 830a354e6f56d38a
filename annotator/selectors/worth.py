"""What judgments bought so far: reward models of past rounds, and what another thousand would add."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from annotator.domain.worth import Point, Worth, worth_of
from annotator.models import Checkpoint, Project
from annotator.selectors.quality import Estimate, estimate_named

MEASURED = "reward/accuracy"
MOST = 100  # rounds, the newest


@dataclass(frozen=True)
class Bought:
    """What the reward model of a round reached, and the checkpoint that carries the number."""

    judgments: int
    accuracy: Estimate
    checkpoint: Checkpoint


@dataclass(frozen=True)
class Value:
    """By the number of judgments, fewest first."""

    points: list[Bought]
    worth: Worth

    @property
    def is_empty(self) -> bool:
        return not self.points


def value_of(project: Project) -> Value:
    """Every round whose reward model was measured on held-out comparisons, with the judgments of its snapshot."""
    measured = project.checkpoints.filter(metrics__has_key=MEASURED, snapshot__isnull=False)
    by_snapshot: dict[int, Bought] = {}
    for checkpoint in measured.select_related("snapshot__round", "project").order_by("-pk")[: 2 * MOST]:
        snapshot, found = checkpoint.snapshot, checkpoint.metrics[MEASURED]
        assert snapshot is not None
        judgments = snapshot.counts.get("judgments", 0)
        if judgments and found["n"]:  # the newest measurement of a snapshot stands
            by_snapshot.setdefault(snapshot.pk, Bought(judgments, estimate_named(MEASURED, found), checkpoint))
    points = sorted(by_snapshot.values(), key=lambda one: one.judgments)[-MOST:]
    known = [Point(one.judgments, one.accuracy.value or 0.0, one.accuracy.n) for one in points]
    return Value(points, _worth(tuple(known)))


@lru_cache(maxsize=64)
def _worth(points: tuple[Point, ...]) -> Worth:
    """The same points have the same worth, and a thousand fits take a while."""
    return worth_of(points)
