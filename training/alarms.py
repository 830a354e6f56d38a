"""Signs that a run goes wrong, read from the curve that it has drawn so far."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

Point = Mapping[str, float]  # values by metric name, and "step"

FIRST = 5  # points that show how a run begins
COMPARED = 10  # points at either end of the curve that are compared with each other
FALL_NATS = 20.0
FALL_SHARE = 0.2
TINY_LOSS = 0.1  # nats


def alarms(points: Sequence[Point]) -> dict[str, str]:
    """The alarms that ring by their name, each a sentence that says what was seen and what to look at.

    Only the first and the last COMPARED points are read, so a caller need not keep the others.
    """
    rings = {"nothing learnt": _nothing_learnt, "too easy": _too_easy, "chosen falls": _chosen_falls}
    return {name: sentence for name, of in rings.items() if (sentence := of(points))}


def _nothing_learnt(points: Sequence[Point]) -> str | None:
    """The loss stands still because no gradient arrives."""
    begins = [point for point in points[:FIRST] if "train/loss" in point]
    if len(begins) < FIRST or any(point.get("grad_norm", 1.0) > 0 for point in begins):
        return None
    return (
        f"Nothing is learnt: the gradient was exactly zero up to step {begins[-1]['step']:.0f}. "
        "Are the answers empty, all rows ties, or is nothing trainable?"
    )


def _too_easy(points: Sequence[Point]) -> str | None:
    """Every pair is won at once: the label leaks, or the pairs are trivial."""
    begins = [point for point in points if point["step"] >= 2 and "rewards/accuracies" in point][:FIRST]
    if len(begins) < FIRST or any(point["rewards/accuracies"] < 0.999 for point in begins):
        return None
    if begins[-1].get("train/loss", 1.0) > TINY_LOSS:
        return None
    return (
        f"Every comparison was won within {begins[-1]['step']:.0f} steps with a loss of "
        f"{begins[-1]['train/loss']:.3f} nats. Does the text give the winner away, or are the pairs trivial?"
    )


def _chosen_falls(points: Sequence[Point]) -> str | None:
    """Preferred answers become less likely too: the margin grows by pushing both down.

    Batches differ by their rows, so a fall counts only when it is larger than two standard errors.
    """
    seen = [point for point in points if "logps/chosen" in point and "rewards/chosen" in point]
    if len(seen) < 2 * COMPARED:
        return None
    before = [point["logps/chosen"] for point in seen[:COMPARED]]
    after = [point["logps/chosen"] for point in seen[-COMPARED:]]
    first, last = statistics.fmean(before), statistics.fmean(after)
    error = ((statistics.variance(before) + statistics.variance(after)) / COMPARED) ** 0.5
    limit = max(min(FALL_NATS, FALL_SHARE * abs(first)), 2 * error)
    rewards = statistics.fmean(point["rewards/chosen"] for point in seen[-COMPARED:])
    if first - last <= limit or rewards >= 0:
        return None
    return (
        f"Preferred answers become less likely: from {first:.1f} to {last:.1f} nats by step {seen[-1]['step']:.0f}. "
        "Look at what the policy writes; nll_weight, dpop, apo_zero or a larger beta hold it."
    )
