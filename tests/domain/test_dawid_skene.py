"""Dawid and Skene's model, against what was published and against what must hold."""

from __future__ import annotations

import gzip
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.domain.aggregation import DawidSkene, dawid_skene_fit
from bench.real_votes import ENTAILMENT, entailment
from tests.real_data import real


def fitted(rows: list[tuple[int, int, int]], *, comparisons: int, raters: int, answers: int) -> DawidSkene:
    comparison, rater, said = np.array(rows).T
    return dawid_skene_fit(comparison, rater, said, comparisons=comparisons, raters=raters, answers=answers)


@pytest.fixture(scope="module")
def anaesthetists() -> Path:
    return real("03c_dawid_skene_1979")


def test_the_anaesthetists_of_1979_come_out_as_published(anaesthetists: Path) -> None:
    """45 patients, five raters, the first of them three times; the paper's classes have shares .40, .42, .11, .07."""
    with gzip.open(anaesthetists / "anesthesia.dev.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    published = json.loads((anaesthetists / "em_reference.dev.json").read_text())

    found = fitted(
        [(row["item"] - 1, row["rater"] - 1, row["rating"] - 1) for row in rows], comparisons=45, raters=5, answers=4
    )

    assert found.converged
    assert found.share_T == pytest.approx([0.40, 0.42, 0.11, 0.07], abs=0.005)
    assert found.confusion_RTL == pytest.approx(np.array(published["rater_confusion(rater,true,given)"]), abs=1e-4)
    likeliest = {str(item): int(place) + 1 for item, place in enumerate(found.posterior_CT.argmax(1), start=1)}
    assert likeliest == published["most_likely_class_by_item"]


def test_experts_are_met_more_often_than_by_majority() -> None:
    """800 questions with ten votes each (Snow et al., 2008): 0.9275, where majorities reach 0.897."""
    votes = entailment(real(ENTAILMENT))
    judgments = votes.judgments
    said_J = judgments.said_J // 2  # no ties here: 0 first, 1 second

    found = dawid_skene_fit(
        judgments.comparison_J, judgments.rater_J, said_J,
        comparisons=judgments.comparisons, raters=judgments.raters, answers=2,
    )  # fmt: skip

    named_C = np.where(found.posterior_CT[:, 0] > 0.5, 1, -1)
    majority_C = np.bincount(judgments.comparison_J, weights=-judgments.value_J)
    assert (named_C == votes.truth_C).mean() == 0.9275
    assert (np.sign(majority_C) * votes.truth_C + 1).mean() / 2 == pytest.approx(0.8969, abs=1e-4)


def test_raters_who_always_agree_are_taken_at_their_word() -> None:
    found = fitted([(c, r, c % 3) for c in range(12) for r in range(3)], comparisons=12, raters=3, answers=3)

    assert found.posterior_CT.argmax(1).tolist() == [c % 3 for c in range(12)]
    assert found.confusion_RTL == pytest.approx(np.array([np.eye(3)] * 3))
    # Log of three equally common answers: what a faultless judgment tells.
    assert found.information_R == pytest.approx([np.log(3)] * 3)


def test_a_coin_tells_nothing_and_is_overruled() -> None:
    """Two raters agree on all of eight comparisons; the third says first and second by turns, whatever is true."""
    rows = [(c, r, c // 4) for c in range(8) for r in range(2)] + [(c, 2, c % 2) for c in range(8)]

    found = fitted(rows, comparisons=8, raters=3, answers=2)

    assert found.posterior_CT.argmax(1).tolist() == [c // 4 for c in range(8)]
    assert found.information_R[2] == pytest.approx(0, abs=1e-9)


def test_what_nobody_judged_gets_the_common_shares() -> None:
    found = fitted([(0, 0, 0), (1, 0, 1), (2, 0, 0)], comparisons=4, raters=2, answers=2)

    assert found.posterior_CT[3] == pytest.approx(found.share_T)
    assert np.isfinite(found.confusion_RTL).all()


def test_without_any_judgment_there_is_nothing_to_fit() -> None:
    nothing = np.zeros(0, np.int64)

    with pytest.raises(ValueError, match="no judgment"):
        dawid_skene_fit(nothing, nothing, nothing, comparisons=1, raters=1, answers=2)


rows_of_votes = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=40)


@given(rows_of_votes, st.permutations(range(6)), st.permutations(range(4)), st.permutations(range(3)))
def test_new_numbers_for_comparisons_raters_and_answers_change_nothing_else(
    rows: list[tuple[int, int, int]],
    comparisons: list[int],
    raters: list[int],
    answers: list[int],
) -> None:
    """Ten turns, before rounding can lead EM from a saddle to either side."""
    renumbered = [(comparisons[c], raters[r], answers[y]) for c, r, y in rows]
    fit = partial(dawid_skene_fit, comparisons=6, raters=4, answers=3, rounds=10)

    before = fit(*np.array(rows).T)
    after = fit(*np.array(renumbered).T)

    assert after.posterior_CT[comparisons][:, answers] == pytest.approx(before.posterior_CT, abs=1e-6)
    assert after.confusion_RTL[raters][:, answers][:, :, answers] == pytest.approx(before.confusion_RTL, abs=1e-4)
