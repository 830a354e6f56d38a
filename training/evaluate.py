"""Is the candidate really better than its parent? Every answer comes with its n and its 95 % interval.

1. `reward/accuracy`, `dpo/accuracy`: do the reward model, and the candidate's implicit reward over its parent,
   agree with people on held-out comparisons?
2. `win_rate`, `length_ratio`: both policies answer held-out prompts; the reward model compares the answers.
3. `kl`: how far the candidate has moved, measured along its own answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from training import data, loop, metrics, sampling
from training.bases import device_pick
from training.contract import (
    REPORT,
    RESPONSES,
    AnyEvent,
    Estimate,
    EvaluateRequest,
    PromptRecord,
    ResponseRecord,
    RunReport,
    Started,
    folder_whole_or_absent,
    rows_read,
    rows_write,
)
from training.data import PairTokens, Tokens
from training.models import Policy, RewardModel, policy_load, reward_load

STAGES = 5


def evaluate(request: EvaluateRequest, report: Callable[[AnyEvent], None]) -> RunReport:
    """Hold the candidate against its parent; `report.json` and `responses.jsonl` stand when this returns."""
    journal = loop.Journal(report)
    settings = request.settings
    device = device_pick(request.device)
    records = [row for row in data.preferences_read(Path(request.snapshot_dir)) if row.split == "holdout"]
    prompts = [row for row in rows_read(Path(request.prompts), PromptRecord) if row.split == "holdout"]
    prompts = sorted(prompts, key=_dice_of)[: settings.held_out_prompts]
    report(Started(total_steps=STAGES, device=str(device)))

    journal.stage("Loading the candidate, its parent and the reward model.")
    candidate = policy_load(request.candidate, device, merge=True)
    parent = policy_load(request.parent, device, merge=True)
    judge = reward_load(Path(request.reward_dir), device)
    held = candidate.preferences(records, settings.max_length)
    for sentence in [*candidate.notes, *held.notes]:
        journal.note(sentence)
    pairs = held.holdout

    journal.stage(f"Comparing with people on {len(pairs):,} held-out comparisons.")
    if not pairs:
        journal.note("The snapshot holds no usable held-out comparison, so both accuracies are unknown.")
    estimates = {
        "reward/accuracy": _accuracy(_reward_margins(judge, pairs, settings.micro_batch_size), pairs),
        "dpo/accuracy": _accuracy(_implicit_margins(candidate, parent, pairs, settings.micro_batch_size), pairs),
    }

    journal.stage(f"Both policies answer {len(prompts):,} held-out prompts.")
    if not prompts:
        journal.note("There is no held-out prompt, so win rate, KL and length ratio are unknown.")
    ours, theirs = (_answers(policy, prompts, request) for policy in (candidate, parent))

    journal.stage("The reward model compares the answers.")
    reward_ours, reward_theirs = (
        _rewards_of(judge, prompts, rows, settings.micro_batch_size) for rows in (ours, theirs)
    )
    estimates["win_rate"] = _win_rate(ours, theirs, reward_ours, reward_theirs)
    estimates["length_ratio"] = _length_ratio(ours, theirs)

    journal.stage("Measuring how far the candidate moved.")
    tokens = _tokens_of(candidate, prompts, ours)
    estimates["kl"] = _kl(candidate, parent, tokens, ours, settings.micro_batch_size)
    if settings.sampling.temperature != 1 or settings.sampling.top_p != 1:
        journal.note("The answers were not drawn at temperature 1 and top-p 1; KL is measured along them all the same.")

    finished = RunReport(
        kind="evaluate",
        seconds=journal.seconds,
        steps=STAGES,
        metrics={"rows/holdout": float(len(pairs)), "prompts/holdout": float(len(prompts))}
        | _means("reward/candidate", reward_ours)
        | _means("reward/parent", reward_theirs)
        | _means("length/candidate", [len(row.token_ids) for row in ours])
        | _means("length/parent", [len(row.token_ids) for row in theirs]),
        estimates=estimates,
        notes=journal.notes,
        versions=loop.versions(),
        device=str(device),
    )
    with folder_whole_or_absent(Path(request.out_dir)) as folder:
        rows_write(folder / RESPONSES, [*ours, *theirs])
        (folder / REPORT).write_text(finished.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return finished


def _dice_of(row: PromptRecord) -> bytes:
    """An order of prompts that has nothing to do with when they were written, and is the same in every round."""
    return hashlib.sha256(row.prompt_id.encode()).digest()


# --- held-out comparisons ----------------------------------------------------


@torch.no_grad()
def _reward_margins(judge: RewardModel, pairs: Sequence[PairTokens], batch_size: int) -> Tensor:
    """reward(first) - reward(second), shape (R,)."""
    margin_R = torch.zeros(len(pairs))
    for batch in data.batches_in_order([pair.length for pair in pairs], batch_size):
        layout = data.layout_of_pairs([pairs[row] for row in batch], shared_prompt=False)
        reward_B2 = judge.rewards(layout).view(-1, 2).cpu()
        margin_R[batch] = reward_B2[:, 0] - reward_B2[:, 1]
    return margin_R


@torch.no_grad()
def _implicit_margins(candidate: Policy, parent: Policy, pairs: Sequence[PairTokens], batch_size: int) -> Tensor:
    """Difference of the implicit rewards at beta 1, shape (R,); its sign is the same for every beta."""
    margin_R = torch.zeros(len(pairs))
    for batch in data.batches_in_order([pair.length for pair in pairs], batch_size):
        layout = data.layout_of_pairs([pairs[row] for row in batch], shared_prompt=False)
        ours_B2, theirs_B2 = (
            policy.logprobs(layout, 2 * len(batch)).view(-1, 2).cpu() for policy in (candidate, parent)
        )
        moved_B2 = ours_B2 - theirs_B2
        margin_R[batch] = moved_B2[:, 0] - moved_B2[:, 1]
    return margin_R


def _accuracy(margin_R: Tensor, pairs: Sequence[PairTokens]) -> Estimate:
    agreed, decided = metrics.agreement(margin_R, torch.tensor([pair.prefer_first for pair in pairs]))
    return _share(agreed, decided)


# --- fresh answers -----------------------------------------------------------


def _answers(policy: Policy, prompts: Sequence[PromptRecord], request: EvaluateRequest) -> list[ResponseRecord]:
    batches = sampling.answers_written(policy, prompts, request.settings.sampling, request.seed)
    rows = [row for batch in batches for row in batch.responses]
    return sorted(rows, key=lambda row: (row.prompt_id, row.sample))


def _tokens_of(policy: Policy, prompts: Sequence[PromptRecord], rows: Sequence[ResponseRecord]) -> list[Tokens]:
    """Prompt and answer in the ids they were written in."""
    openings = data.conversation_texts(policy.tokenizer, [row.prompt for row in prompts], answer_opened=True)
    ids = dict(zip((row.prompt_id for row in prompts), data.texts_encoded(policy.tokenizer, openings), strict=True))
    return [data.tokens_counted([(ids[row.prompt_id], False), (row.token_ids, True)]) for row in rows]


@torch.no_grad()
def _rewards_of(
    judge: RewardModel, prompts: Sequence[PromptRecord], rows: Sequence[ResponseRecord], batch_size: int
) -> list[float]:
    tokens = _tokens_of(judge.policy, prompts, rows)
    rewards = [0.0] * len(rows)
    for batch in data.batches_in_order([len(row.ids) for row in tokens], batch_size):
        reward_S = judge.rewards(data.layout_padded([tokens[row] for row in batch]))
        for row, reward in zip(batch, reward_S.tolist(), strict=True):
            rewards[row] = reward
    return rewards


def _win_rate(
    ours: Sequence[ResponseRecord],
    theirs: Sequence[ResponseRecord],
    reward_ours: Sequence[float],
    reward_theirs: Sequence[float],
) -> Estimate:
    """Share of prompts whose answer by the candidate scores higher; equal answers and equal scores count one half."""
    wins: dict[str, list[float]] = {}
    for mine, other, score, rival in zip(ours, theirs, reward_ours, reward_theirs, strict=True):
        is_even = score == rival or mine.token_ids == other.token_ids
        wins.setdefault(mine.prompt_id, []).append(0.5 if is_even else float(score > rival))
    return _share(sum(sum(w) / len(w) for w in wins.values()), len(wins))


def _length_ratio(ours: Sequence[ResponseRecord], theirs: Sequence[ResponseRecord]) -> Estimate:
    lengths = (_per_prompt(rows, [len(row.token_ids) for row in rows]) for rows in (ours, theirs))
    ratio, low, high = metrics.ratio_interval(*lengths)
    return Estimate(value=ratio, n=len({row.prompt_id for row in ours}), low=low, high=high)


@torch.no_grad()
def _kl(
    candidate: Policy, parent: Policy, tokens: Sequence[Tokens], rows: Sequence[ResponseRecord], batch_size: int
) -> Estimate:
    """Mean over prompts of KL(candidate || parent) summed along the candidate's answer, in nats."""
    summed = [0.0] * len(tokens)
    for batch in data.batches_in_order([len(row.ids) for row in tokens], batch_size):
        layout = data.layout_padded([tokens[row] for row in batch]).to(candidate.device)
        ours_ND, theirs_ND = (policy.hidden(layout)[layout.source_N] for policy in (candidate, parent))
        for at in range(0, len(ours_ND), candidate.head_chunk):
            here = slice(at, at + candidate.head_chunk)
            kl_C = metrics.kl_tokens(candidate.head(ours_ND[here]), parent.head(theirs_ND[here]))
            for sequence, kl in zip(layout.sequence_N[here].tolist(), kl_C.tolist(), strict=True):
                summed[batch[sequence]] += kl
    per_prompt = _per_prompt(rows, summed)
    mean, low, high = metrics.mean_interval(per_prompt)
    return Estimate(value=mean, n=len(per_prompt), low=max(0.0, low), high=high)


def _per_prompt(rows: Sequence[ResponseRecord], values: Sequence[float]) -> list[float]:
    """The mean of each prompt's answers, in the order of the prompts."""
    grouped: dict[str, list[float]] = {}
    for row, value in zip(rows, values, strict=True):
        grouped.setdefault(row.prompt_id, []).append(value)
    return [sum(group) / len(group) for _, group in sorted(grouped.items())]


def _share(successes: float, n: int) -> Estimate:
    share, low, high = metrics.wilson(successes, n)
    return Estimate(value=share, n=n, low=low, high=high)


def _means(name: str, values: Sequence[float]) -> dict[str, float]:
    return {name: sum(values) / len(values)} if values else {}
