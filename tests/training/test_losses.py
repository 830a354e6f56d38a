"""Losses are pure arithmetic: worked on paper here, then as properties of all of them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from training import config, losses
from training.losses import Objective, Targets

LN2, LN3 = math.log(2), math.log(3)
LOSSES = [*losses.PAIR_LOSSES, *losses.SORTED_LOSSES, "exo_pair"]
BY_ROW = [*losses.PAIR_LOSSES, "exo_pair"]

logps = st.floats(-60, -1)
shares = st.floats(0.01, 0.99)
leads = st.floats(-30, 30)
rows = st.tuples(logps, logps, logps, logps, shares)


def doubles(*values: object) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def targets(prefer_first: Tensor, tie: float = 0.0, strength: float = 1.0) -> Targets:
    return Targets(prefer_first, torch.full_like(prefer_first, tie), torch.full_like(prefer_first, strength))


def loss_of(
    policy: tuple[float, float],
    reference: tuple[float, float] | None,
    objective: Objective,
    prefer_first: float = 1.0,
    length: tuple[float, float] = (2, 4),
    **said: float,
) -> float:
    """The loss of a single comparison."""
    reference_B2 = None if reference is None else doubles(reference)
    target = targets(doubles(prefer_first), **said)
    return losses.preference_losses(doubles(policy), reference_B2, doubles(length), target, objective).item()


# --- One step at a time, on paper ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("sigmoid", LN2),  # the first column of numbers that a run shows
        ("hinge", 1.0),
        ("ipo", 25.0),  # (1 / (2 * 0.1))^2
        ("sigmoid_norm", LN2),
        ("robust", LN2),
        ("exo_pair", -LN2 - 0.5 * math.log(0.001) - 0.5 * math.log(0.999)),  # 2.76123
        ("nca_pair", 2 * LN2),
        ("bco_pair", 2 * LN2),
        ("sppo_hard", 50.0),  # 2 (0.5 / 0.1)^2
        ("aot", LN2),
        ("aot_unpaired", LN2),
        ("apo_zero", 1.0),
        ("apo_down", 1.0),
        ("discopop", LN2 / 2 + 0.5),
        ("dpop", LN2),
    ],
)
def test_the_loss_where_the_policy_is_its_reference_is_known(loss: str, expected: float) -> None:
    """With beta 0.1 and all rewards 0, whatever the lengths: what step 0 of every run must show."""
    objective = Objective(loss, 0.1, label_smoothing=0.001 if loss in ("exo_pair", "robust") else 0.0)

    assert loss_of((-30, -50), (-30, -50), objective) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("loss", "expected", "options"),
    [
        ("sigmoid", -math.log(0.9), {}),
        ("sigmoid", -0.8 * math.log(0.9) - 0.2 * math.log(0.1), {"label_smoothing": 0.2}),
        ("robust", (-0.8 * math.log(0.9) + 0.2 * math.log(0.1)) / 0.6, {"label_smoothing": 0.2}),
        ("hinge", 0.0, {}),  # 1 - ln 9 is below 0
        ("ipo", (LN3 / 2 + LN3 / 4 - 0.5) ** 2, {}),
        ("sigmoid_norm", math.log(1 + math.exp(-0.75 * LN3)), {}),
        ("exo_pair", 0.0, {"label_smoothing": 0.1}),  # the policy believes 0.9, which is the target
        ("nca_pair", -math.log(0.75) - 0.5 * math.log(0.25) - 0.5 * math.log(0.75), {}),
        ("bco_pair", -2 * math.log(0.75), {}),
        ("sppo_hard", 2 * (LN3 - 0.5) ** 2, {}),
        ("apo_zero", 0.25 + 0.25, {}),
        ("apo_down", 0.75 + 0.1, {}),
        ("discopop", -math.log(0.9) * 0.1 + 0.9 / 9, {"discopop_tau": 1.0}),
        ("dpop", -math.log(0.9), {"dpop_lambda": 7.0}),  # the chosen answer did not fall
        ("aot", -math.log(0.9), {}),
        ("aot_unpaired", -0.9 * math.log(0.9) - 0.1 * math.log(0.1), {"label_smoothing": 0.1}),
    ],
)
def test_each_loss_on_paper(loss: str, expected: float, options: dict[str, float]) -> None:
    """Chosen (2 tokens) three times as likely as under the reference, rejected (4 tokens) a third: with beta 1 the
    rewards are ln 3 and -ln 3, s of them 3/4 and 1/4, and the lead is ln 9 with s = 9/10."""
    objective = Objective(loss, 1.0, **options)  # type: ignore[arg-type]

    assert loss_of((-5 + LN3, -7 - LN3), (-5, -7), objective) == pytest.approx(expected, abs=1e-12)


def test_dpop_charges_a_chosen_answer_that_fell() -> None:
    """r = (-1, -4): the lead of 3 shrinks by lambda 2 times the fall of 1."""
    assert loss_of((-6, -9), (-5, -5), Objective("dpop", 1.0, dpop_lambda=2.0)) == pytest.approx(
        math.log(1 + math.exp(-1))
    )


def test_simpo_compares_means_over_tokens_without_a_reference() -> None:
    """-2 over 2 tokens against -8 over 4: means -1 and -2, beta 2, gamma 0.5: logit 1.5."""
    assert loss_of((-2, -8), None, Objective("simpo", 2.0, simpo_gamma=0.5)) == pytest.approx(
        math.log(1 + math.exp(-1.5))
    )


def test_orpo_adds_odds_to_imitation() -> None:
    """Mean probabilities 1/2 and 1/4: odds 1 and 1/3, ratio 3, s(ln 3) = 3/4; imitation costs ln 2."""
    loss = loss_of((2 * math.log(0.5), 4 * math.log(0.25)), None, Objective("orpo", 0.1))

    assert loss == pytest.approx(LN2 - 0.1 * math.log(0.75))


def test_aot_compares_what_is_as_far_ahead_not_what_is_in_the_same_row() -> None:
    """Leads of the policy 3 and 1 against 0 and 2 of the reference: sorted 1 - 0 and 3 - 2, by row 3 and -1."""
    policy_B2, reference_B2 = doubles((3, 0), (1, 0)), doubles((0, 0), (2, 0))

    loss_B = losses.preference_losses(
        policy_B2, reference_B2, torch.ones(2, 2), targets(doubles(1, 1)), Objective("aot", 1.0)
    )

    assert loss_B.tolist() == pytest.approx([math.log(1 + math.exp(-1))] * 2)


@pytest.mark.parametrize(
    ("divergence", "score"),
    [
        ("reverse_kl", LN2),
        ("forward_kl", 0.5),
        ("js_divergence", math.log(4 / 3)),
        ("alpha_divergence", 2 - math.sqrt(2)),
    ],
)
def test_a_divergence_bends_the_ratio(divergence: str, score: float) -> None:
    """At t = 2: ln 2, 1 - 1/2, ln(4/3), (2^-1/2 - 1) / (-1/2) = 2 - sqrt 2; and 0 at t = 1."""
    scores = losses.divergence_scores(doubles(0, LN2), divergence, 0.5)

    assert scores.tolist() == pytest.approx([0, score])


def test_the_alpha_divergence_lies_between_both_kls() -> None:
    ratio = torch.linspace(-3, 3, 13, dtype=torch.float64)

    def scores(divergence: str, alpha: float = 0.5) -> Tensor:
        return losses.divergence_scores(ratio, divergence, alpha)

    torch.testing.assert_close(scores("alpha_divergence", 1 - 1e-9), scores("reverse_kl"), atol=1e-7, rtol=0)
    torch.testing.assert_close(scores("alpha_divergence", 1e-9), scores("forward_kl"), atol=1e-6, rtol=0)


# --- What people said ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", BY_ROW)
@given(row=rows)
def test_swapping_the_sides_changes_nothing(loss: str, row: tuple[float, float, float, float, float]) -> None:
    s1, s2, q1, q2, prefer = row
    objective = Objective(loss, 0.1, label_smoothing=0.1, strength_margin=0.5)

    loss_given = loss_of((s1, s2), (q1, q2), objective, prefer, (3, 7))

    assert loss_of((s2, s1), (q2, q1), objective, 1 - prefer, (7, 3)) == pytest.approx(loss_given, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
def test_rows_that_people_decided_the_other_way_round_are_turned(loss: str) -> None:
    torch.manual_seed(0)
    policy_B2, reference_B2, length_B2 = torch.randn(6, 2), torch.randn(6, 2), torch.ones(6, 2)
    turn_B = torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0, 0.0])
    objective = Objective(loss, 0.5, label_smoothing=0.1)

    def turned(value_B2: Tensor) -> Tensor:
        return torch.where(turn_B[:, None] == 1, value_B2, value_B2.flip(1))

    as_asked = losses.preference_losses(policy_B2, reference_B2, length_B2, targets(turn_B), objective)
    as_told = losses.preference_losses(
        turned(policy_B2), turned(reference_B2), length_B2, targets(torch.ones(6)), objective
    )

    torch.testing.assert_close(as_asked, as_told)


@pytest.mark.parametrize("loss", losses.PAIR_LOSSES)
def test_a_split_vote_costs_what_its_votes_cost_on_average(loss: str) -> None:
    """Two of three for first, as one row or as three."""
    objective = Objective(loss, 0.3, label_smoothing=0.1, strength_margin=0.2)

    def cost(prefer: float) -> float:
        return loss_of((-8, -6), (-7, -9), objective, prefer)

    assert cost(2 / 3) == pytest.approx((2 * cost(1) + cost(0)) / 3)


@given(lead=leads, prefer=shares, beta=st.floats(0.05, 2))
def test_ipo_asks_for_a_lead_that_shrinks_with_the_majority(lead: float, prefer: float, beta: float) -> None:
    """p (D - c)^2 + (1 - p) (D + c)^2 = (D - (2p - 1) c)^2 + 4 p (1 - p) c^2 with c = 1 / (2 beta)."""
    c = 1 / (2 * beta)

    loss = loss_of((lead, 0), (0, 0), Objective("ipo", beta), prefer, (1, 1))

    assert loss == pytest.approx((lead - (2 * prefer - 1) * c) ** 2 + 4 * prefer * (1 - prefer) * c**2)


@pytest.mark.parametrize("loss", ["sigmoid", "exo_pair"])
@given(prefer=shares)
def test_the_loss_is_smallest_where_the_policy_believes_what_people_said(loss: str, prefer: float) -> None:
    """At s(D) = p the slope is 0, and on both sides it costs more."""
    believed = math.log(prefer / (1 - prefer))
    objective = Objective(loss, 1.0)

    def cost(lead: float) -> float:
        return loss_of((lead, 0), (0, 0), objective, prefer)

    assert cost(believed) < min(cost(believed - 0.1), cost(believed + 0.1))
    assert (cost(believed + 1e-4) - cost(believed - 1e-4)) / 2e-4 == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(
    ("loss", "ties"), [*((loss, "half") for loss in BY_ROW), ("sigmoid", "rao_kupper"), ("sigmoid", "davidson")]
)
def test_a_tie_pulls_both_sides_alike(loss: str, ties: str) -> None:
    """Ties are never forced to a winner: swap A and B of a tied row and the gradient swaps with them."""
    objective = Objective(loss, 0.3, ties=ties, label_smoothing=0.1 if loss == "exo_pair" else 0.0)

    def gradient(policy: tuple[float, float], length: tuple[float, float]) -> list[float]:
        policy_B2 = doubles(policy).requires_grad_()
        losses.preference_losses(
            policy_B2, doubles((-5, -5)), doubles(length), targets(doubles(0.5), tie=1.0), objective
        ).sum().backward()  # type: ignore[no-untyped-call]
        assert policy_B2.grad is not None
        return policy_B2.grad[0].tolist()

    first, second = gradient((-4, -9), (3, 5))
    assert gradient((-9, -4), (5, 3)) == pytest.approx([second, first])


@pytest.mark.parametrize("ties", ["half", "rao_kupper", "davidson"])
@given(lead=leads)
def test_a_tie_costs_least_when_the_policy_is_undecided(ties: str, lead: float) -> None:
    objective = Objective("sigmoid", 1.0, ties=ties)

    cost = loss_of((lead, 0), (0, 0), objective, 0.5, tie=1.0)

    assert cost == pytest.approx(loss_of((-lead, 0), (0, 0), objective, 0.5, tie=1.0))
    assert cost >= loss_of((0, 0), (0, 0), objective, 0.5, tie=1.0) - 1e-12


def outcomes(ties: str, lead: float, width: float) -> tuple[float, float, float]:
    """Probability of (first, second, tie), read from the losses of rows where all judges agree."""
    objective = Objective("sigmoid", 1.0, ties=ties, tie_width=width)
    said = [(1.0, 0.0), (0.0, 0.0), (0.5, 1.0)]
    first, second, tie = (math.exp(-loss_of((lead, 0), (0, 0), objective, p, tie=t)) for p, t in said)
    return first, second, tie


@pytest.mark.parametrize(("ties", "width"), [("rao_kupper", LN2), ("davidson", 1.0)])
def test_a_third_of_the_judgments_of_equal_answers_are_ties(ties: str, width: float) -> None:
    """theta = 2: 1 / (1 + 2) for each side. nu = 1: 1 : 1 : 1."""
    assert outcomes(ties, 0.0, width) == pytest.approx((1 / 3, 1 / 3, 1 / 3))


def test_tie_models_on_paper() -> None:
    """Lead ln 4. Rao-Kupper, theta 2: 4 / (4 + 2), 1 / (1 + 8), the rest 2/9. Davidson, nu 1: 2 : 1/2 : 1."""
    assert outcomes("rao_kupper", math.log(4), LN2) == pytest.approx((2 / 3, 1 / 9, 2 / 9))
    assert outcomes("davidson", math.log(4), 1.0) == pytest.approx((4 / 7, 1 / 7, 2 / 7))


@pytest.mark.parametrize("ties", ["rao_kupper", "davidson"])
@given(lead=leads, width=st.floats(0.01, 10))
def test_the_three_outcomes_have_probability_one(ties: str, lead: float, width: float) -> None:
    assert sum(outcomes(ties, lead, width)) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("ties", ["rao_kupper", "davidson"])
@given(lead=leads, prefer=shares)
def test_without_room_for_ties_the_models_are_bradley_terry(ties: str, lead: float, prefer: float) -> None:
    narrow = Objective("sigmoid", 1.0, ties=ties, tie_width=1e-9)

    loss = loss_of((lead, 0), (0, 0), narrow, prefer)

    assert loss == pytest.approx(loss_of((lead, 0), (0, 0), Objective("sigmoid", 1.0), prefer), abs=1e-6)


@pytest.mark.parametrize("ties", ["rao_kupper", "davidson"])
@given(lead=st.floats(-5, 5), width=st.floats(0.1, 3))
def test_a_tie_model_stands_still_where_it_predicts_what_people_said(ties: str, lead: float, width: float) -> None:
    first, _, tie = outcomes(ties, lead, width)
    policy_B2 = doubles((lead, 0)).requires_grad_()

    losses.preference_losses(
        policy_B2,
        doubles((0, 0)),
        doubles((1, 1)),
        targets(doubles(first + tie / 2), tie=tie),
        Objective("sigmoid", 1.0, ties=ties, tie_width=width),
    ).sum().backward()  # type: ignore[no-untyped-call]

    assert policy_B2.grad is not None
    assert policy_B2.grad.abs().max().item() == pytest.approx(0, abs=1e-9)


def test_a_clear_preference_must_lead_by_its_margin_from_either_side() -> None:
    """Lead 3, margin 2 times strength 1/2: as a lead of 2; for the other side -3 - 1 = -4."""
    objective = Objective("sigmoid", 1.0, strength_margin=2.0)

    assert loss_of((3, 0), (0, 0), objective, 1.0, strength=0.5) == pytest.approx(math.log(1 + math.exp(-2)))
    assert loss_of((3, 0), (0, 0), objective, 0.0, strength=0.5) == pytest.approx(math.log(1 + math.exp(4)))


# --- Options, refusals, and numbers far out -----------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    ("option", "takers"),
    [
        ({"label_smoothing": 0.2}, config.TAKES_SMOOTHING),
        ({"strength_margin": 1.0}, config.TAKES_MARGIN),
        ({"f_divergence_type": "forward_kl"}, config.TAKES_DIVERGENCE),
        ({"discopop_tau": 1.0}, ("discopop",)),
        ({"dpop_lambda": 1.0}, ("dpop",)),
        ({"simpo_gamma": 1.0}, ("simpo",)),
    ],
)
def test_an_option_acts_exactly_with_the_losses_that_take_it(
    loss: str, option: dict[str, float | str], takers: tuple[str, ...]
) -> None:
    """So the settings can refuse it everywhere else, and no option is ever accepted and ignored."""
    plain = Objective(loss, 0.5, label_smoothing=0.1 if loss == "exo_pair" else 0.0)

    acted = replace(plain, **option)  # type: ignore[arg-type]

    assert (loss_of((-6, -5), (-4, -7), acted) != loss_of((-6, -5), (-4, -7), plain)) == (loss in takers)


def test_every_loss_of_the_settings_exists() -> None:
    assert {*LOSSES, "kto"} == {*config.Loss.__args__}  # type: ignore[attr-defined]
    assert losses.REFERENCE_FREE == config.REFERENCE_FREE
    assert tuple(losses.SORTED_LOSSES) == config.SORTED_IN_BATCH


@pytest.mark.parametrize("divergence", ["reverse_kl", "forward_kl", "js_divergence", "alpha_divergence"])
@pytest.mark.parametrize("loss", LOSSES)
def test_values_far_out_stay_finite(loss: str, divergence: str) -> None:
    """In float32, as far as a policy can run away: 500 nats either way."""
    policy_B2 = torch.tensor([[-1.0, -900.0], [-900.0, -1.0], [-0.0, -0.0]]).requires_grad_()
    objective = Objective(loss, 1.0, label_smoothing=0.1, f_divergence_type=divergence, discopop_tau=2.0)

    loss_B = losses.preference_losses(
        policy_B2, torch.full((3, 2), -400.0), torch.ones(3, 2), targets(torch.ones(3)), objective
    )
    loss_B.sum().backward()  # type: ignore[no-untyped-call]

    assert policy_B2.grad is not None
    assert loss_B.isfinite().all()
    assert policy_B2.grad.isfinite().all()


@pytest.mark.parametrize(
    ("objective", "prefer", "sentence"),
    [
        (Objective("kto", 0.1), 1.0, "kto is no loss of comparisons"),
        (Objective("sigmoid", 0.1, f_divergence_type="total"), 1.0, "total is no divergence"),
        (Objective("ipo", 0.1, ties="davidson"), 1.0, "the place of sigmoid only"),
        (Objective("aot", 0.1), 0.7, "every target must be 0 or 1"),
    ],
)
def test_what_cannot_be_computed_is_refused(objective: Objective, prefer: float, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        loss_of((0, 0), (0, 0), objective, prefer)


def test_a_missing_reference_is_refused() -> None:
    with pytest.raises(ValueError, match="sigmoid needs log-probabilities of the reference"):
        loss_of((0, 0), None, Objective("sigmoid", 0.1))


@pytest.mark.parametrize("wrong", ["policy", "reference", "length", "targets"])
def test_shapes_that_differ_are_refused(wrong: str) -> None:
    """Broadcasting would turn (B,) against (B, 2) into a matrix of pairs that nobody compared."""
    shapes = {"policy": (3, 2), "reference": (3, 2), "length": (3, 2), "targets": (3,)} | {wrong: (2,)}
    policy_B2, reference_B2, length_B2, prefer_B = (torch.ones(shape) for shape in shapes.values())

    with pytest.raises(ValueError, match="shapes differ"):
        losses.preference_losses(policy_B2, reference_B2, length_B2, targets(prefer_B), Objective("sigmoid", 0.1))


# --- Rewards, KTO, weights and sums -------------------------------------------------------------------------------


def reward_loss(reward: tuple[float, float], prefer: float = 1.0, *, tie: float = 0.0, **options: float | str) -> float:
    defaults: dict[str, float | str] = {"ties": "half", "tie_width": 1.0, "strength_margin": 0.0, "center": 0.0}
    return losses.reward_losses(
        doubles(reward),
        targets(doubles(prefer), tie=tie),
        **(defaults | options),  # type: ignore[arg-type]
    ).item()


def test_a_reward_model_pays_the_log_of_the_probability_given_to_the_vote() -> None:
    """Lead ln 3: 3/4 for first; a margin of ln 3 leaves 1/2."""
    assert reward_loss((LN3 + 2, 2)) == pytest.approx(math.log(4 / 3))
    assert reward_loss((LN3 + 2, 2), 2 / 3) == pytest.approx(2 / 3 * math.log(4 / 3) + 1 / 3 * math.log(4))
    assert reward_loss((LN3 + 2, 2), strength_margin=LN3) == pytest.approx(LN2)


def test_centring_pulls_the_sum_of_both_rewards_to_zero() -> None:
    """ln 2 for equal rewards and 0.01 (3 + 3)^2."""
    assert reward_loss((3, 3), center=0.01) == pytest.approx(LN2 + 0.36)


def test_a_reward_model_knows_ties_as_an_outcome() -> None:
    assert reward_loss((5, 5), 0.5, tie=1.0, ties="rao_kupper", tie_width=LN2) == pytest.approx(LN3)
    assert reward_loss((5, 5), 0.5, tie=1.0, ties="davidson", tie_width=1.0) == pytest.approx(LN3)


@given(lead=leads, prefer=shares)
def test_the_gradient_is_what_the_model_believes_minus_what_people_said(lead: float, prefer: float) -> None:
    reward_B2 = doubles((lead, 0)).requires_grad_()
    losses.reward_losses(
        reward_B2, targets(doubles(prefer)), ties="half", tie_width=1.0, strength_margin=0.0, center=0.0
    ).sum().backward()  # type: ignore[no-untyped-call]

    believed = 1 / (1 + math.exp(-lead))
    assert reward_B2.grad is not None
    assert reward_B2.grad[0].tolist() == pytest.approx([believed - prefer, prefer - believed])


def test_kto_feels_gains_and_losses_from_where_the_policy_stands() -> None:
    """beta 1, r = ln 3 + 2 and kl 2: desirable costs 1 - 3/4, undesirable 1 - 1/4; weights 2 and 4."""
    policy, reference = doubles(LN3 + 2, LN3 + 2, LN3 + 2), doubles(0, 0, 0)

    loss_S = losses.kto_losses(policy, reference, doubles(1, 0, 0.5), 2.0, 1.0, 2.0, 4.0)

    assert loss_S.tolist() == pytest.approx([0.5, 3.0, 1.75])


def test_the_kl_of_kto_is_never_negative_and_has_no_gradient() -> None:
    policy = doubles(-1, -4).requires_grad_()

    assert losses.kto_kl(policy, doubles(-2, -6)).item() == pytest.approx(1.5)
    assert losses.kto_kl(policy, doubles(0, 0)).item() == 0
    assert not losses.kto_kl(policy, doubles(0, 0)).requires_grad


def test_wpo_weighs_an_answer_by_how_likely_the_policy_writes_it() -> None:
    """Tokens with p = 1/4 where two samples agree with 1/2, and with p = 1/2 where with 1/2: mean of ln 1/2 and 0."""
    logprob_N, collision_N = doubles(0.25, 0.5, 0.5).log().requires_grad_(), doubles(0.5, 0.5, 0.5).log()

    weight_S = losses.wpo_weights(logprob_N, collision_N, torch.tensor([0, 0, 2]), 3)

    assert weight_S.tolist() == pytest.approx([math.sqrt(0.5), 1.0, 1.0])
    assert not weight_S.requires_grad


def test_tokens_beyond_the_shorter_answer_count_less() -> None:
    """Three tokens and two: the third of the longer one counts a quarter."""
    logprob_N, sequence_N = doubles(-1, -2, -4, -8, -16), torch.tensor([0, 0, 0, 1, 1])

    summed_S = losses.ld_sums(logprob_N, sequence_N, torch.tensor([0, 1, 2, 0, 1]), torch.tensor([2, 2]), 0.25, 2)

    assert summed_S.tolist() == [-4.0, -24.0]


def test_sequence_sums_keep_sequences_apart() -> None:
    summed = losses.sequence_sums(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 2, 2]), 3)

    assert summed.tolist() == [1.0, 0.0, 6.0]


def test_sft_is_the_mean_over_tokens_not_over_sequences() -> None:
    """Sums -6 over 3 tokens and -2 over 1 token: 8 nats over 4 tokens."""
    assert losses.sft_loss(torch.tensor([-6.0, -2.0]), tokens=4).item() == 2.0
