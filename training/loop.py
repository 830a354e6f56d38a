"""The mechanics that all recipes share: seed, threads, accumulate, clip, step, evaluate, report."""

from __future__ import annotations

import hashlib
import importlib.metadata
import math
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from training.checkpoints import StateKeeper
from training.config import OptimSettings
from training.contract import AnyEvent, Metrics, Note, Stage, Started
from training.errors import DidNotConverge
from training.optim import learning_rate_at, learning_rate_set, optimizer_make

# Sums and counts by metric name; a mean is taken once, over the whole optimizer
# step, so that micro-batches of different sizes weigh what they should.
Tally = dict[str, tuple[float, float]]

# A run emits at most about this many points per curve, however long it is.
POINTS_PER_CURVE = 400


@dataclass
class Journal:
    """What a run tells people while it works; notes are kept for its report."""

    report: Callable[[AnyEvent], None]
    notes: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def stage(self, sentence: str) -> None:
        self.report(Stage(sentence=sentence))

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)
        self.report(Note(sentence=sentence))

    @property
    def seconds(self) -> float:
        return round(time.monotonic() - self.began, 3)


def threads_set() -> None:
    """Use TIEBREAK_THREADS cores, or all physical ones: hyper-threads only get in each other's way."""
    wanted = os.environ.get("TIEBREAK_THREADS")
    torch.set_num_threads(max(1, int(wanted)) if wanted and wanted.isdigit() else _physical_cores())


def _physical_cores() -> int:
    """Cores this process may run on, hyper-threads counted once where the system tells."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    siblings = set()
    for cpu in allowed:
        file = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        try:
            siblings.add(file.read_text().strip())
        except OSError:
            siblings.add(str(cpu))
    return max(1, len(siblings))


def seed_set(seed: int) -> None:
    """Everything random in torch; data order and sampling have their own dice."""
    torch.manual_seed(seed)


def versions() -> dict[str, str]:
    """What computed this run: libraries, and a digest of the engine's own source."""
    sources = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        sources.update(file.read_bytes())
    packages = ("torch", "transformers", "peft", "tokenizers", "safetensors")
    found = {name: importlib.metadata.version(name) for name in packages}
    return {"python": platform.python_version(), **found, "engine": sources.hexdigest()[:12]}


def tallies_add(total: Tally, part: Tally) -> None:
    for name, (value, count) in part.items():
        had_value, had_count = total.get(name, (0.0, 0.0))
        total[name] = (had_value + value, had_count + count)


def tally_means(tally: Tally) -> dict[str, float]:
    """The mean of each metric; one that nothing was counted for is absent rather than not a number."""
    return {name: value / count for name, (value, count) in tally.items() if count > 0}


def train(
    *,
    journal: Journal,
    settings: OptimSettings,
    trained: dict[str, nn.Parameter],
    batches: Sequence[Sequence[int]],
    weight_of: Callable[[Sequence[int]], float],
    loss_of: Callable[[Sequence[int], float], tuple[Tensor, Tally]],
    evaluate: Callable[[], dict[str, float]],
    keeper: StateKeeper,
    device: torch.device,
) -> tuple[int, dict[str, float]]:
    """Run every batch once; return the number of steps and the last values of all metrics.

    weight_of  total weight of a batch, which makes micro-batches add up to its mean loss
    loss_of    (rows of a micro-batch, total weight of its batch) -> loss to descend, tally

    1. Continue from the last saved state, if a killed run left one.
    2. Per step: sum the gradients of the micro-batches, clip, set the rate, update.
    3. Look at the held-out rows before the first and after every `eval_every`-th update and the last.
    4. Save the state every `save_every` updates.
    """
    total_steps = len(batches) if settings.max_steps is None else min(len(batches), settings.max_steps)
    optimizer = optimizer_make(trained.values(), settings)
    done = keeper.state_load(trained, optimizer)
    journal.report(Started(total_steps=total_steps, device=str(device), resumed_from=done))
    emit_every = max(1, total_steps // POINTS_PER_CURVE)
    latest: dict[str, float] = {}

    def tell(step: int, values: dict[str, float]) -> None:
        latest.update(values)
        if values:
            journal.report(Metrics(step=step, total_steps=total_steps, values=values))

    if done == 0:
        tell(0, evaluate())
    window: Tally = {}
    for step in range(done, total_steps):
        began = time.monotonic()
        rate = learning_rate_at(step, total_steps, settings)
        tally = _step(batches[step], rate, settings, optimizer, trained, weight_of, loss_of, step)
        tallies_add(window, tally)
        tallies_add(window, {"seconds_per_step": (time.monotonic() - began, 1)})
        at, is_last = step + 1, step + 1 == total_steps
        if at % emit_every == 0 or is_last or at % settings.eval_every == 0:
            tell(at, {**tally_means(window), "learning_rate": rate})
            window = {}
        if at % settings.eval_every == 0 or is_last:
            tell(at, evaluate())
        if at % settings.save_every == 0 and not is_last:
            keeper.state_save(at, trained, optimizer)
    return total_steps, latest


def _step(
    batch: Sequence[int],
    rate: float,
    settings: OptimSettings,
    optimizer: torch.optim.Optimizer,
    trained: dict[str, nn.Parameter],
    weight_of: Callable[[Sequence[int]], float],
    loss_of: Callable[[Sequence[int], float], tuple[Tensor, Tally]],
    step: int,
) -> Tally:
    """One update. Raises DidNotConverge, before the weights move, when the loss is not a number."""
    total = weight_of(batch)
    tally: Tally = {}
    for at in range(0, len(batch), settings.micro_batch_size):
        loss, part = loss_of(batch[at : at + settings.micro_batch_size], total)
        loss.backward()  # type: ignore[no-untyped-call]
        tallies_add(tally, part)
        tallies_add(tally, {"train/loss": (float(loss.detach()), 0.0)})
    tally["train/loss"] = (tally["train/loss"][0], 1.0)
    norm = float(nn.utils.clip_grad_norm_(trained.values(), settings.max_grad_norm))
    if not (math.isfinite(norm) and math.isfinite(tally["train/loss"][0])):
        raise DidNotConverge(
            f"The loss stopped being a number at step {step + 1} (learning rate {rate:.2g}). "
            "Nothing was saved; try a smaller learning rate."
        )
    tallies_add(tally, {"grad_norm": (norm, 1.0)})
    learning_rate_set(optimizer, rate)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return tally
