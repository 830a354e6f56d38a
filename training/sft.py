"""Supervised fine-tuning: imitate demonstrations.

    minimise  - (1/N) sum_n log pi(y_n | everything before it)

over the N tokens that the assistant wrote. Source: the first stage of Ouyang
et al. (2022), "Training language models to follow instructions".

Where we differ:
1. Only what the assistant wrote counts (tokens.tokens_counted), in every turn of a conversation, so the
   language-model head is computed at those places alone.
2. The mean is over the tokens of the whole optimizer step, not a mean of micro-batch means.
3. Packed conversations never see each other, and their positions start anew.
4. Every fiftieth conversation by content, 256 at most, is held out to measure the loss on unseen text.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training import loop, losses
from training.bases import device_pick
from training.batches import Plan
from training.checkpoints import StateKeeper, checkpoint_save, request_digest
from training.config import SftSettings
from training.contract import AnyEvent, DemonstrationRecord, RunReport, SftRequest, file_sha256
from training.errors import NothingToLearn
from training.layout import layout_of_conversations
from training.layout_choice import layout_choose
from training.microbatches import passes
from training.models import Policy, policy_load
from training.rows import ConversationRows, conversation_rows

HELD_OUT_ONE_IN = 50
HELD_OUT_AT_MOST = 256  # each look computes them all
EVALUATED_AT_ONCE = 16  # conversations per pass without gradients, when no micro-batch size is given


def train_sft(request: SftRequest, report: Callable[[AnyEvent], None]) -> RunReport:
    """Fine-tune `request.policy` on `request.demonstrations`; a checkpoint folder stands when this returns."""
    journal = loop.Journal(report)
    settings = request.settings
    path, work_dir = Path(request.demonstrations), Path(request.work_dir)
    loop.seed_set(request.seed)

    journal.stage("Loading the model.")
    device = device_pick(request.device)
    policy = policy_load(request.policy, device, lora=settings, seed=request.seed, precision=settings.precision)
    journal.stage("Reading the demonstrations.")
    train, held = (
        conversation_rows(
            path,
            work_dir / name,
            policy.speech,
            max_length=settings.max_length,
            is_wanted=_wanted(held_out=is_held),
        )
        for name, is_held in (("train", False), ("held", True))
    )
    for sentence in [*policy.notes, *train.notes, *held.notes]:
        journal.note(sentence)
    if len(train) == 0:
        raise NothingToLearn(f"{path.name} leaves no conversation to learn from.")
    longest = [train[int(row)] for row in np.argsort(-train.lengths, kind="stable")[:2]]
    _, why = layout_choose(
        policy,
        "packed" if settings.packing else "separate",
        int(train.lengths.max()),
        lambda kind: layout_of_conversations(longest, row_length=settings.max_length if kind == "packed" else 0),
        policy.logprobs,
    )
    if why:
        journal.note(why)
    imitation = Imitation(policy, train, settings)

    journal.stage(f"Training on {len(train):,} conversations.")
    keeper = StateKeeper(work_dir, request_digest(request, file_sha256(path)))
    trained = loop.train(
        journal=journal,
        settings=settings,
        trained=policy.trained,
        batches=Plan(
            rows=np.arange(len(train)),
            lengths=train.lengths,
            groups=None,
            batch_size=settings.batch_size,
            epochs=settings.epochs,
            seed=request.seed,
        ),
        weight_of=imitation.totals_of,
        loss_of=imitation.loss_of,
        evaluate=lambda: imitation.look(held),
        keeper=keeper,
        device=device,
        model=policy.inner,
        cost_of=lambda number: int(train.table["n"][number]),
    )

    journal.stage("Saving the checkpoint.")
    finished = RunReport(
        kind="sft",
        seconds=journal.seconds,
        steps=trained.steps,
        metrics={**trained.metrics, "rows/train": float(len(train)), "rows/holdout": float(len(held))},
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
        snapshot_dir=None,
        beside=trained.beside,
        beside_name=trained.beside_name,
    )
    keeper.state_drop()
    return finished


@dataclass
class Imitation:
    """The objective over conversations."""

    policy: Policy
    rows: ConversationRows
    settings: SftSettings

    def logprob_of(self, rows: ConversationRows, numbers: Sequence[int]) -> tuple[Tensor, tuple[float, float]]:
        """Summed log-probability of the counted tokens of some rows, and padding."""
        row_length = self.settings.max_length if self.settings.packing else 0
        layout = layout_of_conversations([rows[number] for number in numbers], row_length=row_length)
        return self.policy.token_logprobs(layout.to(self.policy.device)).sum(), layout.padding

    def totals_of(self, numbers: Sequence[int]) -> float:
        """Counted tokens of a whole optimizer step."""
        return float(self.rows.counts[list(numbers)].sum())

    def loss_of(self, numbers: Sequence[int], tokens: float) -> tuple[Tensor, loop.Tally]:
        """The part of some rows in the loss of an optimizer step, and what to tell about them."""
        logprob, padding = self.logprob_of(self.rows, numbers)
        return losses.sft_loss(logprob, tokens), {"pad_fraction": padding}

    @torch.no_grad()
    def look(self, held: ConversationRows) -> dict[str, float]:
        """Metrics on the held-out rows."""
        if len(held) == 0:
            return {}
        at_once = self.settings.micro_batch_size or EVALUATED_AT_ONCE
        done = passes(range(len(held)), held.lengths.__getitem__, at_once, lambda rows: self.logprob_of(held, rows)[0])
        summed = sum(float(logprob) for _, logprob in done)
        return {"eval/loss": -summed / float(held.counts.sum())}


def _wanted(*, held_out: bool) -> Callable[[DemonstrationRecord], bool]:
    """Whether a row, asked for in the order of the file, is on this side; its content and that order alone decide."""
    drawn = itertools.count()

    def is_wanted(row: DemonstrationRecord) -> bool:
        digest = hashlib.sha256(row.model_dump_json().encode()).digest()
        is_held = int.from_bytes(digest[:8]) % HELD_OUT_ONE_IN == 0 and next(drawn) < HELD_OUT_AT_MOST
        return is_held is held_out

    return is_wanted
