"""Traps of padding, packing and shared prompts that other trainers fell into, for many shapes of models.

docs/training.md lists all traps with their tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from transformers import AutoConfig, AutoModel

from tests.training.test_models import family_save, ids, load, logprobs, logprobs_naive, pairs_of
from tests.training.tiny import END, Listener, dpo_request, model_save, planted, preference, snapshot_save
from training import attention
from training.config import LoraSettings, RewardSettings, SftSettings
from training.contract import Message, PolicyRef
from training.layout import Kind, Layout, layout_of_conversations, layout_of_pairs
from training.layout_choice import layout_choose
from training.models import Policy, policy_load
from training.reward_model import RewardModel
from training.rows import PairTokens
from training.tokens import LeftOut, Tokens, preferences_encoded

CPU = torch.device("cpu")
SMALL: dict[str, Any] = {"vocab_size": 262, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
WIDER = SMALL | {"intermediate_size": 64}
GROUPED = WIDER | {"num_key_value_heads": 2}
# Families whose places see all earlier ones, so that a prompt can be shared and rows can be packed.
SEEING_ALL: dict[str, dict[str, Any]] = {
    "llama": GROUPED,
    "qwen2": GROUPED,
    "gemma": GROUPED | {"head_dim": 8},
    "gpt_neox": WIDER,
}
# Families where they do not, or where distance is told by place; by what the note must say.
SEEING_LESS: dict[str, tuple[dict[str, Any], str]] = {
    "mistral": (
        GROUPED | {"sliding_window": 8},
        "its attention window of 8 is shorter than the longest row of 24 tokens",
    ),
    "bloom": ({"vocab_size": 262, "hidden_size": 32, "n_layer": 2, "n_head": 4}, "the model refuses it"),
    "mpt": ({"vocab_size": 262, "d_model": 32, "n_layers": 2, "n_heads": 4}, "its numbers change by up to"),
    "mamba": ({"vocab_size": 262, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 8}, "the model refuses it"),
}


def family(folder: Path, name: str, shape: dict[str, Any]) -> Path:
    ends = {"initializer_range": 0.2, "bos_token_id": 1, "eos_token_id": END, "pad_token_id": 0}
    return family_save(folder, AutoConfig.for_model(name, **shape, **ends))


def trained_policy(folder: Path) -> Policy:
    return policy_load(PolicyRef(label="p", base_model=str(folder)), CPU, lora=LoraSettings(lora_rank=4))


@pytest.fixture(autouse=True)
def blocks_always_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of tests are so short that they would be attended to with a mask."""
    monkeypatch.setattr(attention, "BLOCK_SECONDS", 0.0)


def attend(policy: Policy, how: str) -> None:
    """With torch's attention and a mask, or by segments without one."""
    attention.by_segments(policy.inner) if how == attention.NAME else policy.inner.set_attn_implementation(how)


def embedded(policy: Policy, layout: Layout) -> tuple[Tensor, Tensor]:
    """(summed log-probability of each sequence, embeddings of every place that it was computed from)."""
    seen: list[Tensor] = []

    def catch(module: torch.nn.Module, inputs: Any, output: Tensor) -> Tensor:
        seen.append(output.detach().requires_grad_())
        return seen[0]

    with policy.inner.get_input_embeddings().register_forward_hook(catch):
        logprob_S = policy.logprobs(layout)
    return logprob_S, seen[0]


# --- padding -----------------------------------------------------------------


@pytest.fixture(scope="module")
def padded_with_its_end(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose padding is its end of turn, and whose tokenizer pads on the left."""
    folder = model_save(tmp_path_factory.mktemp("padded"))
    policy = load(folder)
    policy.inner.config.pad_token_id = END
    policy.inner.save_pretrained(folder)
    policy.tokenizer.pad_token, policy.tokenizer.padding_side = "<|end|>", "left"
    policy.tokenizer.save_pretrained(folder)
    return folder


def of_several_turns(policy: Policy) -> list[PairTokens]:
    """Comparisons whose prompts hold several ends of turn, of very different lengths."""
    turns = [Message(role="user", content="Hi"), Message(role="assistant", content="Yo")]
    rows = [
        preference(n, "yes" * (n % 4 + 1), "no").model_copy(
            update={"prompt": [*turns * (n % 3), Message(role="user", content="x" * 3 * n)]}
        )
        for n in range(6)
    ]
    encoded = preferences_encoded(policy.speech, rows, max_length=200, left_out=LeftOut("comparison"))
    targets = pairs_of(policy.speech, 1)[0].targets_C4
    return [
        PairTokens(n, ids(pair.prompt_ids), ids(pair.first_ids), ids(pair.second_ids), targets)
        for n, pair in enumerate(encoded)
    ]


def test_neither_the_padding_token_nor_its_side_is_ever_looked_at(base: Path, padded_with_its_end: Path) -> None:
    """Trap 9 (trl#1284, OpenRLHF#217): padding was attended to, or an end of turn was taken for padding."""
    plain, padded = load(base), load(padded_with_its_end)
    pairs = of_several_turns(padded)

    assert padded.inner.config.pad_token_id == padded.tokenizer.pad_token_id == END
    for kind in ("separate", "shared"):
        assert torch.equal(logprobs(padded, pairs, kind), logprobs(plain, pairs, kind))
    torch.testing.assert_close(
        logprobs(padded, pairs, "shared"),
        logprobs_naive(padded_with_its_end, pairs),
        rtol=1e-5,
        atol=1e-4,
        check_dtype=False,
    )


def test_rewards_are_read_at_the_last_token_where_padding_is_the_end_of_a_turn(padded_with_its_end: Path) -> None:
    """Trap 10 (transformers#35352, gpt-neox#1285, trl#7318): pooled at the last token that is not the padding."""
    policy = trained_policy(padded_with_its_end)
    model = RewardModel.fresh(policy, ["overall"], RewardSettings(), seed=0)
    pairs = of_several_turns(policy)
    plain = AutoModel.from_pretrained(padded_with_its_end).eval()

    with torch.no_grad():
        layout = layout_of_pairs(pairs, "shared")
        batched_B2 = model.scores(layout)[layout.pair_B2]
        alone = [
            plain(torch.tensor([[*pair.prompt_ids.tolist(), *answer.tolist()]])).last_hidden_state[0, -1]
            for pair in pairs
            for answer in (pair.first_ids, pair.second_ids)
        ]

    assert all(pair.first_ids[-1] == END for pair in pairs)
    torch.testing.assert_close(batched_B2.flatten(), torch.stack(alone) @ model.head_CED[0, 0], rtol=1e-4, atol=1e-5)


# --- packing -----------------------------------------------------------------


@pytest.mark.parametrize("how", ["sdpa", attention.NAME])
def test_a_packed_example_has_no_part_at_all_in_its_neighbours(base: Path, how: str) -> None:
    """Trap 41 (transformers#46634, OpenRLHF#587, trl#3067, #1230, torchtune#875): rows attended across examples.

    The gradient of one comparison is exactly zero at every place of all others, and other tokens there change not
    one bit.
    """
    policy = load(base)
    attend(policy, how)
    pairs = pairs_of(policy.speech, 4)
    layout = layout_of_pairs(pairs, "packed", row_length=400)
    assert layout.parent_RT is not None
    assert len(layout.ids_RT) == 1

    logprob_S, embedding_RTD = embedded(policy, layout)
    (gradient_RTD,) = torch.autograd.grad(logprob_S[layout.pair_B2[2]].sum(), embedding_RTD)

    own_T = layout.parent_RT[0] == layout.parent_RT[0, layout.last_S[layout.pair_B2[2, 0]]]
    assert 0 < own_T.sum() < len(own_T) / 2
    assert gradient_RTD[0, own_T].abs().sum() > 0
    assert torch.equal(gradient_RTD[0, ~own_T], torch.zeros_like(gradient_RTD[0, ~own_T]))
    layout.ids_RT[0, ~own_T] = (layout.ids_RT[0, ~own_T] + 7) % 200
    with torch.no_grad():
        assert torch.equal(policy.logprobs(layout)[layout.pair_B2[2]], logprob_S[layout.pair_B2[2]])


def test_two_answers_of_one_prompt_never_see_each_other(base: Path) -> None:
    """Trap 41: in a shared row the second answer stands behind the first, and must not know it."""
    policy = load(base)
    layout = layout_of_pairs(pairs_of(policy.speech, 1), "shared")
    assert layout.segment_RT is not None

    logprob_S, embedding_RTD = embedded(policy, layout)
    (gradient_RTD,) = torch.autograd.grad(logprob_S[1], embedding_RTD)

    by_segment = [float(gradient_RTD[layout.segment_RT == segment].abs().sum()) for segment in (0, 1, 2)]
    assert by_segment[0] > 0
    assert by_segment[1] == 0
    assert by_segment[2] > 0


def test_packed_conversations_score_as_they_do_alone(base: Path) -> None:
    """Traps 41 and 42 for demonstrations."""
    policy = load(base)
    rows = [Tokens([1, *range(10 + n, 30 + 3 * n)], [False] * 5 + [True] * (16 + 2 * n)) for n in range(4)]

    with torch.no_grad():
        packed = policy.logprobs(layout_of_conversations(rows, row_length=60))
        alone = torch.cat([policy.logprobs(layout_of_conversations([row])) for row in rows])

    torch.testing.assert_close(packed, alone, rtol=1e-5, atol=1e-4)


# --- families ----------------------------------------------------------------


@pytest.mark.parametrize("name", SEEING_ALL)
def test_a_shared_prompt_gives_values_and_gradients_of_rows_of_their_own(tmp_path: Path, name: str) -> None:
    """Trap 42 (torchtune#892, OpenRLHF#377): positions went on through the row instead of starting again."""
    folder = family(tmp_path / name, name, SEEING_ALL[name])
    policy = trained_policy(folder)
    pairs = pairs_of(policy.speech)
    sides_B2 = torch.linspace(-1, 1, 2 * len(pairs)).view(-1, 2)

    def found(kind: Kind) -> tuple[Tensor, Sequence[Tensor]]:
        layout = layout_of_pairs(pairs, kind, row_length=80)
        logprob_B2 = policy.logprobs(layout)[layout.pair_B2]
        return logprob_B2.detach(), torch.autograd.grad((sides_B2 * logprob_B2).sum(), list(policy.trained.values()))

    separate_B2, separate_gradients = found("separate")
    torch.testing.assert_close(separate_B2, logprobs_naive(folder, pairs), rtol=1e-5, atol=1e-5, check_dtype=False)
    for how in ("sdpa", attention.NAME):
        attend(policy, how)
        for kind in ("shared", "packed"):
            logprob_B2, gradients = found(kind)
            torch.testing.assert_close(logprob_B2, separate_B2, rtol=1e-5, atol=1e-5)
            for ours, theirs in zip(gradients, separate_gradients, strict=True):
                torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4 * float(theirs.abs().max()))


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile:UserWarning")
@pytest.mark.parametrize("kind", ["shared", "packed"])
def test_attention_in_blocks_gives_the_numbers_of_rows_of_their_own(base: Path, kind: Kind) -> None:
    """Trap 42 with the attention of GPUs. Uncompiled, which gives the same numbers and saves a minute of compiling."""
    policy = load(base)
    pairs = pairs_of(policy.speech)
    separate = logprobs(policy, pairs, "separate")
    policy.inner.set_attn_implementation("flex_attention")

    with torch.compiler.set_stance("force_eager"):
        blocks = logprobs(policy, pairs, kind)

    torch.testing.assert_close(blocks, separate, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", SEEING_LESS)
def test_a_family_that_cannot_share_its_prompts_is_trained_in_rows_of_their_own_and_says_why(
    tmp_path: Path, listener: Listener, name: str
) -> None:
    """Trap 42: windows, distances told by place and states that run through the row; all look fine and are wrong."""
    shape, why = SEEING_LESS[name]
    folder = family(tmp_path / name, name, shape)
    rows = planted(4)

    listener.run(dpo_request(tmp_path, folder, snapshot_save(tmp_path / "s", rows), max_steps=1, batch_size=4))

    (note,) = [note for note in listener.notes() if "row of its own" in note]
    assert why in note
    pairs = pairs_of(load(folder).speech, 4)
    naive_B2 = logprobs_naive(folder, pairs)
    chosen_B = torch.tensor([naive_B2[at, 0 if row.prefer_first else 1] for at, row in enumerate(rows)])
    assert listener.curve("logps/chosen")[0] == pytest.approx(float(chosen_B.mean()), rel=1e-5)


def test_attention_that_the_longest_rows_do_not_use_is_never_used_unproven(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mask for two long rows and blocks for a batch of others would leave the blocks unproven."""
    policy = load(base)
    pairs = pairs_of(policy.speech, 2)
    monkeypatch.setattr(attention, "BLOCK_SECONDS", 1.0)

    kind, _ = layout_choose(
        policy, "auto", 60, lambda kind: layout_of_pairs(pairs, kind), lambda layout: policy.logprobs(layout)
    )

    assert kind == "shared"
    assert policy.inner.config._attn_implementation != attention.NAME


def test_conversations_are_laid_out_by_packing_alone() -> None:
    """An option that would change nothing is refused."""
    for settings in ({"layout": "shared"}, {"layout": "packed"}, {"layout": "separate", "packing": True}):
        with pytest.raises(ValidationError, match="is about comparisons; packing says how conversations lie"):
            SftSettings.model_validate(settings)
    assert not SftSettings(layout="separate").packing
