"""Direct preference optimisation: move the policy towards what people preferred, on a leash to its parent.

    minimise  sum_b w_b [ -p_b log s(D_b) - (1 - p_b) log s(-D_b) ] / sum_b w_b
    D_b = beta [ log pi(first)/ref(first) - log pi(second)/ref(second) ],   s the logistic function

over comparisons b, where p_b is the share of judgments for `first` and w_b how
much the row is trusted. Source: Rafailov et al. (2023), "Direct Preference
Optimization: Your Language Model is Secretly a Reward Model".

Where we differ:
1. Split votes and ties are soft targets p_b, so every judgment counts and none is forced to a winner.
2. The reference is the *parent checkpoint*, adapter included, never the bare base. Its log-probabilities are
   computed once, before the first update, and kept for a second start.
3. The prompt is computed once for both completions, and the head at completion tokens only.
4. A comparison counts once per epoch with its weight, however many people judged it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from training import data, loop, losses, metrics
from training.bases import device_pick
from training.checkpoints import StateKeeper, checkpoint_save, request_digest, tensor_kept
from training.contract import MANIFEST, AnyEvent, DpoRequest, Estimate, RunReport, file_sha256
from training.data import PairTokens
from training.errors import NothingToLearn
from training.models import Policy, dropout_enable, pairs_share_prompt, policy_load


def train_dpo(request: DpoRequest, report: Callable[[AnyEvent], None]) -> RunReport:
    """Train a child of `request.parent` on a snapshot; a checkpoint folder stands when this returns."""
    journal = loop.Journal(report)
    settings = request.settings
    snapshot_dir = Path(request.snapshot_dir)
    loop.seed_set(request.seed)

    journal.stage("Reading the snapshot.")
    records = data.preferences_read(snapshot_dir, earlier_rounds=settings.earlier_rounds)
    journal.stage("Loading the model.")
    device = device_pick(request.device)
    policy = policy_load(request.parent, device, lora=settings, seed=request.seed)
    encoded = policy.preferences(records, settings.max_length)
    for sentence in [*policy.notes, *encoded.notes]:
        journal.note(sentence)
    train, held = encoded.train, encoded.holdout
    if not train:
        raise NothingToLearn(f"{snapshot_dir.name} leaves no comparison to train on.")
    shared = pairs_share_prompt(policy, train)

    journal.stage("Asking the parent, which is the reference.")
    keeper = StateKeeper(Path(request.work_dir), request_digest(request, file_sha256(snapshot_dir / MANIFEST)))
    everything = [*train, *held]
    reference_R2 = tensor_kept(
        keeper, "reference", lambda: _logprobs_of(policy, everything, settings.micro_batch_size, shared)
    )

    def forward(rows: Sequence[int]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Log-probabilities under policy and reference, targets, weights of rows of `everything`."""
        pairs = [everything[row] for row in rows]
        return (
            _logprobs(policy, pairs, shared),
            reference_R2[list(rows)].to(device),
            torch.tensor([pair.prefer_first for pair in pairs], device=device),
            torch.tensor([pair.weight for pair in pairs], device=device),
        )

    def loss_of(rows: Sequence[int], total: float) -> tuple[Tensor, loop.Tally]:
        policy_B2, reference_B2, prefer_first_B, weight_B = forward(rows)
        loss = losses.dpo_loss(policy_B2, reference_B2, prefer_first_B, weight_B, settings.beta, total)
        reward_B2 = losses.implicit_rewards(policy_B2.detach(), reference_B2, settings.beta)
        return loss, {
            **metrics.preference_tally(reward_B2, prefer_first_B),
            **metrics.logps_tally(policy_B2.detach(), prefer_first_B),
        }

    @torch.no_grad()
    def look() -> tuple[dict[str, float], tuple[float, int]]:
        """Metrics on the held-out rows, and (agreements, decided rows)."""
        summed, weight, agreed, decided = 0.0, 0.0, 0.0, 0
        for batch in data.batches_in_order([pair.length for pair in held], settings.micro_batch_size):
            policy_B2, reference_B2, prefer_first_B, weight_B = forward([len(train) + row for row in batch])
            summed += float(losses.dpo_loss(policy_B2, reference_B2, prefer_first_B, weight_B, settings.beta, 1.0))
            weight += float(weight_B.sum())
            reward_B2 = losses.implicit_rewards(policy_B2, reference_B2, settings.beta)
            a, n = metrics.agreement(reward_B2[:, 0] - reward_B2[:, 1], prefer_first_B)
            agreed, decided = agreed + a, decided + n
        values = {"eval/loss": summed / weight} if weight else {}
        return values | ({"eval/accuracy": agreed / decided} if decided else {}), (agreed, decided)

    journal.stage(f"Training on {len(train):,} comparisons.")
    dropout_enable(policy)
    steps, last = loop.train(
        journal=journal,
        settings=settings,
        trained=policy.trained,
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
        kind="dpo",
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
        kind="policy",
        request=request,
        report=finished,
        snapshot_dir=snapshot_dir,
    )
    keeper.state_drop()
    return finished


def _logprobs(policy: Policy, pairs: Sequence[PairTokens], shared: bool) -> Tensor:
    """Summed log-probabilities of (first, second), shape (B, 2), in nats."""
    return policy.logprobs(data.layout_of_pairs(pairs, shared_prompt=shared), 2 * len(pairs)).view(-1, 2)


@torch.no_grad()
def _logprobs_of(policy: Policy, pairs: Sequence[PairTokens], batch_size: int, shared: bool) -> Tensor:
    """The same for any number of comparisons, in their order, shape (R, 2), on CPU."""
    logprob_R2 = torch.zeros(len(pairs), 2)
    for batch in data.batches_in_order([pair.length for pair in pairs], batch_size):
        logprob_R2[batch] = _logprobs(policy, [pairs[row] for row in batch], shared).cpu()
    return logprob_R2
