"""Supervised fine-tuning: imitate demonstrations.

    minimise  - (1/N) sum_n log pi(y_n | everything before it)

over the N tokens that the assistant wrote. Source: the first stage of Ouyang
et al. (2022), "Training language models to follow instructions".

Where we differ:
1. Only what the assistant wrote counts (data.tokens_counted), so the language-model
   head is computed at those places alone.
2. The mean is over the tokens of the whole optimizer step, not a mean of micro-batch means.
3. Every fiftieth conversation by content, 256 at most, is held out to measure the loss on unseen text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from training import data, loop, losses
from training.bases import device_pick
from training.checkpoints import StateKeeper, checkpoint_save, request_digest
from training.contract import AnyEvent, DemonstrationRecord, RunReport, SftRequest, file_sha256
from training.errors import NothingToLearn
from training.models import Policy, dropout_enable, policy_load

HELD_OUT_ONE_IN = 50
HELD_OUT_AT_MOST = 256


def train_sft(request: SftRequest, report: Callable[[AnyEvent], None]) -> RunReport:
    """Fine-tune `request.policy` on `request.demonstrations`; a checkpoint folder stands when this returns."""
    journal = loop.Journal(report)
    settings = request.settings
    loop.seed_set(request.seed)

    journal.stage("Loading the model.")
    device = device_pick(request.device)
    policy = policy_load(request.policy, device, lora=settings, seed=request.seed)
    for sentence in policy.notes:
        journal.note(sentence)

    journal.stage("Reading the demonstrations.")
    path = Path(request.demonstrations)
    train_rows, held_rows = _split(data.demonstrations_read(path))
    train, held = (_encoded(policy, rows, settings.max_length, journal) for rows in (train_rows, held_rows))
    if not train:
        raise NothingToLearn(f"{path.name} leaves no conversation to learn from.")
    lengths = [len(tokens.ids) for tokens in train]
    counts = [sum(tokens.counted) for tokens in train]

    def loss_of(rows: Sequence[int], total: float) -> tuple[Tensor, loop.Tally]:
        logprob_S = policy.logprobs(data.layout_padded([train[row] for row in rows]), len(rows))
        return losses.sft_loss(logprob_S, total), {}

    def evaluate() -> dict[str, float]:
        return {"eval/loss": _loss_on(policy, held, settings.micro_batch_size)} if held else {}

    journal.stage(f"Training on {len(train):,} conversations.")
    dropout_enable(policy)
    steps, metrics = loop.train(
        journal=journal,
        settings=settings,
        trained=policy.trained,
        batches=data.batches_planned(
            lengths, batch_size=settings.batch_size, epochs=settings.epochs, seed=request.seed
        ),
        weight_of=lambda rows: float(sum(counts[row] for row in rows)),
        loss_of=loss_of,
        evaluate=evaluate,
        keeper=(keeper := StateKeeper(Path(request.work_dir), request_digest(request, file_sha256(path)))),
        device=device,
    )

    journal.stage("Saving the checkpoint.")
    finished = RunReport(
        kind="sft",
        seconds=journal.seconds,
        steps=steps,
        metrics={**metrics, "rows/train": float(len(train)), "rows/holdout": float(len(held))},
        notes=journal.notes,
        versions=loop.versions(),
        device=str(device),
    )
    checkpoint_save(
        policy, out_dir=Path(request.out_dir), kind="policy", request=request, report=finished, snapshot_dir=None
    )
    keeper.state_drop()
    return finished


def _split(rows: list[DemonstrationRecord]) -> tuple[list[DemonstrationRecord], list[DemonstrationRecord]]:
    """Training and held-out rows; which is which depends on a row's content alone."""
    train: list[DemonstrationRecord] = []
    held: list[DemonstrationRecord] = []
    for row in rows:
        digest = hashlib.sha256(row.model_dump_json().encode()).digest()
        is_held = int.from_bytes(digest[:8]) % HELD_OUT_ONE_IN == 0 and len(held) < HELD_OUT_AT_MOST
        (held if is_held else train).append(row)
    return train, held


def _encoded(
    policy: Policy, rows: list[DemonstrationRecord], max_length: int, journal: loop.Journal
) -> list[data.Tokens]:
    kept, left_out = data.demonstrations_encoded(
        policy.tokenizer, rows, end_ids=policy.end_ids, end_id=policy.end_id, max_length=max_length
    )
    for sentence in left_out.sentences("conversation"):
        journal.note(sentence)
    return kept


@torch.no_grad()
def _loss_on(policy: Policy, rows: Sequence[data.Tokens], batch_size: int) -> float:
    batches = data.batches_in_order([len(tokens.ids) for tokens in rows], batch_size)
    summed = sum(
        float(policy.logprobs(data.layout_padded([rows[row] for row in batch]), len(batch)).sum()) for batch in batches
    )
    return -summed / sum(sum(tokens.counted) for tokens in rows)
