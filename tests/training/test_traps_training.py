"""Traps of the objective and of its runs that other trainers fell into, one test each; docs/training.md lists all."""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForCausalLM

from tests.training.test_models import logprobs_naive
from tests.training.tiny import (
    END,
    ROOT,
    Listener,
    demonstrations_save,
    dpo_request,
    merge_request,
    planted,
    preference,
    reward_request,
    snapshot_save,
)
from training import losses
from training.alarms import alarms
from training.config import DpoSettings, SftSettings
from training.contract import PolicyRef, PreferenceRecord, SftRequest
from training.dpo import Dpo
from training.layout import Kind
from training.metrics import wilson
from training.models import Policy, policy_load
from training.rows import PairTokens, preference_rows

CPU = torch.device("cpu")
LN2 = math.log(2)


class SmallChunks(Policy):
    """A policy whose head is computed five rows at once, as a large vocabulary would make it."""

    head_chunk = 5


def dpo_of(
    base: Path, folder: Path, records: Sequence[PreferenceRecord], kind: Kind = "shared", **settings: Any
) -> Dpo:
    """The objective of a run in its middle: the parent was asked, and the adapter has moved since."""
    given = DpoSettings.model_validate({"lora_rank": 4, **settings})
    policy = policy_load(PolicyRef(label="p", base_model=str(base)), CPU, lora=given)
    rows = preference_rows(
        snapshot_save(folder / "snapshot", records), folder / "rows", policy.speech, given, max_length=200
    )
    dpo = Dpo(SmallChunks(**vars(policy)), rows, given, kind)
    list(dpo.parent_ask(folder / "cache", folder))
    moved(policy.trained)
    return dpo


@torch.no_grad()
def moved(trained: dict[str, Any]) -> None:
    dice = torch.Generator().manual_seed(1)
    for parameter in trained.values():
        parameter.add_(0.05 * torch.randn(parameter.shape, generator=dice))


def loss_and_gradients(dpo: Dpo) -> tuple[Tensor, tuple[Tensor, ...]]:
    numbers = range(len(dpo.rows))
    loss, _ = dpo.loss_of(numbers, dpo.totals_of(numbers))
    return loss.detach(), torch.autograd.grad(loss, list(dpo.policy.trained.values()))


def split_votes(count: int = 6) -> list[PreferenceRecord]:
    """Answers of different lengths, split votes, ties, strengths and weights."""
    votes = [(0.25, 0.5), (0.75, 0.25), (1.0, 0.0)]
    return [
        preference(
            number,
            "ab" * (1 + number % 4),
            "C" * (3 + number % 3),
            prefer_first=votes[number % 3][0],
            weight=1 + number,
        ).model_copy(update={"tie_share": votes[number % 3][1], "strength": (0.5, 1)[number % 2]})
        for number in range(count)
    ]


# --- one path, held against the plain library --------------------------------

TokensOf = list[tuple[Tensor, Tensor]]  # of both answers: log p of each token, log sum_v p(v)^2


def answers_by_full_logits(model: Any, pair: PairTokens) -> TokensOf:
    """Each answer alone in its row, from all logits."""
    found = []
    for ids in (pair.first_ids.tolist(), pair.second_ids.tolist()):
        whole = torch.tensor([[*pair.prompt_ids.tolist(), *ids]])
        logprob_TV = model(whole).logits[0, len(pair.prompt_ids) - 1 : -1].double().log_softmax(-1)
        own_T = logprob_TV.gather(1, torch.tensor(ids)[:, None])[:, 0]
        found.append((own_T, torch.logsumexp(2 * logprob_TV, -1)))
    return found


def sums_of(answers: TokensOf, alpha: float) -> Tensor:
    """Summed log-probabilities of both answers, the tail of the longer one times alpha."""
    shorter = min(len(own_T) for own_T, _ in answers)
    return torch.stack([own_T[:shorter].sum() + alpha * own_T[shorter:].sum() for own_T, _ in answers])


def loss_by_full_logits(dpo: Dpo, base: Path) -> Tensor:
    """What `loss_of` should be for all rows, written down as it is defined."""
    s, reference = dpo.settings, AutoModelForCausalLM.from_pretrained(base)
    alpha = 1.0 if s.ld_alpha is None else s.ld_alpha
    ours, theirs = (
        [answers_by_full_logits(model, pair) for pair in dpo.rows] for model in (dpo.policy.inner, reference)
    )
    policy_B2, reference_B2 = (torch.stack([sums_of(row, alpha) for row in rows]) for rows in (ours, theirs))
    length_B2 = torch.tensor([[len(own_T) for own_T, _ in row] for row in ours])
    targets_B4 = torch.tensor([row.targets_C4[0].tolist() for row in dpo.rows], dtype=torch.float64)
    prefer_B, weight_B, tie_B, strength_B = targets_B4.unbind(1)
    if s.loss == "kto":
        away = [
            sums_of(answers_by_full_logits(model, pair), 1).detach()
            for model in (dpo.policy.inner, reference)
            for pair in dpo.mismatched
        ]
        kl = (sum(away[: len(away) // 2]) - sum(away[len(away) // 2 :])).sum() / len(away)  # type: ignore[union-attr]
        gain_B2 = s.beta * (policy_B2 - reference_B2.detach() - max(0.0, float(kl)))
        good_B2, bad_B2 = s.desirable_weight * torch.sigmoid(-gain_B2), s.undesirable_weight * torch.sigmoid(gain_B2)
        share_B2 = torch.stack([prefer_B, 1 - prefer_B], 1)
        loss_B = (share_B2 * good_B2 + (1 - share_B2) * bad_B2).mean(1)
    else:
        targets = losses.Targets(prefer_B, tie_B, strength_B)
        loss_B = losses.preference_losses(policy_B2, reference_B2.detach(), length_B2, targets, dpo.objective)
    if s.use_weighting:
        sampled = [math.prod(float((own_T - agree_T).detach().mean().exp()) for own_T, agree_T in row) for row in ours]
        loss_B = loss_B * torch.tensor(sampled)
    share_B2 = torch.stack([prefer_B, 1 - prefer_B], 1) * weight_B[:, None]
    imitation = -(share_B2 * policy_B2).sum() / (share_B2 * length_B2).sum()
    return (weight_B * loss_B).sum() / weight_B.sum() + s.nll_weight * imitation


HARD = {"targets": "majority", "weighting": "equal"}
OBJECTIVES: list[dict[str, Any]] = [
    *({"loss": name} for name in ("sigmoid", "ipo", "hinge", "robust", "sigmoid_norm", "nca_pair", "bco_pair")),
    *({"loss": name} for name in ("sppo_hard", "apo_zero", "apo_down", "discopop", "dpop", "simpo", "orpo", "kto")),
    *({"loss": name, **HARD} for name in ("aot", "aot_unpaired")),
    {"loss": "kto", "desirable_weight": 2.0, "undesirable_weight": 0.5},
    {"loss": "exo_pair", "label_smoothing": 0.01},
    {"loss": "sigmoid", "label_smoothing": 0.2},
    {"loss": "robust", "label_smoothing": 0.2},
    {"f_divergence_type": "forward_kl"},
    {"f_divergence_type": "js_divergence"},
    {"f_divergence_type": "alpha_divergence"},
    {"use_weighting": True},
    {"ld_alpha": 0.3},
    {"nll_weight": 0.7},
    {"ties": "rao_kupper"},
    {"ties": "davidson"},
    {"ties": "leave_out", "weighting": "equal"},
    {"strength": "margin", "targets": "majority"},
    {"strength": "scale"},
]


@pytest.mark.parametrize("settings", OBJECTIVES, ids=lambda settings: "-".join(map(str, settings.values())))
def test_the_fast_path_gives_loss_and_gradient_of_full_logits_for_every_loss_and_option(
    base: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    """Trap 19 (trl#7063, #7062, Liger#387, #405): smoothing, weights or the reference were lost on a second path."""
    dpo = dpo_of(base, tmp_path, split_votes(), beta=0.4, **settings)

    loss, ours = loss_and_gradients(dpo)
    expected = loss_by_full_logits(dpo, base)
    theirs = torch.autograd.grad(expected, list(dpo.policy.trained.values()))

    torch.testing.assert_close(loss, expected.detach(), rtol=2e-5, atol=2e-5)
    assert all(float(full.norm()) > 0 for full in theirs)
    for gradient, full in zip(ours, theirs, strict=True):
        torch.testing.assert_close(gradient, full, rtol=1e-3, atol=1e-3 * float(full.norm()))


def test_the_last_look_holds_the_trained_policy_against_its_parent(
    base: Path, tmp_path: Path, listener: Listener
) -> None:
    """Trap 18 (trl#6443): evaluated after training, the trained model was its own reference, and all rewards were 0."""
    records = planted(24, holdout=8)
    report = listener.run(
        dpo_request(tmp_path, base, snapshot_save(tmp_path / "s", records), learning_rate=1e-2, epochs=3)
    )
    listener.run(merge_request(tmp_path, tmp_path / "dpo"))
    speech = policy_load(PolicyRef(label="p", base_model=str(base)), CPU).speech
    rows = preference_rows(
        tmp_path / "s", tmp_path / "rows", speech, DpoSettings(), max_length=200, splits=("holdout",)
    )

    policy_B2, parent_B2 = (logprobs_naive(folder, list(rows)) for folder in (tmp_path / "merge", base))

    prefer_B, weight_B = (torch.tensor([getattr(row, name) for row in rows]) for name in ("prefer_first", "weight"))
    lead_B = 0.1 * ((policy_B2 - parent_B2) * torch.stack([2 * prefer_B - 1, 1 - 2 * prefer_B], 1)).sum(1)
    loss = (weight_B * torch.log1p(torch.exp(-lead_B))).sum() / weight_B.sum()
    assert report.metrics["eval/loss"] == pytest.approx(float(loss), rel=1e-3)
    assert report.metrics["eval/loss"] < 0.9 * LN2


# --- the first step ----------------------------------------------------------


@pytest.mark.parametrize("kind", ["separate", "shared", "packed"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_run_begins_at_ln_2_with_rewards_of_zero(
    base: Path, tmp_path: Path, listener: Listener, kind: str, precision: str
) -> None:
    """Traps 12 and 13 (trl#2042, #2423, DPO#46, NeMo-Aligner#227): dropout on one side only, or another path for it."""
    request = dpo_request(
        tmp_path,
        base,
        snapshot_save(tmp_path / "s", planted(40)),
        batch_size=6,
        max_steps=1,
        lora_dropout=0.5,
        layout=kind,
        precision=precision,
    )

    listener.run(request)

    assert listener.curve("train/loss")[0] == pytest.approx(LN2, abs=1e-6)
    assert listener.curve("rewards/chosen")[0] == pytest.approx(0, abs=1e-4)
    assert listener.curve("rewards/rejected")[0] == pytest.approx(0, abs=1e-4)


def test_dropout_of_a_trained_adapter_does_not_act_when_it_is_looked_at(
    base: Path, snapshot: Path, tmp_path: Path, listener: Listener
) -> None:
    """Trap 12 (trl#2042): B is no longer zero here, so dropout at the first look would move it away from ln 2."""
    Listener().run(dpo_request(tmp_path, base, snapshot, "parent", learning_rate=1e-2))

    listener.run(
        dpo_request(tmp_path, base, snapshot, "child", adapter=tmp_path / "parent", lora_dropout=0.5, max_steps=1)
    )

    assert listener.curve("eval/loss")[0] == pytest.approx(LN2, abs=1e-6)
    assert abs(listener.curve("train/loss")[0] - LN2) > 1e-4


# --- what is trained ---------------------------------------------------------


def test_every_adapter_learns_within_two_steps_and_recomputing_layers_changes_nothing(
    base: Path, snapshot: Path, tmp_path: Path
) -> None:
    """Trap 22 (trl#731, #2486, peft#1142, open-unlearning#178): with checkpointing no gradient reached the adapters."""
    found = []
    for switch in ("off", "on"):
        Listener().run(dpo_request(tmp_path, base, snapshot, switch, max_steps=2, gradient_checkpointing=switch))
        found.append(load_file(tmp_path / switch / "adapter_model.safetensors"))

    kept, recomputed = found
    assert all(float(tensor.norm()) > 0 for tensor in kept.values())
    for name, tensor in kept.items():
        torch.testing.assert_close(recomputed[name], tensor)


def test_whoever_imitates_a_finished_answer_learns_to_end_it(base: Path, tmp_path: Path) -> None:
    """Trap 6 (trl#734, #1623, #1025): the end of turn was no target, and answers went on and on."""
    request = SftRequest(
        out_dir=str(tmp_path / "sft"),
        work_dir=str(tmp_path / "work"),
        policy=PolicyRef(label="base", base_model=str(base)),
        demonstrations=str(demonstrations_save(tmp_path / "d.jsonl", 3)),
        settings=SftSettings(lora_rank=0, epochs=30, batch_size=3, learning_rate=1e-2),
    )
    Listener().run(request)

    def end_probability(folder: Path) -> float:
        policy = policy_load(PolicyRef(label="p", base_model=str(folder)), CPU)
        ids = policy.tokenizer("<|bos|><|user|>Say b (1)<|end|><|assistant|>b b b", add_special_tokens=False)
        with torch.no_grad():
            logits_TV = policy.inner(torch.tensor([ids["input_ids"]])).logits[0]
        return float(logits_TV[-1].softmax(-1)[END])

    assert end_probability(base) < 0.1
    assert end_probability(tmp_path / "sft") > 0.8


@pytest.mark.parametrize("ties", ["half", "rao_kupper", "davidson"])
def test_swapping_the_sides_of_a_tie_leaves_every_gradient_as_it_was(base: Path, tmp_path: Path, ties: str) -> None:
    """Trap 40: where a tie is a win of whoever stands first, order becomes a preference."""
    tied = [
        preference(n, "abc" * n, "NO", prefer_first=0.5, weight=n).model_copy(update={"tie_share": 1.0})
        for n in range(1, 5)
    ]
    swapped = [row.model_copy(update={"first": row.second, "second": row.first}) for row in tied]

    (loss, ours), (mirrored_loss, mirrored) = (
        loss_and_gradients(dpo)
        for dpo in (
            dpo_of(base, tmp_path / str(at), rows, beta=0.5, ties=ties) for at, rows in enumerate((tied, swapped))
        )
    )

    assert sum(float(gradient.norm()) for gradient in ours) > 0
    torch.testing.assert_close(loss, mirrored_loss, rtol=1e-6, atol=1e-6)
    for gradient, other in zip(ours, mirrored, strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-3, atol=1e-4 * float(other.abs().max()))


def test_the_noise_of_judges_is_learnt_as_what_it_is(base: Path, tmp_path: Path, listener: Listener) -> None:
    """Trap 39: one of five judges errs. Soft targets recover the share of 4/5; with hard labels the model is certain.

    24 rows of 5 judgments, 96 of all 120 for the better answer: the model's belief lies in their 95 % interval.
    """
    rows = [
        preference(n, *sides, prefer_first=share, weight=5, split="train" if n < 24 else "holdout")
        for n in range(32)
        for sides, share in [(("YES", "no"), 0.8) if n % 2 else (("no", "YES"), 0.2)]
    ]
    snapshot = snapshot_save(tmp_path / "s", rows)

    def believed(targets: str) -> float:
        report = listener.run(
            reward_request(
                tmp_path, base, snapshot, targets, epochs=6, learning_rate=1e-2, batch_size=8, targets=targets
            )
        )
        bins = report.tables["reliability"]
        sure = sum(bin["weight"] * max(bin["predicted"], 1 - bin["predicted"]) for bin in bins)
        return sure / sum(bin["weight"] for bin in bins)

    _, low, high = wilson(96, 120)
    assert low < believed("votes") < high
    assert believed("majority") > 0.95


# --- what is said about it ---------------------------------------------------


def test_an_added_imitation_term_leaves_the_rewards_that_are_told_alone(base: Path, tmp_path: Path) -> None:
    """Trap 31 (trl#5079): the second term of a mixed loss overwrote the metrics of the first."""
    told = []
    for at, nll_weight in enumerate((0.0, 1.0)):
        dpo = dpo_of(base, tmp_path / str(at), split_votes(), nll_weight=nll_weight)
        loss, tally = dpo.loss_of(range(6), dpo.totals_of(range(6)))
        told.append((float(loss.detach()), tally))

    (alone, tally), (mixed, mixed_tally) = told
    assert mixed > alone + 1
    assert mixed_tally == tally
    assert tally["rewards/chosen"][0] != 0


def test_looking_twice_sees_the_same_and_changes_nothing(base: Path, tmp_path: Path) -> None:
    """Trap 33 (trl#6434, #6370): the second evaluation worked on rows that the first had already prepared."""
    snapshot = snapshot_save(tmp_path / "s", planted(16, holdout=8))
    for name, every in (("often", 1), ("once", 100)):
        Listener().run(dpo_request(tmp_path, base, snapshot, name, batch_size=4, eval_every=every, lora_dropout=0.2))
    often, once = (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("often", "once"))
    dpo = dpo_of(base, tmp_path, planted(4, holdout=8))
    held = dpo.rows.holdout

    assert dpo.look(held) == dpo.look(held)
    assert all(torch.equal(often[name], once[name]) for name in once)


def test_an_alarm_rings_when_preferred_answers_fall_and_only_then() -> None:
    """Trap 25 (trl#800, DPO#8, #32, #36, OpenRLHF#1054): margins grew while both answers became unlikely."""

    def curve(fall: float, reward: float) -> list[dict[str, float]]:
        return [
            {"step": step, "logps/chosen": -100 - fall * step + step % 3, "rewards/chosen": reward * step}
            for step in range(40)
        ]

    assert "Preferred answers become less likely: from -10" in alarms(curve(2.0, -0.2))["chosen falls"]
    assert not alarms(curve(0.1, -0.01))
    assert not alarms(curve(-2.0, 0.2))


def test_an_alarm_rings_when_every_pair_is_won_at_once_or_nothing_moves() -> None:
    """Traps 27 and 28 (trl#1236, LlamaFactory#5321, DPO#53): a leak wins everything, a broken format wins nothing."""
    won = [{"step": step, "rewards/accuracies": 1.0, "train/loss": 0.01, "grad_norm": 0.1} for step in range(1, 9)]
    still = [{"step": step, "rewards/accuracies": 0.0, "train/loss": LN2, "grad_norm": 0.0} for step in range(1, 9)]
    learns = [{"step": step, "rewards/accuracies": 0.9, "train/loss": 0.3, "grad_norm": 1.0} for step in range(1, 9)]

    assert alarms(won).keys() == {"too easy"}
    assert alarms(still).keys() == {"nothing learnt"}
    assert not alarms(learns)


# --- what we do not stand on -------------------------------------------------


def test_no_trainer_of_another_library_is_extended_here() -> None:
    """Trap 34 (trl#2275, #2445, #1440): private methods changed under those who had overridden them."""
    imported = {
        alias.name
        for file in sorted((ROOT / "training").rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom | ast.Import)
        for alias in node.names
    }

    assert not [name for name in imported if "Trainer" in name or name.split(".")[0] in ("trl", "datasets")]
