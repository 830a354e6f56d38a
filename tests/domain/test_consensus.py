"""What all judgments together teach, in each of the ways to say it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.domain.aggregation import Consensus, Judgments, target_of, targets_of
from annotator.domain.verdicts import Outcome, Verdict
from tests.domain.planted import planted

said = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 3), st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0])), max_size=30
)
Said = list[tuple[int, int, float]]


def judged(rows: Said) -> Judgments:
    comparison, rater, value = zip(*rows, strict=True) if rows else ([], [], [])
    return Judgments.of(comparison, rater, value, comparisons=5, raters=4)


@given(said)
def test_vote_shares_of_all_are_those_of_each(rows: Said) -> None:
    targets = targets_of(judged(rows), Consensus.VOTES)

    for comparison in range(5):
        values = [value for c, _rater, value in rows if c == comparison]
        alone = target_of([Verdict(Outcome.PREFER if value else Outcome.TIE, value) for value in values])
        found = targets.of(comparison)
        assert (found is None) == (alone is None)
        if found and alone:
            assert found.prefer_first == pytest.approx(alone.prefer_first)
            assert (found.weight, found.tie_share) == pytest.approx((alone.weight, alone.tie_share))
            assert found.strength == pytest.approx(alone.strength)


@settings(max_examples=50)
@given(said, st.sampled_from(Consensus))
def test_every_target_is_one_that_training_takes(rows: Said, consensus: Consensus) -> None:
    """Half of the ties counts for each side, so no more of them fit than that."""
    targets = targets_of(judged(rows), consensus)

    for comparison in range(5):
        target = targets.of(comparison)
        assert (target is None) == (comparison not in {c for c, _rater, _value in rows})
        if target:
            assert 0 <= target.tie_share / 2 <= min(target.prefer_first, 1 - target.prefer_first) + 1e-9
            assert target.weight > 0
            assert 0 <= target.strength <= 1


@pytest.mark.parametrize("consensus", [Consensus.DAWID_SKENE, Consensus.JOINT])
def test_votes_of_coins_weigh_less_than_those_of_people_who_look(consensus: Consensus) -> None:
    crowd = planted(seed=11, comparisons=1500, raters=30, coins=10)
    judgments = crowd.judgments
    looked_C = np.bincount(judgments.comparison_J, weights=judgments.rater_J >= 10)

    weight_C = targets_of(judgments, consensus).weight_C

    assert weight_C[looked_C <= 2].mean() < 0.7 * weight_C[looked_C >= 4].mean()


@pytest.mark.parametrize("consensus", Consensus)
def test_the_mean_strength_is_that_of_the_decided_judgments(consensus: Consensus) -> None:
    """Two alike raters, one clearly for first, one slightly for second, one without a difference: (1 + ½) / 2."""
    target = targets_of(judged([(0, 0, -1.0), (0, 1, 0.5), (0, 2, 0.0)]), consensus).of(0)

    assert target is not None
    assert target.strength == pytest.approx(0.75, abs=0.05)


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="rater must be within 0 and 1"):
        Judgments.of([0], [2], [1.0], raters=2)
    with pytest.raises(ValueError, match="value must be within -1 and 1"):
        Judgments.of([0], [0], [2.0])
    with pytest.raises(ValueError, match="shapes differ"):
        Judgments.of([0, 1], [0], [1.0])
