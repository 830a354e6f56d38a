"""Train with TRL as one job says: python -m bench.peers.trl_train JOB.json RESULT.json

Runs 1.16.0 and 1.14.2, whichever is first on PYTHONPATH; job.py describes both
files. What is ours here, and not TRL's own path:

1. Rows are token ids. RewardTrainer and SFTTrainer take such columns as they
   are; DPOTrainer tokenises whatever it gets, so its `_prepare_dataset` is
   replaced by one that keeps the rows.
2. Rows keep the order of the file, and every step is logged. Trainer keeps the
   logged values unrounded in `state.log_history`; they are the result.
3. `weights_in` replaces the fresh adapter (or all weights) after the trainer is
   built. The reference stays what TRL takes: the model without an adapter, or
   the model as its folder has it.
4. Nothing is truncated: `max_length` is None, or the length of a packed row.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, TrainerCallback, set_seed
from transformers.trainer_callback import PrinterCallback

from bench.peers import workloads
from bench.peers.job import Job, Result
from bench.peers.record import Recorder, weights_read, weights_write


def train(job: Job, scratch: Path) -> Result:
    # By name, and so untyped: types are checked without TRL.
    trl: Any = importlib.import_module("trl")
    _ = trl.DPOTrainer, trl.RewardTrainer, trl.SFTTrainer  # which import themselves when asked for
    recorder = Recorder(job)
    build = {"dpo": _dpo, "reward": _reward, "sft": _sft}[job.task]
    set_seed(job.seed)  # 1.14.2 draws a fresh adapter without seeding
    trainer = build(trl, job, recorder, scratch)
    recorder.loaded()
    weights_read(trainer.model, job.weights_in)
    weights_write(trainer.model, job.weights_out)
    _watch(trainer, recorder)
    trainer.train()
    weights_write(trainer.model, job.trained_out)
    logs = [log for log in trainer.state.log_history if "loss" in log]  # the last entry sums the run up
    for log, rewards in zip(logs, getattr(trainer, "reward_means", [{} for _ in logs]), strict=True):
        log |= rewards
    return recorder.result("trl", logs, trainer.model)


def _dpo(trl: Any, job: Job, recorder: Recorder, scratch: Path) -> Any:
    def prepare_nothing(_self: Any, dataset: Any, *_rest: Any) -> Any:
        return dataset

    def precompute_timed(self: Any, *rest: Any) -> Any:
        recorder.loaded()
        with recorder.precompute():
            return trl.DPOTrainer._precompute_ref_logps(self, *rest)

    hooks = {"_prepare_dataset": prepare_nothing, "_precompute_ref_logps": precompute_timed}
    settings = trl.DPOConfig(**_common(job, scratch), **job.dpo.model_dump(), max_length=None)
    return type("DPOTrainer", (trl.DPOTrainer,), hooks)(args=settings, train_dataset=_pairs(job), **_model(job))


def _reward(trl: Any, job: Job, _recorder: Recorder, scratch: Path) -> Any:
    """A reward trainer that also notes the mean reward of each side, which TRL does not log."""
    dataset = _pairs(job).map(
        lambda row: {f"{side}_ids": row["prompt_ids"] + row[f"{side}_ids"] for side in ("chosen", "rejected")},
        remove_columns=["prompt_ids"],
    )
    settings = trl.RewardConfig(**_common(job, scratch), **job.reward.model_dump(), max_length=None)
    trainer = trl.RewardTrainer(args=settings, train_dataset=dataset, **_model(job))
    trainer.reward_means = []
    passes: list[torch.Tensor] = []

    def sides_note(_module: Any, _inputs: Any, outputs: Any) -> None:
        passes.append(outputs.logits.detach().float().view(2, -1).mean(1))
        if len(passes) == job.accumulation:
            chosen, rejected = torch.stack(passes).mean(0).tolist()
            trainer.reward_means.append({"rewards/chosen": chosen, "rewards/rejected": rejected})
            passes.clear()

    trainer.model.register_forward_hook(sides_note)
    return trainer


def _sft(trl: Any, job: Job, _recorder: Recorder, scratch: Path) -> Any:
    rows = [
        {
            "input_ids": row.prompt_ids + row.completion_ids,
            "completion_mask": [0] * len(row.prompt_ids) + [1] * len(row.completion_ids),
        }
        for row in workloads.demonstrations_read(Path(job.rows))
    ]
    settings = trl.SFTConfig(
        **_common(job, scratch),
        completion_only_loss=True,
        packing=job.sft.packing is not None,
        max_length=job.sft.packing,
    )
    return trl.SFTTrainer(args=settings, train_dataset=_dataset(rows), **_model(job))


def _common(job: Job, scratch: Path) -> dict[str, Any]:
    """The settings that every TRL trainer shares."""
    return {
        "output_dir": str(scratch),
        "max_steps": job.steps,
        "per_device_train_batch_size": job.batch_size,
        "gradient_accumulation_steps": job.accumulation,
        "train_sampling_strategy": "sequential",
        "learning_rate": job.learning_rate,
        "lr_scheduler_type": "constant",
        "adam_beta1": job.betas[0],
        "adam_beta2": job.betas[1],
        "adam_epsilon": job.epsilon,
        "weight_decay": job.weight_decay,
        "max_grad_norm": job.max_grad_norm,
        "bf16": job.precision == "bf16",
        "gradient_checkpointing": job.gradient_checkpointing,
        "model_init_kwargs": {"dtype": job.weights},
        "use_cpu": job.device == "cpu",
        "seed": job.seed,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
    }


def _model(job: Job) -> dict[str, Any]:
    from peft import LoraConfig

    adapter = None
    if job.lora is not None:
        adapter = LoraConfig(
            r=job.lora.rank,
            lora_alpha=job.lora.alpha,  # type: ignore[arg-type]
            target_modules="all-linear",
            task_type="SEQ_CLS" if job.task == "reward" else "CAUSAL_LM",
        )
    return {
        "model": job.model,
        "peft_config": adapter,
        "processing_class": AutoTokenizer.from_pretrained(job.model),
    }


def _pairs(job: Job) -> Any:
    return _dataset([asdict(pair) for pair in workloads.pairs_read(Path(job.rows))])


def _dataset(rows: list[dict[str, list[int]]]) -> Any:
    datasets: Any = importlib.import_module("datasets")
    return datasets.Dataset.from_list(rows)


def _watch(trainer: Any, recorder: Recorder) -> None:
    """Note every batch and the end of every step."""
    training_step = trainer.training_step

    def training_step_noted(model: Any, inputs: dict[str, Any], *rest: Any) -> Any:
        recorder.batch(inputs)
        return training_step(model, inputs, *rest)

    class Clock(TrainerCallback):
        has_started = False

        def on_epoch_begin(self, *_: Any, **__: Any) -> None:
            if not self.has_started:
                self.has_started = True
                recorder.started()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            recorder.step()

    trainer.training_step = training_step_noted
    trainer.add_callback(Clock())
    trainer.remove_callback(PrinterCallback)


def main() -> int:
    job_file, result_file = map(Path, sys.argv[1:])
    job = Job.model_validate_json(job_file.read_text(encoding="utf-8"))
    if job.threads is not None:
        torch.set_num_threads(job.threads)
    with tempfile.TemporaryDirectory(prefix="tiebreak-trl-") as scratch:
        result = train(job, Path(scratch))
    result_file.write_text(result.model_dump_json(indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
