"""Answers are drawn from the policy's own distribution, the same way whoever shares the batch."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path
from string import ascii_letters
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    Gemma2Config,
    GPT2Config,
    GPTNeoXConfig,
    Mamba2Config,
    MistralConfig,
    PreTrainedConfig,
    Qwen2Config,
)

from tests.training.tiny import END, SPECIALS, prompts_save, tokenizer_make
from training.bases import STARTER, tokenizer_load
from training.config import SamplingSettings
from training.contract import PolicyRef, PromptRecord, ResponseRecord, rows_read
from training.errors import PromptTooLong
from training.models import Policy, policy_load
from training.sampling import answers_written, ids_before

# With this many tokens that end a turn, random answers have very different lengths, about seven tokens on average.
ENDS = frozenset(range(40))


@pytest.fixture(scope="module")
def policy(base: Path) -> Policy:
    return dataclasses.replace(policy_of(base), end_ids=ENDS)


def policy_of(folder: Path) -> Policy:
    return policy_load(PolicyRef(label="p", base_model=str(folder)), torch.device("cpu"), merge=True)


def prompts_of(tmp_path: Path, count: int = 6) -> list[PromptRecord]:
    return list(rows_read(prompts_save(tmp_path / "prompts.jsonl", count), PromptRecord))


def responses(policy: Policy, prompts: list[PromptRecord], seed: int = 0, **settings: Any) -> list[ResponseRecord]:
    asked = SamplingSettings.model_validate({"max_new_tokens": 24, **settings})
    return [row for batch in answers_written(policy, prompts, asked, seed) for row in batch.responses]


def written(policy: Policy, prompts: list[PromptRecord], seed: int = 0, **settings: Any) -> dict[object, list[int]]:
    return {(row.prompt_id, row.sample): row.token_ids for row in responses(policy, prompts, seed, **settings)}


# --- the model's own answers -------------------------------------------------

TINY: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
SHAPES: dict[str, PreTrainedConfig] = {
    "grouped heads": Qwen2Config(**TINY, intermediate_size=64, num_key_value_heads=2),
    "learned positions": GPT2Config(n_embd=32, n_layer=2, n_head=4),
    "parallel layers": GPTNeoXConfig(**TINY, intermediate_size=64),
    "position biases": BloomConfig(hidden_size=32, n_layer=2, n_head=4),
    "a window": MistralConfig(**TINY, intermediate_size=64, num_key_value_heads=2, head_dim=8, sliding_window=8),
    "a window in every second layer": Gemma2Config(
        **TINY, intermediate_size=64, num_key_value_heads=2, head_dim=8, sliding_window=8
    ),
    "a state": Mamba2Config(
        hidden_size=32, num_hidden_layers=2, state_size=8, num_heads=4, head_dim=16, n_groups=1, chunk_size=8
    ),
}


def shape_save(folder: Path, config: PreTrainedConfig) -> Path:
    """A model of this shape with random weights and the byte tokenizer."""
    tokenizer = tokenizer_make()
    config.update(
        {
            "vocab_size": len(tokenizer),
            "bos_token_id": 1,
            "eos_token_id": END,
            "pad_token_id": SPECIALS.index("<|pad|>"),
        }
    )
    config.initializer_range = 0.2  # the usual 0.02 makes so small a model all but uniform
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)  # type: ignore[no-untyped-call]
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("shape", SHAPES)
def test_greedy_answers_equal_the_library_s_one_by_one(shape: str, tmp_path: Path) -> None:
    """Some families keep their own kind of cache, in which nobody takes the place of a finished answer."""
    policy = dataclasses.replace(policy_of(shape_save(tmp_path / "model", SHAPES[shape])), end_ids=ENDS)
    prompts = prompts_of(tmp_path, 9)

    ours = written(policy, prompts, temperature=0, answers_per_prompt=1, batch_size=4)

    assert ours == {(prompt.prompt_id, 0): greedy(policy, prompt) for prompt in prompts}


def greedy(policy: Policy, prompt: PromptRecord) -> list[int]:
    text = policy.tokenizer.apply_chat_template(
        [message.model_dump() for message in prompt.prompt], tokenize=False, add_generation_prompt=True
    )
    ids = torch.tensor([policy.tokenizer(text, add_special_tokens=False)["input_ids"]])
    whole = policy.inner.generate(  # type: ignore[operator]
        ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=24, eos_token_id=sorted(ENDS),
        pad_token_id=0,
    )  # fmt: skip
    answer: list[int] = whole[0, ids.shape[1] :].tolist()
    return answer


def test_the_way_attention_is_computed_changes_no_answer(policy: Policy, base: Path, tmp_path: Path) -> None:
    prompts = prompts_of(tmp_path)
    eager = dataclasses.replace(policy_of(base), end_ids=ENDS)
    eager.inner.set_attn_implementation("eager")

    assert written(policy, prompts) == written(eager, prompts)
    assert policy.inner.config._attn_implementation == "sdpa"


# --- an answer of its own ----------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 3, 64])
@pytest.mark.parametrize("together", [1, 2, 5])
def test_an_answer_does_not_depend_on_its_batch_mates(
    policy: Policy, tmp_path: Path, batch_size: int, together: int
) -> None:
    prompts = prompts_of(tmp_path, 12)
    one_order = written(policy, prompts, answers_per_prompt=together, batch_size=16)

    assert len(one_order) == 12 * together
    assert one_order == written(policy, prompts[::-1], answers_per_prompt=together, batch_size=batch_size)


def test_seeds_and_samples_differ(policy: Policy, tmp_path: Path) -> None:
    prompts = prompts_of(tmp_path, 2)

    one = written(policy, prompts, seed=1, answers_per_prompt=4)

    assert len({tuple(ids) for ids in one.values()}) == 8
    assert one == written(policy, prompts, seed=1, answers_per_prompt=4)
    assert one != written(policy, prompts, seed=2, answers_per_prompt=4)


def test_every_prompt_is_read_once_and_places_are_taken_again(policy: Policy, tmp_path: Path) -> None:
    prompts = prompts_of(tmp_path, 20)
    shapes: list[tuple[int, int]] = []
    watch = policy.inner.base_model.register_forward_pre_hook(
        lambda module, args, kwargs: shapes.append(kwargs["input_ids"].shape), with_kwargs=True
    )

    written(policy, prompts, answers_per_prompt=2, batch_size=16)

    watch.remove()
    read = [rows for rows, tokens in shapes if tokens > 1]
    assert sum(read) == len(prompts)
    assert len(read) > 3
    assert max(rows for rows, tokens in shapes if tokens == 1) == 16


# --- where answers end -------------------------------------------------------


def test_answers_end_where_the_turn_ends_or_at_the_longest(policy: Policy, tmp_path: Path) -> None:
    rows = responses(policy, prompts_of(tmp_path, 20), max_new_tokens=8)

    assert {row.finish for row in rows} == {"stop", "length"}
    assert all((row.finish == "stop") == (row.token_ids[-1] in ENDS) for row in rows)
    assert all(len(row.token_ids) == 8 for row in rows if row.finish == "length")
    assert not any(ENDS.intersection(row.token_ids[:-1]) for row in rows)


def test_answers_end_before_the_stop_text(base: Path, tmp_path: Path) -> None:
    policy, prompts = policy_of(base), prompts_of(tmp_path, 20)
    whole = {(row.prompt_id, row.sample): row for row in responses(policy, prompts)}
    letters = Counter(letter for row in whole.values() for letter in row.text if letter in ascii_letters)
    stop = letters.most_common(1)[0][0]

    rows = responses(policy, prompts, stop=stop)

    assert any(row.finish == "stop" and END not in row.token_ids for row in rows)
    for row in rows:
        decoded = str(policy.tokenizer.decode(row.token_ids, skip_special_tokens=True))
        undisturbed = str(policy.tokenizer.decode(whole[row.prompt_id, row.sample].token_ids))
        assert stop not in row.text
        assert decoded.strip() == row.text
        assert (row.finish == "stop") == (stop in undisturbed or END in row.token_ids)


def test_a_token_that_straddles_the_stop_text_goes_whole() -> None:
    tokenizer, _ = tokenizer_load(str(STARTER))
    ids = tokenizer("Thank you for waiting.", add_special_tokens=False)["input_ids"]
    words = [tokenizer.decode([token]) for token in ids]
    assert words[:4] == ["Thank", " you", " for", " waiting"]

    assert ids_before(tokenizer, ids, " for") == ids[:2]
    assert ids_before(tokenizer, ids, "or w") == ids[:2]
    assert ids_before(tokenizer, ids, "Thank") == []
    assert ids_before(tokenizer, ids, "sorry") is None


def test_an_answer_may_begin_with_the_stop_text(base: Path, tmp_path: Path) -> None:
    policy, prompts = policy_of(base), prompts_of(tmp_path, 1)
    first = responses(policy, prompts, temperature=0, max_new_tokens=1)[0]

    (row,) = responses(
        policy, prompts, temperature=0, answers_per_prompt=1, stop=policy.tokenizer.decode(first.token_ids)
    )

    assert (row.token_ids, row.text, row.finish) == ([], "", "stop")


def test_a_prompt_that_fills_the_model_is_named(policy: Policy, tmp_path: Path) -> None:
    prompts = prompts_of(tmp_path, 2)
    message = prompts[1].prompt[0].model_copy(update={"content": "?" * 508})
    long = prompts[1].model_copy(update={"prompt": [message]})

    with pytest.raises(
        PromptTooLong, match=r"Prompt p1 takes 512 tokens, and .* reads no more than 512, answer included"
    ):
        responses(policy, [prompts[0], long])


def test_an_answer_is_cut_off_where_the_model_reads_no_further(policy: Policy, tmp_path: Path) -> None:
    prompts = prompts_of(tmp_path, 1)
    message = prompts[0].prompt[0].model_copy(update={"content": "?" * 505})
    long = prompts[0].model_copy(update={"prompt": [message]})

    rows = responses(dataclasses.replace(policy, end_ids=frozenset()), [long])

    assert {(len(row.token_ids), row.finish) for row in rows} == {(3, "length")}
