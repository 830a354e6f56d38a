"""Our engine beside TRL, step for step: make parity, or python -m bench.parity [--record] [--only sigmoid ipo]

For every loss that both know, LoRA and full fine-tuning, tiny models of four
families and two layouts: the same weights, the same rows in the same order, and
20 optimizer steps each. Compared are the loss, the summed log-probabilities of
chosen and rejected answers, and the norm of the gradient, in float32.

The last line is one JSON object: cases, and the largest differences found.
Exits with 1 when one is larger than allowed. `--record` keeps TRL's numbers of
the first family in tests/training/trl_parity.json, for tests without TRL.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

from bench.peers import shapes, workloads
from bench.peers.job import Dpo, Job, Lora, Result

ROOT = Path(__file__).resolve().parents[1]
RECORDED = ROOT / "tests" / "training" / "trl_parity.json"
STEPS = 20
BATCH = 4
ROWS = 32
RECORDED_STEPS = 6
# Relative, in nats, relative.
ALLOWED = {"max_loss_rel": 1e-5, "max_logp_abs": 2e-4, "max_grad_norm_rel": 1e-4}
LAYOUTS: tuple[Literal["shared", "separate"], ...] = ("shared", "separate")

LOSSES: dict[str, Dpo] = {
    **{
        name: Dpo(loss_type=[name])
        for name in (
            "sigmoid", "hinge", "ipo", "sigmoid_norm", "nca_pair", "bco_pair", "sppo_hard", "apo_zero", "apo_down",
            "discopop",
        )
    },
    "robust": Dpo(loss_type=["robust"], label_smoothing=0.1),
    "exo_pair": Dpo(loss_type=["exo_pair"], label_smoothing=1e-3),
    "aot": Dpo(loss_type=["aot"], label_smoothing=0.1),
    "aot_unpaired": Dpo(loss_type=["aot_unpaired"], label_smoothing=0.1),
    "sigmoid_forward_kl": Dpo(f_divergence_type="forward_kl"),
    "sigmoid_js": Dpo(f_divergence_type="js_divergence"),
    "sigmoid_alpha": Dpo(f_divergence_type="alpha_divergence"),
    "sigmoid_wpo": Dpo(use_weighting=True),
    "sigmoid_ld": Dpo(ld_alpha=0.5),
    "sigmoid_sft": Dpo(loss_type=["sigmoid", "sft"], loss_weights=[1.0, 0.5]),
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    family: str
    loss: str
    full: bool

    @property
    def name(self) -> str:
        return f"{self.family} {self.loss} {'full' if self.full else 'lora'}"

    def job(self, folder: Path, *, steps: int = STEPS, **more: Any) -> Job:
        return Job(
            task="dpo",
            model=str(folder / self.family),
            rows=str(folder / "rows.jsonl"),
            steps=steps,
            batch_size=BATCH,
            dpo=LOSSES[self.loss],
            lora=None if self.full else Lora(rank=8, alpha=16.0),
            learning_rate=1e-5 if self.full else 1e-4,
            threads=1,
            **more,
        )


@dataclass(frozen=True)
class Difference:
    """The largest differences of one case and layout over all steps."""

    case: str
    layout: str
    max_loss_rel: float
    max_logp_abs: float
    max_grad_norm_rel: float


def prepare(folder: Path, families: list[str]) -> None:
    """Models and rows of all cases."""
    for family in families:
        shapes.model_save(family, folder / family)
    workloads.rows_write(folder / "rows.jsonl", workloads.pairs("tiny", ROWS, vocabulary=320))


def compare(family: str, losses: list[str], folder: Path) -> tuple[list[Difference], dict[str, list[dict[str, float]]]]:
    """Every loss on one family: differences, and TRL's numbers by case."""
    import torch

    from bench.engine import train as engine_train
    from bench.peers.trl_train import train as trl_train
    from training import attention

    torch.set_num_threads(1)
    attention.BLOCK_SECONDS = 0.0  # short rows too are attended to block by block, so that blocks are what is compared
    found: list[Difference] = []
    recorded: dict[str, list[dict[str, float]]] = {}
    for case in (Case(family, loss, full) for loss in losses for full in (False, True)):
        with tempfile.TemporaryDirectory(dir=folder) as name:
            scratch, start = Path(name), str(Path(name) / "start.safetensors")
            ours = {"shared": engine_train(case.job(folder, weights_out=start), "file", "shared", scratch / "a")}
            ours["separate"] = engine_train(case.job(folder, weights_in=start), "file", "separate", scratch / "b")
            theirs = trl_train(case.job(folder, weights_in=start), scratch / "trl")
        found += [difference_of(case, layout, ours[layout], theirs) for layout in LAYOUTS]
        recorded[case.name] = [numbers_of(step) for step in theirs.steps[:RECORDED_STEPS]]
        print(*(format_line(line) for line in found[-2:]), sep="\n", flush=True)
    return found, recorded


def numbers_of(step: Any) -> dict[str, float]:
    logps = {name: step.metrics[name] for name in ("logps/chosen", "logps/rejected")}
    return {"loss": step.loss, "grad_norm": step.grad_norm, **logps}


def difference_of(case: Case, layout: str, ours: Result, theirs: Result) -> Difference:
    pairs = [(numbers_of(a), numbers_of(b)) for a, b in zip(ours.steps, theirs.steps, strict=True)]
    return Difference(
        case.name,
        layout,
        max(abs(a["loss"] - b["loss"]) / max(abs(b["loss"]), 1e-8) for a, b in pairs),
        max(abs(a[name] - b[name]) for a, b in pairs for name in ("logps/chosen", "logps/rejected")),
        max(abs(a["grad_norm"] - b["grad_norm"]) / max(b["grad_norm"], 1e-8) for a, b in pairs),
    )


def format_line(line: Difference) -> str:
    numbers = "  ".join(f"{name} {value:.1e}" for name, value in asdict(line).items() if name in ALLOWED)
    return f"{line.case:34} {line.layout:9} {numbers}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.parity")
    parser.add_argument("--only", nargs="*", choices=LOSSES, default=list(LOSSES))
    parser.add_argument("--families", nargs="*", choices=shapes.PARITY, default=shapes.PARITY)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--record", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="parity-") as name:
        folder = Path(name)
        prepare(folder, arguments.families)
        with ProcessPoolExecutor(arguments.workers, mp_context=get_context("spawn")) as pool:
            work = [pool.submit(compare, family, arguments.only, folder) for family in arguments.families]
            results = [done.result() for done in work]
    found = [line for lines, _ in results for line in lines]
    if arguments.record:
        RECORDED.write_text(json.dumps(results[0][1], indent=1) + "\n", encoding="utf-8")
    worst = {name: max(getattr(line, name) for line in found) for name in ALLOWED}
    for line in found:
        if any(getattr(line, name) > limit for name, limit in ALLOWED.items()):
            print("larger than allowed:", format_line(line))
    print(json.dumps({"cases": len(found), **worst}))
    return int(any(worst[name] > limit for name, limit in ALLOWED.items()))


if __name__ == "__main__":
    sys.exit(main())
