"""How far one round moves the starter policy towards each of six simulated tastes.

    python -m bench.loop_rules [--rules courtesy shorter] [--rounds 2] [--seed 0] [--show 3]

Everything runs through `python -m training`, as the app runs it, without a web
server or a database. Per rule:

1. The policy answers some prompts four times each.
2. A noise-free rater compares random pairs of distinct answers to one prompt; answers that both or
   neither fit the rule are a tie.
3. Reward model, DPO and evaluation, with the default settings.
4. Parent and candidate answer fresh prompts; the table counts the answers that fit.

"before" is the untouched starter in every round; lengths are held against its median. "odd triples" are
three words in a row that 25,000 conversations of the corpus do not have, as a share: a round that breaks
the language shows there first. Read some answers all the same (--show).
"""

from __future__ import annotations

import argparse
import itertools
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from training.config import EvaluateSettings, RoundSettings, SamplingSettings
from training.contract import (
    COMPARISONS,
    RESPONSES,
    Completion,
    DpoRequest,
    Estimate,
    EvaluateRequest,
    GenerateRequest,
    PolicyRef,
    PreferenceRecord,
    PromptRecord,
    Request,
    ResponseRecord,
    RewardRequest,
    RunReport,
    SnapshotManifest,
    manifest_write,
    report_read,
    rows_read,
    rows_write,
)
from training.starter import grammar, words
from training.starter.rules import RULES, Rule

STARTER = PolicyRef(label="starter", base_model="starter")
ANSWERS_PER_PROMPT = 4
TRAIN_PROMPTS, HELD_OUT_PROMPTS, FRESH_PROMPTS = 240, 60, 150


@dataclass(frozen=True)
class Cost:
    """Seconds on the clock and on the processors; the first depends on what else the machine does."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Bench:
    """Where the bench works and what it asks for.

    settings  the round as the app would launch it
    work      folder for prompts, snapshots and checkpoints
    written   answers of the untouched starter, which all rules share
    """

    work: Path
    settings: RoundSettings
    comparisons: int
    seed: int
    base: PolicyRef = STARTER
    written: dict[str, tuple[list[ResponseRecord], Cost]] = field(default_factory=dict)

    def engine(self, kind: str, request: Request) -> tuple[RunReport, Cost]:
        """Run the engine as a child process; its report, and what it took from start to exit."""
        out_dir = Path(request.out_dir)
        out_dir.parent.mkdir(parents=True, exist_ok=True)
        file = out_dir.with_suffix(".request.json")
        file.write_text(request.model_dump_json(), encoding="utf-8")
        began, used = time.monotonic(), _cpu_seconds()
        done = subprocess.run(
            [sys.executable, "-m", "training", kind, "--request", str(file)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"{kind} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        return report_read(out_dir), Cost(time.monotonic() - began, _cpu_seconds() - used)


def _cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


@dataclass(frozen=True)
class Turn:
    """What one round of one rule led to."""

    rule: str
    number: int
    before: float
    after: float
    answers: int
    odd_before: float
    odd_after: float
    accuracy: Estimate
    win_rate: Estimate
    kl: Estimate
    length_ratio: Estimate
    costs: tuple[Cost, ...]
    samples: list[str]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", nargs="+", choices=RULES, default=list(RULES))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--comparisons", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", type=int, default=0, help="answers to print per round")
    parser.add_argument("--work", type=Path, help="keep all folders here instead of in a temporary one")
    parser.add_argument("--base", default="starter", help="another model folder to measure")
    parser.add_argument("--settings", type=Path, help="a RoundSettings file instead of the defaults")
    arguments = parser.parse_args()
    settings = RoundSettings(seed=arguments.seed)
    if arguments.settings:
        settings = RoundSettings.model_validate_json(arguments.settings.read_bytes())
    with tempfile.TemporaryDirectory(prefix="loop-rules-") as scratch:
        bench = Bench(
            work=arguments.work or Path(scratch),
            settings=settings,
            comparisons=arguments.comparisons,
            seed=arguments.seed,
            base=PolicyRef(label="starter", base_model=arguments.base),
        )
        print(HEADER, flush=True)
        for name in arguments.rules:
            for turn in rounds_turned(bench, RULES[name], arguments.rounds):
                print(line(turn), flush=True)
                for sample in turn.samples[: arguments.show]:
                    print(f"    {sample}", flush=True)
    return 0


def rounds_turned(bench: Bench, rule: Rule, rounds: int) -> list[Turn]:
    """One round after the other, each from the checkpoint of the one before."""
    prompts, fresh = _prompts(bench)
    parent = bench.base
    turns: list[Turn] = []
    judged: list[PreferenceRecord] = []
    for number in range(1, rounds + 1):
        folder = bench.work / f"{rule.name}-{number}"
        answers, generating = _generated(bench, parent, prompts, folder / "answers", bench.seed + number)
        judged += _judged(bench, rule, number, prompts, answers)
        _snapshot_freeze(folder / "snapshot", number, judged)
        turn, parent = _turn(bench, rule, number, parent, folder, prompts, fresh, generating)
        turns.append(turn)
    return turns


def _turn(
    bench: Bench,
    rule: Rule,
    number: int,
    parent: PolicyRef,
    folder: Path,
    prompts: list[PromptRecord],
    fresh: list[PromptRecord],
    generating: Cost,
) -> tuple[Turn, PolicyRef]:
    settings, seed, snapshot = bench.settings, bench.settings.seed, str(folder / "snapshot")
    _, reward_cost = bench.engine(
        "reward",
        RewardRequest(
            policy=parent,
            snapshot_dir=snapshot,
            settings=settings.reward,
            out_dir=str(folder / "reward"),
            work_dir=str(folder / "reward-work"),
            seed=seed,
        ),
    )
    _, dpo_cost = bench.engine(
        "dpo",
        DpoRequest(
            parent=parent,
            snapshot_dir=snapshot,
            settings=settings.dpo,
            out_dir=str(folder / "policy"),
            work_dir=str(folder / "policy-work"),
            seed=seed,
        ),
    )
    candidate = PolicyRef(label=f"round {number}", base_model=parent.base_model, adapter=str(folder / "policy"))
    evaluated, evaluate_cost = bench.engine(
        "evaluate",
        EvaluateRequest(
            candidate=candidate,
            parent=parent,
            reward_dir=str(folder / "reward"),
            snapshot_dir=snapshot,
            prompts=str(_prompts_write(folder / "prompts.jsonl", prompts)),
            settings=EvaluateSettings.model_validate(settings.evaluate),
            out_dir=str(folder / "evaluation"),
            work_dir=str(folder / "evaluation-work"),
            seed=seed,
        ),
    )
    before_rows, _ = _generated(bench, bench.base, fresh, folder / "fresh-starter", seed)
    after_rows, _ = _generated(bench, candidate, fresh, folder / "fresh", seed)
    before, after = [row.text for row in before_rows], [row.text for row in after_rows]
    turn = Turn(
        rule=rule.name,
        number=number,
        before=rule.share(before, before),
        after=rule.share(after, before),
        answers=len(after),
        odd_before=odd_triples(before),
        odd_after=odd_triples(after),
        accuracy=evaluated.estimates["reward/accuracy"],
        win_rate=evaluated.estimates["win_rate"],
        kl=evaluated.estimates["kl"],
        length_ratio=evaluated.estimates["length_ratio"],
        costs=(generating, reward_cost, dpo_cost, evaluate_cost),
        samples=after[:: max(1, len(after) // 20)],
    )
    return turn, candidate


# --- prompts, answers, judgments ---------------------------------------------


def _prompts(bench: Bench) -> tuple[list[PromptRecord], list[PromptRecord]]:
    """Prompts that are judged, and fresh ones for the table."""
    drawn = list(grammar.prompts(4 * (TRAIN_PROMPTS + HELD_OUT_PROMPTS) + FRESH_PROMPTS, bench.seed))
    fresh, rest = drawn[:FRESH_PROMPTS], drawn[FRESH_PROMPTS:]
    train = [row for row in rest if row.split == "train"][:TRAIN_PROMPTS]
    held = [row for row in rest if row.split == "holdout"][:HELD_OUT_PROMPTS]
    return train + held, fresh


def _generated(
    bench: Bench, policy: PolicyRef, prompts: Sequence[PromptRecord], out_dir: Path, seed: int
) -> tuple[list[ResponseRecord], Cost]:
    """Four answers to each prompt; the starter is asked once for all rules."""
    key = f"{seed} {prompts[0].prompt_id}"
    if policy == bench.base and key in bench.written:
        return bench.written[key]
    _, cost = bench.engine(
        "generate",
        GenerateRequest(
            policies=[policy],
            prompts=str(_prompts_write(out_dir.with_suffix(".prompts.jsonl"), prompts)),
            settings=SamplingSettings(answers_per_prompt=ANSWERS_PER_PROMPT),
            out_dir=str(out_dir),
            work_dir=str(out_dir.with_suffix(".work")),
            seed=seed,
        ),
    )
    rows = list(rows_read(out_dir / RESPONSES, ResponseRecord))
    if policy == bench.base:
        bench.written[key] = rows, cost
    return rows, cost


def _prompts_write(file: Path, prompts: Sequence[PromptRecord]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    rows_write(file, prompts)
    return file


def _judged(
    bench: Bench, rule: Rule, number: int, prompts: Sequence[PromptRecord], answers: Sequence[ResponseRecord]
) -> list[PreferenceRecord]:
    """Random pairs of distinct answers, judged without noise."""
    rng = random.Random(f"{bench.seed} {rule.name} {number}")
    by_prompt: dict[str, list[ResponseRecord]] = {}
    for row in answers:
        by_prompt.setdefault(row.prompt_id, []).append(row)
    pairs = [
        (prompt, first, second)
        for prompt in prompts
        for first, second in itertools.combinations(by_prompt[prompt.prompt_id], 2)
        if first.text != second.text
    ]
    rng.shuffle(pairs)
    held_out = bench.comparisons // 5
    wanted = {"train": bench.comparisons - held_out, "holdout": held_out}
    rows: list[PreferenceRecord] = []
    for prompt, first, second in pairs:
        if wanted[prompt.split] == 0:
            continue
        wanted[prompt.split] -= 1
        a, b = rng.sample((first, second), 2)
        prefer_first = rule.prefer_first(a.text, b.text)
        rows.append(
            PreferenceRecord(
                comparison_id=f"{number}-{len(rows)}",
                round=number,
                prompt_id=prompt.prompt_id,
                prompt=prompt.prompt,
                first=_completion(a),
                second=_completion(b),
                prefer_first=prefer_first,
                weight=1.0,
                tie_share=float(prefer_first == 0.5),
                split=prompt.split,
            )
        )
    return rows


def _snapshot_freeze(folder: Path, number: int, rows: Sequence[PreferenceRecord]) -> None:
    """The rows of this and earlier rounds, as the app freezes them."""
    folder.mkdir(parents=True)
    rows_write(folder / COMPARISONS, rows)
    manifest_write(
        folder,
        SnapshotManifest(
            project="bench", round=number, created_at="1970-01-01T00:00:00Z", counts={"comparisons": len(rows)}
        ),
    )


def _completion(row: ResponseRecord) -> Completion:
    return Completion(response_id=f"{row.prompt_id}-{row.sample}", text=row.text, token_ids=row.token_ids)


# --- fluency -----------------------------------------------------------------

NUMBER = re.compile(r"\d+")
ITEM = re.compile(rf"\b({'|'.join(words.ITEMS)})(e?s)?\b")


def odd_triples(answers: Sequence[str]) -> float:
    """Share of word triples that the corpus does not have, whatever the item and the number."""
    triples = [triple for answer in answers for triple in _triples(answer)]
    return sum(triple not in _triples_known() for triple in triples) / len(triples)


@cache
def _triples_known() -> frozenset[tuple[str, ...]]:
    records = grammar.demonstrations(25_000, seed=99)
    return frozenset(triple for record in records for triple in _triples(record.messages[-1].content))


def _triples(answer: str) -> Iterator[tuple[str, ...]]:
    text = ITEM.sub("item", NUMBER.sub("9", answer))
    found = ["^", *re.findall(r"[\w']+|[.,:;!?]", text), "$"]
    return zip(found, found[1:], found[2:], strict=False)


# --- the table ---------------------------------------------------------------

HEADER = (
    "| rule | round | fits before | fits after | odd triples | reward accuracy (n, 95 %) | win rate (n, 95 %) |"
    " KL, nats | length ratio | seconds: generate + reward + dpo + evaluate | CPU seconds |\n"
    f"|{'---|' * 11}"
)


def line(turn: Turn) -> str:
    cells = [
        turn.rule,
        str(turn.number),
        f"{turn.before:.1%}",
        f"**{turn.after:.1%}** (n {turn.answers})",
        f"{turn.odd_before:.1%} → {turn.odd_after:.1%}",
        _interval(turn.accuracy),
        _interval(turn.win_rate),
        f"{turn.kl.value:.1f}",
        f"{turn.length_ratio.value:.2f}",
        _sum([cost.wall for cost in turn.costs]),
        _sum([cost.cpu for cost in turn.costs]),
    ]
    return f"| {' | '.join(cells)} |"


def _sum(seconds: list[float]) -> str:
    return f"{' + '.join(f'{part:.0f}' for part in seconds)} = {sum(seconds):.0f}"


def _interval(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ({estimate.n}, {estimate.low:.2f}–{estimate.high:.2f})"


if __name__ == "__main__":
    sys.exit(main())
