"""Token ids to train on: the same pairs and demonstrations for every trainer, made from a seed.

    python -m bench.peers.workloads hh FILE --rows 64 [--seed 0] [--vocabulary 32000]
    python -m bench.peers.workloads hh FILE --rows 64 --demonstrations

Lengths are lognormal around a median; ids are uniform over the vocabulary
without its special tokens, and every completion ends with the end token.

          prompt        completion    what it is like
    hh    200 (0.50)     60 (0.50)    a conversation with short answers, as in Anthropic's HH
    uf     80 (0.50)    220 (0.25)    an instruction with long answers, as in UltraFeedback
    tiny   24 (0.40)     16 (0.40)    parity and smoke runs

In brackets the standard deviation of the logarithm, kept below that of the real
sets (about 1 in HH): the more lengths differ, the more a padded batch wastes, so
this flatters trainers that pad.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.peers.shapes import END, SPECIALS

SHORTEST = 4


@dataclass(frozen=True)
class Pair:
    """One comparison in token ids; both completions follow the same prompt."""

    prompt_ids: list[int]
    chosen_ids: list[int]
    rejected_ids: list[int]


@dataclass(frozen=True)
class Demonstration:
    """One answer to imitate, in token ids."""

    prompt_ids: list[int]
    completion_ids: list[int]


@dataclass(frozen=True)
class Workload:
    """Medians in tokens, spreads as standard deviations of the logarithm; no row is longer than `longest` tokens."""

    prompt: int
    prompt_spread: float
    completion: int
    completion_spread: float
    longest: int

    def prompt_ids(self, dice: random.Random, vocabulary: int) -> list[int]:
        longest = self.longest - 2 * self.completion
        return _ids(dice, vocabulary, _length(dice, self.prompt, self.prompt_spread, longest))

    def completion_ids(self, dice: random.Random, vocabulary: int, prompt: list[int]) -> list[int]:
        length = _length(dice, self.completion, self.completion_spread, self.longest - len(prompt))
        return [*_ids(dice, vocabulary, length - 1), END]


WORKLOADS = {
    "hh": Workload(prompt=200, prompt_spread=0.5, completion=60, completion_spread=0.5, longest=1024),
    "uf": Workload(prompt=80, prompt_spread=0.5, completion=220, completion_spread=0.25, longest=1024),
    "tiny": Workload(prompt=24, prompt_spread=0.4, completion=16, completion_spread=0.4, longest=128),
}


def pairs(name: str, rows: int, *, seed: int = 0, vocabulary: int = 32_000) -> Iterator[Pair]:
    """The first `rows` comparisons of a workload; fewer rows are a prefix of more."""
    workload, dice = WORKLOADS[name], random.Random(f"{name} pairs {seed}")
    for _ in range(rows):
        prompt = workload.prompt_ids(dice, vocabulary)
        chosen, rejected = (workload.completion_ids(dice, vocabulary, prompt) for _ in range(2))
        yield Pair(prompt, chosen, rejected)


def demonstrations(name: str, rows: int, *, seed: int = 0, vocabulary: int = 32_000) -> Iterator[Demonstration]:
    """The first `rows` demonstrations of a workload; fewer rows are a prefix of more."""
    workload, dice = WORKLOADS[name], random.Random(f"{name} demonstrations {seed}")
    for _ in range(rows):
        prompt = workload.prompt_ids(dice, vocabulary)
        yield Demonstration(prompt, workload.completion_ids(dice, vocabulary, prompt))


def _length(dice: random.Random, median: int, spread: float, longest: int) -> int:
    return min(max(round(median * math.exp(dice.gauss(0, spread))), SHORTEST), longest)


def _ids(dice: random.Random, vocabulary: int, length: int) -> list[int]:
    return [dice.randrange(len(SPECIALS), vocabulary) for _ in range(length)]


def rows_write(path: Path, rows: Iterable[Pair | Demonstration]) -> Path:
    path.write_text("".join(json.dumps(asdict(row)) + "\n" for row in rows), encoding="utf-8")
    return path


def pairs_read(path: Path) -> list[Pair]:
    return [Pair(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def demonstrations_read(path: Path) -> list[Demonstration]:
    return [Demonstration(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.peers.workloads")
    parser.add_argument("name", choices=WORKLOADS)
    parser.add_argument("file", type=Path)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--vocabulary", type=int, default=32_000)
    parser.add_argument("--demonstrations", action="store_true", help="prompts with one answer rather than two")
    arguments = parser.parse_args()
    make = demonstrations if arguments.demonstrations else pairs
    rows_write(
        arguments.file, make(arguments.name, arguments.rows, seed=arguments.seed, vocabulary=arguments.vocabulary)
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
