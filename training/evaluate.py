"""Is the candidate really better than its parent? Every answer comes with its n and its 95 % interval.

1. `reward/accuracy`, `dpo/accuracy`: do the reward model, and the candidate's implicit reward over its parent,
   agree with people on held-out comparisons?
2. `win_rate`, `length_ratio`: both policies answer held-out prompts; the reward model compares the answers.
3. `kl`: how far the candidate has moved, measured along its own answers.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training import loop, losses, metrics, sampling
from training.bases import device_pick
from training.batches import batches_in_order
from training.config import PreferenceSettings
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
from training.layout import Layout, layout_of_conversations, layout_of_pairs
from training.models import Policy, policy_load
from training.reward_model import RewardModel, reward_model_load
from training.rows import PairRows, PairTokens, preference_rows
from training.tokens import Speech, Tokens, answers_encoded, prompts_encoded, tokens_counted

STAGES = 5
# Judges of every kind lean towards length, so an optimised policy may only have learned to ramble.
LONGER_IS_AN_ALARM = 1.25


def evaluate(request: EvaluateRequest, report: Callable[[AnyEvent], None]) -> RunReport:
    """Hold the candidate against its parent; `report.json` and `responses.jsonl` stand when this returns."""
    journal = loop.Journal(report)
    settings = request.settings
    device = device_pick(request.device)
    prompts = [row for row in rows_read(Path(request.prompts), PromptRecord) if row.split == "holdout"]
    prompts = sorted(prompts, key=_dice_of)[: settings.held_out_prompts]
    report(Started(total_steps=STAGES, device=str(device)))

    journal.stage("Loading the candidate, its parent and the reward model.")
    candidate = policy_load(request.candidate, device, merge=True)
    parent = policy_load(request.parent, device, merge=True)
    judge = reward_model_load(Path(request.reward_dir), device)
    # A judge on another backbone reads texts; ids that the policy wrote mean nothing to it.
    is_author = judge.backbone.ref.base_model == request.candidate.base_model
    judge_speech = replace(judge.backbone.speech, is_author=judge.backbone.speech.is_author and is_author)
    held, judged = (
        preference_rows(
            Path(request.snapshot_dir),
            Path(request.work_dir) / name,
            speech,
            PreferenceSettings(),
            max_length=settings.max_length,
            splits=("holdout",),
        )
        for name, speech in (("held", candidate.speech), ("judged", judge_speech))
    )
    for sentence in dict.fromkeys([*candidate.notes, *held.notes, *judged.notes]):
        journal.note(sentence)

    journal.stage(f"Comparing with people on {len(held):,} held-out comparisons.")
    if len(held) == 0:
        journal.note("The snapshot holds no usable held-out comparison, so both accuracies are unknown.")

    def moved(layout: Layout) -> Tensor:
        """log candidate - log parent of each sequence; its sign, as a difference of two, is the same for every beta."""
        return candidate.logprobs(layout) - parent.logprobs(layout)

    estimates = {
        "reward/accuracy": _accuracy(_margins(judge.scores, judged, settings.micro_batch_size), judged),
        "dpo/accuracy": _accuracy(_margins(moved, held, settings.micro_batch_size), held),
    }

    journal.stage(f"Both policies answer {len(prompts):,} held-out prompts.")
    if not prompts:
        journal.note("There is no held-out prompt, so win rate, KL and length ratio are unknown.")
    ours, theirs = (_answers(policy, prompts, request) for policy in (candidate, parent))

    journal.stage("The reward model compares the answers.")
    score_B2 = _scores(judge, judge_speech, prompts, ours, theirs, settings.micro_batch_size)
    is_read_B = ~score_B2.isnan().any(1)
    if unread := int((~is_read_B).sum()):
        journal.note(f"{unread} pairs of answers are longer than the reward model reads; the win rate is without them.")
    reward_ours, reward_theirs = score_B2[is_read_B, 0].tolist(), score_B2[is_read_B, 1].tolist()
    ours_read, theirs_read = (
        [row for row, is_read in zip(rows, is_read_B, strict=True) if is_read] for rows in (ours, theirs)
    )
    estimates["win_rate"] = _win_rate(ours_read, theirs_read, reward_ours, reward_theirs)
    estimates["length_ratio"] = ratio = _length_ratio(ours, theirs)
    if ratio.low > LONGER_IS_AN_ALARM:
        journal.note(
            f"The candidate's answers are {ratio.value:.2f} times as long as its parent's. Do people prefer them, "
            "or has it learned that longer wins?"
        )

    journal.stage("Measuring how far the candidate moved.")
    tokens = _tokens_of(candidate, prompts, ours)
    estimates["kl"] = _kl(candidate, parent, tokens, ours, settings.micro_batch_size)
    if settings.sampling.temperature != 1 or settings.sampling.top_p != 1:
        journal.note("The answers were not drawn at temperature 1 and top-p 1; KL is measured along them all the same.")

    finished = RunReport(
        kind="evaluate",
        seconds=journal.seconds,
        steps=STAGES,
        metrics={"rows/holdout": float(len(held)), "prompts/holdout": float(len(prompts))}
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
    shutil.rmtree(request.work_dir, ignore_errors=True)  # the tokenised rows
    return finished


def _dice_of(row: PromptRecord) -> bytes:
    """An order of prompts that has nothing to do with when they were written, and is the same in every round."""
    return hashlib.sha256(row.prompt_id.encode()).digest()


# --- held-out comparisons ----------------------------------------------------


@torch.no_grad()
def _margins(score: Callable[[Layout], Tensor], rows: PairRows, batch_size: int) -> Tensor:
    """score(first) - score(second), shape (R,)."""
    margin_R = torch.zeros(len(rows), dtype=torch.float64)
    numbers = np.arange(len(rows))
    for batch in batches_in_order(rows.lengths(numbers), batch_size):
        layout = layout_of_pairs([rows[row] for row in batch], "separate")
        score_B2 = score(layout).double().cpu()[layout.pair_B2]
        margin_R[batch] = score_B2[:, 0] - score_B2[:, 1]
    return margin_R


def _accuracy(margin_R: Tensor, rows: PairRows) -> Estimate:
    agreed, decided = metrics.agreement(margin_R, torch.tensor(rows.table["targets"][:, 0, 0].tolist()))
    return _share(agreed, decided)


# --- fresh answers -----------------------------------------------------------


def _answers(policy: Policy, prompts: Sequence[PromptRecord], request: EvaluateRequest) -> list[ResponseRecord]:
    batches = sampling.answers_written(policy, prompts, request.settings.sampling, request.seed)
    rows = [row for batch in batches for row in batch.responses]
    return sorted(rows, key=lambda row: (row.prompt_id, row.sample))


def _tokens_of(policy: Policy, prompts: Sequence[PromptRecord], rows: Sequence[ResponseRecord]) -> list[Tokens]:
    """Prompt and answer in the ids they were written in."""
    encoded = prompts_encoded(policy.speech, [row.prompt for row in prompts])
    ids = dict(zip((row.prompt_id for row in prompts), encoded, strict=True))
    return [tokens_counted([(ids[row.prompt_id], False), (row.token_ids, True)]) for row in rows]


@torch.no_grad()
def _scores(
    judge: RewardModel,
    speech: Speech,
    prompts: Sequence[PromptRecord],
    ours: Sequence[ResponseRecord],
    theirs: Sequence[ResponseRecord],
    batch_size: int,
) -> Tensor:
    """Rewards of the candidate's and the parent's answers, shape (B, 2); NaN where the judge cannot read them."""
    conversations = {row.prompt_id: row.prompt for row in prompts}
    asked = [conversations[row.prompt_id] for row in ours]
    openings = prompts_encoded(speech, asked)
    firsts, seconds = (
        [row.token_ids for row in rows]
        if speech.is_author
        else answers_encoded(speech, asked, openings, [row.text for row in rows])
        for rows in (ours, theirs)
    )
    score_B2 = torch.full((len(ours), 2), torch.nan)
    read = []
    for at, (opening, first, second) in enumerate(zip(openings, firsts, seconds, strict=True)):
        if first is None or second is None:
            continue
        prompt_ids, first_ids, second_ids = (np.array(ids, np.int32) for ids in (opening, first or [0], second or [0]))
        pair = PairTokens(at, prompt_ids, first_ids, second_ids, np.zeros((1, 4)))
        length = len(pair.prompt_ids) + max(len(pair.first_ids), len(pair.second_ids))
        if speech.positions is None or length <= speech.positions:
            read.append(pair)
    for batch in batches_in_order(np.array([len(pair.prompt_ids) for pair in read]), batch_size):
        layout = layout_of_pairs([read[at] for at in batch], "separate")
        score_B2[[read[at].group for at in batch]] = judge.scores(layout).cpu()[layout.pair_B2]
    return score_B2


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
    for batch in batches_in_order(np.array([len(row.ids) for row in tokens]), batch_size):
        layout = layout_of_conversations([tokens[row] for row in batch]).to(candidate.device)
        ours_ND, theirs_ND = (policy.hidden(layout)[layout.source_N] for policy in (candidate, parent))
        for at in range(0, len(ours_ND), candidate.head_chunk):
            here = slice(at, at + candidate.head_chunk)
            kl_C = metrics.kl_tokens(candidate.head(ours_ND[here]), parent.head(theirs_ND[here]))
            part_S = losses.sequence_sums(kl_C, layout.sequence_N[here], layout.sequences)
            for row, kl in zip(batch, part_S.tolist(), strict=True):
                summed[row] += kl
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
