"""Our losses, gradients and log-probabilities are TRL's, without TRL: its numbers were recorded by `make parity`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.engine import train
from bench.parity import ALLOWED, LAYOUTS, RECORDED, RECORDED_STEPS, Case, numbers_of, prepare

NUMBERS: dict[str, list[dict[str, float]]] = json.loads(RECORDED.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models and rows that the numbers were recorded on; all are drawn from seeds."""
    made = tmp_path_factory.mktemp("parity")
    prepare(made, sorted({name.split()[0] for name in NUMBERS}))
    return made


@pytest.mark.engine
@pytest.mark.parametrize("name", NUMBERS)
def test_six_steps_give_the_numbers_that_trl_gives(name: str, folder: Path, tmp_path: Path) -> None:
    family, loss, weights = name.split()
    case = Case(family, loss, weights == "full")
    # One layout each, in turn, so that both are held against TRL in half the time.
    layout = LAYOUTS[list(NUMBERS).index(name) % len(LAYOUTS)]

    result = train(case.job(folder, steps=RECORDED_STEPS), "file", layout, tmp_path)

    for step, theirs in zip(result.steps, NUMBERS[name], strict=True):
        ours = numbers_of(step)
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=ALLOWED["max_loss_rel"])
        assert ours["grad_norm"] == pytest.approx(theirs["grad_norm"], rel=ALLOWED["max_grad_norm_rel"])
        for side in ("logps/chosen", "logps/rejected"):
            assert ours[side] == pytest.approx(theirs[side], abs=ALLOWED["max_logp_abs"])
