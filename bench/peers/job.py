"""The two files between us and a peer: a job goes in, a result comes out.

    python -m bench.peers.trl_train JOB.json RESULT.json      TRL, whichever version is first on PYTHONPATH
    python -m bench.peers.naive JOB.json RESULT.json          a plain loop

`peer_run` writes the job, starts the child process with the right environment
and reads the result:

    job = Job(task="dpo", model="/…/hh", rows="/…/hh.jsonl", steps=4, **TRL_BEST)
    result = peer_run("trl", job, folder)                       # TRL as pinned
    result = peer_run("trl", job, folder, trl="1.14.2")         # the one beside it, from deploy/trl.sh
    result = peer_run("naive", job.model_copy(update=NAIVE), folder)

A job is a JSON object with the fields of `Job`, a result one with the fields of
`Result`; unknown fields are refused. Both are plain enough to be written and
read without this module. Rows are taken in the order of the file, again from
its start when it ends; nothing is shuffled. The learning rate is constant.

To compare two trainers from the same weights: give the first job `weights_out`,
the second `weights_in` with the same path. The file holds the trained
parameters (LoRA A and B, a reward head, or all weights) as they were before the
first step, under the names that `named_parameters()` of the PEFT model, or of
the plain model, gives them: "base_model.model.model.layers.0.self_attn.q_proj.
lora_A.default.weight". `trained_out` is the same after the last step.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

ROOT = Path(__file__).resolve().parents[2]


class Strict(BaseModel):
    """Frozen, and refuses names it does not know: a misspelt setting must not be ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Lora(Strict):
    """An adapter on every linear layer except the head, without dropout. B starts at zero."""

    rank: int = 8
    alpha: float = 16.0


class Dpo(Strict):
    """TRL's own names and defaults; what each does is in TRL's DPOConfig."""

    loss_type: list[str] = ["sigmoid"]
    loss_weights: list[float] | None = None
    beta: float = 0.1
    label_smoothing: float = 0.0
    f_divergence_type: str = "reverse_kl"
    f_alpha_divergence_coef: float = 0.5
    use_weighting: bool = False
    ld_alpha: float | None = None
    discopop_tau: float = 0.05
    precompute_ref_log_probs: bool = False


class Reward(Strict):
    """Bradley–Terry with a scalar head. The centering term is off when it is None."""

    center_rewards_coefficient: float | None = None


class Sft(Strict):
    """Loss on completions only. `packing`: None pads; otherwise rows are packed (bfd) into so many tokens."""

    packing: int | None = None


class Job(Strict):
    """One short training run.

    rows          JSON lines of workloads.Pair (dpo, reward) or workloads.Demonstration (sft)
    lora          None trains all weights
    batch_size    pairs or demonstrations of one forward pass; with packing, packed rows
    accumulation  forward passes per optimizer step
    precision     bf16 is autocast to bfloat16; the weights keep the type that `weights` names
    threads       CPU threads; None leaves that to torch
    """

    task: Literal["dpo", "reward", "sft"]
    model: str
    rows: str
    steps: int = Field(ge=1)
    batch_size: int = 8
    accumulation: int = 1
    lora: Lora | None = Lora()
    dpo: Dpo = Dpo()
    reward: Reward = Reward()
    sft: Sft = Sft()
    learning_rate: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    precision: Literal["fp32", "bf16"] = "fp32"
    weights: Literal["float32", "bfloat16"] = "float32"
    gradient_checkpointing: bool = False
    device: Literal["cpu", "cuda"] = "cpu"
    threads: int | None = None
    seed: int = 0
    weights_in: str | None = None
    weights_out: str | None = None
    trained_out: str | None = None


# What TRL does when nothing is set, and its fastest setting on a CPU: Job(**TRL_BEST, …). On a GPU the fastest has
# weights="bfloat16" as well. For SFT on a CPU, 1.16.0 is faster packed (Sft(packing=1024)) and 1.14.2 padded.
# 1.14.2 precomputes the reference without autocast: in bf16 its first loss is not ln 2.
TRL_DEFAULTS: dict[str, Any] = {"precision": "bf16", "gradient_checkpointing": True, "dpo": Dpo()}
TRL_BEST: dict[str, Any] = {
    "precision": "bf16",
    "gradient_checkpointing": False,
    "dpo": Dpo(precompute_ref_log_probs=True),
}
NAIVE: dict[str, Any] = {"precision": "bf16", "gradient_checkpointing": False, "dpo": Dpo()}


class Step(Strict):
    """One optimizer step, nothing rounded.

    loss         mean over the rows of the step
    grad_norm    of all trained parameters before clipping
    metrics      under TRL's names: logps/chosen, logps/rejected, rewards/chosen, rewards/rejected, … ;
                 means over the rows, or over the forward passes where there are several
    seconds      from the end of the step before, batches and bookkeeping included
    cpu_seconds  the same in processor time, threads added up; with threads=1, what a busy machine hardly blurs
    positions    places of the padded batch, both completions counted: what the backbone computes in one pass
    tokens       those that are not padding
    rows         pairs or demonstrations
    """

    loss: float
    grad_norm: float
    metrics: dict[str, float]
    seconds: float
    cpu_seconds: float
    positions: int
    tokens: int
    rows: int


class Memory(Strict):
    """Of the process, in MiB: before the model is loaded, after, and at most. CUDA's peak is of allocated tensors.

    On Linux the peak is VmHWM: ru_maxrss of a child starts at what its parent used.
    """

    rss_imported: float
    rss_loaded: float
    rss_peak: float
    cuda_peak: float | None = None


class Result(Strict):
    """What a peer reports. `precompute_seconds` is the reference pass before the first step, None without one."""

    peer: str
    versions: dict[str, str]
    device: str
    threads: int
    trained_parameters: int
    steps: list[Step]
    precompute_seconds: float | None
    memory: Memory

    @property
    def seconds_per_step(self) -> float:
        """Mean without the first step, which warms caches up; a run of one step has only that."""
        seconds = [step.seconds for step in self.steps]
        return sum(seconds[1:]) / len(seconds[1:]) if len(seconds) > 1 else seconds[0]


PROGRAMS = {"trl": "bench.peers.trl_train", "naive": "bench.peers.naive"}


class PeerFailed(RuntimeError):
    """A child process ended with an error; the message holds the end of what it said."""


def peer_run(peer: str, job: Job, folder: Path, *, trl: str | None = None, timeout: float | None = None) -> Result:
    """Run a job in a child process; the job, the result and the log stay in `folder`.

    trl  None takes the TRL in the virtual environment; "1.14.2" the one that deploy/trl.sh put beside it.
    Raises PeerFailed, or subprocess.TimeoutExpired after `timeout` seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "job.json").write_text(job.model_dump_json(indent=1), encoding="utf-8")
    (folder / "result.json").unlink(missing_ok=True)
    with (folder / "log.txt").open("wb") as log:
        done = subprocess.run(
            [sys.executable, "-m", PROGRAMS[peer], str(folder / "job.json"), str(folder / "result.json")],
            cwd=ROOT,
            env=_environment(job, folder, trl),
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
        )
    if done.returncode:
        tail = (folder / "log.txt").read_text(encoding="utf-8", errors="replace")[-3000:]
        raise PeerFailed(f"{peer} {trl or ''} ended with status {done.returncode}:\n{tail}")
    return Result.model_validate_json((folder / "result.json").read_text(encoding="utf-8"))


def _environment(job: Job, folder: Path, trl: str | None) -> dict[str, str]:
    paths = [str(ROOT)]
    if trl is not None:
        beside = Path(sys.prefix) / f"trl-{trl}"
        if not beside.is_dir():
            raise PeerFailed(f"There is no {beside}; `sh deploy/trl.sh` installs it.")
        paths.insert(0, str(beside))
    threads = {"OMP_NUM_THREADS": str(job.threads), "MKL_NUM_THREADS": str(job.threads)} if job.threads else {}
    return {
        **os.environ,
        **threads,
        "PYTHONPATH": os.pathsep.join(paths),
        "HF_HOME": str(folder / "cache"),
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
