"""python -m training.starter {prompts,build}

prompts  distinct prompts for a demo project, as JSON lines; needs no torch
build    the model folder of the starter policy, from nothing
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from training.starter import grammar

if TYPE_CHECKING:
    from training.contract import AnyEvent


def main(argv: list[str] | None = None) -> int:
    arguments = _arguments(argv)
    match arguments.command:
        case "prompts":
            _prompts(arguments)
        case "build":
            _build(arguments)
    return 0


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.starter", description="The starter policy.")
    commands = parser.add_subparsers(dest="command", required=True)
    prompts = commands.add_parser("prompts", help="write distinct prompts that the starter was never shown")
    prompts.add_argument("--count", type=int, default=300)
    prompts.add_argument("--seed", type=int, default=0)
    prompts.add_argument("--out", type=Path, required=True, help='a file of {"prompt": [messages]} lines')
    build = commands.add_parser("build", help="make the model folder: corpus, tokenizer, weights")
    build.add_argument("--out", type=Path, required=True)
    build.add_argument("--seed", type=int, default=0)
    build.add_argument("--conversations", type=int, default=60_000, help="how many are written and trained on")
    build.add_argument("--learning-rate", type=float, default=3e-3)
    return parser.parse_args(argv)


def _prompts(arguments: argparse.Namespace) -> None:
    with arguments.out.open("w", encoding="utf-8") as file:
        for record in grammar.prompts(arguments.count, arguments.seed):
            line = {"prompt": [message.model_dump() for message in record.prompt]}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _build(arguments: argparse.Namespace) -> None:
    # torch is only needed here; writing prompts stays fast and light.
    from training.starter.build import starter_build

    def report(event: AnyEvent) -> None:
        print(event.model_dump_json(), file=sys.stderr, flush=True)

    starter_build(
        arguments.out,
        seed=arguments.seed,
        conversations=arguments.conversations,
        learning_rate=arguments.learning_rate,
        report=report,
    )
    print(arguments.out)


if __name__ == "__main__":
    sys.exit(main())
