"""docs/training.md names every option, loss and metric that there is, and only tests that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.training.tiny import ROOT
from training.config import DpoSettings, Loss, RewardSettings, SamplingSettings, SftSettings

PAGE = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
TRAPS = re.findall(r"^\| (\d+) \| (.+) \| (.+) \|$", PAGE, re.MULTILINE)
QUOTED = set(re.findall(r"`([\w/]+)`", PAGE))


def named_tests() -> Iterator[tuple[str, str]]:
    """(file, name of the test) of every test in the table of traps."""
    for _, _, tests in TRAPS:
        for path, name in re.findall(r"`([\w/]+)::(\w+)`", tests):
            yield (path if "/" in path else f"tests/training/{path}") + ".py", name


def test_every_trap_has_a_test_or_a_reason_why_it_is_not_ours() -> None:
    assert [int(number) for number, _, _ in TRAPS] == list(range(1, 47))
    for number, _, tests in TRAPS:
        assert "::" in tests or tests.startswith("not ours: "), number


@pytest.mark.parametrize(("file", "name"), sorted(set(named_tests())))
def test_the_tests_that_are_named_exist(file: str, name: str) -> None:
    assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("settings", [DpoSettings, RewardSettings, SftSettings])
def test_every_option_is_explained(settings: type[DpoSettings | RewardSettings | SftSettings]) -> None:
    assert not settings.model_fields.keys() - QUOTED


def test_every_loss_and_every_way_of_drawing_answers_is_explained() -> None:
    assert not {*Loss.__args__} - QUOTED  # type: ignore[attr-defined]
    assert not SamplingSettings.model_fields.keys() - QUOTED
