"""From hidden states to log-probabilities, as pure functions.

N counted tokens of a whole batch, C tokens of a chunk, S sequences, D width,
V vocabulary. On CPU the two or three products with the (V, D) weight of the
head are most of an update, so everything here is arranged around them: only
counted tokens come in, a few rows at a time, and each (C, V) array is walked
over as few times as possible while it is still in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

# Hidden states of shape (N, D) to logits of shape (N, V).
Head = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class TokenScores:
    """What the model thinks at each counted token, in nats, float32. Only logprob_N carries a gradient.

    logprob_N    log p(target | everything before it), <= 0
    collision_N  log sum_v p(v)^2, how likely two samples of this token are the same; WPO aligns its weights by it
    entropy_N    -sum_v p(v) log p(v), >= 0
    is_top1_N    whether no token is likelier than the target
    """

    logprob_N: Tensor
    collision_N: Tensor
    entropy_N: Tensor
    is_top1_N: Tensor


def chunk_rows(vocabulary: int, device_type: str) -> int:
    """Rows of the head that are fastest at once.

    CPU: with fewer than 256 rows the weight is read from memory too often, with more the logits leave the cache;
    small vocabularies take more rows, as a product then costs no more than calling it.
    CUDA: 1 GiB of float32 logits, above which products get no faster.
    """
    return max(256, (2**28 if device_type == "cuda" else 2**22) // vocabulary)


def token_logprobs(
    hidden_ND: Tensor,
    target_N: Tensor,
    head: Head,
    *,
    head_is_frozen: bool,
    chunk: int,
    weight_VD: Tensor | None = None,
) -> Tensor:
    """log p(target | everything before it) of each counted token, shape (N,), float32, each <= 0.

    hidden_ND       hidden state at the position *before* each target
    target_N        token ids
    head            the language-model head; it only ever sees `chunk` rows, so that
                    no (N, V) array exists, let alone one of all positions
    head_is_frozen  True when no weight of the head is trained: the gradient of the hidden
                    states is then found in the forward pass and no logits are kept
    weight_VD       the head's weight when the head is nothing but hidden @ weight.T; it then takes the place of
                    `head`, and is computed with in the dtype of the hidden states
    """
    if weight_VD is not None:
        return _linear_scores(hidden_ND, target_N, weight_VD, chunk, head_is_frozen, details=False)[0]
    is_trained = hidden_ND.requires_grad and torch.is_grad_enabled()
    if is_trained and head_is_frozen:
        logprob_N: Tensor = _FrozenHead.apply(hidden_ND, target_N, head, chunk)  # type: ignore[no-untyped-call]
        return logprob_N
    logprobs = []
    for hidden_CD, target_C in _chunks(hidden_ND, target_N, chunk):
        if is_trained and len(target_N) > chunk:  # recompute logits in the backward pass rather than keep them all
            logprobs.append(checkpoint(_selected_logprobs, hidden_CD, target_C, head, use_reentrant=False))
        else:
            logprobs.append(_selected_logprobs(hidden_CD, target_C, head))
    return torch.cat(logprobs)


def token_scores(
    hidden_ND: Tensor,
    target_N: Tensor,
    head: Head,
    *,
    head_is_frozen: bool,
    chunk: int,
    weight_VD: Tensor | None = None,
) -> TokenScores:
    """The same log-probabilities and what else the logits say. Arguments as for token_logprobs.

    All but free for a frozen linear head that is being trained through; otherwise about one more product.
    """
    if weight_VD is not None:
        return TokenScores(*_linear_scores(hidden_ND, target_N, weight_VD, chunk, head_is_frozen, details=True))
    logprob_N = token_logprobs(hidden_ND, target_N, head, head_is_frozen=head_is_frozen, chunk=chunk)
    rest = []
    with torch.no_grad():
        for hidden_CD, target_C in _chunks(hidden_ND, target_N, chunk):
            logprob_CV = head(hidden_CD).float().log_softmax(-1)
            rest.append(
                (
                    torch.logsumexp(2 * logprob_CV, -1),
                    -(logprob_CV.exp() * logprob_CV).sum(-1),
                    logprob_CV.gather(1, target_C[:, None])[:, 0] == logprob_CV.amax(-1),
                )
            )
    return TokenScores(logprob_N, *(torch.cat(column) for column in zip(*rest, strict=True)))


def _linear_scores(
    hidden_ND: Tensor, target_N: Tensor, weight_VD: Tensor, chunk: int, head_is_frozen: bool, *, details: bool
) -> tuple[Tensor, ...]:
    """The four columns of TokenScores, or only the first."""
    weight_VD = weight_VD.detach() if head_is_frozen else weight_VD
    if torch.is_grad_enabled() and (hidden_ND.requires_grad or weight_VD.requires_grad):
        scores: tuple[Tensor, ...] = _LinearHead.apply(hidden_ND, weight_VD, target_N, chunk, details)  # type: ignore[no-untyped-call]
        return scores
    return _linear_pass(hidden_ND, target_N, weight_VD, chunk, gradient=False, details=details).columns()


@dataclass
class _Pass:
    """Arrays that one pass over the chunks fills in."""

    logprob_N: Tensor
    top_N1: Tensor  # largest logit
    sum_N: Tensor  # of e^(logit - top) over the vocabulary
    exp_CV: Tensor  # e^(logit - top) of the last chunk
    gradient_ND: Tensor | None  # of each log-probability by its own hidden state
    collision_N: Tensor | None
    entropy_N: Tensor | None
    is_top1_N: Tensor | None

    def columns(self) -> tuple[Tensor, ...]:
        columns = (self.logprob_N, self.collision_N, self.entropy_N, self.is_top1_N)
        return tuple(column for column in columns if column is not None)


@torch.no_grad()
def _linear_pass(
    hidden_ND: Tensor, target_N: Tensor, weight_VD: Tensor, chunk: int, *, gradient: bool, details: bool
) -> _Pass:
    """With p = softmax(W h), d log p(target) / dh = W[target] - p W: one more product, and no logits are kept.

    The (C, V) array is written by the product and then walked over four times: top, minus top, exp, sum. p itself
    is never written; p W is (e^logit W) / sum. Without the last term nothing in here depends on `gradient`, so
    policy and reference get the same numbers from the same weights.
    """
    n, weight_VD = len(target_N), weight_VD.to(hidden_ND.dtype)
    found = _Pass(
        hidden_ND.new_empty(n, dtype=torch.float32),
        hidden_ND.new_empty(n, 1),
        hidden_ND.new_empty(n, dtype=torch.float32),
        hidden_ND.new_empty(min(chunk, n), len(weight_VD)),  # used again: fresh pages cost more than exp
        torch.empty_like(hidden_ND) if gradient else None,
        hidden_ND.new_empty(n, dtype=torch.float32) if details else None,
        hidden_ND.new_empty(n, dtype=torch.float32) if details else None,
        hidden_ND.new_empty(n, dtype=torch.bool) if details else None,
    )
    for at in range(0, n, chunk):
        here = slice(at, at + chunk)
        hidden_CD, target_C = hidden_ND[here], target_N[here]
        logit_CV = torch.mm(hidden_CD, weight_VD.T, out=found.exp_CV[: len(target_C)])
        top_C1 = torch.amax(logit_CV, 1, keepdim=True, out=found.top_N1[here])
        own_C = logit_CV.gather(1, target_C[:, None])[:, 0].float()
        exp_CV = logit_CV.sub_(top_C1).exp_()
        sum_C = torch.sum(exp_CV, 1, dtype=torch.float32, out=found.sum_N[here])
        top_C, log_sum_C = top_C1[:, 0].float(), sum_C.log()
        found.logprob_N[here] = own_C - top_C - log_sum_C  # in this order it is never above 0
        if gradient or details:
            expected_CD = (exp_CV @ weight_VD).div_(sum_C[:, None])
        if found.gradient_ND is not None:
            torch.sub(weight_VD[target_C], expected_CD, out=found.gradient_ND[here])
        if found.collision_N is not None and found.entropy_N is not None and found.is_top1_N is not None:
            norm_C = torch.linalg.vector_norm(exp_CV, dim=1, dtype=torch.float32)
            found.collision_N[here] = 2 * (norm_C.log() - log_sum_C)
            mean_logit_C = (hidden_CD.float() * expected_CD.float()).sum(1)
            found.entropy_N[here] = (top_C + log_sum_C - mean_logit_C).clamp(min=0)
            found.is_top1_N[here] = own_C == top_C
    return found


class _LinearHead(torch.autograd.Function):
    """Token scores of a plain linear head. The backward pass scales the rows of the gradient found in the forward pass.

    A trained head also needs dW = sum_n u_n (onehot_n - p_n) h_n, whose u is known only then: logits are computed
    once more, chunk by chunk, rather than kept, unless there is a single chunk.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden_ND: Tensor, weight_VD: Tensor, target_N: Tensor, chunk: int, details: bool
    ) -> tuple[Tensor, ...]:
        hidden_is_trained, weight_is_trained = ctx.needs_input_grad[:2]
        found = _linear_pass(hidden_ND, target_N, weight_VD, chunk, gradient=hidden_is_trained, details=details)
        kept: tuple[Tensor | None, ...] = ()
        if weight_is_trained:
            exp_NV = found.exp_CV if len(target_N) <= chunk else None
            kept = (hidden_ND, weight_VD, target_N, found.top_N1, found.sum_N, exp_NV)
        ctx.save_for_backward(found.gradient_ND, *kept)
        ctx.chunk = chunk
        ctx.mark_non_differentiable(*found.columns()[1:])
        return found.columns()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream_N: Tensor, *_: Any) -> tuple[Tensor | None, Tensor | None, None, None, None]:
        gradient_ND, *kept = ctx.saved_tensors
        hidden_gradient = None if gradient_ND is None else gradient_ND * upstream_N[:, None].to(gradient_ND.dtype)
        weight_gradient = _weight_gradient(*kept, upstream_N=upstream_N, chunk=ctx.chunk) if kept else None
        return hidden_gradient, weight_gradient, None, None, None


def _weight_gradient(
    hidden_ND: Tensor,
    weight_VD: Tensor,
    target_N: Tensor,
    top_N1: Tensor,
    sum_N: Tensor,
    exp_NV: Tensor | None,
    *,
    upstream_N: Tensor,
    chunk: int,
) -> Tensor:
    """sum_n u_n (onehot_n - p_n) h_n, summed in float32. u and the sum of p scale (C, D) rather than (C, V)."""
    gradient_VD = torch.zeros_like(weight_VD, dtype=torch.float32)
    cast_VD = weight_VD.to(hidden_ND.dtype)
    room_CV = hidden_ND.new_empty(min(chunk, len(target_N)), len(weight_VD)) if exp_NV is None else exp_NV
    for at in range(0, len(target_N), chunk):
        here = slice(at, at + chunk)
        hidden_CD, exp_CV = hidden_ND[here], room_CV[: len(target_N[here])]
        if exp_NV is None:
            torch.mm(hidden_CD, cast_VD.T, out=exp_CV).sub_(top_N1[here]).exp_()
        scaled_CD = upstream_N[here, None] * hidden_CD
        shared_CD = (scaled_CD / sum_N[here, None]).to(hidden_CD.dtype)
        if gradient_VD.dtype == hidden_CD.dtype:
            gradient_VD.addmm_(exp_CV.T, shared_CD, alpha=-1)
        else:
            gradient_VD -= exp_CV.T @ shared_CD
        gradient_VD.index_add_(0, target_N[here], scaled_CD.float())
    return gradient_VD.to(weight_VD.dtype)


def _chunks(hidden_ND: Tensor, target_N: Tensor, chunk: int) -> Iterator[tuple[Tensor, Tensor]]:
    for at in range(0, len(target_N), chunk):
        yield hidden_ND[at : at + chunk], target_N[at : at + chunk]


def _selected_logprobs(hidden_ND: Tensor, target_N: Tensor, head: Head) -> Tensor:
    logits_NV = head(hidden_ND).float()
    return -F.cross_entropy(logits_NV, target_N, reduction="none")


class _FrozenHead(torch.autograd.Function):
    """Token log-probabilities under any frozen head, whose gradient is taken chunk by chunk in the forward pass.

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
