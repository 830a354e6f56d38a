"""The loop on a model of three weights: cut up, out of memory, stopped, killed, it ends where it would have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import LlamaForCausalLM
from transformers.modeling_layers import GradientCheckpointingLayer

from tests.training.tiny import Listener, dpo_request, engine_start
from training import loop
from training.checkpoints import STATE, StateKeeper
from training.config import OptimSettings
from training.contract import EVENT, AnyEvent, Failed
from training.errors import DidNotConverge, ModelUnusable, OutOfMemory
from training.layers import layers_of
from training.loop import Tally, Trained

ROWS = 22  # batches of 8 end in a short one of 6
CPU = torch.device("cpu")


class Killed(Exception):
    pass


def three(rows: int) -> bool:
    return rows <= 3


def is_recomputed(model: nn.Module) -> bool:
    return all(isinstance(layer.forward, partial) for layer in layers_of(model))


@dataclass
class Fitting:
    """Least squares with weights: rows of three numbers, a target and a weight each."""

    folder: Path
    digest: str = "d"
    fits: Callable[[int], bool] = lambda rows: True  # whether memory holds so many rows
    model: nn.Module | None = None
    error: Exception = field(default_factory=lambda: torch.OutOfMemoryError("CUDA out of memory."))
    eval_losses: list[float] | None = None  # what the looks say, one after the other; None: the real loss
    kill_after: int | None = None
    whole_batch: bool = False
    events: list[AnyEvent] = field(default_factory=list)
    computed: list[int] = field(default_factory=list)  # rows of every micro-batch

    def __post_init__(self) -> None:
        dice = torch.Generator().manual_seed(1)
        self.x_RD, self.y_R = torch.randn(ROWS, 3, generator=dice), torch.randn(ROWS, generator=dice)
        self.weight_R = torch.rand(ROWS, generator=dice) + 0.1
        self.lengths = [int(length) for length in torch.randint(5, 50, (ROWS,), generator=dice)]
        torch.manual_seed(0)
        self.linear = nn.Linear(3, 1)
        self.looks = 0

    def loss_of(self, rows: Sequence[int], total: float) -> tuple[Tensor, Tally]:
        self.computed.append(len(rows))
        if not self.fits(len(rows)):
            raise self.error
        picked = list(rows)
        error_B = self.linear(self.x_RD[picked])[:, 0] - self.y_R[picked]
        noise = 1 + 0.1 * torch.rand(())  # so that a resume needs the dice
        noise = noise if self.digest == "noisy" else torch.ones(())
        loss = noise * (self.weight_R[picked] * error_B**2).sum() / total
        return loss, {"seen": (float(len(rows)), 1.0), "pad_fraction": (1.0, 4.0)}

    def evaluate(self) -> dict[str, float]:
        self.looks += 1
        if self.eval_losses is not None:
            return {"eval/loss": self.eval_losses[self.looks - 1]}
        with torch.no_grad():
            return {"eval/loss": float(((self.linear(self.x_RD)[:, 0] - self.y_R) ** 2).mean())}

    def report(self, event: AnyEvent) -> None:
        self.events.append(event)
        if self.kill_after is not None and getattr(event, "step", 0) >= self.kill_after:
            raise Killed

    def train(self, epochs: int = 4, batch_size: int = 8, **settings: object) -> Trained:
        torch.manual_seed(7)
        batches = [list(range(at, min(at + batch_size, ROWS))) for at in range(0, ROWS, batch_size)] * epochs
        return loop.train(
            journal=loop.Journal(self.report),
            settings=OptimSettings.model_validate({"learning_rate": 0.05, **settings}),
            trained=dict(self.linear.named_parameters()),
            batches=batches,
            weight_of=lambda rows: float(self.weight_R[list(rows)].sum()),
            loss_of=self.loss_of,
            evaluate=self.evaluate,
            keeper=StateKeeper(self.folder, self.digest),
            device=CPU,
            model=self.model or self.linear,
            cost_of=lambda row: self.lengths[row],
            whole_batch=self.whole_batch,
        )

    @property
    def weights(self) -> list[float]:
        return [*self.linear.weight[0].tolist(), *self.linear.bias.tolist()]

    def curve(self, name: str) -> list[float]:
        return [event.values[name] for event in self.events if event.event == "metrics" and name in event.values]

    @property
    def notes(self) -> list[str]:
        return [event.sentence for event in self.events if event.event == "note"]


@pytest.fixture
def fitting(tmp_path: Path) -> Callable[..., Fitting]:
    """Fittings of the same rows from the same start, each with a work folder of its own if it is named."""
    return lambda name="work", **wanted: Fitting(tmp_path / name, **wanted)


# --- micro-batches -----------------------------------------------------------


@pytest.mark.parametrize("micro_batch_size", [1, 2, 4, 3])
def test_a_batch_trains_the_same_however_it_is_cut(fitting: Callable[..., Fitting], micro_batch_size: int) -> None:
    """Eight rows as 8x1, 4x2, 2x4 and unevenly; weights differ and the last batch is short."""
    whole, parts = fitting("whole"), fitting("parts")

    whole.train(micro_batch_size=8)
    parts.train(micro_batch_size=micro_batch_size)

    assert max(parts.computed) == micro_batch_size
    assert parts.curve("train/loss") == pytest.approx(whole.curve("train/loss"), rel=1e-5)
    assert parts.curve("grad_norm") == pytest.approx(whole.curve("grad_norm"), rel=1e-5)
    assert parts.weights == pytest.approx(whole.weights, abs=1e-6)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried to"),
    ],
)
def test_a_step_that_does_not_fit_is_halved_and_ends_as_if_it_had(
    fitting: Callable[..., Fitting], error: Exception
) -> None:
    whole, tight = fitting("whole"), fitting("tight", fits=three, error=error)

    whole.train()
    tight.train()

    assert tight.computed[0] == 8
    assert max(tight.computed[4:]) <= 3
    assert tight.weights == pytest.approx(whole.weights, abs=1e-6)
    (note,) = tight.notes
    assert note.startswith("Memory ran out with ")


def test_other_errors_are_not_taken_for_memory(fitting: Callable[..., Fitting]) -> None:
    broken = fitting(eval_losses=[0])
    broken.x_RD = broken.x_RD[:, :2]

    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        broken.train()
    assert len(broken.computed) == 1


def test_one_row_that_does_not_fit_is_an_error_that_says_how_long_it_is(fitting: Callable[..., Fitting]) -> None:
    with pytest.raises(OutOfMemory, match=r"does not hold one row of \d+ tokens: lower max_length"):
        fitting(fits=lambda rows: False).train()


def test_a_batch_that_must_stay_whole_is_not_halved(fitting: Callable[..., Fitting]) -> None:
    with pytest.raises(OutOfMemory, match="needs all of them at once; lower the batch size"):
        fitting(fits=lambda rows: rows < 8, whole_batch=True).train()


def test_asking_to_recompute_layers_that_are_not_there_is_refused(fitting: Callable[..., Fitting]) -> None:
    with pytest.raises(ModelUnusable, match="gradient_checkpointing: this model has no layers"):
        fitting().train(gradient_checkpointing="on")


@pytest.mark.parametrize("setting", ["on", "off"])
def test_recomputed_activations_teach_the_adapter_the_same(
    base: Path, snapshot: Path, tmp_path: Path, listener: Listener, setting: str
) -> None:
    """Every B matrix starts at zero, so one that moved has had a gradient through a recomputed layer."""
    plain = Listener()
    plain.run(dpo_request(tmp_path, base, snapshot, "plain", batch_size=24, lora_dropout=0.1))

    listener.run(dpo_request(tmp_path, base, snapshot, batch_size=24, lora_dropout=0.1, gradient_checkpointing=setting))

    weights = load_file(tmp_path / "dpo" / "adapter_model.safetensors")
    assert all(weight.norm() > 0 for name, weight in weights.items() if "lora_B" in name)
    assert listener.curve("train/loss") == pytest.approx(plain.curve("train/loss"), rel=1e-6)


def test_one_row_that_does_not_fit_is_tried_with_recomputed_activations(
    fitting: Callable[..., Fitting], base: Path
) -> None:
    llama = LlamaForCausalLM.from_pretrained(base)
    run = fitting(model=llama, fits=lambda rows: is_recomputed(llama))

    run.train(max_steps=1)

    assert run.computed[0] == 8
    assert max(run.computed[run.computed.index(1) :]) <= 2
    (note,) = run.notes
    assert note.startswith("Memory ran out with one row of ")
    assert "activations are recomputed" in note


def test_activations_are_not_recomputed_against_the_settings(fitting: Callable[..., Fitting], base: Path) -> None:
    llama = LlamaForCausalLM.from_pretrained(base)

    with pytest.raises(OutOfMemory, match="does not hold one row"):
        fitting(model=llama, fits=lambda rows: False).train(gradient_checkpointing="off")
    assert not is_recomputed(llama)


class Block(GradientCheckpointingLayer):  # type: ignore[no-untyped-call]
    """The smallest layer of a transformer that Hugging Face would mark as one."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x_BD: Tensor) -> Tensor:
        return x_BD + torch.tanh(self.linear(x_BD))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch's compiler warns about what it does itself
def test_compiled_layers_compute_the_same(fitting: Callable[..., Fitting]) -> None:
    """Slow because a compiler must run. A real layer would keep it busy for a minute."""
    model = nn.Sequential(Block(), Block(), nn.Linear(3, 1))
    x_BD = torch.randn(5, 3)
    plain_B1 = model(x_BD)

    fitting(model=model).train(max_steps=1, compile="on")

    assert all(layer._compiled_call_impl is not None for layer in layers_of(model))
    assert torch.allclose(model(x_BD), plain_B1, atol=1e-6)


@pytest.mark.slow
def test_without_a_compiler_compiling_is_refused(base: Path, snapshot: Path, tmp_path: Path) -> None:
    """Slow because a process must be started in which nothing has been compiled yet."""
    request = dpo_request(tmp_path, base, snapshot, max_steps=2, compile="on")

    engine = engine_start(request, tmp_path, CXX="/nowhere/g++", TORCHINDUCTOR_CACHE_DIR=str(tmp_path / "compiled"))

    last = EVENT.validate_json(engine.communicate()[0].splitlines()[-1])
    assert isinstance(last, Failed)
    assert last.error == "ModelUnusable"
    assert last.message.startswith("compile: torch.compile does not work on this machine; switch it off.")


# --- watching ----------------------------------------------------------------


def test_the_length_of_the_gradient_is_that_before_the_clip(fitting: Callable[..., Fitting]) -> None:
    """Worked by hand: the root of the summed squares of the gradient of the first batch."""
    run = fitting()
    loss, _ = run.loss_of(range(8), float(run.weight_R[:8].sum()))
    by_hand = torch.cat([part.flatten() for part in torch.autograd.grad(loss, list(run.linear.parameters()))])

    run.train(max_steps=1, max_grad_norm=1e-3)

    assert run.curve("grad_norm")[0] == pytest.approx(float(by_hand.square().sum().sqrt()), rel=1e-5)


def test_a_point_of_the_curve_says_how_fast_and_how_long(fitting: Callable[..., Fitting]) -> None:
    run = fitting()

    run.train()

    assert run.curve("tokens_per_second")[0] > 0
    assert run.curve("pad_fraction")[0] == pytest.approx(0.25)
    assert run.curve("eta_seconds")[0] > run.curve("eta_seconds")[-1] == 0


def test_a_loss_that_is_not_a_number_stops_before_the_weights_move(fitting: Callable[..., Fitting]) -> None:
    run = fitting()
    before = run.weights
    run.y_R[0] = float("inf")

    with pytest.raises(DidNotConverge, match="at step 1 "):
        run.train()
    assert run.weights == before


# --- stopping, best and last -------------------------------------------------


def test_patience_counts_looks_without_a_lower_loss(fitting: Callable[..., Fitting]) -> None:
    """The looks come at steps 0, 2, 4, 6, 8; the lowest is at 4, and two without a lower one end at 8."""
    run = fitting(eval_losses=[5, 4, 3, 3, 3.5, 1, 1])

    trained = run.train(eval_every=2, patience=2)

    assert (trained.steps, trained.best_step) == (8, 4)
    assert run.notes == ["Stopped after step 8: no lower held-out loss in 2 looks."]


def test_the_best_weights_are_put_back_and_the_last_handed_out(fitting: Callable[..., Fitting]) -> None:
    losses = [5, 4, 3, 6, 7, 8, 9]
    four, best, last = fitting("four"), fitting("best", eval_losses=losses), fitting("last", eval_losses=losses)
    four.train(epochs=2, max_steps=4, schedule="constant", warmup_share=0)

    kept_best = best.train(epochs=4, eval_every=2, keep="best", schedule="constant", warmup_share=0)
    kept_last = last.train(epochs=4, eval_every=2, schedule="constant", warmup_share=0)

    assert best.weights == four.weights
    assert kept_best.beside_name == "last"
    assert kept_last.beside_name == "best"
    assert kept_best.beside is not None
    assert kept_last.beside is not None
    assert torch.equal(kept_best.beside["weight"], last.linear.weight)
    assert torch.equal(kept_last.beside["weight"], best.linear.weight)
    assert kept_best.metrics["eval/loss"] == 3
    assert kept_last.metrics["eval/loss"] == 9
    assert "Kept the weights after step 4 of 12, where the held-out loss was lowest." in best.notes


def test_when_the_last_look_is_the_best_nothing_is_beside(fitting: Callable[..., Fitting]) -> None:
    trained = fitting(eval_losses=[5, 4, 3]).train(max_steps=4, eval_every=2, keep="best")

    assert (trained.best_step, trained.beside) == (4, None)


# --- going on ----------------------------------------------------------------


@pytest.mark.parametrize("kill_after", [1, 5, 8, 11])
def test_a_killed_run_ends_as_if_it_never_was(fitting: Callable[..., Fitting], kill_after: int) -> None:
    """Bit for bit: weights, curve, dice, the micro-batch that was found, patience and the best so far."""
    shape: dict[str, Any] = {"epochs": 5, "eval_every": 2, "save_every": 3, "keep": "best", "patience": 3}
    losses = [9, 8, 5, 6, 4, 7, 7, 7, 7]
    straight = fitting("straight", digest="noisy", fits=three, eval_losses=losses)
    killed = fitting("killed", digest="noisy", fits=three, eval_losses=losses, kill_after=kill_after)
    expected = straight.train(**shape)

    with pytest.raises(Killed):
        killed.train(**shape)
    saved = (kill_after - 1) // 3 * 3
    resumed = fitting("killed", digest="noisy", fits=three, eval_losses=losses)
    resumed.looks = saved // 2 + 1 if saved else 0
    found = resumed.train(**shape)

    assert resumed.events[0].resumed_from == saved  # type: ignore[union-attr]
    assert resumed.weights == straight.weights
    assert (found.steps, found.best_step) == (expected.steps, expected.best_step)
    after = len(resumed.curve("train/loss"))
    assert resumed.curve("train/loss") == straight.curve("train/loss")[-after:]
    assert saved == 0 or max(resumed.computed) <= 3
    assert found.beside is not None
    assert expected.beside is not None
    assert torch.equal(found.beside["weight"], expected.beside["weight"])


def test_a_point_of_the_curve_spans_a_kill(fitting: Callable[..., Fitting]) -> None:
    """1,200 steps make a point every third; the kill falls between two points."""
    straight, killed = fitting("straight"), fitting("killed", kill_after=402)
    shape: dict[str, Any] = {"epochs": 400, "eval_every": 1200, "save_every": 401, "learning_rate": 1e-3}
    straight.train(**shape)
    with pytest.raises(Killed):
        killed.train(**shape)

    resumed = fitting("killed")
    resumed.train(**shape)

    assert resumed.events[0].resumed_from == 401  # type: ignore[union-attr]
    assert resumed.curve("train/loss") == straight.curve("train/loss")[133:]


def test_a_state_of_other_settings_is_not_continued(fitting: Callable[..., Fitting]) -> None:
    killed = fitting("work", kill_after=5)
    with pytest.raises(Killed):
        killed.train(save_every=2)

    other = fitting("work", digest="other settings")
    other.train(save_every=2)

    assert (other.folder / STATE).is_file()
    assert other.events[0].resumed_from == 0  # type: ignore[union-attr]


def test_the_folder_never_holds_more_than_two_sets_of_best_weights(fitting: Callable[..., Fitting]) -> None:
    """The last saved state needs its own best weights until the next one is saved."""
    run = fitting(eval_losses=[float(20 - n) for n in range(20)])

    run.train(epochs=4, eval_every=1, save_every=7)

    assert {file.name for file in run.folder.glob("best-*")} == {"best-7.safetensors", "best-12.safetensors"}


# --- the schedule ------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("linear", [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]),
        ("constant", [0.5, 1.0, 1.0, 1.0, 1.0, 1.0]),
        ("cosine", [0.5, 1.0, 1.0, 0.8536, 0.5, 0.1464]),
    ],
)
def test_the_rate_rises_and_then_follows_its_schedule(
    fitting: Callable[..., Fitting], schedule: str, rates: list[float]
) -> None:
    """Six steps, a third of them warm-up: 1/2, 2/2; then 4 steps at progress 0, 1/4, 1/2, 3/4."""
    run = fitting()

    run.train(epochs=2, schedule=schedule, warmup_share=1 / 3, learning_rate=1.0)

    assert run.curve("learning_rate") == pytest.approx(rates, abs=1e-4)


def test_the_memory_for_squared_gradients_is_a_setting(fitting: Callable[..., Fitting]) -> None:
    short, long = fitting("short"), fitting("long")
    short.train(adam_beta2=0.5)
    long.train(adam_beta2=0.999)

    assert short.weights != pytest.approx(long.weights, abs=1e-4)
