"""Reward model: score answers so that the preferred one scores higher.

    minimise  sum_b w_b [ -p_b log s(m_b) - (1 - p_b) log s(-m_b) ] / sum_b w_b
    m_b = r(prompt, first) - r(prompt, second),   s the logistic function

over comparisons b, where p_b is the share of judgments for `first` and w_b how
much the row is trusted. r is a linear head on the last hidden state of the
answer's last token. Source: Bradley and Terry (1952); Ouyang et al. (2022).

Where we differ:
1. Split votes and ties are soft targets p_b, so every judgment counts and none is forced to a winner.
2. The score is read at the last real token by *length*; looking for the padding token would read one
   place too early wherever padding and end-of-turn are the same token.
3. The prompt is computed once for both completions.
4. A comparison counts once per epoch with its weight, however many people judged it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from training import data, loop, losses, metrics
from training.bases import device_pick
from training.checkpoints import StateKeeper, checkpoint_save, request_digest
from training.contract import MANIFEST, AnyEvent, Estimate, RewardRequest, RunReport, file_sha256
from training.errors import NothingToLearn
from training.models import RewardModel, dropout_enable, pairs_share_prompt, policy_load


def train_reward(request: RewardRequest, report: Callable[[AnyEvent], None]) -> RunReport:
    """Train a reward model on a snapshot; a checkpoint folder stands when this returns."""
    journal = loop.Journal(report)
    settings = request.settings
    snapshot_dir = Path(request.snapshot_dir)
    loop.seed_set(request.seed)

    journal.stage("Reading the snapshot.")
    records = data.preferences_read(snapshot_dir, earlier_rounds=settings.earlier_rounds)
    journal.stage("Loading the model.")
    device = device_pick(request.device)
    policy = policy_load(request.policy, device, lora=settings, seed=request.seed)
    encoded = policy.preferences(records, settings.max_length)
    for sentence in [*policy.notes, *encoded.notes]:
        journal.note(sentence)
    train, held = encoded.train, encoded.holdout
    if not train:
        raise NothingToLearn(f"{snapshot_dir.name} leaves no comparison to train on.")
    shared = pairs_share_prompt(policy, train)
    model = RewardModel.fresh(policy, request.seed)
    everything = [*train, *held]
    keeper = StateKeeper(Path(request.work_dir), request_digest(request, file_sha256(snapshot_dir / MANIFEST)))

    def forward(rows: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Rewards of (first, second), targets, weights of rows of `everything`."""
        pairs = [everything[row] for row in rows]
        layout = data.layout_of_pairs(pairs, shared_prompt=shared)
        return (
            model.rewards(layout).view(-1, 2),
            torch.tensor([pair.prefer_first for pair in pairs], device=device),
            torch.tensor([pair.weight for pair in pairs], device=device),
        )

    def loss_of(rows: Sequence[int], total: float) -> tuple[Tensor, loop.Tally]:
        reward_B2, prefer_first_B, weight_B = forward(rows)
        loss = losses.pairwise_loss(reward_B2[:, 0] - reward_B2[:, 1], prefer_first_B, weight_B, total)
        return loss, metrics.preference_tally(reward_B2.detach(), prefer_first_B)

    @torch.no_grad()
    def look() -> tuple[dict[str, float], tuple[float, int]]:
        """Metrics on the held-out rows, and (agreements, decided rows)."""
        summed, weight, agreed, decided = 0.0, 0.0, 0.0, 0
        for batch in data.batches_in_order([pair.length for pair in held], settings.micro_batch_size):
            reward_B2, prefer_first_B, weight_B = forward([len(train) + row for row in batch])
            margin_B = reward_B2[:, 0] - reward_B2[:, 1]
            summed += float(losses.pairwise_loss(margin_B, prefer_first_B, weight_B, 1.0))
            weight += float(weight_B.sum())
            a, n = metrics.agreement(margin_B, prefer_first_B)
            agreed, decided = agreed + a, decided + n
        values = {"eval/loss": summed / weight} if weight else {}
        return values | ({"eval/accuracy": agreed / decided} if decided else {}), (agreed, decided)

    journal.stage(f"Training on {len(train):,} comparisons.")
    dropout_enable(policy)
    steps, last = loop.train(
        journal=journal,
        settings=settings,
        trained=model.trained,
        batches=data.batches_planned(
            [pair.length for pair in train], batch_size=settings.batch_size, epochs=settings.epochs, seed=request.seed
        ),
        weight_of=lambda rows: sum(train[row].weight for row in rows),
        loss_of=loss_of,
        evaluate=lambda: look()[0],
        keeper=keeper,
        device=device,
    )

    journal.stage("Saving the checkpoint.")
    agreed, decided = look()[1]
    share, low, high = metrics.wilson(agreed, decided)
    if decided == 0:
        journal.note("No held-out comparison is decided, so the accuracy is unknown.")
    finished = RunReport(
        kind="reward",
        seconds=journal.seconds,
        steps=steps,
        metrics={**last, "rows/train": float(len(train)), "rows/holdout": float(len(held))},
        estimates={"accuracy": Estimate(value=share, n=decided, low=low, high=high)},
        notes=journal.notes,
        versions=loop.versions(),
        device=str(device),
    )
    checkpoint_save(
        policy,
        out_dir=Path(request.out_dir),
        kind="reward",
        request=request,
        report=finished,
        snapshot_dir=snapshot_dir,
        reward_head=model.head_tensors(),
    )
    keeper.state_drop()
    return finished
