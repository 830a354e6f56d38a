"""Train with our engine as one job says: python -m bench.engine JOB.json RESULT.json [--order plan] [--layout auto]

The same job and result files as for the peers (bench/peers/job.py), and the
same rows as token ids. It runs the objectives of the recipes (`training.dpo.Dpo`
and so on) in the engine's own loop; only reading a snapshot and saving a
checkpoint are left out.

--order file   rows in the order of the file, batch by batch: for parity, step by step
--order plan   the engine's own order, similar lengths together, every row once: for speed
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.peers import workloads
from bench.peers.job import Job, Result
from bench.peers.record import Recorder, weights_read, weights_write
from training import attention, loop
from training.batches import Plan
from training.checkpoints import StateKeeper
from training.config import DpoSettings, RewardSettings, SftSettings
from training.contract import AnyEvent, PolicyRef
from training.dpo import Dpo
from training.layout import Kind, Layout
from training.layout_choice import Wanted, layout_for_pairs
from training.models import Policy, policy_load
from training.reward import BradleyTerry
from training.reward_model import RewardModel, backbone_load
from training.rows import OVERALL, ConversationRows, PairRows, pair_kind
from training.sft import Imitation

NEVER = 10**9


def train(job: Job, order: str, layout: Wanted, scratch: Path, precision: str | None = None) -> Result:
    recorder = Recorder(job)
    how = _common(job) | ({"precision": precision} if precision else {})
    loop.seed_set(job.seed)
    device = torch.device(job.device)
    objective, model, trained, rows = {"dpo": _dpo, "reward": _reward, "sft": _sft}[job.task](
        job, how, layout, device, scratch, recorder
    )
    weights_read(model, job.weights_in)
    weights_write(model, job.weights_out)
    logs: list[dict[str, float]] = []

    def loss_of(numbers: Sequence[int], total: Any) -> Any:
        loss, tally = objective.loss_of(numbers, total)
        padded, places = tally["pad_fraction"]
        recorder.computed(positions=int(places), tokens=int(places - padded), rows=len(numbers))
        return loss, tally

    def hear(event: AnyEvent) -> None:
        if event.event == "metrics" and "train/loss" in event.values:
            values = dict(event.values)
            logs.append({"loss": values.pop("train/loss"), "grad_norm": values.pop("grad_norm"), **values})
            recorder.step()

    lengths = rows.lengths if isinstance(rows, ConversationRows) else rows.lengths(np.arange(len(rows)))
    batch = job.batch_size * job.accumulation
    batches: Sequence[Sequence[int]] = Plan(
        np.arange(len(rows)), lengths, None, batch, job.steps * batch / len(rows), job.seed
    )
    if order == "file":
        numbers = itertools.cycle(range(len(rows)))
        batches = [list(itertools.islice(numbers, batch)) for _ in range(job.steps)]
    recorder.started()
    loop.train(
        journal=loop.Journal(hear),
        settings=objective.settings,
        trained=trained,
        batches=batches,
        weight_of=objective.totals_of,
        loss_of=loss_of,
        evaluate=dict,
        keeper=StateKeeper(scratch / "state", "bench"),
        device=device,
        model=None,
        cost_of=lambda row: int(lengths[row]),
    )
    weights_write(model, job.trained_out)
    return recorder.result("tiebreak", logs, model)


def _dpo(job: Job, how: dict[str, Any], layout: Wanted, device: torch.device, scratch: Path, recorder: Recorder) -> Any:
    names, weights = job.dpo.loss_type, job.dpo.loss_weights or [1.0] * len(job.dpo.loss_type)
    parts = dict(zip(names, weights, strict=True))
    imitated = parts.pop("sft", 0.0)
    (loss,) = parts
    settings = DpoSettings.model_validate(
        {
            **how,
            "loss": loss,
            "beta": job.dpo.beta,
            "label_smoothing": job.dpo.label_smoothing,
            "f_divergence_type": job.dpo.f_divergence_type,
            "f_alpha_divergence_coef": job.dpo.f_alpha_divergence_coef,
            "use_weighting": job.dpo.use_weighting,
            "ld_alpha": job.dpo.ld_alpha,
            "discopop_tau": job.dpo.discopop_tau,
            "nll_weight": imitated,
            **({"targets": "majority", "weighting": "equal"} if loss.startswith("aot") else {}),
        }
    )
    ref = PolicyRef(label="bench", base_model=job.model)
    policy = policy_load(ref, device, lora=settings, seed=job.seed, precision=settings.precision)
    recorder.loaded()
    rows = _pair_rows(job)
    dpo = Dpo(policy, rows, settings, _kind(policy, rows, layout, policy.logprobs))
    with recorder.precompute():
        list(dpo.parent_ask(scratch, scratch))
    return dpo, policy.model, policy.trained, rows


def _reward(
    job: Job, how: dict[str, Any], layout: Wanted, device: torch.device, _scratch: Path, recorder: Recorder
) -> Any:
    center = job.reward.center_rewards_coefficient or 0.0
    settings = RewardSettings.model_validate({**how, "center_rewards_coefficient": center})
    ref = PolicyRef(label="bench", base_model=job.model)
    backbone = backbone_load(ref, device, settings=settings, seed=job.seed)
    model = RewardModel.fresh(backbone, [OVERALL], settings, job.seed)
    recorder.loaded()
    rows = _pair_rows(job)
    assert isinstance(backbone, Policy)
    kind = _kind(backbone, rows, layout, model.scores)
    return BradleyTerry(model, rows, settings, kind, job.seed), backbone.model, model.trained, rows


def _sft(
    job: Job, how: dict[str, Any], _layout: Wanted, device: torch.device, _scratch: Path, recorder: Recorder
) -> Any:
    settings = SftSettings.model_validate({**how, "packing": False})
    ref = PolicyRef(label="bench", base_model=job.model)
    policy = policy_load(ref, device, lora=settings, seed=job.seed, precision=settings.precision)
    recorder.loaded()
    rows = _conversation_rows(job)
    return Imitation(policy, rows, settings), policy.model, policy.trained, rows


def _common(job: Job) -> dict[str, Any]:
    lora = {"lora_rank": 0} if job.lora is None else {"lora_rank": job.lora.rank, "lora_alpha": job.lora.alpha}
    return {
        **lora,
        "learning_rate": job.learning_rate,
        "schedule": "constant",
        "warmup_share": 0.0,
        "weight_decay": job.weight_decay,
        "adam_beta2": job.betas[1],
        "max_grad_norm": job.max_grad_norm,
        "batch_size": job.batch_size * job.accumulation,
        "precision": "bfloat16" if job.precision == "bf16" else "float32",
        "gradient_checkpointing": "on" if job.gradient_checkpointing else "off",
        "max_steps": job.steps,
        "eval_every": NEVER,
        "save_every": NEVER,
    }


def _kind(policy: Policy, rows: PairRows, layout: Wanted, score: Callable[[Layout], Tensor]) -> Kind:
    """The layout: what the engine would choose, or a certain one with the attention by blocks, to be compared."""
    if layout == "auto":
        return layout_for_pairs(policy, rows, "auto", score)[0]
    if layout != "separate":
        if policy.device.type == "cpu":
            attention.by_segments(policy.inner)
        else:
            policy.inner.set_attn_implementation("flex_attention")
    return layout


def _pair_rows(job: Job) -> PairRows:
    pairs = list(workloads.pairs_read(Path(job.rows)))
    table = np.zeros(len(pairs), pair_kind(1))
    for number, (pair, at) in enumerate(zip(pairs, _starts(pairs), strict=True)):
        sizes = [len(ids) for ids in (pair.prompt_ids, pair.chosen_ids, pair.rejected_ids)]
        starts = (at, at + sizes[0], at + sizes[0] + sizes[1])
        table[number] = (number, *starts, *sizes, True, [[1.0, 1.0, 0.0, 1.0]])
    ids = [pair.prompt_ids + pair.chosen_ids + pair.rejected_ids for pair in pairs]
    return PairRows(np.array(list(itertools.chain(*ids)), np.int32), table, [OVERALL], [])


def _starts(pairs: Sequence[workloads.Pair]) -> Iterator[int]:
    sizes = [len(pair.prompt_ids) + len(pair.chosen_ids) + len(pair.rejected_ids) for pair in pairs]
    return itertools.accumulate(sizes[:-1], initial=0)


def _conversation_rows(job: Job) -> ConversationRows:
    rows = list(workloads.demonstrations_read(Path(job.rows)))
    table = np.zeros(len(rows), np.dtype([("at", "i8"), ("n", "i4"), ("counted", "i4")]))
    ids: list[int] = []
    for number, row in enumerate(rows):
        table[number] = (len(ids), len(row.prompt_ids) + len(row.completion_ids), len(row.completion_ids))
        ids += row.prompt_ids + [~token for token in row.completion_ids]
    return ConversationRows(np.array(ids, np.int32), table, [])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.engine")
    parser.add_argument("job", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--order", choices=["file", "plan"], default="file")
    parser.add_argument("--precision", choices=["auto"], help="instead of what the job says")
    parser.add_argument("--layout", choices=["auto", "shared", "separate", "packed"], default="shared")
    arguments = parser.parse_args()
    job = Job.model_validate_json(arguments.job.read_text(encoding="utf-8"))
    if job.threads:
        torch.set_num_threads(job.threads)
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        result = train(job, arguments.order, arguments.layout, Path(scratch), arguments.precision)
    arguments.result.write_text(result.model_dump_json(indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
