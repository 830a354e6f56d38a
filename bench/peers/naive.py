"""Train with the loop that one writes first: python -m bench.peers.naive JOB.json RESULT.json

Padded batches, each prompt once per completion, logits of every place, and the
reference live: the adapter switched off, or a frozen copy when all weights are
trained. For DPO with the sigmoid loss, reward models and SFT; other settings
are refused. job.py describes both files.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from bench.peers import workloads
from bench.peers.job import Dpo, Job, Result, Reward, Sft
from bench.peers.record import Recorder, weights_of, weights_read, weights_write
from bench.peers.shapes import PAD
from bench.peers.workloads import Demonstration, Pair

Batch = dict[str, Tensor]
# A model and a batch to the loss and what else is worth noting.
Loss = Callable[[nn.Module, Batch], tuple[Tensor, dict[str, float]]]


def train(job: Job) -> Result:
    _refuse(job)
    torch.manual_seed(job.seed)
    recorder = Recorder(job)
    model = _model(job)
    loss_of = _loss(job)
    recorder.loaded()
    weights_read(model, job.weights_in)
    weights_write(model, job.weights_out)
    parameters = list(weights_of(model).values())
    optimizer = torch.optim.AdamW(
        parameters, lr=job.learning_rate, betas=job.betas, eps=job.epsilon, weight_decay=job.weight_decay
    )
    model.train()
    logs = []
    recorder.started()
    for batch in islice(_batches(job), job.steps):
        recorder.batch(batch)
        with _autocast(job):
            loss, metrics = loss_of(model, batch)
        torch.autograd.backward(loss)
        grad_norm = nn.utils.clip_grad_norm_(parameters, job.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad()
        logs.append({"loss": loss.item(), "grad_norm": grad_norm.item(), **metrics})
        recorder.step()
    weights_write(model, job.trained_out)
    return recorder.result("naive", logs, model)


def _refuse(job: Job) -> None:
    if job.dpo != Dpo(beta=job.dpo.beta):
        raise SystemExit(
            "The plain loop knows DPO's sigmoid loss with a live reference; of its settings only beta acts."
        )
    if job.reward != Reward() or job.sft != Sft() or job.accumulation != 1:
        raise SystemExit("The plain loop knows no centering of rewards, no packing and no accumulation.")


def _model(job: Job) -> Any:
    dtype = getattr(torch, job.weights)
    if job.task == "reward":
        model = AutoModelForSequenceClassification.from_pretrained(job.model, dtype=dtype, num_labels=1)
    else:
        model = AutoModelForCausalLM.from_pretrained(job.model, dtype=dtype)
    if job.lora is not None:
        from peft import LoraConfig, get_peft_model

        config = LoraConfig(
            r=job.lora.rank,
            lora_alpha=job.lora.alpha,  # type: ignore[arg-type]
            target_modules="all-linear",
            task_type="SEQ_CLS" if job.task == "reward" else "CAUSAL_LM",
        )
        model = get_peft_model(model, config)
    if job.gradient_checkpointing:
        model.gradient_checkpointing_enable()
        model.enable_input_require_grads()
    return model.to(job.device)


def _autocast(job: Job) -> AbstractContextManager[Any]:
    return torch.autocast(job.device, torch.bfloat16) if job.precision == "bf16" else nullcontext()


def _batches(job: Job) -> Iterator[Batch]:
    """Padded batches in the order of the file, again from its start when it ends."""
    rows: Sequence[Pair | Demonstration]
    if job.task == "sft":
        rows = workloads.demonstrations_read(Path(job.rows))
    else:
        rows = workloads.pairs_read(Path(job.rows))
    for start in cycle(range(0, len(rows), job.batch_size)):
        yield {name: ids.to(job.device) for name, ids in _padded(rows[start : start + job.batch_size]).items()}


def _padded(rows: Sequence[Pair | Demonstration]) -> Batch:
    """One batch; of pairs, all chosen completions and then all rejected ones."""
    sequences = [(row.prompt_ids, row.completion_ids) for row in rows if isinstance(row, Demonstration)]
    pairs = [row for row in rows if isinstance(row, Pair)]
    sequences += [(pair.prompt_ids, pair.chosen_ids) for pair in pairs]
    sequences += [(pair.prompt_ids, pair.rejected_ids) for pair in pairs]
    shape = len(sequences), max(len(prompt) + len(completion) for prompt, completion in sequences)
    ids_BT, mask_BT, completion_BT = torch.full(shape, PAD), torch.zeros(shape).long(), torch.zeros(shape).bool()
    for row, (prompt, completion) in enumerate(sequences):
        end = len(prompt) + len(completion)
        ids_BT[row, :end] = torch.tensor(prompt + completion)
        mask_BT[row, :end] = 1
        completion_BT[row, len(prompt) : end] = True
    return {"input_ids": ids_BT, "attention_mask": mask_BT, "completion": completion_BT}


def _loss(job: Job) -> Loss:
    if job.task == "sft":
        return _sft_loss
    if job.task == "reward":
        return _reward_loss
    reference: Any = None
    if job.lora is None:
        reference = AutoModelForCausalLM.from_pretrained(job.model, dtype=getattr(torch, job.weights))
        reference.to(job.device).requires_grad_(False)

    def dpo_loss(model: Any, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        policy_S = _sums(model, batch)
        with torch.no_grad():
            if reference is None:
                with model.disable_adapter():
                    reference_S = _sums(model, batch)
            else:
                reference_S = _sums(reference, batch)
        reward_chosen_B, reward_rejected_B = (job.dpo.beta * (policy_S - reference_S)).chunk(2)
        loss = -F.logsigmoid(reward_chosen_B - reward_rejected_B).mean()
        chosen_B, rejected_B = policy_S.chunk(2)
        metrics = {
            "logps/chosen": chosen_B.mean().item(),
            "logps/rejected": rejected_B.mean().item(),
            "rewards/chosen": reward_chosen_B.mean().item(),
            "rewards/rejected": reward_rejected_B.mean().item(),
            "rewards/accuracies": (reward_chosen_B > reward_rejected_B).float().mean().item(),
        }
        return loss, metrics

    return dpo_loss


def _sums(model: nn.Module, batch: Batch) -> Tensor:
    """Summed log-probability of each completion, shape (S,)."""
    logits_BTV = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1].float()
    target_BT1 = batch["input_ids"][:, 1:, None]
    logprob_BT = logits_BTV.log_softmax(-1).gather(-1, target_BT1).squeeze(-1)
    sum_S: Tensor = (logprob_BT * batch["completion"][:, 1:]).sum(1)
    return sum_S


def _reward_loss(model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
    logits_S1 = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    chosen_B, rejected_B = logits_S1.float().view(2, -1)
    metrics = {"rewards/chosen": chosen_B.mean().item(), "rewards/rejected": rejected_B.mean().item()}
    return -F.logsigmoid(chosen_B - rejected_B).mean(), metrics


def _sft_loss(model: Any, batch: Batch) -> tuple[Tensor, dict[str, float]]:
    labels_BT = batch["input_ids"].masked_fill(~batch["completion"], -100)
    loss: Tensor = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=labels_BT).loss
    return loss, {}


def main() -> int:
    job_file, result_file = map(Path, sys.argv[1:])
    job = Job.model_validate_json(job_file.read_text(encoding="utf-8"))
    if job.threads is not None:
        torch.set_num_threads(job.threads)
    result_file.write_text(train(job).model_dump_json(indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
