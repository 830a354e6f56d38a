"""Curves that go wrong ring, and those that do not stay silent."""

from __future__ import annotations

import math
import random

from training.alarms import COMPARED, alarms

Points = list[dict[str, float]]


def curve(values: dict[str, float], count: int = 30) -> Points:
    """The same point again and again."""
    return [{"step": float(step), "train/loss": 0.6, "grad_norm": 0.5, **values} for step in range(1, count + 1)]


def falling(start: float, end: float, *, reward: float, spread: float = 0.0, count: int = 40) -> Points:
    """Preferred answers move from one log-probability to another while batches scatter by chance."""
    dice = random.Random(0)
    return [
        {
            "step": float(step),
            "logps/chosen": start + (end - start) * step / count + dice.gauss(0, spread),
            "rewards/chosen": reward,
        }
        for step in range(count)
    ]


def test_a_healthy_run_is_silent() -> None:
    healthy = falling(-80, -60, reward=1.0, spread=5)

    assert alarms(healthy) == {}
    assert alarms(curve({"rewards/accuracies": 0.7})) == {}
    assert alarms([]) == {}


def test_a_gradient_of_zero_means_that_nothing_is_learnt() -> None:
    assert list(alarms(curve({"grad_norm": 0.0, "train/loss": math.log(2)}))) == ["nothing learnt"]
    assert alarms(curve({"grad_norm": 0.0}, count=4)) == {}


def test_winning_everything_at_once_is_too_easy() -> None:
    """The first step does not count: before the first update equal answers win by rounding."""
    easy = curve({"rewards/accuracies": 1.0, "train/loss": 0.01})
    easy[0]["rewards/accuracies"] = 0.5

    assert "within 6 steps with a loss of 0.010 nats" in alarms(easy)["too easy"]


def test_winning_late_or_narrowly_is_not_too_easy() -> None:
    late = curve({"rewards/accuracies": 1.0, "train/loss": 0.01})
    late[3]["rewards/accuracies"] = 0.9
    narrow = curve({"rewards/accuracies": 1.0, "train/loss": 0.5})

    assert alarms(late) == {}
    assert alarms(narrow) == {}


def test_preferred_answers_that_become_less_likely_ring() -> None:
    """Forty points from -50 nats by 0.75 down: the first ten average -53.4, the last ten -75.9, which is 22.5 less."""
    assert list(alarms(falling(-50, -80, reward=-2.0))) == ["chosen falls"]


def test_a_fall_of_a_fifth_is_enough_for_short_answers() -> None:
    assert list(alarms(falling(-20, -27, reward=-0.5))) == ["chosen falls"]
    assert alarms(falling(-20, -22, reward=-0.5)) == {}


def test_a_fall_that_is_chance_does_not_ring() -> None:
    """Batches of other rows differ by more than the fall."""
    assert alarms(falling(-40, -52, reward=-0.1, spread=40)) == {}


def test_a_fall_with_rewards_above_zero_is_that_of_the_rows() -> None:
    assert alarms(falling(-50, -80, reward=0.5)) == {}


def test_only_both_ends_of_the_curve_are_read() -> None:
    whole = falling(-50, -80, reward=-2.0)

    assert alarms([*whole[:COMPARED], *whole[-COMPARED:]]) == alarms(whole)
