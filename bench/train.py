"""Speed and memory of training, our engine beside its peers, in one run: make bench-train, or python -m bench.train

Every program trains the same pairs of token ids from random weights, in a child
process of its own, one after the other and in turns, so that a slow minute of
the machine meets them all. A figure is pairs (or demonstrations) per second over
one pass through the rows after a warm-up, the median over the rounds.

    ours        this engine: its own order of rows, its own choice of precision
    best        TRL 1.16.0 as fast as it gets here: bfloat16, no checkpointing, reference computed beforehand
    defaults    TRL 1.16.0 as it comes
    trl_1_14_2  TRL 1.14.2, set as `best`
    naive       the loop that one writes first

`floor` is the share of the arithmetic that cannot be avoided: the products of
frozen weights and activations, forward and for the gradient of the activations,
over every token once, at the rate that torch multiplies matrices of these very
shapes, measured in the same process right before and after.

The last line is one JSON object; --log keeps everything. --device cuda runs the
1B, 3B and 8B shapes in bfloat16 instead.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bench.peers import shapes, workloads
from bench.peers.job import NAIVE, TRL_BEST, TRL_DEFAULTS, Job, Result, peer_run
from training.threads import waiting

ROOT = Path(__file__).resolve().parents[1]
ROWS = 24
BATCH = 8


@dataclass(frozen=True)
class Work:
    """A shape, what it is trained on, and how."""

    task: str
    shape: str
    rows: str
    count: int = ROWS
    batch: int = BATCH

    @property
    def name(self) -> str:
        return f"{self.task}_{self.shape}" if self.task == "dpo" else self.task


WORKS = (
    Work("dpo", "hh", "hh"),
    Work("dpo", "uf", "uf"),
    Work("dpo", "tiny", "hh"),
    Work("reward", "hh", "hh"),
    Work("sft", "hh", "hh"),
    Work("dpo", "135m", "hh", count=8, batch=4),
)
ON_CUDA = tuple(Work("dpo", shape, "hh", count=64, batch=8) for shape in ("1b", "3b", "8b"))
# Beside ours and the peer that the goals name, which run in every round.
OTHERS: dict[str, tuple[str, dict[str, Any], str | None]] = {
    "defaults": ("trl", TRL_DEFAULTS, None),
    "trl_1_14_2": ("trl", TRL_BEST, "1.14.2"),
    "naive": ("naive", NAIVE, None),
}


@dataclass(frozen=True)
class Figure:
    """One child process: speed after the warm-up, and what it took."""

    rows_per_second: float
    rows_per_cpu_second: float
    positions: int
    tokens: int
    peak_mib: float
    reference_seconds: float | None


def measure(program: str, work: Work, folder: Path, device: str, threads: int) -> Figure:
    """Train twice over the rows; the second pass counts, so that every row is measured once and warm."""
    steps_a_pass = work.count // work.batch
    job = Job.model_validate(
        {
            "task": work.task,
            "model": str(folder / work.shape),
            "rows": str(folder / f"{work.rows}-{work.shape}-{work.count}.jsonl"),
            # Peers take the rows in order, again and again: one step warms them up, then comes one pass.
            "steps": 2 * steps_a_pass if program == "ours" else steps_a_pass + 1,
            "batch_size": work.batch,
            "threads": threads,
            "device": device,
        }
    )
    scratch = folder / f"{program}-{work.name}"
    if program == "ours":
        result = _ours(job, scratch)
    else:
        peer, settings, version = ("trl", TRL_BEST, None) if program == "best" else OTHERS[program]
        weights = {"weights": "bfloat16"} if device == "cuda" and program == "best" else {}
        result = peer_run(peer, job.model_copy(update={**settings, **weights}), scratch, trl=version)
    return figure_of(result, steps_a_pass)


def _ours(job: Job, folder: Path) -> Result:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "job.json").write_text(job.model_dump_json(), encoding="utf-8")
    command = [sys.executable, "-m", "bench.engine", str(folder / "job.json"), str(folder / "result.json")]
    environment = {**os.environ, **waiting(), "OMP_NUM_THREADS": str(job.threads)}  # as the engine's own command
    subprocess.run(
        [*command, "--order", "plan", "--precision", "auto", "--layout", "auto"], cwd=ROOT, env=environment, check=True
    )
    return Result.model_validate_json((folder / "result.json").read_text(encoding="utf-8"))


def figure_of(result: Result, steps: int) -> Figure:
    counted = result.steps[-steps:]
    rows = sum(step.rows for step in counted)
    return Figure(
        rows / sum(step.seconds for step in counted),
        rows / sum(step.cpu_seconds for step in counted),
        sum(step.positions for step in counted),
        sum(step.tokens for step in counted),
        result.memory.cuda_peak or result.memory.rss_peak,
        result.precompute_seconds,
    )


# --- the arithmetic floor ----------------------------------------------------


def floor_rows_per_second(work: Work, folder: Path, device: str, threads: int) -> tuple[float, float]:
    """(rows per second if only the unavoidable products were computed, floating-point operations per second)."""
    settings = shapes.SHAPES[work.shape][1]
    width, inner, layers = settings["hidden_size"], settings["intermediate_size"], settings["num_hidden_layers"]
    keys = width * settings["num_key_value_heads"] // settings["num_attention_heads"]
    matrices = [(width, width), (keys, width), (keys, width), (width, width)]  # query, key, value, output
    matrices += [(inner, width), (inner, width), (width, inner)]
    pairs = workloads.pairs_read(folder / f"{work.rows}-{work.shape}-{work.count}.jsonl")
    tokens = sum(len(p.prompt_ids) + len(p.chosen_ids) + len(p.rejected_ids) for p in pairs)
    counted = sum(len(p.chosen_ids) + len(p.rejected_ids) for p in pairs)
    # Forward, and once more for the gradient of the activations; frozen weights need no gradient.
    operations = 4 * tokens * layers * sum(out * into for out, into in matrices)
    operations += 4 * counted * settings["vocab_size"] * width
    torch.set_num_threads(threads)
    rate = product_rate(matrices, tokens * work.batch // work.count, device)
    return len(pairs) / (operations / rate), rate


def product_rate(matrices: list[tuple[int, int]], places: int, device: str) -> float:
    """Operations per second of torch's products with these weights in bfloat16, best of several."""
    weights = [torch.randn(out, into, dtype=torch.bfloat16, device=device) for out, into in matrices]
    inputs = {w.shape[1]: torch.randn(places, w.shape[1], dtype=torch.bfloat16, device=device) for w in weights}
    best = float("inf")
    for _ in range(7):
        began = time.perf_counter()
        for weight in weights:
            gradient = inputs[weight.shape[1]] @ weight.T
            gradient @ weight
        if device == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - began)
    return 4 * places * sum(weight.numel() for weight in weights) / best


# --- the run -----------------------------------------------------------------


def prepare(works: list[Work], folder: Path, device: str) -> None:
    for work in works:
        if not (folder / work.shape).is_dir():
            dtype = torch.bfloat16 if device == "cuda" else torch.float32
            shapes.model_save(work.shape, folder / work.shape, dtype=dtype, device=device)
        vocabulary = shapes.SHAPES[work.shape][1]["vocab_size"]
        make: Any = workloads.demonstrations if work.task == "sft" else workloads.pairs
        name = f"{work.rows}-{work.shape}-{work.count}.jsonl"
        workloads.rows_write(folder / name, make(work.rows, work.count, vocabulary=vocabulary))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.train")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--peers", choices=["all", "best"], default="all", help="best: only TRL at its best")
    parser.add_argument("--only", nargs="*", help="names such as dpo_hh or sft")
    parser.add_argument("--log", type=Path)
    arguments = parser.parse_args()
    works = [
        w for w in (ON_CUDA if arguments.device == "cuda" else WORKS) if not arguments.only or w.name in arguments.only
    ]
    found: dict[str, dict[str, list[Figure]]] = defaultdict(lambda: defaultdict(list))
    floors: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="bench-train-") as name:
        for work in works:
            folder = Path(name) / work.task
            folder.mkdir(exist_ok=True)
            prepare([work], folder, arguments.device)
            for number in range(arguments.rounds):
                programs = ["ours", "best", *(OTHERS if number == 0 and arguments.peers == "all" else ())]
                if work.shape == "135m":  # minutes a step for some: ours for the floor, and one peer once
                    programs = programs[: 2 if number == 0 else 1]
                for program in programs:
                    figure = measure(program, work, folder, arguments.device, arguments.threads)
                    found[work.name][program].append(figure)
                    print(f"{work.name:9} {program:10} {figure}", flush=True)
                if work.task == "dpo":
                    ceiling, rate = floor_rows_per_second(work, folder, arguments.device, arguments.threads)
                    floors[work.name].append(found[work.name]["ours"][-1].rows_per_second / ceiling)
                    print(f"{work.name:9} floor      {ceiling:.2f} rows/s at {rate / 1e9:.0f} GFLOP/s", flush=True)
    print(table_of(found, floors))
    line = json.dumps(summary_of(found, floors))
    if arguments.log:
        arguments.log.write_text(line + "\n", encoding="utf-8")
    print(line)
    return 0


def middle(figures: list[Figure], field: str) -> float:
    return float(statistics.median(getattr(figure, field) for figure in figures))


def table_of(found: dict[str, dict[str, list[Figure]]], floors: dict[str, list[float]]) -> str:
    lines = [
        "| work | program | rows/s | ours is × | rows/CPU-s | ours is × | positions | peak MiB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for work, programs in found.items():
        ours = programs["ours"]
        for program, figures in programs.items():
            wall, cpu = (middle(figures, field) for field in ("rows_per_second", "rows_per_cpu_second"))
            ratios = [
                middle(ours, field) / speed
                for field, speed in (("rows_per_second", wall), ("rows_per_cpu_second", cpu))
            ]
            lines.append(
                f"| {work} | {program} | {wall:.2f} | {ratios[0]:.1f} | {cpu:.2f} | {ratios[1]:.1f} "
                f"| {figures[-1].positions:,} | {middle(figures, 'peak_mib'):,.0f} |"
            )
    shares = (f"{work}: {statistics.median(values):.0%} of the arithmetic floor" for work, values in floors.items())
    return "\n".join([*lines, *shares])


def summary_of(found: dict[str, dict[str, list[Figure]]], floors: dict[str, list[float]]) -> dict[str, float]:
    summary: dict[str, float] = {}
    for work, programs in found.items():
        ratio = middle(programs["ours"], "rows_per_second") / middle(programs["best"], "rows_per_second")
        summary[work] = round(ratio, 2)
    if "dpo_hh" in found:
        ours, best = (middle(found["dpo_hh"][program], "peak_mib") for program in ("ours", "best"))
        summary["dpo_memory"] = round(ours / best, 3)
    for work, values in floors.items():
        summary[f"floor_share_{work.removeprefix('dpo_')}"] = round(statistics.median(values), 3)
    return summary


if __name__ == "__main__":
    sys.exit(main())
