"""The mechanics that all recipes share: seed, threads, accumulate, clip, step, evaluate, report, stop, go on."""

from __future__ import annotations

import hashlib
import importlib.metadata
import math
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from training import layers, processes
from training.alarms import COMPARED, alarms
from training.checkpoints import StateKeeper
from training.config import OptimSettings
from training.contract import AnyEvent, Metrics, Note, Stage, Started
from training.errors import DidNotConverge, ModelUnusable, RequestInvalid
from training.gradients import LossOf, Total, gradients_add
from training.microbatches import CostOf, fit_of_steps
from training.optim import gradients_clip, learning_rate_at, learning_rate_set, moments, optimizer_make
from training.progress import Progress, progress_load, progress_save, tallies_add, tally_means
from training.progress import Tally as Tally  # recipes tally as loop.Tally
from training.sharding import spread_is_asked, tensors_put, tensors_whole, weights_spread

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


@dataclass(frozen=True)
class Trained:
    """What a training ended with; the model holds the weights that the settings want to keep.

    steps      updates made: fewer than planned when patience ran out
    metrics    the last value of each; those of held-out rows are of the weights kept
    best_step  updates after which the held-out loss was lowest; None without held-out rows
    beside     the other weights by name, on CPU: those after the last step when the best were kept, or the
               other way round; None when they are the same, and in all processes but the first
    """

    steps: int
    metrics: dict[str, float]
    best_step: int | None = None
    beside: dict[str, Tensor] | None = None
    beside_name: Literal["last", "best"] = "best"


def train(
    *,
    journal: Journal,
    settings: OptimSettings,
    trained: dict[str, nn.Parameter],
    batches: Sequence[Sequence[int]],
    weight_of: Callable[[Sequence[int]], Total],
    loss_of: LossOf[Total],
    evaluate: Callable[[], dict[str, float]],
    keeper: StateKeeper,
    device: torch.device,
    model: nn.Module | None = None,
    cost_of: CostOf = lambda row: 1.0,
    whole_batch: bool = False,
) -> Trained:
    """Run every batch once, or until patience runs out.

    weight_of    total weight of a batch, which makes micro-batches and processes add up to its mean loss
    loss_of      (rows of a micro-batch, total weight of its batch) -> loss to descend, tally
    model        whose layers may be recomputed or compiled, and whose adapters drop inputs while they learn
    cost_of      tokens of a row, by which rows are dealt to micro-batches and processes
    whole_batch  the loss compares all rows of a batch, so they must stay together

    1. Continue from the last saved state, if a killed run left one.
    2. Per step: sum the gradients of the micro-batches, then of the processes; clip, set the rate, update.
    3. Look at the held-out rows before the first and after every `eval_every`-th update and the last.
    4. Save the state every `save_every` updates.
    5. Leave the last weights in the model, or put the best ones back.

    Raises OutOfMemory, and DidNotConverge before the weights move when the loss is not a number.
    """
    if whole_batch and processes.world() > 1:
        raise RequestInvalid("loss: this one compares all rows of a batch, so it trains in one process only.")
    total_steps = len(batches) if settings.max_steps is None else min(len(batches), settings.max_steps)
    emit_every = max(1, total_steps // POINTS_PER_CURVE)
    tensors_put(trained, trained)
    if spread_is_asked(model):
        trained = weights_spread(model, trained)
        journal.note(f"The weights are spread over {processes.world()} processes.")
    optimizer = optimizer_make(trained.values(), settings)
    tensors = {**trained, **moments(optimizer, trained)}
    resumed = progress_load(keeper, tensors)
    progress = resumed or Progress(fit_of_steps(settings.micro_batch_size, device, whole=whole_batch))
    journal.notes += progress.notes
    journal.report(Started(total_steps=total_steps, device=str(device), resumed_from=progress.step))
    _layers_prepare(model, settings, progress)
    dropouts = layers.dropouts_of(model)
    latest: dict[str, float] = {}

    def note(sentence: str) -> None:
        progress.notes.append(sentence)
        journal.note(sentence)

    def tell(values: dict[str, float]) -> None:
        latest.update(values)
        if values:
            journal.report(Metrics(step=progress.step, total_steps=total_steps, values=values))

    def look() -> None:
        """Tell what the held-out rows say, and keep the weights if they are the best so far."""
        values = processes.shared(evaluate())
        tell(values)
        if "eval/loss" not in values:
            return
        progress.looks_since_best += 1
        if values["eval/loss"] < progress.best_loss:
            progress.looks_since_best = 0
            progress.best_loss, progress.best_step, progress.best_values = values["eval/loss"], progress.step, values
            weights = tensors_whole(trained)
            if processes.is_first():
                keeper.weights_save(progress.step, weights, beside=progress.saved_best)

    if resumed is None:
        look()
    while progress.step < total_steps:
        began = time.monotonic()
        rows = batches[progress.step]
        rate = learning_rate_at(progress.step, total_steps, settings)
        with layers.dropping(dropouts):
            loss, tally, made_room = gradients_add(
                rows, weight_of(rows), loss_of, cost_of, trained.values(), settings, progress, model
            )
        norm = gradients_clip(trained.values(), settings.max_grad_norm)
        if not (math.isfinite(norm) and math.isfinite(loss)):
            raise DidNotConverge(
                f"The loss stopped being a number at step {progress.step + 1} (learning rate {rate:.2g}). "
                "Nothing was saved; try a smaller learning rate."
            )
        learning_rate_set(optimizer, rate)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        progress.step += 1
        seconds = time.monotonic() - began
        tallies_add(progress.window, tally)
        if processes.is_first():  # the others measured the same
            tokens = float(sum(map(cost_of, rows)))
            ofstep: Tally = {"train/loss": (loss, 1), "grad_norm": (norm, 1), "seconds_per_step": (seconds, 1)}
            tallies_add(progress.window, {**ofstep, "tokens_per_second": (tokens, seconds)})

        left = total_steps - progress.step
        looks = left == 0 or progress.step % settings.eval_every == 0
        if made_room:
            note(made_room)
        if looks or progress.step % emit_every == 0:
            values = _window_closed(progress)
            tell({**values, "learning_rate": rate, "eta_seconds": left * values["seconds_per_step"]})
            for sentence in _alarms_new(progress, values):
                note(sentence)
        if looks:
            look()
            if left and settings.patience is not None and progress.looks_since_best >= settings.patience:
                note(f"Stopped after step {progress.step}: no lower held-out loss in {settings.patience} looks.")
                break
        if left and progress.step % settings.save_every == 0:
            progress_save(progress, keeper, tensors)
        if model is not None and settings.compile == "auto" and device.type == "cuda" and not progress.compiles:
            progress.compiles = layers.compile_if_it_pays(model, left, seconds)
    return _kept(journal, settings, progress, keeper, trained, latest)


def _layers_prepare(model: nn.Module | None, settings: OptimSettings, progress: Progress) -> None:
    """Switch on what the settings ask for, or what was on when the state was saved. Raises ModelUnusable."""
    progress.recomputes |= settings.gradient_checkpointing == "on"
    progress.compiles |= settings.compile == "on"
    if progress.recomputes and (model is None or not layers.layers_recompute(model)):
        raise ModelUnusable("gradient_checkpointing: this model has no layers that can be recomputed; switch it off.")
    if progress.compiles:
        if trouble := layers.compiler_trouble():
            raise ModelUnusable(f"compile: torch.compile does not work on this machine; switch it off. ({trouble})")
        if model is None or not layers.layers_compile(model):
            raise ModelUnusable("compile: this model has no layers that can be compiled; switch it off.")


def _window_closed(progress: Progress) -> dict[str, float]:
    """The means since the last point of the curve, over all processes."""
    total: Tally = {}
    for part in processes.gathered(progress.window):
        tallies_add(total, part)
    progress.window = {}
    return tally_means(total)


def _alarms_new(progress: Progress, values: dict[str, float]) -> list[str]:
    """The alarms that ring with this point of the curve and did not ring before."""
    progress.points.append({"step": float(progress.step), **values})
    del progress.points[COMPARED:-COMPARED]
    ringing = {name: text for name, text in alarms(progress.points).items() if name not in progress.rung}
    progress.rung += ringing
    return list(ringing.values())


def _kept(
    journal: Journal,
    settings: OptimSettings,
    progress: Progress,
    keeper: StateKeeper,
    trained: dict[str, nn.Parameter],
    latest: dict[str, float],
) -> Trained:
    """Leave the last weights in the model or put the best ones back, and hand out the other ones."""
    steps, best_step = progress.step, progress.best_step
    if best_step is None or best_step == steps:
        return Trained(steps, latest, best_step)
    best = keeper.weights_load(best_step) if processes.is_first() else None
    if settings.keep == "last":
        return Trained(steps, latest, best_step, best, "best")
    whole = tensors_whole(trained)
    last = {name: tensor.to("cpu", copy=True) for name, tensor in whole.items()} if processes.is_first() else None
    tensors_put(trained, best)
    journal.note(f"Kept the weights after step {best_step} of {steps}, where the held-out loss was lowest.")
    return Trained(steps, {**latest, **progress.best_values}, best_step, last, "last")
