"""What is minimised, as pure functions: tensors and numbers in, tensor out.

B comparisons, N counted tokens of a whole batch, S sequences; a 2 in a name is
(first, second), or (chosen, rejected) inside a Pair. Log-probabilities are in
nats. s is the logistic function and l its logarithm, D the lead of the chosen
answer in logits. Losses go by the names, and have the values, of TRL 1.16.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

EXP_LIMIT = 40.0  # the square of e^40 is still a float32


@dataclass(frozen=True)
class Targets:
    """What people said about each comparison.

    prefer_first_B  share of the judgments for first, in [0, 1]; a tie counts one half
    tie_share_B     share of the judgments that were ties, in [0, 1]; at most 2 min(prefer_first, 1 - prefer_first)
    strength_B      how clearly one side is better, in [0, 1]: 1/2 slightly, 1 clearly
    """

    prefer_first_B: Tensor
    tie_share_B: Tensor
    strength_B: Tensor


@dataclass(frozen=True)
class Objective:
    """Which loss, and its numbers. Meaning and sane ranges of each: config.DpoSettings, which also refuses
    combinations where an option would not act."""

    loss: str
    beta: float
    label_smoothing: float = 0.0
    f_divergence_type: str = "reverse_kl"
    f_alpha_divergence_coef: float = 0.5
    discopop_tau: float = 0.05
    dpop_lambda: float = 5.0
    simpo_gamma: float = 0.5
    ties: str = "half"
    tie_width: float = 1.0
    strength_margin: float = 0.0  # 0 is off


@dataclass(frozen=True)
class Pair:
    """Both answers of each comparison from one point of view: column 0 is the chosen one, column 1 the rejected one.

    policy_B2     log pi(y|x), summed over tokens, in nats
    reference_B2  log ref(y|x); zeros where there is no reference
    score_B2      their difference as the f-divergence sees it; the difference itself for reverse_kl
    length_B2     tokens of each answer, as numbers that divide
    margin_B      lead in logits that the chosen answer must have before it counts as ahead, >= 0
    """

    policy_B2: Tensor
    reference_B2: Tensor
    score_B2: Tensor
    length_B2: Tensor
    margin_B: Tensor

    @property
    def ratio_B2(self) -> Tensor:
        """r = log pi(y|x) - log ref(y|x)."""
        return self.policy_B2 - self.reference_B2

    def swapped(self, rows_B: Tensor) -> Pair:
        """The same, had people chosen the other answer by the same margin in these rows."""

        def turned(value_B2: Tensor) -> Tensor:
            return torch.where(rows_B[:, None], value_B2.flip(1), value_B2)

        return Pair(
            turned(self.policy_B2),
            turned(self.reference_B2),
            turned(self.score_B2),
            turned(self.length_B2),
            self.margin_B,
        )


def preference_losses(
    policy_B2: Tensor, reference_B2: Tensor | None, length_B2: Tensor, targets: Targets, objective: Objective
) -> Tensor:
    """The loss of each comparison before weights, shape (B,), in nats where the loss is a likelihood.

    policy_B2, reference_B2  summed log-probabilities of (first, second); simpo and orpo need no reference
    length_B2                tokens of (first, second)

    A loss of chosen over rejected becomes one of soft targets as

        p loss(first over second) + (1 - p) loss(second over first),

    the mean over single judgments: a row that stands for n of them, with weight n, has exactly the value and the
    gradient that n rows of one judgment each would have. For sigmoid this is the cross-entropy with p, smallest
    where the model believes p. For ipo it is (D - (2p - 1) / (2 beta))^2 up to a constant, so the lead asked for
    shrinks with the majority and is 0 at a tie; sppo_hard becomes the soft SPPO of its paper in the same way.
    exo_pair has a target distribution of its own, and the sorted losses of AOT exist for hard targets only.

    Raises ValueError for an unknown loss, shapes that differ, a missing reference, or soft targets for AOT.
    """
    o, prefer_first_B = objective, targets.prefer_first_B
    if o.loss not in {*PAIR_LOSSES, *SORTED_LOSSES, "exo_pair"}:
        raise ValueError(f"{o.loss} is no loss of comparisons")
    _shapes_check(policy_B2, reference_B2, length_B2, targets)
    if reference_B2 is None:
        if o.loss not in REFERENCE_FREE:
            raise ValueError(f"{o.loss} needs log-probabilities of the reference")
        reference_B2 = torch.zeros_like(policy_B2)
    score_B2 = divergence_scores(policy_B2 - reference_B2, o.f_divergence_type, o.f_alpha_divergence_coef)
    margin_B = o.strength_margin * targets.strength_B
    pair = Pair(policy_B2, reference_B2, score_B2, length_B2.clamp(min=1), margin_B)

    if o.ties in TIE_MODELS:
        if o.loss != "sigmoid":
            raise ValueError(f"ties {o.ties} are a likelihood of their own, which takes the place of sigmoid only")
        return TIE_MODELS[o.ties](o.beta * _lead(score_B2), targets, o.tie_width)
    if o.loss == "exo_pair":
        return exo_pair(o.beta * _lead(score_B2), prefer_first_B, o.label_smoothing)
    if o.loss in SORTED_LOSSES:
        if not bool(((prefer_first_B == 0) | (prefer_first_B == 1)).all()):
            raise ValueError(f"{o.loss} compares sorted batches, so every target must be 0 or 1")
        return SORTED_LOSSES[o.loss](pair.swapped(prefer_first_B == 0), o)
    mirrored = pair.swapped(torch.ones_like(prefer_first_B, dtype=torch.bool))
    loss_of = PAIR_LOSSES[o.loss]
    return prefer_first_B * loss_of(pair, o) + (1 - prefer_first_B) * loss_of(mirrored, o)


def _shapes_check(policy_B2: Tensor, reference_B2: Tensor | None, length_B2: Tensor, targets: Targets) -> None:
    pairs = [x.shape for x in (policy_B2, reference_B2, length_B2) if x is not None]
    shares = [x.shape for x in (targets.prefer_first_B, targets.tie_share_B, targets.strength_B)]
    if {*pairs} != {(len(policy_B2), 2)} or {*shares} != {(len(policy_B2),)}:
        raise ValueError(f"shapes differ: {[*map(tuple, pairs)]} should all be (B, 2), {[*map(tuple, shares)]} (B,)")


def _lead(value_B2: Tensor) -> Tensor:
    return value_B2[:, 0] - value_B2[:, 1]


def divergence_scores(ratio_B2: Tensor, divergence: str, alpha: float) -> Tensor:
    """f'(t) at t = pi/ref = e^ratio, for the f-divergence that holds the policy to its reference; 0 where they agree.

    reverse_kl        ln t, which gives DPO
    forward_kl        1 - 1/t
    js_divergence     ln(2 t / (1 + t)) = ln 2 + l(ratio)
    alpha_divergence  (t^(alpha - 1) - 1) / (alpha - 1): forward_kl at alpha = 0, and tends to reverse_kl at 1
    Source: Wang et al. (2023), "Beyond Reverse KL", without the constants that cancel in every difference.
    """
    if divergence == "reverse_kl":
        return ratio_B2
    if divergence == "forward_kl":
        return -torch.expm1((-ratio_B2).clamp(max=EXP_LIMIT))
    if divergence == "js_divergence":
        return math.log(2) + F.logsigmoid(ratio_B2)
    if divergence == "alpha_divergence":
        return torch.expm1(((alpha - 1) * ratio_B2).clamp(max=EXP_LIMIT)) / (alpha - 1)
    raise ValueError(f"{divergence} is no divergence")


def sigmoid(pair: Pair, o: Objective) -> Tensor:
    """-(1 - e) l(D - m) - e l(-D - m), D = beta (score_c - score_r), m the margin, e the label smoothing.

    Source: Rafailov et al. (2023), equation 7; e > 0 is their conservative DPO, whose loss is smallest at
    s(D) = 1 - e. TRL drops e here; its value is the one at e = 0.
    """
    lead_B = o.beta * _lead(pair.score_B2)
    e = o.label_smoothing
    return -(1 - e) * F.logsigmoid(lead_B - pair.margin_B) - e * F.logsigmoid(-lead_B - pair.margin_B)


def robust(pair: Pair, o: Objective) -> Tensor:
    """(-(1 - e) l(D - m) + e l(-D - m)) / (1 - 2 e), without bias when a share e of the judgments is flipped.

    May be negative. Source: Chowdhury et al. (2024), "Provably Robust DPO".
    """
    lead_B = o.beta * _lead(pair.score_B2)
    e = o.label_smoothing
    kept_B, flipped_B = F.logsigmoid(lead_B - pair.margin_B), F.logsigmoid(-lead_B - pair.margin_B)
    return (e * flipped_B - (1 - e) * kept_B) / (1 - 2 * e)


def hinge(pair: Pair, o: Objective) -> Tensor:
    """max(0, 1 - (D - m)): nothing more to learn once the lead exceeds 1 + m. Source: Zhao et al. (2023), SLiC."""
    return torch.relu(1 - (o.beta * _lead(pair.score_B2) - pair.margin_B))


def ipo(pair: Pair, o: Objective) -> Tensor:
    """(score_c / L_c - score_r / L_r - 1 / (2 beta))^2, by tokens as the authors confirmed to TRL.

    A target for the lead rather than a push without end. Source: Azar et al. (2023), equation 17, beta their tau.
    """
    return (_lead(pair.score_B2 / pair.length_B2) - 1 / (2 * o.beta)) ** 2


def sigmoid_norm(pair: Pair, o: Objective) -> Tensor:
    """-l(beta (score_c / L_c - score_r / L_r) - m). Source: Lambert et al. (2024), Tulu 3, length-normalised DPO."""
    return -F.logsigmoid(o.beta * _lead(pair.score_B2 / pair.length_B2) - pair.margin_B)


def nca_pair(pair: Pair, o: Objective) -> Tensor:
    """-l(beta r_c) - l(-beta r_c) / 2 - l(-beta r_r) / 2: each reward on its own, so both falling does not pay.

    Source: Chen et al. (2024), "Noise Contrastive Alignment", for two answers.
    """
    chosen_B, rejected_B = (o.beta * pair.ratio_B2).unbind(1)
    return -F.logsigmoid(chosen_B) - 0.5 * F.logsigmoid(-chosen_B) - 0.5 * F.logsigmoid(-rejected_B)


def bco_pair(pair: Pair, o: Objective) -> Tensor:
    """-l(beta r_c) - l(-beta r_r), a classifier of good and bad answers, its reward shift held at 0.

    Source: Jung et al. (2024), "Binary Classifier Optimization".
    """
    chosen_B, rejected_B = (o.beta * pair.ratio_B2).unbind(1)
    return -F.logsigmoid(chosen_B) - F.logsigmoid(-rejected_B)


def sppo_hard(pair: Pair, o: Objective) -> Tensor:
    """(r_c - 1 / (2 beta))^2 + (r_r + 1 / (2 beta))^2. Source: Wu et al. (2024), SPPO, equation 4.7 at P = 1."""
    chosen_B, rejected_B = pair.ratio_B2.unbind(1)
    return (chosen_B - 0.5 / o.beta) ** 2 + (rejected_B + 0.5 / o.beta) ** 2


def apo_zero(pair: Pair, o: Objective) -> Tensor:
    """1 - s(beta r_c) + s(beta r_r): chosen up, rejected down, for chosen answers better than the policy's own.

    Source: D'Oosterlinck et al. (2024), "Anchored Preference Optimization", equation 7.
    """
    chosen_B, rejected_B = (o.beta * pair.ratio_B2).unbind(1)
    return torch.sigmoid(-chosen_B) + torch.sigmoid(rejected_B)


def apo_down(pair: Pair, o: Objective) -> Tensor:
    """s(beta r_c) + 1 - s(beta (r_c - r_r)): both down, rejected more, for chosen answers worse than the policy's own.

    Source: D'Oosterlinck et al. (2024), equation 8.
    """
    chosen_B, rejected_B = (o.beta * pair.ratio_B2).unbind(1)
    return torch.sigmoid(chosen_B) + torch.sigmoid(rejected_B - chosen_B)


def discopop(pair: Pair, o: Objective) -> Tensor:
    """-l(D) (1 - w) + exp(-D) w with w = s(D / tau), found by a language model searching for losses.

    exp(-D) w is taken in log space, where a far wrong pair does not become infinity times zero.
    Source: Lu et al. (2024), "Discovering Preference Optimization Algorithms", equation 5.
    """
    lead_B = o.beta * _lead(pair.score_B2)
    exponential_B = (F.logsigmoid(lead_B / o.discopop_tau) - lead_B).clamp(max=EXP_LIMIT).exp()
    return -F.logsigmoid(lead_B) * torch.sigmoid(-lead_B / o.discopop_tau) + exponential_B


def dpop(pair: Pair, o: Objective) -> Tensor:
    """-l(beta (r_c - r_r - lambda max(0, -r_c)) - m): a chosen answer less likely than under the reference costs more.

    Source: Pal et al. (2024), "Smaug".
    """
    fall_B = torch.relu(-pair.ratio_B2[:, 0])
    return -F.logsigmoid(o.beta * (_lead(pair.ratio_B2) - o.dpop_lambda * fall_B) - pair.margin_B)


def simpo(pair: Pair, o: Objective) -> Tensor:
    """-l(beta (log pi_c / L_c - log pi_r / L_r) - gamma - m), without a reference.

    Source: Meng et al. (2024), SimPO.
    """
    return -F.logsigmoid(o.beta * _lead(pair.policy_B2 / pair.length_B2) - o.simpo_gamma - pair.margin_B)


def orpo(pair: Pair, o: Objective) -> Tensor:
    """-log P_c - beta l(log odds P_c - log odds P_r), P the mean probability of a token, odds P = P / (1 - P).

    The first term imitates the chosen answer: only the answer, where TRL also counts the prompt.
    Source: Hong et al. (2024), ORPO, beta their lambda.
    """
    logp_B2 = pair.policy_B2 / pair.length_B2
    logit_B2 = logp_B2 - _log1mexp(logp_B2)
    return -logp_B2[:, 0] - o.beta * F.logsigmoid(_lead(logit_B2))


def _log1mexp(x: Tensor) -> Tensor:
    """log(1 - e^x) for x <= 0, taken just below 0 where e^x rounds to 1. Source: Maechler (2012)."""
    x = x.clamp(max=-torch.finfo(x.dtype).eps)
    return torch.where(x > -math.log(2), torch.log(-torch.expm1(x)), torch.log1p(-torch.exp(x)))


def exo_pair(lead_B: Tensor, prefer_first_B: Tensor, label_smoothing: float) -> Tensor:
    """KL from the policy's choice (s(D), s(-D)) to people's (q, 1 - q), q = p (1 - e) + (1 - p) e.

    s(D) (l(D) - ln q) + s(-D) (l(-D) - ln(1 - q)); 0 only where s(D) = q. Needs 0 < q < 1, so e > 0 for
    unanimous rows. lead_B is D = beta (score_1 - score_2). Source: Ji et al. (2024), EXO, equation 16.
    """
    q_B = prefer_first_B + label_smoothing * (1 - 2 * prefer_first_B)
    first_B = torch.sigmoid(lead_B) * (F.logsigmoid(lead_B) - torch.log(q_B))
    return first_B + torch.sigmoid(-lead_B) * (F.logsigmoid(-lead_B) - torch.log1p(-q_B))


def aot(pair: Pair, o: Objective) -> Tensor:
    """-(1 - e) l(beta d) - e l(-beta d) on d = sort(s_c - s_r) - sort(q_c - q_r), each sorted over the batch.

    s and q are the log-probabilities of policy and reference. Moves the whole distribution of leads above the
    reference's, so these are the losses of ranks, not of rows: only their sum has a meaning.
    Source: Melnyk et al. (2024), "Distributional Preference Alignment via Optimal Transport", paired.
    """
    lead_B = o.beta * (_lead(pair.policy_B2).sort().values - _lead(pair.reference_B2).sort().values)
    return -(1 - o.label_smoothing) * F.logsigmoid(lead_B) - o.label_smoothing * F.logsigmoid(-lead_B)


def aot_unpaired(pair: Pair, o: Objective) -> Tensor:
    """The same on d = sort(r_c) - sort(r_r), which forgets what was compared with what. Source: as for aot."""
    lead_B = o.beta * _lead(pair.ratio_B2.sort(dim=0).values)
    return -(1 - o.label_smoothing) * F.logsigmoid(lead_B) - o.label_smoothing * F.logsigmoid(-lead_B)


def rao_kupper(lead_B: Tensor, targets: Targets, tie_width: float) -> Tensor:
    """Cross-entropy with three outcomes; a side wins when it leads by more than a threshold, else it is a tie.

    P(first) = s(D - w), P(second) = s(-D - w), P(tie) = (e^2w - 1) P(first) P(second), w = tie_width = ln theta.
    At w = 0 it is Bradley-Terry. Shares of the judgments: first p - t/2, second 1 - p - t/2, tie t.
    Source: Rao and Kupper (1967); in DPO, Chen et al. (2024), arXiv 2409.17431 (DPO-RK).
    """
    first_B, second_B = F.logsigmoid(lead_B - tie_width), F.logsigmoid(-lead_B - tie_width)
    tie_B = first_B + second_B + 2 * tie_width + math.log(-math.expm1(-2 * tie_width))
    return _three_outcomes(first_B, second_B, tie_B, targets)


def davidson(lead_B: Tensor, targets: Targets, tie_width: float) -> Tensor:
    """Cross-entropy with three outcomes in the ratio e^(D/2) : e^(-D/2) : nu, nu = tie_width.

    Equal answers tie with probability nu / (2 + nu). At nu = 0 it is Bradley-Terry.
    Source: Davidson (1970); in DPO, Chen et al. (2024), arXiv 2409.17431 (DPO-D).
    """
    logit_B3 = torch.stack([lead_B / 2, -lead_B / 2, torch.full_like(lead_B, math.log(tie_width))], dim=1)
    first_B, second_B, tie_B = logit_B3.log_softmax(1).unbind(1)
    return _three_outcomes(first_B, second_B, tie_B, targets)


def _three_outcomes(first_B: Tensor, second_B: Tensor, tie_B: Tensor, targets: Targets) -> Tensor:
    half_B = targets.tie_share_B / 2
    wins_B, losses_B = targets.prefer_first_B - half_B, 1 - targets.prefer_first_B - half_B
    return -(wins_B * first_B + losses_B * second_B + targets.tie_share_B * tie_B)


PAIR_LOSSES: dict[str, Callable[[Pair, Objective], Tensor]] = {
    "sigmoid": sigmoid, "robust": robust, "hinge": hinge, "ipo": ipo, "sigmoid_norm": sigmoid_norm,
    "nca_pair": nca_pair, "bco_pair": bco_pair, "sppo_hard": sppo_hard, "apo_zero": apo_zero, "apo_down": apo_down,
    "discopop": discopop, "dpop": dpop, "simpo": simpo, "orpo": orpo,
}  # fmt: skip
SORTED_LOSSES = {"aot": aot, "aot_unpaired": aot_unpaired}
TIE_MODELS = {"rao_kupper": rao_kupper, "davidson": davidson}
REFERENCE_FREE = ("simpo", "orpo")


def reward_losses(
    reward_B2: Tensor, targets: Targets, *, ties: str, tie_width: float, strength_margin: float, center: float
) -> Tensor:
    """The loss of each comparison of a reward model before weights, shape (B,), in nats but for the centring.

    -p l(D - m) - (1 - p) l(-D - m) with D = reward(first) - reward(second) and m = strength_margin * strength, or
    a likelihood with ties as its own outcome; plus center (reward(first) + reward(second))^2, as only differences
    of rewards are learned and their level would drift from prompt to prompt.
    Source: Bradley and Terry (1952); margins, Touvron et al. (2023), Llama 2; centring, Eisenstein et al. (2023).
    """
    _shapes_check(reward_B2, None, reward_B2, targets)
    lead_B, margin_B, p_B = _lead(reward_B2), strength_margin * targets.strength_B, targets.prefer_first_B
    if ties in TIE_MODELS:
        loss_B = TIE_MODELS[ties](lead_B, targets, tie_width)
    else:
        loss_B = -p_B * F.logsigmoid(lead_B - margin_B) - (1 - p_B) * F.logsigmoid(-lead_B - margin_B)
    return loss_B + center * reward_B2.sum(1) ** 2


def kto_losses(
    policy_S: Tensor,
    reference_S: Tensor,
    desirable_S: Tensor,
    kl: Tensor | float,
    beta: float,
    desirable_weight: float,
    undesirable_weight: float,
) -> Tensor:
    """The loss of each answer on its own, shape (S,), in [0, weight].

    Desirable: weight (1 - s(beta (r - kl))). Undesirable: weight (1 - s(beta (kl - r))). r = log pi / ref.
    desirable_S  share of people who approve, in [0, 1]; the loss is the mean over them
    kl           from kto_kl: how far the policy has moved, the point from which gains and losses are felt
    Source: Ethayarajh et al. (2024), KTO.
    """
    if not (policy_S.shape == reference_S.shape == desirable_S.shape):
        raise ValueError(f"shapes differ: {policy_S.shape}, {reference_S.shape}, {desirable_S.shape}")
    gain_S = beta * (policy_S - reference_S - kl)
    desirable = desirable_weight * desirable_S * torch.sigmoid(-gain_S)
    return desirable + undesirable_weight * (1 - desirable_S) * torch.sigmoid(gain_S)


def kto_kl(policy_S: Tensor, reference_S: Tensor) -> Tensor:
    """max(0, mean(log pi / ref)) of answers held against *other* prompts, a scalar without gradient, in nats."""
    return (policy_S - reference_S).detach().mean().clamp(min=0)


def wpo_weights(logprob_N: Tensor, collision_N: Tensor, sequence_N: Tensor, sequences: int) -> Tensor:
    """exp(mean over tokens of [log p(token) - log sum_v p(v)^2]) of each sequence, shape (S,), without gradient.

    How likely the policy itself is to write the answer; 1 for one that it samples from uniform distributions.
    A row of WPO counts the product of both its answers' weights.
    collision_N  log sum_v p(v)^2, the log-probability that two samples of the token agree
    Source: Zhou et al. (2024), WPO, equation 2.
    """
    excess_N = (logprob_N - collision_N).detach()
    tokens_S = sequence_sums(torch.ones_like(excess_N), sequence_N, sequences)
    return torch.exp(sequence_sums(excess_N, sequence_N, sequences) / tokens_S.clamp(min=1))


def ld_sums(
    logprob_N: Tensor, sequence_N: Tensor, place_N: Tensor, shorter_S: Tensor, ld_alpha: float, sequences: int
) -> Tensor:
    """Log-probability of each sequence, where tokens beyond the length of its pair's shorter answer count alpha.

    place_N    how many counted tokens of the same sequence come before each token: 0, 1, ...
    shorter_S  tokens of the shorter answer of the pair that each sequence belongs to
    Source: Liu et al. (2024), LD-DPO.
    """
    counts_N = torch.where(place_N < shorter_S[sequence_N], 1.0, ld_alpha).to(logprob_N.dtype)
    return sequence_sums(logprob_N * counts_N, sequence_N, sequences)


def sequence_sums(value_N: Tensor, sequence_N: Tensor, sequences: int) -> Tensor:
    """The sum of the values of each sequence, shape (S,), float64; a sequence without tokens has sum 0.

    Losses look at differences of such sums, and a sum of 300 nats is rounded by 3e-5 in float32.
    sequence_N  which of the S sequences each token belongs to, in [0, S)
    """
    total_S = torch.zeros(sequences, dtype=torch.float64, device=value_N.device)
    return total_S.index_add(0, sequence_N, value_N.double())


def sft_loss(logprob_S: Tensor, tokens: float) -> Tensor:
    """Mean negative log-likelihood per counted token, in nats.

    logprob_S  summed log-probability of the counted tokens of each sequence
    tokens     counted tokens of the whole optimizer step, so that micro-batches add up to the mean over all
    """
    return -logprob_S.sum() / tokens
