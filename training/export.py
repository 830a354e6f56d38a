"""Publish a downloaded checkpoint as whole weights, without an instance.

    python -m training.export merge --checkpoint FOLDER --out FOLDER [--dtype float32]

Prints how far they drift from the adapter; see training/merge.py.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from training.bases import device_pick
from training.errors import EngineError
from training.loop import Journal
from training.merge import MERGE, checkpoint_merge


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.export", description=__doc__.splitlines()[0])
    merge = parser.add_subparsers(required=True).add_parser("merge", help="fold a checkpoint's adapter into its base")
    merge.add_argument("--checkpoint", type=Path, required=True)
    merge.add_argument("--out", type=Path, required=True)
    merge.add_argument("--dtype", choices=("base", "float32", "bfloat16"), default="base")
    merge.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    asked = parser.parse_args(arguments)
    try:
        checkpoint_merge(
            asked.checkpoint,
            asked.out,
            device=device_pick(asked.device),
            journal=Journal(report=lambda event: None),
            dtype=asked.dtype,
        )
    except EngineError as error:
        print(error, file=sys.stderr)
        return 1
    print((asked.out / MERGE).read_text(encoding="utf-8"), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
