"""The head, chunk by chunk, against the whole array of logits; every number here is also what autograd gives."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from training import logprobs
from training.logprobs import TokenScores

N, D, V = 11, 8, 20


def plain_head(weight_VD: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda hidden_ND: hidden_ND @ weight_VD.T


def capped_head(weight_VD: Tensor) -> Callable[[Tensor], Tensor]:
    """As Gemma does it: not one matrix, so only the general way can compute it."""
    return lambda hidden_ND: 3 * torch.tanh(hidden_ND @ weight_VD.T / 3)


HEADS = [plain_head, capped_head]


def case(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Hidden states, targets, weight, and what the loss says about each token."""
    torch.manual_seed(0)
    return torch.randn(N, D).to(dtype), torch.randint(V, (N,)), torch.randn(V, D).to(dtype), torch.randn(N)


def by_full_logits(
    hidden_ND: Tensor, target_N: Tensor, head: Callable[[Tensor], Tensor], upstream_N: Tensor
) -> tuple[TokenScores, Tensor]:
    """Scores, and the gradient of the hidden states, from all logits at once."""
    hidden_ND = hidden_ND.detach().requires_grad_()
    logprob_NV = head(hidden_ND).float().log_softmax(-1)
    logprob_N = logprob_NV.gather(1, target_N[:, None])[:, 0]
    (logprob_N * upstream_N).sum().backward()  # type: ignore[no-untyped-call]
    p_NV = logprob_NV.exp()
    assert hidden_ND.grad is not None
    return (
        TokenScores(logprob_N, (p_NV**2).sum(1).log(), -(p_NV * logprob_NV).sum(1), p_NV.argmax(1) == target_N),
        hidden_ND.grad,
    )


@pytest.mark.parametrize("by_weight", [True, False])
@pytest.mark.parametrize("head_is_frozen", [True, False])
@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_chunks_change_neither_values_nor_gradients(chunk: int, head_is_frozen: bool, by_weight: bool) -> None:
    hidden_ND, target_N, weight_VD, upstream_N = case()
    trained_VD = weight_VD.clone().requires_grad_(not head_is_frozen)
    expected, gradient_ND = by_full_logits(hidden_ND, target_N, plain_head(weight_VD), upstream_N)
    hidden_ND.requires_grad_()

    logprob_N = logprobs.token_logprobs(
        hidden_ND,
        target_N,
        plain_head(trained_VD),
        head_is_frozen=head_is_frozen,
        chunk=chunk,
        weight_VD=trained_VD if by_weight else None,
    )
    (logprob_N * upstream_N).sum().backward()  # type: ignore[no-untyped-call]

    torch.testing.assert_close(logprob_N, expected.logprob_N, atol=3e-6, rtol=1e-6)
    torch.testing.assert_close(hidden_ND.grad, gradient_ND, atol=3e-6, rtol=1e-6)


@pytest.mark.parametrize("by_weight", [True, False])
@pytest.mark.parametrize("chunk", [2, 100])
def test_a_trained_head_receives_the_gradient_of_all_chunks(chunk: int, by_weight: bool) -> None:
    hidden_ND, target_N, weight_VD, upstream_N = case()
    expected_VD, trained_VD = (weight_VD.clone().requires_grad_() for _ in range(2))
    by_full_logits(hidden_ND, target_N, plain_head(expected_VD), upstream_N)

    logprob_N = logprobs.token_logprobs(
        hidden_ND.requires_grad_(),
        target_N,
        plain_head(trained_VD),
        head_is_frozen=False,
        chunk=chunk,
        weight_VD=trained_VD if by_weight else None,
    )
    (logprob_N * upstream_N).sum().backward()  # type: ignore[no-untyped-call]

    torch.testing.assert_close(trained_VD.grad, expected_VD.grad, atol=3e-6, rtol=1e-6)


def test_the_gradients_written_by_hand_are_those_of_finite_differences() -> None:
    torch.manual_seed(1)
    target_N = torch.randint(5, (4,))

    def logprob_N(hidden_ND: Tensor, weight_VD: Tensor) -> Tensor:
        return logprobs.token_logprobs(
            hidden_ND, target_N, plain_head(weight_VD), head_is_frozen=False, chunk=3, weight_VD=weight_VD
        )

    doubles = torch.randn(4, 3).double().requires_grad_(), torch.randn(5, 3).double().requires_grad_()

    # The log-probabilities themselves are float32, hence the wide step.
    assert gradcheck(logprob_N, doubles, eps=1e-2, atol=1e-3, fast_mode=False)


@pytest.mark.parametrize("head_of", HEADS)
@pytest.mark.parametrize("is_trained", [True, False])
def test_scores_say_what_the_whole_distribution_says(
    head_of: Callable[[Tensor], Callable[[Tensor], Tensor]], is_trained: bool
) -> None:
    hidden_ND, target_N, weight_VD, upstream_N = case()
    expected, gradient_ND = by_full_logits(hidden_ND, target_N, head_of(weight_VD), upstream_N)
    target_N[0] = (hidden_ND @ weight_VD.T)[0].argmax()
    expected, gradient_ND = by_full_logits(hidden_ND, target_N, head_of(weight_VD), upstream_N)
    hidden_ND.requires_grad_(is_trained)

    scores = logprobs.token_scores(
        hidden_ND,
        target_N,
        head_of(weight_VD),
        head_is_frozen=True,
        chunk=4,
        weight_VD=weight_VD if head_of is plain_head else None,
    )

    assert scores.is_top1_N.any()
    for name in ("logprob_N", "collision_N", "entropy_N", "is_top1_N"):
        torch.testing.assert_close(getattr(scores, name), getattr(expected, name), atol=1e-5, rtol=1e-5)
    if is_trained:
        (scores.logprob_N * upstream_N).sum().backward()  # type: ignore[no-untyped-call]
        torch.testing.assert_close(hidden_ND.grad, gradient_ND, atol=3e-6, rtol=1e-6)


def test_a_fair_die_on_paper() -> None:
    """Six equal logits: p = 1/6, two throws agree with 1/6, entropy ln 6. The pull is W[target] - mean(W)."""
    hidden_ND, weight_VD = torch.ones(1, 1, requires_grad=True), torch.zeros(6, 1)
    weight_VD[:, 0] = 2.0

    scores = logprobs.token_scores(
        hidden_ND, torch.tensor([3]), plain_head(weight_VD), head_is_frozen=True, chunk=1, weight_VD=weight_VD
    )
    scores.logprob_N.sum().backward()  # type: ignore[no-untyped-call]

    assert scores.logprob_N.item() == pytest.approx(-math.log(6))
    assert scores.collision_N.item() == pytest.approx(-math.log(6))
    assert scores.entropy_N.item() == pytest.approx(math.log(6))
    assert hidden_ND.grad is not None
    assert hidden_ND.grad.item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("by_weight", [True, False])
def test_without_gradients_the_same_numbers_come_out(by_weight: bool) -> None:
    """Bit for bit: so the rewards of a policy that is its reference are 0, not nearly 0."""
    hidden_ND, target_N, weight_VD, _ = case()

    def logprob_N(hidden_ND: Tensor) -> Tensor:
        return logprobs.token_logprobs(
            hidden_ND,
            target_N,
            plain_head(weight_VD),
            head_is_frozen=True,
            chunk=4,
            weight_VD=weight_VD if by_weight else None,
        )

    with torch.no_grad():
        of_reference = logprob_N(hidden_ND)
    of_policy = logprob_N(hidden_ND.requires_grad_())

    assert of_policy.requires_grad
    assert not of_reference.requires_grad
    assert torch.equal(of_reference, of_policy)


def test_a_frozen_head_never_receives_a_gradient() -> None:
    hidden_ND, target_N, weight_VD, _ = case()
    weight_VD.requires_grad_()

    logprobs.token_logprobs(
        hidden_ND.requires_grad_(),
        target_N,
        plain_head(weight_VD),
        head_is_frozen=True,
        chunk=4,
        weight_VD=weight_VD,
    ).sum().backward()  # type: ignore[no-untyped-call]

    assert weight_VD.grad is None


@pytest.mark.parametrize("head_is_frozen", [True, False])
def test_bfloat16_logits_are_summed_in_float32(head_is_frozen: bool) -> None:
    """Only logits are rounded (to 1/256 of themselves, here below 10), as in the model's own head."""
    hidden_ND, target_N, weight_VD, upstream_N = case(torch.bfloat16)
    expected, gradient_ND = by_full_logits(hidden_ND.float(), target_N, plain_head(weight_VD.float()), upstream_N)
    trained_VD = weight_VD.float().requires_grad_(not head_is_frozen)

    logprob_N = logprobs.token_logprobs(
        hidden_ND.requires_grad_(),
        target_N,
        plain_head(weight_VD),
        head_is_frozen=head_is_frozen,
        chunk=4,
        weight_VD=trained_VD,
    )
    (logprob_N * upstream_N).sum().backward()  # type: ignore[no-untyped-call]

    assert logprob_N.dtype == torch.float32
    torch.testing.assert_close(logprob_N, expected.logprob_N, atol=0.05, rtol=0)
    assert hidden_ND.grad is not None
    assert hidden_ND.grad.dtype == torch.bfloat16
    torch.testing.assert_close(hidden_ND.grad.float(), gradient_ND, atol=0.06, rtol=0.02)
    assert (trained_VD.grad is None) == head_is_frozen


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_certain_token_has_log_probability_zero_and_an_absurd_one_stays_finite(dtype: torch.dtype) -> None:
    """Logits 0 and 1000: ln 1 and -1000, with no overflow on the way."""
    hidden_ND, weight_VD = torch.ones(2, 1, dtype=dtype), torch.tensor([[0.0], [1000.0]], dtype=dtype)

    logprob_N = logprobs.token_logprobs(
        hidden_ND, torch.tensor([1, 0]), plain_head(weight_VD), head_is_frozen=True, chunk=2, weight_VD=weight_VD
    )

    assert logprob_N.tolist() == [0.0, -1000.0]


def test_chunks_are_as_large_as_the_cache_likes() -> None:
    assert logprobs.chunk_rows(1_024, "cpu") == 4_096
    assert logprobs.chunk_rows(151_936, "cpu") == 256
    assert logprobs.chunk_rows(151_936, "cuda") == 1_766
