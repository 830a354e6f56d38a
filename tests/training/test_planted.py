"""The engine finds a truth that was planted: how good each answer is, and how noisily people said so.

The small version of `python -m bench.planted`, whose figures stand in docs/truth.md.
"""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.language import Language, Raters, answer, is_grammatical, majority_chances
from bench.planted import (
    CAREFUL,
    NOISY,
    TONE,
    TYING,
    best_accuracy,
    leads,
    overall,
    planted_shares,
    three_outcomes,
    written_and_judged,
)
from bench.scoring import Interval, calibration_slope, entropy, leads_of, log_loss, probability
from bench.world import Size, World
from training.config import DpoSettings, SamplingSettings
from training.contract import RESPONSES, DpoRequest, GenerateRequest, ResponseRecord, rows_read, rows_write

pytestmark = pytest.mark.engine
SMALL = Size(demonstrations=1600, train=320, holdout=160, reward_epochs=4)


@pytest.fixture(scope="module")
def speaking(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world whose speaker has learnt the grammar, which takes seconds."""
    return World.made(tmp_path_factory.mktemp("world"), 0, SMALL)


@pytest.fixture
def world(speaking: World, tmp_path: Path) -> World:
    """The same with a folder and dice of its own: what a test draws does not depend on the tests before it."""
    return replace(speaking, folder=tmp_path, dice=random.Random(1))


# --- the truth itself ---------------------------------------------------------


def test_length_alone_tells_nothing_about_worth() -> None:
    """Worths of a class sum to zero, so clauses are worth nothing on average, and so is their number."""
    dice = random.Random(1)
    language = Language.drawn(dice, spread=2.0)
    texts = [answer(dice) for _ in range(4000)]

    correlation = np.corrcoef([len(text.split()) for text in texts], [language.worth(text) for text in texts])[0, 1]

    assert abs(correlation) < 3 / math.sqrt(len(texts))
    assert all(map(is_grammatical, texts))
    assert not is_grammatical("wug dax blicks")


def test_a_rater_follows_the_law_of_rao_and_kupper() -> None:
    """At lead 1, width 1/2 and no flips: first s(1/2) = 0.622, second s(-3/2) = 0.182, tie the rest, 0.195."""
    raters = Raters(flips=(0.0, 0.2), tie_width=0.5)
    dice = random.Random(2)

    said = [raters.judgment(1.0, 0, dice)[0] for _ in range(20_000)]

    assert raters.chances(1.0, 0) == pytest.approx((0.6225, 0.1951, 0.1824), abs=1e-4)
    assert [said.count(side) / len(said) for side in (1, 0, -1)] == pytest.approx(raters.chances(1.0, 0), abs=0.015)
    mixed = (0.8 * 0.6225 + 0.2 * 0.1824, 0.1951, 0.2 * 0.6225 + 0.8 * 0.1824)
    assert raters.chances(1.0, 1) == pytest.approx(mixed, abs=1e-4)


def test_the_chance_of_a_majority_is_exact() -> None:
    """Two of three, or more, among raters who choose first with 0.9, 0.6 and 0.5: all 8 outcomes added up."""
    chances = [(0.9, 0.0, 0.1), (0.6, 0.0, 0.4), (0.5, 0.0, 0.5)]
    expected = sum(
        math.prod(rater[0 if vote else 2] for rater, vote in zip(chances, votes, strict=True))
        for votes in itertools.product((True, False), repeat=3)
        if sum(votes) >= 2
    )

    assert majority_chances(chances) == pytest.approx((expected, 1 - expected))
    assert majority_chances([(0.5, 0.2, 0.3)] * 2) == pytest.approx((0.25 + 0.2, 0.09 + 0.12))


def test_few_seeds_get_the_wide_interval_of_student() -> None:
    """1, 2, 3: mean 2, standard error 1 / sqrt 3, and 4.303 of them either way with 2 degrees of freedom."""
    interval = Interval.of([1.0, 2.0, 3.0])

    assert (interval.mean, interval.low, interval.high) == pytest.approx((2, 2 - 4.303 / 3**0.5, 2 + 4.303 / 3**0.5))


# --- what is learned ----------------------------------------------------------


def test_a_reward_model_comes_close_to_the_best_there_is(world: World) -> None:
    train, held = world.comparisons("train", CAREFUL), world.comparisons("holdout", CAREFUL)

    lead_R = overall(world.reward_model("close", train, held)[0], held)

    ceiling, prefer_R = best_accuracy(held, leads(held)), planted_shares(held)
    assert ceiling - 0.06 < best_accuracy(held, lead_R) <= ceiling
    assert 0.6 < calibration_slope(lead_R, prefer_R) < 1.5
    assert np.abs(probability(lead_R) - prefer_R).mean() < 0.12


def test_vote_shares_teach_more_than_majorities(world: World) -> None:
    train, held = world.comparisons("train", NOISY), world.comparisons("holdout", NOISY)

    votes, majority = (
        log_loss(overall(world.reward_model(f"t-{name}", train, held, targets=name)[0], held), planted_shares(held))
        for name in ("votes", "majority")
    )

    assert votes < majority
    assert votes < math.log(2)
    assert votes >= entropy(planted_shares(held))


def test_a_law_of_ties_gives_back_how_often_people_tie(world: World) -> None:
    train, held = world.comparisons("train", TYING), world.comparisons("holdout", TYING)

    model, _ = world.reward_model("ties", train, held, ties="rao_kupper", tie_width=TYING.tie_width)

    planted = np.array([row.chances[1] for row in held])
    predicted = three_outcomes(overall(model, held), "rao_kupper", TYING.tie_width)[:, 1]
    assert predicted.mean() == pytest.approx(planted.mean(), abs=0.06)
    assert np.corrcoef(predicted, planted)[0, 1] > 0.5


def test_each_criterion_learns_its_own_truth(world: World) -> None:
    other = {TONE: Language.drawn(random.Random(3), 2.0)}
    train, held = (world.comparisons(split, CAREFUL, criteria=other) for split in ("train", "holdout"))

    model, _ = world.reward_model("criteria", train, held)

    lead_RC = leads_of(model, [row.record for row in held]).mean(-1)
    truths = (leads(held), np.array([row.leads[TONE] for row in held]))
    own = [np.corrcoef(lead_RC[:, place], truth)[0, 1] for place, truth in enumerate(truths)]
    across = [np.corrcoef(lead_RC[:, place], truth)[0, 1] for place, truth in enumerate(truths[::-1])]
    assert model.questions == ["overall", TONE]
    assert min(own) > 0.7
    assert min(own) > max(across) + 0.2


def test_the_child_s_answers_are_worth_more_than_its_parent_s(world: World) -> None:
    """The whole turn: answers of the parent, judged by noisy raters, teach a child that writes better ones."""
    snapshot = world.snapshot("turn", written_and_judged(world, "train"))
    request = DpoRequest(
        **world.places("child"),
        parent=world.speaker,
        snapshot_dir=str(snapshot),
        settings=DpoSettings(max_steps=60, learning_rate=1e-3, layout="separate"),
    )
    rows_write(world.folder / "fresh.jsonl", world.prompts("holdout"))

    world.run(request)
    child = world.speaker.model_copy(update={"label": "child", "adapter": request.out_dir})
    written = GenerateRequest(
        **world.places("fresh"),
        policies=[world.speaker, child],
        prompts=str(world.folder / "fresh.jsonl"),
        settings=SamplingSettings(answers_per_prompt=1, max_new_tokens=16, batch_size=256),
    )
    world.run(written)

    answers = list(rows_read(Path(written.out_dir) / RESPONSES, ResponseRecord))
    theirs, ours = (
        [world.language.worth(row.text) for row in answers if row.policy == label] for label in ("parent", "child")
    )
    gain = Interval.of([after - before for before, after in zip(theirs, ours, strict=True)])
    assert gain.low > 0.5
