"""What is minimised, as pure functions: tensors and numbers in, tensor out.

B comparisons, N counted tokens of a whole batch, S sequences, D width,
V vocabulary. Log-probabilities and losses are in nats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

# Hidden states of shape (N, D) to logits of shape (N, V).
Head = Callable[[Tensor], Tensor]


def token_logprobs(hidden_ND: Tensor, target_N: Tensor, head: Head, *, head_is_frozen: bool, chunk: int) -> Tensor:
    """log p(target | everything before it) of each counted token, shape (N,), float32, each <= 0.

    hidden_ND       hidden state at the position *before* each target
    target_N        token ids
    head            the language-model head; it only ever sees `chunk` rows, so that
                    no (N, V) array exists, let alone one of all positions
    head_is_frozen  True when no weight of the head is trained: the gradient of the hidden
                    states is then found in the forward pass and no logits are kept
    """
    is_trained = hidden_ND.requires_grad and torch.is_grad_enabled()
    if is_trained and head_is_frozen:
        logprob_N: Tensor = _FrozenHeadLogprobs.apply(hidden_ND, target_N, head, chunk)  # type: ignore[no-untyped-call]
        return logprob_N
    logprobs = []
    for hidden_CD, target_C in _chunks(hidden_ND, target_N, chunk):
        if is_trained and len(target_N) > chunk:  # recompute logits in the backward pass rather than keep them all
            logprobs.append(checkpoint(_selected_logprobs, hidden_CD, target_C, head, use_reentrant=False))
        else:
            logprobs.append(_selected_logprobs(hidden_CD, target_C, head))
    return torch.cat(logprobs)


def _chunks(hidden_ND: Tensor, target_N: Tensor, chunk: int) -> Iterator[tuple[Tensor, Tensor]]:
    for at in range(0, len(target_N), chunk):
        yield hidden_ND[at : at + chunk], target_N[at : at + chunk]


def _selected_logprobs(hidden_ND: Tensor, target_N: Tensor, head: Head) -> Tensor:
    logits_NV = head(hidden_ND).float()
    return -F.cross_entropy(logits_NV, target_N, reduction="none")


class _FrozenHeadLogprobs(torch.autograd.Function):
    """Token log-probabilities whose gradient is taken chunk by chunk in the forward pass.

    Each log-probability depends on its own hidden state only, so one (N, D)
    array of gradients is all that the backward pass needs: it scales the rows.
    """

    @staticmethod
    def forward(ctx: Any, hidden_ND: Tensor, target_N: Tensor, head: Head, chunk: int) -> Tensor:
        logprobs, gradients = [], []
        for hidden_CD, target_C in _chunks(hidden_ND, target_N, chunk):
            with torch.enable_grad():
                leaf_CD = hidden_CD.detach().requires_grad_()
                logprob_C = _selected_logprobs(leaf_CD, target_C, head)
                (gradient_CD,) = torch.autograd.grad(logprob_C.sum(), leaf_CD)
            logprobs.append(logprob_C.detach())
            gradients.append(gradient_CD)
        ctx.save_for_backward(torch.cat(gradients))
        return torch.cat(logprobs)

    @staticmethod
    def backward(ctx: Any, upstream_N: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient_ND,) = ctx.saved_tensors
        return gradient_ND * upstream_N[:, None].to(gradient_ND.dtype), None, None, None


def sequence_sums(value_N: Tensor, sequence_N: Tensor, sequences: int) -> Tensor:
    """The sum of the values of each sequence, shape (S,); a sequence without tokens has sum 0.

    sequence_N  which of the S sequences each token belongs to, in [0, S)
    """
    return torch.zeros(sequences, dtype=value_N.dtype, device=value_N.device).index_add(0, sequence_N, value_N)


def sft_loss(logprob_S: Tensor, tokens: float) -> Tensor:
    """Mean negative log-likelihood per counted token, in nats.

    logprob_S  summed log-probability of the counted tokens of each sequence
    tokens     counted tokens of the whole optimizer step, so that micro-batches add up to the mean over all
    """
    return -logprob_S.sum() / tokens


def pairwise_loss(
    margin_B: Tensor, prefer_first_B: Tensor, weight_B: Tensor, total_weight: float | None = None
) -> Tensor:
    """Cross-entropy between people's preference and the model's, in nats.

    margin_B        score(first) - score(second), any real number
    prefer_first_B  share of the judgments for first, in [0, 1]; a tie counts one half
    weight_B        trust in each comparison, > 0
    total_weight    weight of the whole optimizer step when this is only a part of it; default sum(weight_B)
    Returns sum_b w_b [-p_b log s(m_b) - (1 - p_b) log s(-m_b)] / total, where s is the logistic function;
    written as softplus(m) - p m, which is the same and stays finite.
    Raises ValueError when the shapes differ.
    Source: Bradley and Terry (1952), with soft targets so that split votes keep their information.
    """
    if not (margin_B.shape == prefer_first_B.shape == weight_B.shape):
        raise ValueError(f"shapes differ: {margin_B.shape}, {prefer_first_B.shape}, {weight_B.shape}")
    loss_B = F.softplus(margin_B) - prefer_first_B * margin_B
    return (weight_B * loss_B).sum() / (weight_B.sum() if total_weight is None else total_weight)


def implicit_rewards(policy_B: Tensor, reference_B: Tensor, beta: float) -> Tensor:
    """beta (log pi(y|x) - log pi_ref(y|x)) of each completion; 0 where the policy is its reference.

    policy_B, reference_B  summed log-probabilities of the same completions, in nats
    Source: Rafailov et al. (2023), equation 5 without its prompt-only term, which cancels in every difference.
    """
    return beta * (policy_B - reference_B)


def dpo_loss(
    policy_B2: Tensor,
    reference_B2: Tensor,
    prefer_first_B: Tensor,
    weight_B: Tensor,
    beta: float,
    total_weight: float | None = None,
) -> Tensor:
    """Pairwise loss on the difference of the implicit rewards; ln 2 where the policy is its reference.

    policy_B2, reference_B2  summed log-probabilities of (first, second), in nats
    Source: Rafailov et al. (2023), equation 7; with prefer_first = 1 - e it is their cDPO with label noise e.
    """
    reward_B2 = implicit_rewards(policy_B2, reference_B2, beta)
    return pairwise_loss(reward_B2[:, 0] - reward_B2[:, 1], prefer_first_B, weight_B, total_weight)
