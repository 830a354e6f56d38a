"""Does the engine learn the truth? Here the truth is known, because it was planted.

    python -m bench.planted [--seeds 6] [--workers 2] [--only calibration ties …]

Each seed draws a language with a worth for every word, raters with known noise (bench/language.py), prompts and
answers. A tiny Llama learns the grammar (recipe sft); it is the backbone of every reward model and the parent of
every policy. Everything is trained through the engine's recipes and held against the planted numbers, on prompts
that no training saw. Prints a Markdown table, and as its last line one JSON object.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from bench.language import RARE, Language, Planted, Raters, answer, is_grammatical, judged
from bench.scoring import (
    Interval,
    Numbers,
    calibration_error,
    calibration_slope,
    entropy,
    leads_of,
    log_loss,
    overall_leads,
    probability,
)
from bench.world import QUIET, SPREAD, VOTES, Size, World
from training.config import DpoSettings, EvaluateSettings, SamplingSettings
from training.contract import (
    RESPONSES,
    Completion,
    DpoRequest,
    EvaluateRequest,
    GenerateRequest,
    ResponseRecord,
    rows_read,
    rows_write,
)
from training.losses import Targets, davidson, rao_kupper
from training.reward_model import RewardModel

CAREFUL = Raters(flips=(0.0, 0.0, 0.02, 0.05, 0.05, 0.1))
NOISY = Raters(flips=(0.1, 0.15, 0.2, 0.2, 0.25, 0.3), temperature=1.5)
TYING = Raters(flips=CAREFUL.flips, tie_width=0.8)
DAVIDSON_WIDTH = 2 * math.tanh(TYING.tie_width / 2) / (1 - math.tanh(TYING.tie_width / 2))  # equal answers tie as often
HEADS = 8
TONE = "tone"
TWICE, ONCE = (SamplingSettings(answers_per_prompt=n, max_new_tokens=16, batch_size=256) for n in (2, 1))
# The default step size is for the starter policy, three times as wide; here it is shown beside one that is gentler.
POLICIES: dict[str, dict[str, Any]] = {
    "votes": {"learning_rate": 3e-4},
    "majority": {"learning_rate": 3e-4, "targets": "majority"},
    "votes, default learning rate": {},
}


@dataclass(frozen=True)
class Measured:
    """What one seed says about one question; `rows` held-out comparisons or prompts stand behind each value."""

    rows: int
    values: dict[str, float]


# --- questions ---------------------------------------------------------------


def calibration(world: World) -> Measured:
    """How close do accuracy and probabilities come to the best that anyone could do?"""
    train, held = world.comparisons("train", CAREFUL), world.comparisons("holdout", CAREFUL)
    model, report = world.reward_model("calibration", train, held)
    lead_R, true_R, prefer_R = overall(model, held), leads(held), planted_shares(held)
    ceiling = best_accuracy(held, true_R)
    return Measured(
        len(held),
        {
            "accuracy on the votes, as the run reports it": report.estimates["accuracy"].value,
            "accuracy on the votes, expected": best_accuracy(held, lead_R),
            "Bayes ceiling: the same of the true worth": ceiling,
            "expected accuracy minus ceiling": best_accuracy(held, lead_R) - ceiling,
            "accuracy on the true better answer": same_side(lead_R, true_R),
            "correlation of leads with true leads": correlation(lead_R, true_R),
            "calibration slope (1 is right)": calibration_slope(lead_R, prefer_R),
            "mean distance of predicted from planted probability": float(np.abs(probability(lead_R) - prefer_R).mean()),
            "ECE against planted probabilities": calibration_error(lead_R, prefer_R),
            "log-loss above the entropy of the planted probabilities (nats)": log_loss(lead_R, prefer_R)
            - entropy(prefer_R),
        },
    )


def targets(world: World) -> Measured:
    """Do vote shares teach more than majorities, from the same votes in the same steps?"""
    train, held = world.comparisons("train", NOISY), world.comparisons("holdout", NOISY)
    true_R, prefer_R = leads(held), planted_shares(held)
    values: dict[str, float] = {}
    found, steps = {}, set()
    for name in ("votes", "majority"):
        model, report = world.reward_model(f"targets-{name}", train, held, targets=name)
        steps.add(report.steps)
        lead_R = overall(model, held)
        found[name] = {
            "log-loss above the entropy (nats)": log_loss(lead_R, prefer_R) - entropy(prefer_R),
            "the same, had each been rescaled perfectly afterwards": log_loss(
                calibration_slope(lead_R, prefer_R) * lead_R, prefer_R
            )
            - entropy(prefer_R),
            "calibration slope (1 is right)": calibration_slope(lead_R, prefer_R),
            "mean distance of predicted from planted probability": float(np.abs(probability(lead_R) - prefer_R).mean()),
            "accuracy on the true better answer": same_side(lead_R, true_R),
            "correlation of leads with true leads": correlation(lead_R, true_R),
        }
    if len(steps) != 1:
        raise RuntimeError(f"the two runs took {steps} steps")
    for measure, value in found["votes"].items():
        values |= {
            f"{measure}: votes": value,
            f"{measure}: majority": found["majority"][measure],
            f"{measure}: votes minus majority": value - found["majority"][measure],
        }
    return Measured(len(held), values)


def ties(world: World) -> Measured:
    """Do likelihoods with ties give back how often people tie, and do they cost accuracy?"""
    train, held = world.comparisons("train", TYING), world.comparisons("holdout", TYING)
    true_R, chance_R3 = leads(held), np.array([row.chances for row in held])
    values = {"tie rate, planted": float(chance_R3[:, 1].mean())}
    accuracy = {}
    for name, width in (
        ("half", 1.0),
        ("leave_out", 1.0),
        ("rao_kupper", TYING.tie_width),
        ("davidson", DAVIDSON_WIDTH),
    ):
        model, _ = world.reward_model(f"ties-{name}", train, held, ties=name, tie_width=width)
        lead_R = overall(model, held)
        accuracy[name] = same_side(lead_R, true_R)
        values[f"accuracy on the true better answer: {name}"] = accuracy[name]
        values[f"correlation of leads with true leads: {name}"] = correlation(lead_R, true_R)
        if name != "half":
            values[f"accuracy: {name} minus half"] = accuracy[name] - accuracy["half"]
        if name in ("rao_kupper", "davidson"):
            predicted_R3 = three_outcomes(lead_R, name, width)
            values[f"tie rate, predicted: {name}"] = float(predicted_R3[:, 1].mean())
            values[f"mean distance of predicted from planted tie probability: {name}"] = float(
                np.abs(predicted_R3 - chance_R3)[:, 1].mean()
            )
            values[f"KL of predicted from planted outcomes (nats): {name}"] = float(
                (chance_R3 * (np.log(chance_R3) - np.log(predicted_R3))).sum(1).mean()
            )
    return Measured(len(held), values)


def strength(world: World) -> Measured:
    """One judgment each: does "clearly better" help to tell how much better?"""
    train, held = world.comparisons("train", CAREFUL, votes=1), world.comparisons("holdout", CAREFUL, votes=1)
    true_R, values = leads(held), {}
    found = {}
    for name in ("ignore", "margin", "scale"):
        model, _ = world.reward_model(f"strength-{name}", train, held, strength=name)
        lead_R = overall(model, held)
        found[name] = (same_side(lead_R, true_R), correlation(lead_R, true_R), float(lead_R.std() / true_R.std()))
        for measure, value, plain in zip(
            ("accuracy on the true better answer", "correlation of leads with true leads", "spread of leads over true"),
            found[name],
            found["ignore"],
            strict=True,
        ):
            values[f"{measure}: {name}"] = value
            if name != "ignore" and not measure.startswith("spread"):
                values[f"{measure}: {name} minus ignore"] = value - plain
    return Measured(len(held), values)


def criteria(world: World) -> Measured:
    """Two questions with different truths on one backbone: does each head learn its own?"""
    tone = {TONE: Language.drawn(world.dice, SPREAD)}
    train = world.comparisons("train", CAREFUL, criteria=tone)
    held = world.comparisons("holdout", CAREFUL, criteria=tone)
    model, report = world.reward_model("criteria", train, held)
    lead_RC = leads_of(model, [row.record for row in held]).mean(-1)
    truths = {"overall": leads(held), TONE: np.array([row.leads[TONE] for row in held])}
    values = {
        f"accuracy of head {head} on the truth of {truth}": same_side(lead_RC[:, place], true_R)
        for place, head in enumerate(model.questions)
        for truth, true_R in truths.items()
    }
    values["truths agree on the better answer"] = same_side(truths["overall"], truths[TONE])
    values[f"accuracy on the votes on {TONE}, as the run reports it"] = report.estimates[f"accuracy/{TONE}"].value
    return Measured(len(held), values)


def ensemble(world: World) -> Measured:
    """Is the judge less sure of answers unlike those it has seen?"""
    train, held = world.comparisons("train", CAREFUL), world.comparisons("holdout", CAREFUL)
    model, report = world.reward_model("ensemble", train, held, ensemble=HEADS)
    strange: dict[str, Callable[[random.Random], str]] = {
        "usual answers": answer,
        "words never judged": partial(answer, words=RARE),
        "words in no order": partial(answer, is_orderly=False),
        "twice as long": partial(answer, clauses=(4, 6)),
    }
    values = {"spread as the run reports it": report.metrics["rewards/spread"]}
    usual_R = np.zeros(0)
    for name, write in strange.items():
        rows = held if write is answer else world.comparisons("holdout", CAREFUL, write=write)
        lead_RE = leads_of(model, [row.record for row in rows])[:, 0]
        spread_R, mean_R = lead_RE.std(-1), lead_RE.mean(-1)
        usual_R = spread_R if write is answer else usual_R
        values |= {
            f"accuracy on the true better answer: {name}": same_side(mean_R, leads(rows)),
            f"mean size of the lead (logits): {name}": float(np.abs(mean_R).mean()),
            f"spread of the heads (logits): {name}": float(spread_R.mean()),
            f"heads that name the other side: {name}": float((np.sign(lead_RE) != np.sign(mean_R)[:, None]).mean()),
        }
        if write is not answer:
            values[f"spread over that of usual answers: {name}"] = float(spread_R.mean() / usual_R.mean())
    return Measured(len(held), values)


def dpo(world: World) -> Measured:
    """One turn of the loop: generate, judge, reward, dpo, evaluate. Are the child's answers worth more?"""
    train, held = written_and_judged(world, "train"), written_and_judged(world, "holdout")
    world.reward_model("judge", train, held)
    snapshot = str(world.snapshot("dpo", [*train, *held]))
    rows_write(world.folder / "fresh.jsonl", world.prompts("holdout"))
    values: dict[str, float] = {}
    for name, settings in POLICIES.items():
        trained = DpoRequest(
            **world.places(f"dpo-{name}"),
            parent=world.speaker,
            snapshot_dir=snapshot,
            settings=DpoSettings.model_validate({**QUIET, "max_steps": world.size.dpo_steps, **settings}),
        )
        report = world.run(trained)
        compared = EvaluateRequest(
            **world.places(f"evaluate-{name}"),
            candidate=world.speaker.model_copy(update={"label": "child", "adapter": trained.out_dir}),
            parent=world.speaker,
            reward_dir=str(world.folder / "judge"),
            snapshot_dir=snapshot,
            prompts=str(world.folder / "fresh.jsonl"),
            settings=EvaluateSettings(held_out_prompts=world.size.holdout, sampling=ONCE),
        )
        estimates = world.run(compared).estimates
        answers = list(rows_read(Path(compared.out_dir) / RESPONSES, ResponseRecord))
        texts = {label: [row.text for row in answers if row.policy == label] for label in ("parent", "child")}
        worth = {label: np.array([world.language.worth(text) for text in some]) for label, some in texts.items()}
        values |= {
            f"win rate by the true worth: {name}": same_side(
                worth["child"] - worth["parent"], np.ones(len(answers) // 2)
            ),
            f"win rate as the reward model sees it: {name}": estimates["win_rate"].value,
            f"gain in true worth per answer (logits): {name}": float((worth["child"] - worth["parent"]).mean()),
            f"grammatical answers: {name}": float(np.mean([is_grammatical(text) for text in texts["child"]])),
            f"accuracy of the implicit reward on votes: {name}": report.estimates["accuracy"].value,
            f"KL from the parent (nats): {name}": estimates["kl"].value,
            f"length over the parent's: {name}": estimates["length_ratio"].value,
        }
    gains = [values[f"gain in true worth per answer (logits): {name}"] for name in ("votes", "majority")]
    values["gain in true worth per answer (logits): votes minus majority"] = gains[0] - gains[1]
    values["grammatical answers: parent"] = float(np.mean([is_grammatical(text) for text in texts["parent"]]))
    return Measured(world.size.holdout, values)


def written_and_judged(world: World, split: Literal["train", "holdout"]) -> list[Planted]:
    """The parent answers each prompt twice; the raters compare what differs."""
    asked = world.prompts(split)
    file = world.folder / f"prompts-{split}.jsonl"
    rows_write(file, asked)
    places = world.places(f"written-{split}")
    world.run(GenerateRequest(**places, policies=[world.speaker], prompts=str(file), settings=TWICE))
    answers = [
        Completion(response_id=f"{row.prompt_id}-{row.sample}", text=row.text, token_ids=row.token_ids)
        for row in rows_read(Path(places["out_dir"]) / RESPONSES, ResponseRecord)
    ]
    return [
        judged(prompt, sides, world.language, CAREFUL, VOTES, world.dice)
        for prompt, *sides in zip(asked, answers[::2], answers[1::2], strict=True)
        if sides[0].text != sides[1].text and all(side.text for side in sides)
    ]


QUESTIONS: dict[str, Callable[[World], Measured]] = {
    "calibration": calibration,
    "targets": targets,
    "ties": ties,
    "strength": strength,
    "criteria": criteria,
    "ensemble": ensemble,
    "dpo": dpo,
}


# --- numbers -----------------------------------------------------------------


def overall(model: RewardModel, rows: Sequence[Planted]) -> Numbers:
    """Leads of the first answers in the overall question, mean over the heads, shape (R,)."""
    return overall_leads(model, [row.record for row in rows])


def leads(rows: Sequence[Planted]) -> Numbers:
    return np.array([row.lead for row in rows])


def planted_shares(rows: Sequence[Planted]) -> Numbers:
    """The probabilities that vote shares estimate."""
    return np.array([row.prefer_first for row in rows])


def same_side(lead_R: Numbers, true_R: Numbers) -> float:
    """Share of the rows where both lead to the same side; a lead of 0 counts one half."""
    return float((np.sign(lead_R) * np.sign(true_R) + 1).mean() / 2)


def correlation(x_R: Numbers, y_R: Numbers) -> float:
    return float(np.corrcoef(x_R, y_R)[0, 1])


def best_accuracy(rows: Sequence[Planted], lead_R: Numbers) -> float:
    """Exact expected agreement of these leads with the majority of the votes, among decided comparisons.

    With the true leads it is the Bayes ceiling: no model can expect more, whatever it has learned.
    """
    better_R, worse_R = np.array([row.best for row in rows]).T
    right_R = np.sign(lead_R) == np.sign(leads(rows))
    return float(np.where(right_R, better_R, worse_R).sum() / (better_R + worse_R).sum())


def three_outcomes(lead_R: Numbers, law: str, width: float) -> Numbers:
    """Probabilities of (first, tie, second) under a law of ties, shape (R, 3); read from the engine's own losses."""
    loss = {"rao_kupper": rao_kupper, "davidson": davidson}[law]
    lead = torch.from_numpy(lead_R)

    def chance(prefer_first: float, tie_share: float) -> Numbers:
        targets = Targets(*(torch.full_like(lead, value) for value in (prefer_first, tie_share, 0.0)))
        chance_R: Numbers = np.exp(-loss(lead, targets, width).numpy())
        return chance_R

    return np.stack([chance(1.0, 0.0), chance(0.5, 1.0), chance(0.0, 0.0)], axis=1)


# --- the bench ---------------------------------------------------------------


def measured(seed: int, names: Sequence[str], size: Size) -> dict[str, Measured]:
    """The answers of one seed; each question draws its own rows."""
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        world = World.made(Path(folder), seed, size)
        return {name: QUESTIONS[name](world) for name in names}


def one_thread() -> None:
    """Two seeds side by side keep two cores busier than two threads keep one tiny model."""
    os.environ["TIEBREAK_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.planted", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--workers", type=int, default=2, help="seeds that are measured side by side, a thread each")
    parser.add_argument("--only", nargs="+", choices=QUESTIONS, default=list(QUESTIONS), help="some of the questions")
    arguments = parser.parse_args()
    began, load = time.monotonic(), os.getloadavg()[0]
    with ProcessPoolExecutor(arguments.workers, get_context("spawn"), one_thread) as pool:
        waiting = [pool.submit(measured, seed, arguments.only, Size()) for seed in range(arguments.seeds)]
        seeds = [each.result() for each in waiting]

    figures: dict[str, Any] = {}
    for name in arguments.only:
        rows = sum(seed[name].rows for seed in seeds)
        print(f"\n**{name}**: {QUESTIONS[name].__doc__} ({arguments.seeds} seeds, {rows:,} held-out rows)\n")
        print("| measure | mean over seeds [95 %] |\n|---|---|")
        figures[name] = {"rows": rows}
        for measure in seeds[0][name].values:
            interval = Interval.of([seed[name].values[measure] for seed in seeds])
            print(f"| {measure} | {interval} |")
            figures[name][measure] = {key: round(value, 4) for key, value in asdict(interval).items()}
    seconds = round(time.monotonic() - began)
    print(f"\n{seconds} s; load of the machine at the start {load:.1f}.")
    print(json.dumps({"seconds": seconds, "load": load, "seeds": arguments.seeds, "figures": figures}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
