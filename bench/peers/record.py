"""What a peer writes down while it trains: steps, seconds, memory, trained weights."""

from __future__ import annotations

import importlib.metadata
import platform
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from bench.peers.job import Job, Memory, Result, Step


class Recorder:
    """Collects one Result, in this order: Recorder(), loaded(), started(), then batch() and step() per step."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.precompute_seconds: float | None = None
        self._rss_imported = _rss_mib("VmRSS")
        self._rss_loaded: float | None = None
        self._ended: list[tuple[float, float]] = []
        self._batches: list[dict[str, int]] = []
        self._steps: list[dict[str, int]] = []

    def loaded(self) -> None:
        """The model is in memory; later calls change nothing."""
        if self._rss_loaded is None:
            self._rss_loaded = _rss_mib("VmRSS")

    def started(self) -> None:
        """The first step begins."""
        self._ended = [self._now()]

    def batch(self, inputs: dict[str, Any]) -> None:
        """One forward pass over `inputs`, padded (a 2-D mask) or packed (places that start again at 0)."""
        positions = inputs["input_ids"].numel()
        if (mask_BT := inputs.get("attention_mask")) is not None:
            tokens, rows = int(mask_BT.sum()), len(mask_BT)
        else:
            tokens, rows = positions, int((inputs["position_ids"] == 0).sum())
        rows = rows if self.job.task == "sft" else rows // 2
        self._batches.append({"positions": positions, "tokens": tokens, "rows": rows})

    def computed(self, *, positions: int, tokens: int, rows: int) -> None:
        """One forward pass, already counted."""
        self._batches.append({"positions": positions, "tokens": tokens, "rows": rows})

    @contextmanager
    def precompute(self) -> Iterator[None]:
        """The block asks the reference, before the first step."""
        began = self._now()
        yield
        self.precompute_seconds = self._now()[0] - began[0]

    def step(self) -> None:
        """The optimizer has stepped."""
        self._ended.append(self._now())
        self._steps.append({key: sum(batch[key] for batch in self._batches) for key in self._batches[0]})
        self._batches.clear()

    def result(self, peer: str, logs: list[dict[str, float]], model: nn.Module) -> Result:
        """`logs` has one entry per step: loss, grad_norm and whatever else the peer measures."""
        durations = [
            (wall - wall_before, cpu - cpu_before) for (wall_before, cpu_before), (wall, cpu) in pairwise(self._ended)
        ]
        steps = [
            Step(
                loss=log["loss"],
                grad_norm=log["grad_norm"],
                metrics={name: value for name, value in log.items() if name not in {"loss", "grad_norm"}},
                seconds=seconds,
                cpu_seconds=cpu_seconds,
                **counts,
            )
            for log, (seconds, cpu_seconds), counts in zip(logs, durations, self._steps, strict=True)
        ]
        is_cuda = self.job.device == "cuda"
        return Result(
            peer=peer,
            versions=_versions(peer),
            device=torch.cuda.get_device_name() if is_cuda else "cpu",
            threads=torch.get_num_threads(),
            trained_parameters=sum(parameter.numel() for parameter in weights_of(model).values()),
            steps=steps,
            precompute_seconds=self.precompute_seconds,
            memory=Memory(
                rss_imported=self._rss_imported,
                rss_loaded=self._rss_loaded or self._rss_imported,
                rss_peak=_rss_mib("VmHWM"),
                cuda_peak=torch.cuda.max_memory_allocated() / 2**20 if is_cuda else None,
            ),
        )

    def _now(self) -> tuple[float, float]:
        if self.job.device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter(), time.process_time()


def _versions(peer: str) -> dict[str, str]:
    packages = ["torch", "transformers", "peft", "accelerate"] + ["trl"] * (peer == "trl")
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in packages}}


def _rss_mib(field: str) -> float:
    """VmRSS (now) or VmHWM (at most). Away from Linux, both are the peak: macOS tells no other without a library."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith(f"{field}:"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 1024


def weights_of(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that training moves, by name."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def weights_write(model: nn.Module, path: str | None) -> None:
    """Write the trained parameters, if a path is given."""
    if path is not None:
        save_file({name: p.detach().cpu().contiguous().clone() for name, p in weights_of(model).items()}, path)


@torch.no_grad()
def weights_read(model: nn.Module, path: str | None) -> None:
    """Set the trained parameters, if a path is given. Raises SystemExit when the file has others than the model."""
    if path is None:
        return
    ours, theirs = weights_of(model), load_file(path)
    if odd := sorted(ours.keys() ^ theirs.keys()):
        raise SystemExit(f"{path} and the model differ in {len(odd)} trained parameters, the first being {odd[0]}.")
    for name, parameter in ours.items():
        tensor: Tensor = theirs[name]
        parameter.copy_(tensor)
