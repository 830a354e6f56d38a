"""Raters made of a rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.domain.raters import RuleRater, RuleUnknown, rule_of


@pytest.mark.parametrize(
    ("rule", "left", "right", "answer"),
    [
        ("shorter", "ab", "abc", "a"),
        ("shorter", "abc", "ab", "b"),
        ("shorter", "ab", "cd", "tie"),
        ("longer", "ab", "abc", "b"),
        ("longer", "ab", "cd", "tie"),
        ("matches:(?i)please", "Please wait", "Wait", "a"),
        ("matches:(?i)please", "Wait", "please", "b"),
        ("matches:please", "please", "please do", "tie"),
        ("lacks:sorry", "sorry", "fine", "b"),
        ("lacks:sorry", "fine", "good", "tie"),
        ("matches:a:b", "a:b", "ab", "a"),
    ],
)
def test_a_rule_prefers_what_it_says(rule: str, left: str, right: str, answer: str) -> None:
    assert rule_of(rule)(left, right) == answer


@pytest.mark.parametrize("rule", ["", "short", "shorter:", "matches", "matches:", "lacks:["])
def test_an_unknown_rule_is_refused(rule: str) -> None:
    with pytest.raises(RuleUnknown):
        rule_of(rule)


@given(left=st.text(), right=st.text(), seed=st.integers(), noise=st.floats(0, 1), tie=st.booleans())
def test_the_shown_order_changes_nothing(left: str, right: str, seed: int, noise: float, tie: bool) -> None:
    """Mirrored sides give the mirrored answer, errors included."""
    rater = RuleRater("sim-1", rule_of("shorter"), noise, seed)
    mirrored = {"a": "b", "b": "a", "tie": "tie"}

    if left != right:
        answer = rater.answer(left, right, tie_is_allowed=tie)
        assert rater.answer(right, left, tie_is_allowed=tie) == mirrored[answer]


def test_a_share_of_the_answers_is_wrong() -> None:
    """Of 2,000 answers with noise 0.1, 200 ± 4 standard deviations of 13.4 are wrong."""
    rater = RuleRater("sim-1", rule_of("shorter"), 0.1, seed=1)
    wrong = sum(rater.answer(f"{n}", f"{n} and more") == "b" for n in range(2000))

    assert 146 < wrong < 254


def test_two_raters_err_on_different_comparisons() -> None:
    """Both wrong on the same comparison happens in 1 of 4 with noise ½, so 500 ± 80 of 2,000."""
    one, two = (RuleRater(name, rule_of("shorter"), 0.5) for name in ("sim-1", "sim-2"))
    both = sum(one.answer(f"{n}", f"{n}!") == two.answer(f"{n}", f"{n}!") == "b" for n in range(2000))

    assert 420 < both < 580


def test_without_a_tie_button_a_coin_decides() -> None:
    rater = RuleRater("sim-1", rule_of("shorter"))
    answers = {rater.answer(f"{n:03}", f"{n + 1:03}", tie_is_allowed=False) for n in range(50)}

    assert answers == {"a", "b"}
