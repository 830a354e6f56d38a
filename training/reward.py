"""Reward model: score answers so that the preferred one scores higher.

    minimise  sum_b w_b loss(m_b, p_b) / sum_b w_b
    m_b = r(prompt, first) - r(prompt, second)
    loss(m, p) = -p log s(m) - (1 - p) log s(-m),   s the logistic function

over comparisons b, where p_b is the share of judgments for `first` and w_b how
much the row is trusted. r is a linear head on the last hidden state of the
answer's last token. Source: Bradley and Terry (1952); Ouyang et al. (2022).

Where we differ:
1. Split votes and ties are soft targets p_b, so every judgment counts and none is forced to a winner.
2. The score is read at the last real token by *length*; looking for the padding token would read one
   place too early wherever padding and end-of-turn are the same token.
3. A prompt is computed once for all its completions.
4. A comparison counts once per epoch with its weight, however many people judged it.
5. Each criterion that was asked has a head of its own on the same backbone; rows that were not judged on it
   have no weight there. With several heads per question each learns from its own draw of the rows
   (Poisson bootstrap), and their spread says how sure the model is.
6. Length control: m_b gets + g (length of first - length of second) while training, which the reward is then free
   not to learn; it is no part of the reward. g begins at what length alone explains, and learns on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training import loop, losses, metrics
from training.bases import device_pick
from training.batches import Plan, Rows
from training.checkpoints import StateKeeper, checkpoint_save, request_digest
from training.config import RewardSettings
from training.contract import MANIFEST, AnyEvent, Estimate, PolicyRef, RewardRequest, RunReport, file_sha256
from training.errors import NothingToLearn
from training.layout import PACKED_ROW, Kind, layout_of_pairs
from training.layout_choice import layout_for_pairs
from training.microbatches import passes
from training.reward_model import LENGTH_UNIT, Encoder, RewardModel, backbone_load
from training.rows import PairRows, preference_rows

EVALUATED_AT_ONCE = 16  # comparisons per pass without gradients, when no micro-batch size is given


def train_reward(request: RewardRequest, report: Callable[[AnyEvent], None]) -> RunReport:
    """Train a reward model on a snapshot; a checkpoint folder stands when this returns."""
    journal = loop.Journal(report)
    settings = request.settings
    snapshot_dir, work_dir = Path(request.snapshot_dir), Path(request.work_dir)
    loop.seed_set(request.seed)

    journal.stage("Loading the model.")
    device = device_pick(request.device)
    ref = PolicyRef(label="reward", base_model=settings.backbone) if settings.backbone else request.policy
    backbone = backbone_load(ref, device, settings=settings, seed=request.seed)
    journal.stage("Reading the snapshot.")
    rows = preference_rows(
        snapshot_dir,
        work_dir / "rows",
        replace(backbone.speech, is_author=backbone.speech.is_author and not settings.backbone),
        settings,
        max_length=settings.max_length,
        earlier_rounds=settings.earlier_rounds,
        criteria=True,
    )
    for sentence in [*backbone.notes, *rows.notes]:
        journal.note(sentence)
    train, held = rows.train, rows.holdout
    if len(train) == 0:
        raise NothingToLearn(f"{snapshot_dir.name} leaves no comparison to train on.")
    model = RewardModel.fresh(backbone, rows.criteria, settings, request.seed)
    if settings.length_control:
        model.length_weight_C.data.copy_(_length_sways(rows))
    kind: Kind = "separate"
    if not isinstance(backbone, Encoder):
        kind, why = layout_for_pairs(backbone, rows, settings.layout, model.scores)
        if why:
            journal.note(why)

    objective = BradleyTerry(model, rows, settings, kind, request.seed)

    journal.stage(f"Training on {len(train):,} comparisons.")
    keeper = StateKeeper(work_dir, request_digest(request, file_sha256(snapshot_dir / MANIFEST)))
    trained = loop.train(
        journal=journal,
        settings=settings,
        trained=model.trained,
        batches=Plan(
            rows=train,
            lengths=rows.lengths(train),
            groups=rows.table["group"][train],
            batch_size=settings.batch_size,
            epochs=settings.epochs,
            seed=request.seed,
        ),
        weight_of=objective.totals_of,
        loss_of=objective.loss_of,
        evaluate=lambda: objective.look(held).values(),
        keeper=keeper,
        device=device,
        model=backbone.inner,
        cost_of=rows.cost_of,
    )

    journal.stage("Saving the checkpoint.")
    found = objective.look(held)
    if found.decided[0] == 0:
        journal.note("No held-out comparison is decided, so the accuracy is unknown.")
    finished = RunReport(
        kind="reward",
        seconds=journal.seconds,
        steps=trained.steps,
        metrics={
            **trained.metrics,
            **found.values(),
            "rows/train": float(len(train)),
            "rows/holdout": float(len(held)),
            "pairs/effective_n": rows.effective_n(train),
        },
        estimates=found.estimates(),
        tables={"reliability": found.reliability()},
        notes=journal.notes,
        versions=loop.versions(),
        device=str(device),
    )
    checkpoint_save(
        backbone,
        out_dir=Path(request.out_dir),
        kind="reward",
        request=request,
        report=finished,
        snapshot_dir=snapshot_dir,
        reward_head=model.head_tensors(),
        beside=trained.beside,
        beside_name=trained.beside_name,
    )
    keeper.state_drop()
    return finished


def _length_sways(rows: PairRows) -> Tensor:
    """What length alone explains of the judgments of each question, shape (C,), per LENGTH_UNIT tokens.

    The g that minimises sum_b w_b loss(g d_b, p_b) + g^2 / 2 over the training rows, d_b by how much first is longer.
    The sum is convex, so halving finds g; the last term is a weak pull to zero, as g would have no end where the
    longer answer always wins. From zero, steps of the size of a learning rate would hardly get there.
    """
    table = rows.table[rows.train]
    longer_R = (table["first_n"] - table["second_n"]) / LENGTH_UNIT
    sways = []
    for question in range(len(rows.criteria)):
        prefer_R, weight_R = table["targets"][:, question, 0], table["targets"][:, question, 1]
        high = float((weight_R * abs(longer_R)).sum())  # the slope of everything but the last term is no steeper
        low = sway = -high
        for _ in range(100):
            sway = (low + high) / 2
            believed_R = (1 + np.tanh(sway * longer_R / 2)) / 2
            slope = float((weight_R * (believed_R - prefer_R) * longer_R).sum()) + sway
            low, high = (low, sway) if slope > 0 else (sway, high)
        sways.append(sway)
    return torch.tensor(sways)


@dataclass
class BradleyTerry:
    """The objective over the rows of a snapshot."""

    model: RewardModel
    rows: PairRows
    settings: RewardSettings
    kind: Kind
    seed: int

    def forward(self, numbers: Sequence[int]) -> Forward:
        """Rewards and targets of some rows."""
        layout = layout_of_pairs([self.rows[number] for number in numbers], self.kind, row_length=PACKED_ROW)
        layout = layout.to(self.model.backbone.device)
        targets_BC4 = torch.from_numpy(self.rows.table["targets"][list(numbers)]).float().to(layout.ids_RT.device)
        length_B2 = layout.length_S[layout.pair_B2]
        return Forward(
            self.model.rewards(layout)[layout.pair_B2],
            losses.Targets(targets_BC4[..., 0], targets_BC4[..., 2], targets_BC4[..., 3]),
            targets_BC4[..., 1],
            length_B2,
            layout.padding,
        )

    def losses(self, done: Forward) -> Tensor:
        """Loss of each comparison, question and head, shape (B, C, E)."""
        heads = done.reward_B2CE.shape[-1]
        longer_B = (done.length_B2[:, 0] - done.length_B2[:, 1]) / LENGTH_UNIT
        half_BC = longer_B[:, None] * self.model.length_weight_C / 2
        # The sway of length goes to either side, so that the sum, which may be centred, stays that of the rewards.
        reward_B2CE = done.reward_B2CE + torch.stack([half_BC, -half_BC], 1)[..., None]
        targets = (done.targets.prefer_first_B, done.targets.tie_share_B, done.targets.strength_B)
        return losses.reward_losses(
            reward_B2CE.permute(0, 2, 3, 1).reshape(-1, 2),
            losses.Targets(*(part_BC.flatten().repeat_interleave(heads) for part_BC in targets)),
            ties=self.settings.ties,
            tie_width=self.settings.tie_width,
            strength_margin=self.settings.strength_margin if self.settings.strength == "margin" else 0.0,
            center=self.settings.center_rewards_coefficient,
        ).view(-1, len(self.rows.criteria), heads)

    def totals_of(self, numbers: Sequence[int]) -> float:
        """Weight of a whole optimizer step, over all questions."""
        return float(self.rows.table["targets"][list(numbers), :, 1].sum())

    def loss_of(self, numbers: Sequence[int], total: float) -> tuple[Tensor, loop.Tally]:
        """The part of some rows in the loss of an optimizer step, and what to tell about them."""
        done = self.forward(numbers)
        draws_BE = torch.from_numpy(_draws(self.seed, numbers, self.settings.ensemble)).to(done.weight_BC.device)
        loss_BCE = self.losses(done) * done.weight_BC[..., None] * draws_BE[:, None, :]
        tally = metrics.reward_tally(
            done.reward_B2CE[:, :, 0].mean(-1).detach(), done.length_B2, done.targets.prefer_first_B[:, 0]
        )
        return loss_BCE.mean(-1).sum() / total, {**tally, "pad_fraction": done.padding}

    @torch.no_grad()
    def look(self, held: Rows) -> Held:
        """What the held-out rows say."""
        found = Held(self.rows.criteria)
        at_once = self.settings.micro_batch_size or EVALUATED_AT_ONCE
        for _, done in passes(held.tolist(), self.rows.cost_of, at_once, self.forward):
            found.add(done, self.losses(done).mean(-1))
        return found


@dataclass(frozen=True)
class Forward:
    """What one pass over B comparisons gave, for C questions and E heads each. A weight of 0 means not judged."""

    reward_B2CE: Tensor
    targets: losses.Targets  # each of shape (B, C)
    weight_BC: Tensor
    length_B2: Tensor
    padding: tuple[float, float]


def _draws(seed: int, numbers: Sequence[int], heads: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """How often each head sees each row: once with a single head, else a Poisson draw that depends on the row alone."""
    if heads == 1:
        return np.ones((len(numbers), 1), np.float32)
    return np.stack([np.random.default_rng([seed, number]).poisson(1.0, heads) for number in numbers]).astype(
        np.float32
    )


class Held:
    """What the held-out rows say: agreement per question, calibration, spread of the heads, sway of length."""

    def __init__(self, questions: Sequence[str]) -> None:
        self.questions = questions
        self.loss = 0.0
        self.weight = 0.0
        self.agreed = [0.0] * len(questions)
        self.decided = [0] * len(questions)
        self.margin: list[float] = []
        self.prefer: list[float] = []
        self.weights: list[float] = []
        self.spread: list[float] = []
        self.longer: list[float] = []

    def add(self, done: Forward, loss_BC: Tensor) -> None:
        targets, weight_BC = done.targets, done.weight_BC
        margin_BCE = done.reward_B2CE[:, 0] - done.reward_B2CE[:, 1]
        self.loss += float((loss_BC * weight_BC).sum())
        self.weight += float(weight_BC.sum())
        for question in range(len(self.questions)):
            judged_B = weight_BC[:, question] > 0
            a, n = metrics.agreement(
                margin_BCE[judged_B, question].mean(-1), targets.prefer_first_B[judged_B, question]
            )
            self.agreed[question] += a
            self.decided[question] += n
        judged_B = weight_BC[:, 0] > 0
        self.margin += margin_BCE[judged_B, 0].mean(-1).tolist()
        self.spread += margin_BCE[judged_B, 0].std(-1, correction=0).tolist()
        self.prefer += targets.prefer_first_B[judged_B, 0].tolist()
        self.weights += weight_BC[judged_B, 0].tolist()
        self.longer += (done.length_B2[judged_B, 0] - done.length_B2[judged_B, 1]).float().tolist()

    def values(self) -> dict[str, float]:
        if not self.weight:
            return {}
        values = {"eval/loss": self.loss / self.weight}
        values |= {"eval/accuracy": self.agreed[0] / self.decided[0]} if self.decided[0] else {}
        values["calibration/ece"] = metrics.expected_calibration_error(self._bins())
        values["rewards/spread"] = sum(self.spread) / max(1, len(self.spread))
        correlation = metrics.correlation(torch.tensor(self.longer), torch.tensor(self.margin))
        return values | ({} if correlation is None else {"length/corr_reward": correlation})

    def estimates(self) -> dict[str, Estimate]:
        """Accuracy of the overall question, and `accuracy/<criterion>` of each other one."""
        found = {}
        for name, agreed, decided in zip(self.questions, self.agreed, self.decided, strict=True):
            share, low, high = metrics.wilson(agreed, decided)
            key = "accuracy" if name == self.questions[0] else f"accuracy/{name}"
            found[key] = Estimate(value=share, n=decided, low=low, high=high)
        return found

    def reliability(self) -> list[dict[str, float]]:
        return [vars(bin) for bin in self._bins()]

    def _bins(self) -> list[metrics.Bin]:
        probability_R = torch.sigmoid(torch.tensor(self.margin, dtype=torch.float64))
        return metrics.reliability(probability_R, torch.tensor(self.prefer), torch.tensor(self.weights))
