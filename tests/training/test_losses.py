"""Losses are pure arithmetic: worked on paper here, then as properties."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from training import losses

LN2 = math.log(2)
margins = st.floats(-30, 30)
shares = st.floats(0, 1)
weights = st.floats(0.1, 10)


def one(value: float) -> Tensor:
    return torch.tensor([value], dtype=torch.float64)


def test_a_unanimous_vote_costs_the_log_of_the_probability_given_to_it() -> None:
    """Margin ln 3 means s(m) = 3/4, so the loss is ln(4/3) for the winner and ln 4 for the loser."""
    margin = one(math.log(3))

    assert losses.pairwise_loss(margin, one(1.0), one(1.0)).item() == pytest.approx(math.log(4 / 3))
    assert losses.pairwise_loss(margin, one(0.0), one(1.0)).item() == pytest.approx(math.log(4))


def test_a_split_vote_costs_the_mean_of_both_outcomes() -> None:
    """Two of three judges for first at s(m) = 3/4: 2/3 ln(4/3) + 1/3 ln 4."""
    loss = losses.pairwise_loss(one(math.log(3)), one(2 / 3), one(1.0))

    assert loss.item() == pytest.approx(2 / 3 * math.log(4 / 3) + 1 / 3 * math.log(4))


def test_weights_are_relative_and_count_like_repeated_rows() -> None:
    margin, prefer = torch.tensor([0.5, -1.0]), torch.tensor([1.0, 1.0])

    weighted = losses.pairwise_loss(margin, prefer, torch.tensor([3.0, 1.0]))
    repeated = losses.pairwise_loss(
        torch.tensor([0.5, 0.5, 0.5, -1.0]), torch.ones(4), torch.tensor([7.0, 7.0, 7.0, 7.0])
    )

    assert weighted.item() == pytest.approx(repeated.item())


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="shapes differ"):
        losses.pairwise_loss(torch.zeros(2), torch.zeros(2), torch.ones(3))


@given(margins, shares, weights)
def test_swapping_the_sides_changes_nothing(margin: float, share: float, weight: float) -> None:
    loss = losses.pairwise_loss(one(margin), one(share), one(weight))
    mirrored = losses.pairwise_loss(one(-margin), one(1 - share), one(weight))

    assert loss.item() == pytest.approx(mirrored.item(), abs=1e-8)  # softplus is linear beyond 20


@given(margins)
def test_a_tie_costs_least_when_the_model_is_undecided(margin: float) -> None:
    """With target 1/2 the loss is softplus(m) - m/2: even in m, smallest at m = 0, where it is ln 2."""
    loss = losses.pairwise_loss(one(margin), one(0.5), one(1.0)).item()

    assert loss == pytest.approx(losses.pairwise_loss(one(-margin), one(0.5), one(1.0)).item())
    assert loss >= LN2 - 1e-12


@given(margins, shares)
def test_the_gradient_is_what_the_model_believes_minus_what_people_said(margin: float, share: float) -> None:
    leaf = one(margin).requires_grad_()
    losses.pairwise_loss(leaf, one(share), one(2.0)).backward()  # type: ignore[no-untyped-call]

    assert leaf.grad is not None
    believed = torch.sigmoid(one(margin)).item()
    assert leaf.grad.item() == pytest.approx(believed - share, abs=1e-8)  # softplus is taken as linear beyond 20


@given(st.lists(st.tuples(margins, shares, weights), min_size=2, max_size=8))
def test_micro_batches_add_up_to_the_batch(rows: list[tuple[float, float, float]]) -> None:
    margin, share, weight = (torch.tensor(column, dtype=torch.float64) for column in zip(*rows, strict=True))
    total = float(weight.sum())

    whole = losses.pairwise_loss(margin, share, weight)
    parts = sum(losses.pairwise_loss(margin[i::2], share[i::2], weight[i::2], total) for i in (0, 1))

    assert float(parts) == pytest.approx(whole.item())


def test_dpo_costs_ln_2_where_the_policy_is_its_reference() -> None:
    logps = torch.tensor([[-10.0, -20.0], [-3.0, -4.0]])

    loss = losses.dpo_loss(logps, logps, torch.tensor([1.0, 0.3]), torch.ones(2), beta=0.1)

    assert loss.item() == pytest.approx(LN2)


def test_dpo_scales_the_log_ratios_by_beta() -> None:
    """First rose by 4 nats, second fell by 6: D = 0.1 (4 + 6) = 1, loss = -log s(1) = ln(1 + 1/e)."""
    policy, reference = torch.tensor([[-6.0, -16.0]]), torch.tensor([[-10.0, -10.0]])

    loss = losses.dpo_loss(policy, reference, torch.ones(1), torch.ones(1), beta=0.1)

    assert loss.item() == pytest.approx(math.log(1 + math.exp(-1)))


def test_sft_is_the_mean_over_tokens_not_over_sequences() -> None:
    """Sums -6 over 3 tokens and -2 over 1 token: 8 nats over 4 tokens."""
    assert losses.sft_loss(torch.tensor([-6.0, -2.0]), tokens=4).item() == 2.0


def test_sequence_sums_keep_sequences_apart() -> None:
    summed = losses.sequence_sums(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 2, 2]), 3)

    assert summed.tolist() == [1.0, 0.0, 6.0]


@pytest.mark.parametrize("head_is_frozen", [True, False])
@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_chunks_of_the_head_change_neither_values_nor_gradients(chunk: int, head_is_frozen: bool) -> None:
    torch.manual_seed(0)
    head = torch.nn.Linear(8, 20).requires_grad_(not head_is_frozen)
    hidden, target, upstream = torch.randn(7, 8), torch.randint(20, (7,)), torch.randn(7)
    plain, ours = hidden.clone().requires_grad_(), hidden.clone().requires_grad_()

    expected = head(plain).log_softmax(-1).gather(1, target[:, None])[:, 0]
    (expected * upstream).sum().backward()
    actual = losses.token_logprobs(ours, target, head, head_is_frozen=head_is_frozen, chunk=chunk)
    (actual * upstream).sum().backward()  # type: ignore[no-untyped-call]

    torch.testing.assert_close(actual, expected)
    torch.testing.assert_close(ours.grad, plain.grad)


def test_a_trained_head_receives_the_gradient_of_all_chunks() -> None:
    torch.manual_seed(0)
    head = torch.nn.Linear(8, 20)
    hidden, target = torch.randn(7, 8, requires_grad=True), torch.randint(20, (7,))

    F.cross_entropy(head(hidden), target, reduction="sum").backward()  # type: ignore[no-untyped-call]
    expected = head.weight.grad
    head.weight.grad = None
    (-losses.token_logprobs(hidden, target, head, head_is_frozen=False, chunk=2).sum()).backward()  # type: ignore[no-untyped-call]

    torch.testing.assert_close(head.weight.grad, expected)
