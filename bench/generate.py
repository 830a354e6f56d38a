"""How fast the starter policy answers on this machine, beside the library's own `generate`.

    python -m bench.generate [--prompts 256] [--samples 2] [--batch 64] [--repeats 3] [--threads 1,2]

Both write the same number of answers to the same prompts at temperature 1, in
turns, in batches of the same size and as much padding as sorted prompts need.
Tokens count up to the end of the turn. Prints one line per thread count with
the median of the repeats, and as its last line one JSON object. A machine that
is busy with other work slows both; tokens per CPU second show how much.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from training.threads import waiting

os.environ.update(waiting())  # as the engine's own command; read when torch is imported

import torch

from training import sampling, tokens
from training.config import SamplingSettings
from training.contract import PolicyRef, PromptRecord
from training.models import Policy, policy_load
from training.starter import grammar

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Speed:
    """Tokens per second of the clock, and per second of one core."""

    clock: float
    cpu: float


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.generate", description=__doc__.splitlines()[0])
    parser.add_argument("--prompts", type=int, default=256)
    parser.add_argument("--samples", type=int, default=2, help="answers per prompt")
    parser.add_argument("--batch", type=int, default=64, help="answers written at once")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", default="1,2")
    arguments = parser.parse_args()
    settings = SamplingSettings(answers_per_prompt=arguments.samples, batch_size=arguments.batch)
    policy = policy_load(PolicyRef(label="starter", base_model="starter"), CPU, merge=True)
    prompts = list(grammar.prompts(arguments.prompts, seed=21))
    result: dict[str, float] = {}
    for threads in map(int, arguments.threads.split(",")):
        torch.set_num_threads(threads)
        rounds = [
            (speed_of(lambda: ours(policy, prompts, settings)), speed_of(lambda: library(policy, prompts, settings)))
            for _ in range(arguments.repeats)
        ]
        values = {
            "tokens_per_second": statistics.median(mine.clock for mine, _ in rounds),
            "tokens_per_cpu_second": statistics.median(mine.cpu for mine, _ in rounds),
            "library_tokens_per_second": statistics.median(floor.clock for _, floor in rounds),
            "library_tokens_per_cpu_second": statistics.median(floor.cpu for _, floor in rounds),
            "times_the_library": statistics.median(mine.clock / floor.clock for mine, floor in rounds),
        }
        print(
            f"{threads} thread{'s' * (threads > 1)}: {values['tokens_per_second']:,.0f} tokens/s "
            f"({values['tokens_per_cpu_second']:,.0f} per CPU second); generate(): "
            f"{values['library_tokens_per_second']:,.0f} ({values['library_tokens_per_cpu_second']:,.0f}); "
            f"{values['times_the_library']:.2f} times as fast",
            flush=True,
        )
        result |= {f"threads_{threads}/{name}": round(value, 2) for name, value in values.items()}
    print(json.dumps(result))
    return 0


def speed_of(write: Callable[[], int]) -> Speed:
    clock, cpu = time.perf_counter(), time.process_time()
    written = write()
    return Speed(written / (time.perf_counter() - clock), written / (time.process_time() - cpu))


def ours(policy: Policy, prompts: list[PromptRecord], settings: SamplingSettings) -> int:
    return sum(batch.tokens for batch in sampling.answers_written(policy, prompts, settings, seed=0))


def library(policy: Policy, prompts: list[PromptRecord], settings: SamplingSettings) -> int:
    """The same with `generate()`: sorted prompts, padded on the left, as many answers at once."""
    encoded = sorted(tokens.prompts_encoded(policy.speech, [row.prompt for row in prompts]), key=len)
    at_once = max(1, settings.batch_size // settings.answers_per_prompt)
    torch.manual_seed(0)
    count = 0
    for begin in range(0, len(encoded), at_once):
        batch = encoded[begin : begin + at_once]
        width = max(map(len, batch))
        written = policy.inner.generate(  # type: ignore[operator]
            torch.tensor([[0] * (width - len(ids)) + ids for ids in batch]),
            attention_mask=torch.tensor([[0] * (width - len(ids)) + [1] * len(ids) for ids in batch]),
            num_return_sequences=settings.answers_per_prompt,
            max_new_tokens=settings.max_new_tokens,
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            eos_token_id=sorted(policy.end_ids),
            pad_token_id=policy.end_id,
        )[:, width:]
        # Everything behind the end of a turn is that same token again.
        count += int((written != policy.end_id).sum() + (written == policy.end_id).any(-1).sum())
    return count


if __name__ == "__main__":
    sys.exit(main())
