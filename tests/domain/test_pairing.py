from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from annotator.domain.pairing import Candidate, pairs_for_prompt

candidates = st.lists(
    st.tuples(st.sampled_from(["parent", "child"]), st.sampled_from(["yes", "no", "maybe", "later"])), max_size=8
).map(lambda rows: [Candidate(number, origin, text) for number, (origin, text) in enumerate(rows)])


def test_pairs_across_checkpoints_come_first_and_every_answer_is_used_once_before_twice() -> None:
    answers = [Candidate(n, "parent" if n < 2 else "child", f"text {n}") for n in range(4)]

    pairs = pairs_for_prompt(answers, wanted=2, rng=random.Random(0))

    assert Counter(n for pair in pairs for n in pair) == {0: 1, 1: 1, 2: 1, 3: 1}
    assert all({answers[a].origin, answers[b].origin} == {"parent", "child"} for a, b in pairs)


@given(candidates, st.integers(0, 10), st.integers())
def test_no_pair_repeats_or_compares_identical_texts(answers: list[Candidate], wanted: int, seed: int) -> None:
    pairs = pairs_for_prompt(answers, wanted=wanted, rng=random.Random(seed))

    assert len(pairs) <= wanted
    assert len({frozenset(pair) for pair in pairs}) == len(pairs)
    assert all(answers[a].text != answers[b].text for a, b in pairs)


def test_who_is_first_is_chance() -> None:
    answers = [Candidate(0, "parent", "a"), Candidate(1, "child", "b")]

    firsts = Counter(pairs_for_prompt(answers, wanted=1, rng=random.Random(seed))[0][0] for seed in range(400))

    assert 150 < firsts[0] < 250  # five standard deviations of a fair coin
