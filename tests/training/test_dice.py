"""A dice picks each token as often as its probability says."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.config import SamplingSettings
from training.dice import dice_of, tokens_drawn

EVENLY = (torch.arange(8000, dtype=torch.float64) + 0.5) / 8000


def test_dice_depend_on_their_name_alone() -> None:
    assert dice_of("0/parent/p1/0", 5) == dice_of("0/parent/p1/0", 200)[:5]
    assert dice_of("0/parent/p1/0", 5) != dice_of("0/parent/p1/1", 5)
    assert all(0 <= number < 1 for number in dice_of("0/parent/p1/0", 200))


def test_temperature_0_takes_the_likeliest() -> None:
    logits = torch.tensor([[0.0, 2.0, 1.0]])

    assert tokens_drawn(logits, torch.tensor([0.999]).double(), SamplingSettings(temperature=0)).item() == 1


def test_frequencies_follow_the_probabilities() -> None:
    """Evenly spread dice draw each token exactly as often as its share: 0.5, 0.3 and 0.2 of 8,000."""
    logits = torch.tensor([0.5, 0.3, 0.2]).log().expand(8000, 3)

    assert Counter(tokens_drawn(logits, EVENLY, SamplingSettings()).tolist()) == {0: 4000, 1: 2400, 2: 1600}


def test_top_p_keeps_the_likeliest_tokens_that_hold_it() -> None:
    """0.5 + 0.3 reaches 0.7, so the third token is never drawn, and the other two keep their ratio 5 : 3."""
    logits = torch.tensor([0.2, 0.5, 0.3]).log().expand(8000, 3)

    drawn = Counter(tokens_drawn(logits, EVENLY, SamplingSettings(top_p=0.7)).tolist())

    assert drawn == {1: 5000, 2: 3000}


def test_top_p_looks_at_the_whole_vocabulary_where_it_must() -> None:
    """Of 1,000 equally likely tokens, half the probability is 500 tokens, more than are looked at first."""
    drawn = tokens_drawn(torch.zeros(8000, 1000), EVENLY, SamplingSettings(top_p=0.5))

    assert set(Counter(drawn.tolist()).values()) == {16}


@given(st.integers(1, 1000), st.integers(0, 2**32), st.floats(0, 1, exclude_max=True))
def test_blocks_change_no_token(vocabulary: int, seed: int, dice: float) -> None:
    """The plain definition: the first token whose cumulative probability passes the dice."""
    logits = torch.randn(1, vocabulary, generator=torch.Generator().manual_seed(seed)) * 5
    until = logits.softmax(-1).double().cumsum(-1)

    token = tokens_drawn(logits, torch.tensor([dice]).double(), SamplingSettings())

    assert token.item() == pytest.approx((until <= dice * until[:, -1]).sum().item(), abs=0)


@given(st.floats(0, 1, exclude_max=True), st.floats(0.01, 5), st.floats(0.01, 1))
def test_every_dice_draws_a_token_that_is_possible(dice: float, temperature: float, top_p: float) -> None:
    logits = torch.tensor([[-1e30, 0.0, 1.0, -1e30]])

    token = tokens_drawn(logits, torch.tensor([dice]).double(), SamplingSettings(temperature=temperature, top_p=top_p))

    assert token.item() in (1, 2)


@pytest.mark.parametrize("dice", [0.0, 0.5, 1 - 2**-53])
def test_a_dice_between_blocks_draws_a_token_that_is_possible(dice: float) -> None:
    """Two possible tokens, the first of one block and the last of the next: 0.5 is exactly where they meet."""
    logits = torch.full((1, 256), -torch.inf)
    logits[0, [0, 255]] = 0.0

    assert tokens_drawn(logits, torch.tensor([dice]).double(), SamplingSettings()).item() == (0 if dice == 0 else 255)
