"""Every agreement figure that is printed beside the real data, to its last printed digit.

The coefficients that we do not show (Conger, Brennan and Prediger) and the weights that
we do not use are built here from the same parts, because the sources print them in one table.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import krippendorff
import numpy as np
import pytest

from annotator.domain.agreement import Votes, chance, weights
from annotator.domain.agreement.chance import Chance
from annotator.domain.agreement.votes import Numbers, Patterns
from annotator.domain.shares import Z_95
from tests.real_data import real

Coefficient = Callable[[Numbers, Patterns, Numbers], Chance]


def once(votes: Votes | Patterns) -> tuple[Numbers, Patterns]:
    """Every comparison as it is, without resamples."""
    patterns = votes.patterns if isinstance(votes, Votes) else votes
    return patterns.times_P()[None].astype(float), patterns


def value(coefficient: Callable[..., Chance], votes: Votes | Patterns, *weight_KK: Numbers) -> float:
    return float(coefficient(*once(votes), *weight_KK).corrected_B[0])


def nominal(coefficient: Coefficient, votes: Votes | Patterns) -> float:
    patterns = once(votes)[1]
    return value(coefficient, patterns, weights.identity(patterns.position_K))


def printed(found: float, expected: float | str) -> None:
    """Equal to the digits that were printed."""
    digits = len(str(expected).partition(".")[2])
    assert f"{found:.{digits}f}" == f"{float(expected):.{digits}f}"


def lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def table(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from csv.DictReader(file)


# --- crowds and experts ---------------------------------------------------------------


@pytest.fixture(scope="module")
def pandalm() -> Votes:
    rows = list(lines(real("02c_pandalm/testset-v1.dev.jsonl.gz")))
    said = [(unit, rater, row[f"annotator{rater}"]) for unit, row in enumerate(rows) for rater in (1, 2, 3)]
    return Votes.of(*zip(*said, strict=True))


@pytest.mark.parametrize("pair", ["12", "13", "23"])
def test_cohen_of_pandalm(pandalm: Votes, pair: str) -> None:
    expected = json.loads(real("02c_pandalm/computed_reference.json").read_text())["dev"]
    said = [pandalm.answer_J[pandalm.rater_J == int(rater) - 1] for rater in pair]
    table_KK = np.bincount(said[0] * 3 + said[1], minlength=9).reshape(3, 3).astype(float)

    printed(float(chance.cohen(table_KK[None], np.eye(3)).corrected_B[0]), expected[f"cohen_{pair}"])


def test_fleiss_and_alpha_of_pandalm(pandalm: Votes) -> None:
    expected = json.loads(real("02c_pandalm/computed_reference.json").read_text())["dev"]

    printed(nominal(chance.fleiss, pandalm), expected["fleiss"])
    printed(nominal(chance.alpha, pandalm), expected["alpha_nominal"])


def test_alpha_of_llmfao() -> None:
    folder = real("02e_llmfao_llm_crowd_votes")
    rows = list(table(folder / "crowd-comparisons.dev_prompts.csv.gz"))
    votes = Votes.of([row["id"] for row in rows], [row["worker"] for row in rows], [row["winner"] for row in rows])

    printed(nominal(chance.alpha, votes), json.loads((folder / "computed_reference.json").read_text())["alpha_nominal"])


@dataclass(frozen=True)
class Expert:
    """A vote of a person in MT-Bench, and GPT-4's on the same pair, None where it was not asked."""

    pair: str
    person: str
    side: float
    judge: float | None


def experts(turn: int) -> list[Expert]:
    folder = real("02f_mtbench_human_votes")

    def pair(row: dict[str, Any]) -> str:
        return f"{row['question_id']} {row['model_a']} {row['model_b']} {row['turn']}"

    def side(row: dict[str, Any]) -> float:  # its inconsistent ties are ties
        return {"model_a": -1.0, "model_b": 1.0}.get(row["winner"], 0.0)

    judge = {pair(row): side(row) for row in lines(folder / "gpt4_pair_votes.jsonl.gz")}
    rows = [row for row in lines(folder / "human_votes.jsonl.gz") if turn in (row["turn"], 0)]
    return [Expert(pair(row), row["judge"], side(row), judge.get(pair(row))) for row in rows]


def votes_of(said: Sequence[Expert]) -> Votes:
    return Votes.of([one.pair for one in said], [one.person for one in said], [one.side for one in said])


@pytest.fixture(scope="module")
def mtbench() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(real("02f_mtbench_human_votes/computed_reference.json").read_text())
    return found


@pytest.mark.parametrize("turn", [1, 2])
def test_people_with_people_in_mtbench(mtbench: dict[str, Any], turn: int) -> None:
    """S1 counts ties, S2 only pairs of votes that both prefer a side; every pair of votes counts alike."""
    said = experts(turn)
    for setup, kept in (("S1", votes_of(said)), ("S2", votes_of([one for one in said if one.side]))):
        share, pairs = mtbench[f"turn{turn}"][f"human_vs_human_{setup}"]
        people_U = kept.counts_UK.sum(axis=1)

        assert int((people_U * (people_U - 1) // 2).sum()) == pairs
        printed(value(chance.pooled_percent, kept), share)


@pytest.mark.parametrize("turn", [1, 2])
def test_gpt4_with_people_in_mtbench(mtbench: dict[str, Any], turn: int) -> None:
    table_33 = np.zeros((3, 3))
    for one in experts(turn):
        if one.judge is not None:
            table_33[int(one.judge) + 1, int(one.side) + 1] += 1
    for setup, kept in (("S1", [0, 1, 2]), ("S2", [0, 2])):
        share, votes = mtbench[f"turn{turn}"][f"gpt4_vs_human_{setup}"]
        table_KK = table_33[np.ix_(kept, kept)]

        assert int(table_KK.sum()) == votes
        printed(float(chance.cohen(table_KK, np.eye(len(kept))).observed_B), share)


def test_alpha_of_mtbench(mtbench: dict[str, Any]) -> None:
    printed(nominal(chance.alpha, votes_of(experts(0))), mtbench["alpha_nominal"])


def test_alpha_of_ukpconvarg() -> None:
    folder = real("03a_ukpconvarg_pairwise_votes")
    said = [
        (f"{row['debate_file']} {row['id']}", vote["worker"], vote["value"])
        for row in lines(folder / "pairs.jsonl.gz")
        for vote in row["mTurkAssignments"]
    ]

    alpha = nominal(chance.alpha, Votes.of(*zip(*said, strict=True)))
    printed(alpha, json.loads((folder / "computed_reference.json").read_text())["alpha_nominal"])


def test_alpha_of_the_crowd_of_snow() -> None:
    folder = real("03b_snow_rte_temp")
    rows = list(lines(folder / "rte.labels.jsonl.gz"))
    said = [[row[name] for row in rows] for name in ("orig_id", "!amt_worker_ids", "response")]
    expected = json.loads((folder / "computed_reference.json").read_text())["alpha_nominal"]

    printed(nominal(chance.alpha, Votes.of(*said)), expected)


@pytest.mark.parametrize("model", ["gpt4", "llama2new", "llama2orig", "mistralguard", "mistralinstruct"])
def test_fleiss_of_xstest(model: str) -> None:
    folder = real("05_safety")
    rows = [row for row in lines(folder / "xstest_completions.dev.jsonl.gz") if row["model"] == model]
    said = [(row["id"], rater, row[f"annotation_{rater}"]) for row in rows for rater in (1, 2)]
    expected = json.loads((folder / "xstest_agreement.json").read_text())[model]["dev"]

    assert len(rows) == expected["n"]
    printed(nominal(chance.fleiss, Votes.of(*zip(*said, strict=True))), expected["fleiss"])


@pytest.mark.parametrize("language", ["tur-eng", "ron-eng"])
@pytest.mark.parametrize("kind", ["inter", "intra"])
def test_kappa_of_wmt16(language: str, kind: str) -> None:
    """Judgments are compared where the two systems stand in the same order; all pairs of judgments count as `inter`.

    `intra` compares each judge with the same judge, where they saw one of the segment's pairs again.
    """
    folder = real("02b_wmt16_human_ranking")
    expected = json.loads((folder / "published_agreement.json").read_text())[language][kind]
    rows = list(table(folder / f"wmt16.collapsed.{language}.csv.gz"))
    unit_J = [f"{row['segmentId']} {row['system1Id']} {row['system2Id']}" for row in rows]
    side_J = np.array([np.sign(int(row["system1rank"]) - int(row["system2rank"])) for row in rows], dtype=float)
    judge_J = [row["judgeID"] for row in rows]
    if kind == "inter":
        votes = Votes.of(unit_J, judge_J, side_J)
    else:
        votes = Votes.of([f"{unit} {judge}" for unit, judge in zip(unit_J, judge_J, strict=True)], judge_J, side_J)
        _names, sheet_J = np.unique([f"{row['segmentId']} {row['judgeID']}" for row in rows], return_inverse=True)
        again_J = votes.counts_UK.sum(axis=1)[votes.unit_J] > 1
        votes = votes.where(np.isin(sheet_J, sheet_J[again_J]))
    people_U = votes.counts_UK.sum(axis=1)
    found = chance.tie_rate_kappa(*once(votes))

    assert int((people_U * (people_U - 1) // 2).sum()) == int(expected["comparable"])
    assert int((votes.counts_UK * (votes.counts_UK - 1) // 2).sum()) == int(expected["agree"])
    assert (int((votes.answer_J == 1).sum()), len(votes.answer_J)) == (int(expected["ties"]), int(expected["total"]))
    printed(float(found.observed_B[0]), expected["pA"])
    printed(float(found.expected_B[0]), expected["pE"])
    printed(float(found.corrected_B[0]), expected["kappa"])


# --- textbooks ------------------------------------------------------------------------


def reference(name: str) -> dict[str, Any]:
    rows: list[dict[str, Any]] = json.loads(real("04_reference_values/references.dev.json").read_text())
    return next(row for row in rows if row["id"] == name)


def votes_by_rater(row: dict[str, Any]) -> Votes:
    said = [
        (unit, rater, given)
        for rater, ratings in row["ratings_by_rater"].items()
        for unit, given in enumerate(ratings)
        if given is not None
    ]
    return Votes.of(*zip(*said, strict=True))


@pytest.mark.parametrize("name", ["wikipedia_krippendorff", "irrCAC_raw_4raters", "irrCAC_raw_gender"])
def test_alphas_of_the_textbook_tables(name: str) -> None:
    row = reference(name)
    votes, expected = votes_by_rater(row), row["recomputed"] | row["expected"].get("krippendorff_alpha", {})
    found = {"alpha_nominal": nominal(chance.alpha, votes)}
    found["nominal"] = found["alpha_nominal"]
    if name != "irrCAC_raw_gender":  # its answers are words
        found["interval"] = found["alpha_interval"] = value(chance.alpha, votes, weights.quadratic(votes.position_K))
        found["alpha_ordinal_krippendorff"] = value(chance.ordinal_alpha, votes)
        found["alpha_ratio"] = value(chance.alpha, votes, WEIGHTS["ratio"](votes.position_K))

    for kind in expected:
        printed(found[kind], expected[kind])


def test_alpha_of_nltks_easy_example() -> None:
    row = reference("nltk_easy")
    raters, units, given = zip(*row["triples"], strict=True)

    printed(nominal(chance.alpha, Votes.of(units, raters, given)), row["expected"]["krippendorff_alpha"]["nominal"])


def test_alpha_of_evalicas_codings() -> None:
    """904/1216, says its source."""
    rows = list(csv.reader(real("04_reference_values/evalica/codings.csv").read_text().splitlines()))
    said = [(unit, rater, float(cell)) for rater, row in enumerate(rows) for unit, cell in enumerate(row) if cell]

    assert nominal(chance.alpha, Votes.of(*zip(*said, strict=True))) == pytest.approx(904 / 1216, abs=1e-12)


def test_fleiss_of_the_diagnoses_of_1971() -> None:
    row = reference("fleiss_1971_diagnoses")
    counts_UK = [[ratings.count(category) for category in range(1, 6)] for ratings in row["ratings_by_item"]]

    printed(nominal(chance.fleiss, Patterns.of_counts(counts_UK)), row["expected"]["fleiss_kappa"])


def test_fleiss_of_wikipedia() -> None:
    row = reference("wikipedia_fleiss")

    printed(nominal(chance.fleiss, Patterns.of_counts(row["counts"])), f"{row['expected']['fleiss_kappa']:.3f}")


def test_cohen_of_the_example_of_sas() -> None:
    row = reference("sas_cohen_3x3")
    table_KK, expected = np.array(row["table"], dtype=float), row["expected"]
    by_length = weights.linear(np.arange(3.0))

    printed(float(chance.cohen(table_KK, np.eye(3)).corrected_B), expected["cohen_kappa"])
    printed(float(chance.cohen(table_KK, by_length).corrected_B), expected["linear_weighted_kappa"])
    printed(standard_error_of_cohen(table_KK, np.eye(3)), expected["se"])
    printed(standard_error_of_cohen(table_KK, by_length), expected["linear_weighted_se"])
    for bound, sign in zip(expected["ci95"], (-1, 1), strict=True):
        kappa, error = (
            float(chance.cohen(table_KK, np.eye(3)).corrected_B),
            standard_error_of_cohen(table_KK, np.eye(3)),
        )
        printed(kappa + sign * Z_95 * error, bound)


def standard_error_of_cohen(table_KK: Numbers, weight_KK: Numbers) -> float:
    """By the delta method on the cells: sqrt(Σ p d²), d the derivative of kappa along one more judgment in the cell."""
    cells, step = table_KK.size, 1e-6
    share_KK = table_KK / table_KK.sum()
    moved = share_KK + step * (np.eye(cells).reshape(cells, *table_KK.shape) - share_KK)
    kappa = float(chance.cohen(share_KK, weight_KK).corrected_B)
    slope_C = (chance.cohen(moved, weight_KK).corrected_B - kappa) / step
    return float(np.sqrt((share_KK.ravel() * slope_C**2).sum() / table_KK.sum()))


# --- the table of irrCAC ----------------------------------------------------------------


def linked(of: Callable[[Numbers, Numbers], Numbers]) -> Callable[[Numbers], Numbers]:
    """Weights from a distance, scaled so that the farthest two answers weigh 0."""

    def made(position_K: Numbers) -> Numbers:
        apart_KK = of(position_K[:, None], position_K[None])
        near_KK: Numbers = 1 - apart_KK / apart_KK.max()
        return near_KK

    return made


def bipolar(one: Numbers, other: Numbers) -> Numbers:
    low, high = one.min(), one.max()
    below = (one + other - 2 * low) * (2 * high - one - other)
    apart: Numbers = np.divide((one - other) ** 2, below, out=np.zeros_like(below), where=below > 0)
    return apart


# Gwet (2014), Handbook of Inter-Rater Reliability, appendix on weights; answers are 1, 2, 3, …
WEIGHTS: dict[str, Callable[[Numbers], Numbers]] = {
    "nominal/identity": weights.identity,
    "linear": weights.linear,
    "quadratic": weights.quadratic,
    "ordinal": linked(lambda one, other: (abs(one - other) + 1) * abs(one - other) / 2),
    "radical": linked(lambda one, other: np.sqrt(abs(one - other))),
    "ratio": linked(lambda one, other: ((one - other) / (one + other)) ** 2),
    "circular": linked(lambda one, other: np.sin(np.pi * (one - other) / np.size(one)) ** 2),
    "bipolar": linked(bipolar),
}


def brennan_prediger(times_BP: Numbers, patterns: Patterns, weight_KK: Numbers) -> Chance:
    """Chance takes every answer as common."""
    observed_B = chance.observed(times_BP, patterns, weight_KK)
    return Chance(observed_B, np.full_like(observed_B, weight_KK.mean()))


def conger_of(votes: Votes) -> Coefficient:
    """Cohen's kappa of several raters: the mean over pairs of raters of the agreement expected of each pair."""
    given_URK = np.zeros((votes.units, votes.raters, len(votes.position_K)))
    given_URK[votes.unit_J, votes.rater_J, votes.answer_J] = 1

    def conger(times_BU: Numbers, patterns: Patterns, weight_KK: Numbers) -> Chance:
        """For patterns that are one comparison each."""
        counts_BRK = np.tensordot(times_BU, given_URK, 1)
        share_BRK = counts_BRK / counts_BRK.sum(axis=2, keepdims=True)
        near_BRR = share_BRK @ weight_KK @ share_BRK.transpose(0, 2, 1)
        expected_B = near_BRR[:, ~np.eye(votes.raters, dtype=bool)].mean(axis=1)
        return Chance(chance.observed(times_BU, patterns, weight_KK), expected_B)

    return conger


def one_by_one(votes: Votes) -> Patterns:
    """Each comparison a pattern of its own."""
    return Patterns(votes.counts_UK.astype(float), np.arange(votes.units), votes.position_K)


COEFFICIENTS: dict[str, Coefficient] = {
    "krippendorff": chance.alpha,
    "fleiss": chance.fleiss,
    "gwet": chance.gwet,
    "bp": brennan_prediger,
}


@pytest.mark.parametrize(
    ("name", "weighing"),
    [*(("irrCAC_raw_4raters", weighing) for weighing in WEIGHTS), ("irrCAC_raw_gender", "nominal/identity")],
)
def test_the_coefficients_of_irrcac_and_their_standard_errors(name: str, weighing: str) -> None:
    row = reference(name)
    votes = votes_by_rater(row)
    patterns, weight_KK = one_by_one(votes), WEIGHTS[weighing](votes.position_K)
    coefficients = {**COEFFICIENTS, "conger": conger_of(votes)}

    for code, expected in row["expected"].items():
        found = coefficients[code](np.ones((1, votes.units)), patterns, weight_KK)
        printed(float(found.corrected_B[0]), f"{expected[weighing]['value']:.3f}")
        if "se" in expected[weighing]:
            error = standard_error_of_alpha if code == "krippendorff" else standard_error
            printed(error(coefficients[code], patterns, weight_KK), f"{expected[weighing]['se']:.3f}")


def standard_error(coefficient: Coefficient, patterns: Patterns, weight_KK: Numbers) -> float:
    """Gwet (2008, 2014): that of a mean over comparisons, each with its own observed agreement and pull on chance."""
    units = len(patterns.counts_PK)
    found = coefficient(np.ones((1, units)), patterns, weight_KK)
    kappa, expected = float(found.corrected_B[0]), float(found.expected_B[0])
    own_U = chance.observed(np.eye(units)[patterns.has_pair_P], patterns, weight_KK)
    linear_U = np.zeros(units)
    linear_U[patterns.has_pair_P] = (own_U - expected) / (1 - expected) * units / len(own_U)
    pull_U = slopes(lambda times: coefficient(times, patterns, weight_KK).expected_B, np.ones(units))
    return mean_error(linear_U - (1 - kappa) * pull_U / (1 - expected))


def standard_error_of_alpha(coefficient: Coefficient, patterns: Patterns, weight_KK: Numbers) -> float:
    """The same, of comparisons with two answers or more and without the correction for few answers.

    That correction vanishes where every comparison comes a billion times. irrCAC keeps it in one place: where it
    allows for comparisons that differ in size.
    """
    pairs = Patterns(patterns.counts_PK[patterns.has_pair_P], patterns.of_unit_U, patterns.position_K)
    often_U, size_U = np.full(len(pairs.counts_PK), 1e9), pairs.size_P
    found = coefficient(often_U[None], pairs, weight_KK)
    slope_U = slopes(lambda times: coefficient(times, pairs, weight_KK).corrected_B, often_U)
    corrected_by = (1 - float(found.observed_B[0])) / size_U.sum() / (1 - float(found.expected_B[0]))
    return mean_error(slope_U - corrected_by * (size_U / size_U.mean() - 1))


def slopes(of: Callable[[Numbers], Numbers], times_U: Numbers) -> Numbers:
    """How a value moves along each comparison's share of all."""
    units, step = len(times_U), 1e-6
    slope_U: Numbers = units * (of(times_U * (1 + step * np.eye(units))) - of(times_U[None])) / step
    return slope_U


def mean_error(value_U: Numbers) -> float:
    return float(value_U.std(ddof=1) / np.sqrt(len(value_U)))


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
@pytest.mark.parametrize("name", ["wikipedia_krippendorff", "irrCAC_raw_4raters"])
def test_alpha_is_what_the_library_says(name: str, level: Literal["nominal", "ordinal", "interval"]) -> None:
    votes = votes_by_rater(reference(name))
    ours = {
        "nominal": lambda: nominal(chance.alpha, votes),
        "ordinal": lambda: value(chance.ordinal_alpha, votes),
        "interval": lambda: value(chance.alpha, votes, weights.quadratic(votes.position_K)),
    }
    theirs = krippendorff.alpha(value_counts=votes.counts_UK, value_domain=votes.position_K, level_of_measurement=level)

    assert ours[level]() == pytest.approx(theirs, abs=1e-12)
