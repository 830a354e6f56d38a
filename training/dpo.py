"""Direct preference optimisation: move the policy towards what people preferred, on a leash to its parent.

    minimise  sum_b w_b loss(D_b, p_b) / sum_b w_b
    D_b = beta [ log pi(first)/ref(first) - log pi(second)/ref(second) ]
    loss(D, p) = -p log s(D) - (1 - p) log s(-D),   s the logistic function

over comparisons b, where p_b is the share of judgments for `first` and w_b how
much the row is trusted. Source: Rafailov et al. (2023), "Direct Preference
Optimization: Your Language Model is Secretly a Reward Model". The other losses
of `config.Loss` take the place of `loss`; each stands with its formula in losses.py.

Where we differ:
1. Split votes and ties are soft targets p_b, so every judgment counts and none is forced to a winner.
2. The reference is the *parent checkpoint*, adapter included, never the bare base. Its log-probabilities are
   computed before the first update and kept by content for later runs.
3. A prompt is computed once for all its completions, and the head at completion tokens only.
4. A comparison counts once per epoch with its weight, however many people judged it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from training import loop, losses, metrics
from training.bases import device_pick
from training.batches import Plan, Rows
from training.checkpoints import StateKeeper, checkpoint_save, request_digest
from training.config import REFERENCE_FREE, SORTED_IN_BATCH, DpoSettings
from training.contract import MANIFEST, AnyEvent, DpoRequest, Estimate, RunReport, file_sha256
from training.errors import NothingToLearn
from training.layout import PACKED_ROW, Kind, Layout, layout_of_pairs
from training.layout_choice import layout_for_pairs
from training.microbatches import passes
from training.models import Policy, policy_load
from training.reference import LogprobsR2, LogprobStore, policy_identity, reference_of
from training.rows import MismatchedRows, PairRows, PairTokens, preference_rows

Result = TypeVar("Result")
EVALUATED_AT_ONCE = 16  # comparisons per pass without gradients, when no micro-batch size is given


def train_dpo(request: DpoRequest, report: Callable[[AnyEvent], None]) -> RunReport:
    """Train a child of `request.parent` on a snapshot; a checkpoint folder stands when this returns."""
    journal = loop.Journal(report)
    settings = request.settings
    snapshot_dir, work_dir = Path(request.snapshot_dir), Path(request.work_dir)
    loop.seed_set(request.seed)

    journal.stage("Loading the model.")
    device = device_pick(request.device)
    policy = policy_load(request.parent, device, lora=settings, seed=request.seed, precision=settings.precision)
    journal.stage("Reading the snapshot.")
    rows = preference_rows(
        snapshot_dir,
        work_dir / "rows",
        policy.speech,
        settings,
        max_length=settings.max_length,
        earlier_rounds=settings.earlier_rounds,
    )
    for sentence in [*policy.notes, *rows.notes]:
        journal.note(sentence)
    train, held = rows.train, rows.holdout
    if len(train) == 0:
        raise NothingToLearn(f"{snapshot_dir.name} leaves no comparison to train on.")
    kind, why = layout_for_pairs(policy, rows, settings.layout, policy.logprobs)
    if why:
        journal.note(why)

    journal.stage("Asking the parent, which is the reference.")
    dpo = Dpo(policy, rows, settings, kind)
    for sentence in dpo.parent_ask(Path(request.cache_dir) if request.cache_dir else work_dir, work_dir):
        journal.stage(sentence)

    journal.stage(f"Training on {len(train):,} comparisons.")
    keeper = StateKeeper(work_dir, request_digest(request, file_sha256(snapshot_dir / MANIFEST)))
    trained = loop.train(
        journal=journal,
        settings=settings,
        trained=policy.trained,
        batches=Plan(
            rows=train,
            lengths=rows.lengths(train),
            groups=rows.table["group"][train],
            batch_size=settings.batch_size,
            epochs=settings.epochs,
            seed=request.seed,
        ),
        weight_of=dpo.totals_of,
        loss_of=dpo.loss_of,
        evaluate=lambda: dpo.look(held)[0],
        keeper=keeper,
        device=device,
        model=policy.inner,
        cost_of=rows.cost_of,
        whole_batch=settings.loss in SORTED_IN_BATCH,
    )

    journal.stage("Saving the checkpoint.")
    agreed, decided = dpo.look(held)[1]
    share, low, high = metrics.wilson(agreed, decided)
    if decided == 0:
        journal.note("No held-out comparison is decided, so the accuracy is unknown.")
    finished = RunReport(
        kind="dpo",
        seconds=journal.seconds,
        steps=trained.steps,
        metrics={
            **trained.metrics,
            "rows/train": float(len(train)),
            "rows/holdout": float(len(held)),
            "pairs/effective_n": rows.effective_n(train),
        },
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
        beside=trained.beside,
        beside_name=trained.beside_name,
    )
    keeper.state_drop()
    return finished


@dataclass(frozen=True)
class Forward:
    """What one pass over B comparisons gave. loss_B is without weights."""

    layout: Layout
    policy_B2: Tensor
    reference_B2: Tensor
    length_B2: Tensor
    targets: losses.Targets
    weight_B: Tensor
    loss_B: Tensor


class Totals(NamedTuple):
    """Of a whole optimizer step: weight, weighted tokens to imitate, and KTO's KL divergence."""

    weight: float
    tokens: float
    kl: Tensor | None


@dataclass
class Dpo:
    """The objective over the rows of a snapshot.

    reference_R2   log-probabilities of (first, second) under the parent; zeros for losses that know no reference
    mismatched_R2  the same for each prompt with another row's completions, which KTO estimates its KL on
    """

    policy: Policy
    rows: PairRows
    settings: DpoSettings
    kind: Kind
    reference_R2: LogprobsR2 = field(init=False)
    mismatched_R2: LogprobsR2 = field(init=False)

    def __post_init__(self) -> None:
        self.reference_R2 = self.mismatched_R2 = np.zeros((len(self.rows), 2))
        self.mismatched = MismatchedRows(self.rows)
        self.objective = _objective(self.settings)

    def parent_ask(self, cache_dir: Path, work_dir: Path) -> Iterator[str]:
        """Fill in what the parent thinks; must come before the first update. Yields what was done."""
        if self.settings.loss in REFERENCE_FREE:
            return
        store = LogprobStore(cache_dir)
        identity = policy_identity(self.policy, self.kind, self.settings.ld_alpha)
        at_once = self._at_once
        by_pair = self.settings.ld_alpha is not None
        self.reference_R2, done = reference_of(
            self.rows,
            work_dir / "reference.bin",
            store,
            identity,
            score=self.score,
            batch_size=at_once,
            by_pair=by_pair,
        )
        yield done
        if self.settings.loss == "kto":
            self.mismatched_R2, done = reference_of(
                self.mismatched, work_dir / "mismatched.bin", store, identity, score=self.score, batch_size=at_once
            )
            yield done

    def laid(self, pairs: Sequence[PairTokens]) -> Layout:
        once = self.settings.ld_alpha is None
        return layout_of_pairs(pairs, self.kind, row_length=PACKED_ROW, completions_once=once).to(self.policy.device)

    def sums(self, layout: Layout, logprob_N: Tensor) -> Tensor:
        """Summed log-probabilities of (first, second), shape (B, 2)."""
        alpha = self.settings.ld_alpha
        if alpha is None:
            return losses.sequence_sums(logprob_N, layout.sequence_N, layout.sequences)[layout.pair_B2]
        shorter_S = torch.zeros_like(layout.length_S)
        shorter_S[layout.pair_B2] = layout.length_S[layout.pair_B2].amin(1, keepdim=True).expand(-1, 2)
        sum_S = losses.ld_sums(logprob_N, layout.sequence_N, layout.place_N, shorter_S, alpha, layout.sequences)
        return sum_S[layout.pair_B2]

    def score(self, pairs: Sequence[PairTokens]) -> Tensor:
        layout = self.laid(pairs)
        return self.sums(layout, self.policy.token_logprobs(layout))

    def forward(self, numbers: Sequence[int], kl: Tensor | None = None) -> Forward:
        """Log-probabilities and losses of some rows; `kl` is KTO's, of the whole step that they belong to."""
        layout = self.laid([self.rows[number] for number in numbers])
        collision_N = None
        if self.settings.use_weighting:
            scores = self.policy.token_scores(layout)
            logprob_N, collision_N = scores.logprob_N, scores.collision_N
        else:
            logprob_N = self.policy.token_logprobs(layout)
        policy_B2, reference_B2 = self.sums(layout, logprob_N), self._kept(self.reference_R2, numbers)
        length_B2 = layout.length_S[layout.pair_B2]
        targets_B4 = torch.from_numpy(self.rows.table["targets"][list(numbers), 0]).to(self.policy.device)
        targets = losses.Targets(targets_B4[:, 0], targets_B4[:, 2], targets_B4[:, 3])
        if kl is not None:
            loss_B = self._kto_losses(policy_B2, reference_B2, targets.prefer_first_B, kl)
        else:
            loss_B = losses.preference_losses(policy_B2, reference_B2, length_B2, targets, self.objective)
        if collision_N is not None:
            weight_S = losses.wpo_weights(logprob_N, collision_N, layout.sequence_N, layout.sequences)
            loss_B = loss_B * weight_S[layout.pair_B2].prod(1)
        return Forward(layout, policy_B2, reference_B2, length_B2, targets, targets_B4[:, 1], loss_B)

    def totals_of(self, numbers: Sequence[int]) -> Totals:
        """What the parts of an optimizer step need to know of the whole."""
        table = self.rows.table[list(numbers)]
        prefer_B, weight_B = table["targets"][:, 0, 0], table["targets"][:, 0, 1]
        tokens_B = prefer_B * table["first_n"] + (1 - prefer_B) * table["second_n"]
        return Totals(float(weight_B.sum()), float((weight_B * tokens_B).sum()), self.kl_of(numbers))

    def loss_of(self, numbers: Sequence[int], totals: Totals) -> tuple[Tensor, loop.Tally]:
        """The part of some rows in the loss of an optimizer step, and what to tell about them."""
        done = self.forward(numbers, totals.kl)
        loss = (done.weight_B * done.loss_B).sum() / totals.weight
        if self.settings.nll_weight:
            prefer_B = done.targets.prefer_first_B
            imitated_B = prefer_B * done.policy_B2[:, 0] + (1 - prefer_B) * done.policy_B2[:, 1]
            loss = loss - self.settings.nll_weight * (done.weight_B * imitated_B).sum() / totals.tokens
        tally = metrics.dpo_tally(
            done.policy_B2.detach(),
            None if self.settings.loss in REFERENCE_FREE else done.reference_B2,
            done.length_B2,
            done.targets.prefer_first_B,
            self.settings.beta,
        )
        return loss, {**tally, "pad_fraction": done.layout.padding}

    @torch.no_grad()
    def look(self, held: Rows) -> tuple[dict[str, float], tuple[float, int]]:
        """Metrics on the held-out rows, and (agreements, decided rows)."""
        summed, weight, agreed, decided = 0.0, 0.0, 0.0, 0
        kl = self.kl_of(held.tolist())
        for _, done in self._passes(held.tolist(), lambda rows: self.forward(rows, kl)):
            summed += float((done.weight_B * done.loss_B).sum())
            weight += float(done.weight_B.sum())
            moved_B2 = done.policy_B2 - done.reference_B2
            a, n = metrics.agreement(moved_B2[:, 0] - moved_B2[:, 1], done.targets.prefer_first_B)
            agreed, decided = agreed + a, decided + n
        values = {"eval/loss": summed / weight} if weight else {}
        return values | ({"eval/accuracy": agreed / decided} if decided else {}), (agreed, decided)

    @torch.no_grad()
    def kl_of(self, numbers: Sequence[int]) -> Tensor | None:
        """KTO's estimate of how far the policy has moved, on mismatched answers to some prompts; None for others.

        Of a whole step rather than of its micro-batches, so that how a step is cut changes nothing.
        """
        if self.settings.loss != "kto" or len(numbers) == 0:
            return None
        done = self._passes(numbers, lambda rows: self.score([self.mismatched[row] for row in rows]))
        sums = [(away_B2.flatten(), self._kept(self.mismatched_R2, rows).flatten()) for rows, away_B2 in done]
        policy_S, reference_S = (torch.cat(side) for side in zip(*sums, strict=True))
        return losses.kto_kl(policy_S, reference_S)

    @property
    def _at_once(self) -> int:
        return self.settings.micro_batch_size or EVALUATED_AT_ONCE

    def _passes(
        self, numbers: Sequence[int], compute: Callable[[list[int]], Result]
    ) -> Iterator[tuple[list[int], Result]]:
        return passes(numbers, self.rows.cost_of, self._at_once, compute)

    def _kto_losses(self, policy_B2: Tensor, reference_B2: Tensor, prefer_first_B: Tensor, kl: Tensor) -> Tensor:
        """Each answer on its own: desirable as far as people preferred it."""
        desirable_B2 = torch.stack([prefer_first_B, 1 - prefer_first_B], 1)
        loss_S = losses.kto_losses(
            policy_B2.flatten(),
            reference_B2.flatten(),
            desirable_B2.flatten(),
            kl,
            self.settings.beta,
            self.settings.desirable_weight,
            self.settings.undesirable_weight,
        )
        return loss_S.view(-1, 2).mean(1)

    def _kept(self, logprob_R2: LogprobsR2, numbers: Sequence[int]) -> Tensor:
        return torch.from_numpy(logprob_R2[list(numbers)]).to(self.policy.device)


def _objective(settings: DpoSettings) -> losses.Objective:
    return losses.Objective(
        loss=settings.loss,
        beta=settings.beta,
        label_smoothing=settings.label_smoothing,
        f_divergence_type=settings.f_divergence_type,
        f_alpha_divergence_coef=settings.f_alpha_divergence_coef,
        discopop_tau=settings.discopop_tau,
        dpop_lambda=settings.dpop_lambda,
        simpo_gamma=settings.simpo_gamma,
        ties=settings.ties,
        tie_width=settings.tie_width,
        strength_margin=settings.strength_margin if settings.strength == "margin" else 0.0,
    )
