"""Models load safely, and give the probabilities of the plain library in every layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, BertConfig, BertModel, MistralConfig

from tests.training.tiny import CHAT_TEMPLATE, model_save, planted, reward_request
from training.bases import base_load, device_pick, tokenizer_load
from training.checkpoints import checkpoint_save
from training.config import LoraSettings, RewardSettings
from training.contract import PolicyRef, RunReport
from training.errors import CheckpointIncomplete, ModelUnusable
from training.layout import Kind, layout_of_pairs
from training.layout_choice import layout_choose
from training.models import Policy, policy_load
from training.reward_model import Encoder, RewardModel, backbone_load, reward_model_load
from training.rows import PairTokens
from training.tokens import LeftOut, Speech, preferences_encoded

CPU = torch.device("cpu")
each_layout = pytest.mark.parametrize("kind", ["separate", "shared", "packed"])


def load(folder: Path) -> Policy:
    return policy_load(PolicyRef(label="policy", base_model=str(folder)), CPU)


def chosen_layout(
    policy: Policy, pairs: list[PairTokens], wanted: Literal["auto"] | Kind, longest: int
) -> tuple[Kind, str | None]:
    return layout_choose(
        policy,
        wanted,
        longest,
        lambda kind: layout_of_pairs(pairs, kind, row_length=128),
        lambda layout: policy.logprobs(layout)[layout.pair_B2],
    )


def pairs_of(speech: Speech, count: int = 6) -> list[PairTokens]:
    encoded = preferences_encoded(speech, planted(count), max_length=200, left_out=LeftOut("comparison"))
    return [
        PairTokens(number, ids(pair.prompt_ids), ids(pair.first_ids), ids(pair.second_ids), np.zeros((1, 4)))
        for number, pair in enumerate(encoded)
    ]


def ids(listed: list[int]) -> npt.NDArray[np.int32]:
    return np.array(listed, np.int32)


@torch.no_grad()
def logprobs(policy: Policy, pairs: list[PairTokens], kind: Kind) -> Tensor:
    """Of (first, second), shape (B, 2)."""
    layout = layout_of_pairs(pairs, kind, row_length=80)
    return policy.logprobs(layout)[layout.pair_B2].float()


@torch.no_grad()
def logprobs_naive(folder: Path, pairs: list[PairTokens]) -> Tensor:
    """The same from full logits of every row alone, with the plain library."""
    model = AutoModelForCausalLM.from_pretrained(folder)

    def summed(prompt_ids: Any, answer_ids: Any) -> float:
        whole = torch.tensor([[*prompt_ids, *answer_ids]])
        logprob_TV = model(whole).logits[0].log_softmax(-1)
        places = range(len(prompt_ids) - 1, whole.shape[1] - 1)
        return sum(float(logprob_TV[place, whole[0, place + 1]]) for place in places)

    return torch.tensor([[summed(p.prompt_ids, answer) for answer in (p.first_ids, p.second_ids)] for p in pairs])


def family_save(folder: Path, config: Any) -> Path:
    """A random model of another family with the tokenizer of the tiny one."""
    model_save(folder)
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)  # type: ignore[no-untyped-call]
    return folder


# --- log-probabilities -------------------------------------------------------


@each_layout
def test_log_probabilities_equal_those_of_full_logits(base: Path, kind: Kind) -> None:
    policy = load(base)
    pairs = pairs_of(policy.speech)

    torch.testing.assert_close(logprobs(policy, pairs, kind), logprobs_naive(base, pairs), rtol=1e-5, atol=1e-4)


@each_layout
def test_batch_mates_and_padding_change_nothing(base: Path, kind: Kind) -> None:
    policy = load(base)
    pairs = pairs_of(policy.speech)

    together = logprobs(policy, pairs, kind)
    alone = torch.cat([logprobs(policy, [pair], kind) for pair in pairs])

    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("family", ["gpt2", "gpt_neox", "qwen2", "qwen3", "gemma2"])
def test_other_families_give_the_log_probabilities_of_full_logits(tmp_path: Path, family: str) -> None:
    """Learned positions, partial rotation, biases, per-head norms, capped logits and alternating windows."""
    shape = {"vocab_size": 262, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    gpt2 = {"vocab_size": 262, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256}
    modern = shape | {"intermediate_size": 64, "num_key_value_heads": 2, "head_dim": 8}
    config = AutoConfig.for_model(
        family,
        **{"gpt2": gpt2, "gpt_neox": shape | {"intermediate_size": 64}}.get(family, modern),
        initializer_range=0.2,
        bos_token_id=1,
        eos_token_id=5,
        pad_token_id=0,
    )
    policy = load(family_save(tmp_path / family, config))
    pairs = pairs_of(policy.speech)
    kind, note = chosen_layout(policy, pairs, "auto", 60)

    assert (kind, note) == ("shared", None)
    naive = logprobs_naive(tmp_path / family, pairs)
    torch.testing.assert_close(logprobs(policy, pairs, kind), naive, rtol=1e-4, atol=1e-3)


@each_layout
def test_a_window_that_is_shorter_than_a_row_leaves_rows_of_their_own(tmp_path: Path, kind: Kind) -> None:
    """A window counts places, and in a shared row the second completion stands too far from its prompt."""
    config = MistralConfig(
        vocab_size=262, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, sliding_window=8, initializer_range=0.2, eos_token_id=5,
    )  # fmt: skip
    policy = load(family_save(tmp_path / "windowed", config))
    pairs = pairs_of(policy.speech)

    chosen, note = chosen_layout(policy, pairs, "auto", 40)
    assert chosen == "separate"
    assert note is not None
    assert "its attention window of 8 is shorter than the longest row of 40 tokens" in note
    if kind != "separate":
        with pytest.raises(ModelUnusable, match="Choose separate or auto"):
            chosen_layout(policy, pairs, kind, 40)


# --- loading -----------------------------------------------------------------


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_base_is_loaded_in_the_precision_that_was_asked_for(base: Path, precision: Any) -> None:
    assert base_load(str(base), CPU, precision=precision).dtype == getattr(torch, precision)


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    folder = model_save(tmp_path / "pickled")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")

    with pytest.raises(ModelUnusable, match="holds no safetensors weights"):
        load(folder)


def test_a_folder_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="There is no folder"):
        load(tmp_path / "nowhere")


def test_cuda_is_not_silently_replaced() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(ModelUnusable, match="CUDA was asked for"):
        device_pick("cuda")


def test_a_model_without_a_chat_template_gets_the_plain_one_and_says_so(tmp_path: Path) -> None:
    policy = load(model_save(tmp_path / "plain", chat_template=None))

    assert "no chat template" in policy.notes[0]
    assert policy.tokenizer.chat_template != CHAT_TEMPLATE


def test_a_fixed_length_in_the_tokenizer_s_file_is_no_reason_to_refuse_it(tmp_path: Path) -> None:
    """Sentence encoders are published with it; texts are read whole all the same."""
    folder = model_save(tmp_path / "fixed")
    file = folder / "tokenizer.json"
    described = Tokenizer.from_file(str(file))
    described.enable_truncation(8)
    described.enable_padding(length=8)
    described.save(str(file))

    tokenizer, _ = tokenizer_load(str(folder))

    assert len(tokenizer("x" * 23, add_special_tokens=False)["input_ids"]) == 23


# --- reward models -----------------------------------------------------------


def reward_model(base: Path) -> RewardModel:
    policy = policy_load(PolicyRef(label="policy", base_model=str(base)), CPU, lora=LoraSettings(lora_rank=4))
    return RewardModel.fresh(policy, ["overall"], RewardSettings(), seed=0)


def test_a_reward_model_without_its_head_is_refused(base: Path, tmp_path: Path) -> None:
    model, headless = reward_model(base), tmp_path / "reward"
    checkpoint_save(
        model.backbone,
        out_dir=headless,
        kind="reward",
        request=reward_request(tmp_path, base, tmp_path),
        report=RunReport(kind="reward", seconds=0),
        snapshot_dir=None,
        reward_head=model.head_tensors(),
    )
    assert torch.equal(reward_model_load(headless, CPU).head_CED, model.head_CED)

    (headless / "reward_head.safetensors").unlink()
    with pytest.raises(CheckpointIncomplete, match=r"reward_head.safetensors differ"):
        reward_model_load(headless, CPU)

    manifest = json.loads((headless / "manifest.json").read_text())
    del manifest["files"]["reward_head.safetensors"]
    (headless / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointIncomplete, match=r"has no reward_head.safetensors"):
        reward_model_load(headless, CPU)


def test_rewards_are_read_at_the_last_token_by_length(base: Path) -> None:
    """The prompt holds end-of-turn tokens and rows differ in length; a batch scores as its rows do alone."""
    model = reward_model(base)
    pairs = pairs_of(model.backbone.speech, 8)

    with torch.no_grad():
        shared = layout_of_pairs(pairs, "shared")
        together = model.scores(shared)[shared.pair_B2]
        alone = torch.cat([model.scores(layout_of_pairs([pair], "separate"))[None] for pair in pairs])

    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)
    assert len({round(reward, 4) for reward in alone.flatten().tolist()}) > 8


# --- encoders ----------------------------------------------------------------


def encoder_save(folder: Path) -> Path:
    """A two-layer BERT shape with random weights, which reads prompt and answer as a pair of texts."""
    model_save(folder)  # for its tokenizer
    config = BertConfig(
        vocab_size=300, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4
    )
    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("lora_rank", "precision", "weights", "mixed"),
    [
        (0, "float32", torch.float32, False),
        (0, "bfloat16", torch.float32, True),
        (4, "float32", torch.float32, False),
        (4, "bfloat16", torch.bfloat16, False),
    ],
)
def test_an_encoder_computes_in_the_precision_that_was_asked_for(
    tmp_path: Path, lora_rank: int, precision: Any, weights: torch.dtype, mixed: bool
) -> None:
    ref = PolicyRef(label="reward", base_model=str(encoder_save(tmp_path / "encoder")))

    encoder = backbone_load(ref, CPU, settings=RewardSettings(lora_rank=lora_rank, precision=precision))

    assert isinstance(encoder, Encoder)
    assert (encoder.inner.dtype, encoder.mixed) == (weights, mixed)
    assert {p.dtype for p in encoder.trained.values()} == {torch.float32}


def test_a_layout_that_encoders_do_not_have_is_refused(tmp_path: Path) -> None:
    ref = PolicyRef(label="reward", base_model=str(encoder_save(tmp_path / "encoder")))

    with pytest.raises(ModelUnusable, match="layout shared does not exist for encoders"):
        backbone_load(ref, CPU, settings=RewardSettings(layout="shared"))
