"""What one turn of the loop achieves, through the whole product: instance, pages, workers, engine.

    python -m bench.loop [--rules courtesy,curt,…] [--judgments 400] [--rounds 2]

For each rule a fresh instance is started in a temporary data folder, five
simulated raters judge over HTTP as the rule says, a round is launched, and the
new checkpoint's answers to held-out prompts are held against the rule. Prints a
Markdown table, and as its last line one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.instance import instance, manage
from training.starter.rules import RULES, Rule


@dataclass(frozen=True)
class Turn:
    """One round under one rule; shares are of answers to held-out prompts."""

    rule: str
    round: int
    share_before: float
    share_after: float
    n: int
    report: dict[str, Any]

    @property
    def row(self) -> str:
        reward, total = self.report["reward"], self.report["seconds"]["total"]
        return (
            f"| {self.rule} | {self.round} | {self.report['judgments']} "
            f"| {self.share_before:.0%} | {self.share_after:.0%} | {self.n} "
            f"| {reward['accuracy']:.2f} [{reward['low']:.2f}, {reward['high']:.2f}] n={reward['n']} "
            f"| {self.report['win_rate']:.2f} | {self.report['kl']:.1f} | {self.report['length_ratio']:.2f} "
            f"| {total:.0f} |"
        )


HEAD = (
    "| rule | round | judgments | fits before | fits after | n | reward accuracy [95 %] | win rate | KL (nats) "
    "| length ratio | seconds |\n|---|---|---|---|---|---|---|---|---|---|---|"
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.loop", description=__doc__.splitlines()[0])
    parser.add_argument("--rules", default=",".join(RULES), help="which rules, by name")
    parser.add_argument("--judgments", type=int, default=400, help="simulated judgments per round")
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    print(HEAD, flush=True)
    turns = []
    for name in arguments.rules.split(","):
        for turn in turns_under(RULES[name], arguments.judgments, arguments.rounds):
            print(turn.row, flush=True)
            turns.append(turn)
    print(
        json.dumps(
            {
                "worst_share_after": min(turn.share_after for turn in turns),
                "worst_reward_accuracy": min(turn.report["reward"]["accuracy"] for turn in turns),
                "slowest_round_seconds": max(turn.report["seconds"]["total"] for turn in turns),
                "turns": len(turns),
            }
        )
    )
    return 0


def turns_under(rule: Rule, judgments: int, rounds: int) -> Iterator[Turn]:
    """Rounds under one rule, in an instance of their own."""
    with tempfile.TemporaryDirectory(prefix="tiebreak-bench-") as folder:
        Path(folder).chmod(0o755)
        with instance(Path(folder)) as environment:
            reference: list[str] | None = None
            for number in range(1, rounds + 1):
                manage(
                    environment, "simulate_raters", "--project", "demo", "--raters", "5", "--judgments", str(judgments),
                    "--prefer", rule.spelling, "--seed", str(number),
                )  # fmt: skip
                report = json.loads(manage(environment, "run_round", "--project", "demo", "--wait").splitlines()[-1])
                before = answers(environment, report["parent"])
                after = answers(environment, report["checkpoint"])
                reference = reference or before
                yield Turn(
                    rule=rule.name,
                    round=number,
                    share_before=rule.share(before, reference),
                    share_after=rule.share(after, reference),
                    n=len(after),
                    report=report,
                )


def answers(environment: dict[str, str], checkpoint: int) -> list[str]:
    """The checkpoint's answers to held-out prompts."""
    lines = manage(
        environment, "export_responses", "--project", "demo", "--checkpoint", str(checkpoint), "--split", "holdout"
    )
    return [json.loads(line)["response"] for line in lines.splitlines()]


if __name__ == "__main__":
    sys.exit(main())
