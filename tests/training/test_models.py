"""Models load safely, start as what they should be, and give the probabilities of the plain library."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.training.tiny import CHAT_TEMPLATE, Listener, dpo_request, model_save, planted, reward_request, snapshot_save
from training import data
from training.config import LoraSettings
from training.contract import PolicyRef
from training.errors import CheckpointIncomplete, ModelUnusable
from training.models import Policy, pairs_share_prompt, policy_load, reward_load

CPU = torch.device("cpu")


def load(folder: Path, rank: int | None = None, adapter: Path | None = None) -> Policy:
    ref = PolicyRef(label="policy", base_model=str(folder), adapter=str(adapter) if adapter else None)
    return policy_load(ref, CPU, lora=None if rank is None else LoraSettings(lora_rank=rank))


def logprobs(policy: Policy, *, shared: bool, count: int = 6) -> Tensor:
    pairs = policy.preferences(planted(count), 200).train
    with torch.no_grad():
        return policy.logprobs(data.layout_of_pairs(pairs, shared_prompt=shared), 2 * count)


def logprobs_naive(folder: Path, count: int = 6) -> Tensor:
    """Full logits of every row alone, with the plain library."""
    model = AutoModelForCausalLM.from_pretrained(folder)
    policy = load(folder)
    summed = []
    for pair in policy.preferences(planted(count), 200).train:
        for answer in (pair.first_ids, pair.second_ids):
            ids = torch.tensor([pair.prompt_ids + answer])
            with torch.no_grad():
                logprob_TV = model(ids).logits[0].log_softmax(-1)
            places = range(len(pair.prompt_ids) - 1, ids.shape[1] - 1)
            summed.append(sum(float(logprob_TV[place, ids[0, place + 1]]) for place in places))
    return torch.tensor(summed)


@pytest.mark.parametrize("shared", [False, True])
def test_log_probabilities_equal_those_of_full_logits(base: Path, shared: bool) -> None:
    torch.testing.assert_close(logprobs(load(base), shared=shared), logprobs_naive(base), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("shared", [False, True])
def test_batch_mates_and_padding_change_nothing(base: Path, shared: bool) -> None:
    policy = load(base)
    pairs = policy.preferences(planted(6), 200).train

    together = logprobs(policy, shared=shared).view(-1, 2)
    alone = torch.cat([policy.logprobs(data.layout_of_pairs([pair], shared_prompt=shared), 2)[None] for pair in pairs])

    torch.testing.assert_close(together, alone.detach(), rtol=1e-5, atol=1e-4)


def test_a_shared_prompt_is_noticed_to_be_safe_for_full_attention(base: Path) -> None:
    policy = load(base)

    assert pairs_share_prompt(policy, policy.preferences(planted(4), 200).train)


def test_a_sliding_window_falls_back_to_rows_of_their_own(tmp_path: Path) -> None:
    """A window counts places, and in a shared row the second completion stands too far from its prompt."""
    from transformers import MistralConfig, MistralForCausalLM

    folder = model_save(tmp_path / "windowed")
    config = MistralConfig(
        vocab_size=262, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, sliding_window=8, initializer_range=0.2, eos_token_id=5,
    )  # fmt: skip
    torch.manual_seed(0)
    MistralForCausalLM(config).save_pretrained(folder)
    policy = load(folder)

    assert not pairs_share_prompt(policy, policy.preferences(planted(4), 200).train)


@pytest.mark.parametrize("family", ["gpt2", "gpt_neox", "qwen2", "qwen3", "gemma2"])
def test_other_families_give_the_log_probabilities_of_full_logits(tmp_path: Path, family: str) -> None:
    """Learned positions, partial rotation, biases, per-head norms, capped logits and alternating windows."""
    from transformers import AutoConfig

    folder = model_save(tmp_path / family)
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
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)  # type: ignore[no-untyped-call]
    policy = load(folder)
    shared = pairs_share_prompt(policy, policy.preferences(planted(6), 200).train)

    torch.testing.assert_close(logprobs(policy, shared=shared), logprobs_naive(folder), rtol=1e-4, atol=1e-3)


def test_a_fresh_adapter_starts_as_the_base(base: Path) -> None:
    torch.testing.assert_close(logprobs(load(base, rank=4), shared=False), logprobs(load(base), shared=False))


def test_adapters_sit_on_every_linear_layer_but_the_head_in_float32(base: Path) -> None:
    trained = load(base, rank=4).trained

    layers = {name.split(".lora_")[0].rsplit(".", 1)[-1] for name in trained}
    assert layers == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    assert {parameter.dtype for parameter in trained.values()} == {torch.float32}


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    folder = model_save(tmp_path / "pickled")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")

    with pytest.raises(ModelUnusable, match="holds no safetensors weights"):
        load(folder)


def test_a_folder_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="There is no folder"):
        load(tmp_path / "nowhere")


def test_cuda_is_not_silently_replaced() -> None:
    from training.bases import device_pick

    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(ModelUnusable, match="CUDA was asked for"):
        device_pick("cuda")


def test_a_model_without_a_chat_template_gets_the_plain_one_and_says_so(tmp_path: Path) -> None:
    policy = load(model_save(tmp_path / "plain", chat_template=None))

    assert "no chat template" in policy.notes[0]
    assert policy.tokenizer.chat_template != CHAT_TEMPLATE


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")  # peft 0.21 to transformers 5.23
def test_a_checkpoint_loads_with_the_plain_libraries(
    base: Path, snapshot: Path, tmp_path: Path, listener: Listener
) -> None:
    from peft import PeftModel

    listener.run(dpo_request(tmp_path, base, snapshot, learning_rate=1e-2))

    plain = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), tmp_path / "dpo").eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "dpo")
    ids = torch.tensor([tokenizer("Hello there")["input_ids"]])
    ours = load(base, adapter=tmp_path / "dpo")
    with torch.no_grad():
        torch.testing.assert_close(plain(ids).logits, ours.causal_lm(ids).logits)
    assert tokenizer.chat_template == CHAT_TEMPLATE


def test_a_merged_adapter_writes_what_the_adapter_would(
    base: Path, snapshot: Path, tmp_path: Path, listener: Listener
) -> None:
    listener.run(dpo_request(tmp_path, base, snapshot, learning_rate=1e-2))
    ref = PolicyRef(label="child", base_model=str(base), adapter=str(tmp_path / "dpo"))

    merged, apart = policy_load(ref, CPU, merge=True), policy_load(ref, CPU)

    torch.testing.assert_close(logprobs(merged, shared=False), logprobs(apart, shared=False), rtol=1e-4, atol=1e-3)


def test_a_reward_model_without_its_head_is_refused(
    base: Path, snapshot: Path, tmp_path: Path, listener: Listener
) -> None:
    listener.run(reward_request(tmp_path, base, snapshot))
    headless = shutil.copytree(tmp_path / "reward", tmp_path / "headless")
    (headless / "reward_head.safetensors").unlink()
    with pytest.raises(CheckpointIncomplete, match=r"reward_head.safetensors differ"):
        reward_load(headless, CPU)

    manifest = json.loads((headless / "manifest.json").read_text())
    del manifest["files"]["reward_head.safetensors"]
    (headless / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointIncomplete, match=r"has no reward_head.safetensors"):
        reward_load(headless, CPU)


def test_rewards_are_read_at_the_last_token_by_length(base: Path, tmp_path: Path, listener: Listener) -> None:
    """The prompt holds end-of-turn tokens and rows differ in length; a batch scores as its rows do alone."""
    listener.run(reward_request(tmp_path, base, snapshot_save(tmp_path / "s", planted(16)), learning_rate=1e-2))
    model = reward_load(tmp_path / "reward", CPU)
    pairs = model.policy.preferences(planted(8), 200).train

    with torch.no_grad():
        together = model.rewards(data.layout_of_pairs(pairs, shared_prompt=True))
        alone = [
            model.rewards(data.layout_padded([tokens])).item() for pair in pairs for tokens in data.pair_tokens(pair)
        ]

    torch.testing.assert_close(together, torch.tensor(alone), rtol=1e-4, atol=1e-4)
    assert len({round(reward, 4) for reward in alone}) > 8
