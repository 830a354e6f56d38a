"""Answers are drawn from the policy's own distribution, the same way whoever shares the batch."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, DynamicCache

from tests.training.tiny import END, Listener, dpo_request, prompts_save
from training.config import SamplingSettings
from training.contract import (
    RESPONSES,
    GenerateRequest,
    PolicyRef,
    PromptRecord,
    ResponseRecord,
    report_read,
    rows_read,
)
from training.models import Policy, policy_load
from training.sampling import answers_written, tokens_drawn


@pytest.fixture(scope="module")
def policy(base: Path) -> Policy:
    return policy_load(PolicyRef(label="p", base_model=str(base)), torch.device("cpu"), merge=True)


def prompts_of(tmp_path: Path, count: int = 6) -> list[PromptRecord]:
    return list(rows_read(prompts_save(tmp_path / "prompts.jsonl", count), PromptRecord))


def written(policy: Policy, prompts: list[PromptRecord], seed: int = 0, **settings: object) -> dict[object, list[int]]:
    asked = SamplingSettings.model_validate({"max_new_tokens": 24, **settings})
    rows = [row for batch in answers_written(policy, prompts, asked, seed) for row in batch.responses]
    return {(row.prompt_id, row.sample): row.token_ids for row in rows}


def test_greedy_answers_equal_the_library_s_one_by_one(policy: Policy, base: Path, tmp_path: Path) -> None:
    prompts = prompts_of(tmp_path)

    ours = written(policy, prompts, temperature=0, answers_per_prompt=1)

    model = AutoModelForCausalLM.from_pretrained(base)
    for prompt in prompts:
        text = policy.tokenizer.apply_chat_template(
            [message.model_dump() for message in prompt.prompt], tokenize=False, add_generation_prompt=True
        )
        ids = torch.tensor([policy.tokenizer(text, add_special_tokens=False)["input_ids"]])
        whole = model.generate(  # type: ignore[misc]
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=24, eos_token_id=END,
            pad_token_id=0,
        )  # fmt: skip
        assert ours[prompt.prompt_id, 0] == whole[0, ids.shape[1] :].tolist()


@pytest.mark.parametrize("batch_size", [1, 4, 64])
def test_an_answer_does_not_depend_on_its_batch_mates(policy: Policy, tmp_path: Path, batch_size: int) -> None:
    prompts = prompts_of(tmp_path)

    assert written(policy, prompts, batch_size=batch_size) == written(policy, list(reversed(prompts)), batch_size=3)


def test_seeds_and_samples_differ(policy: Policy, tmp_path: Path) -> None:
    prompts = prompts_of(tmp_path, 2)

    one = written(policy, prompts, seed=1, answers_per_prompt=4)

    assert len({tuple(ids) for ids in one.values()}) == 8
    assert one == written(policy, prompts, seed=1, answers_per_prompt=4)
    assert one != written(policy, prompts, seed=2, answers_per_prompt=4)


def test_a_cache_without_growing_layers_gives_the_same_answers(
    policy: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = prompts_of(tmp_path)
    grown = written(policy, prompts, max_new_tokens=90)

    monkeypatch.setattr("training.sampling._cache_make", lambda policy: DynamicCache(config=policy.causal_lm.config))

    assert written(policy, prompts, max_new_tokens=90) == grown


def test_frequencies_follow_the_probabilities() -> None:
    probability = torch.tensor([0.5, 0.3, 0.2])
    dice = torch.rand(20_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    drawn = tokens_drawn(probability.log().expand(20_000, 3), dice, SamplingSettings())

    assert torch.bincount(drawn, minlength=3).double() / 20_000 == pytest.approx(probability.double(), abs=0.01)


def test_top_p_keeps_the_likeliest_tokens_that_hold_it() -> None:
    """0.5 + 0.3 reaches 0.7, so the third token is never drawn, and the other two keep their ratio 5 : 3."""
    logits = torch.tensor([0.2, 0.5, 0.3]).log().expand(8000, 3)
    dice = (torch.arange(8000, dtype=torch.float64) + 0.5) / 8000

    drawn = Counter(tokens_drawn(logits, dice, SamplingSettings(top_p=0.7)).tolist())

    assert drawn == {1: 5000, 2: 3000}


@given(st.floats(0, 1, exclude_max=True), st.floats(0.01, 5), st.floats(0.01, 1))
def test_every_dice_draws_a_token_that_is_possible(dice: float, temperature: float, top_p: float) -> None:
    logits = torch.tensor([[-1e30, 0.0, 1.0, -1e30]])

    token = tokens_drawn(logits, torch.tensor([dice]).double(), SamplingSettings(temperature=temperature, top_p=top_p))

    assert token.item() in (1, 2)


def test_every_policy_answers_every_prompt_and_the_folder_says_so(
    base: Path, snapshot: Path, tmp_path: Path, listener: Listener
) -> None:
    listener.run(dpo_request(tmp_path, base, snapshot, learning_rate=1e-2))
    request = GenerateRequest(
        out_dir=str(tmp_path / "out"),
        work_dir=str(tmp_path / "work"),
        policies=[
            PolicyRef(label="parent", base_model=str(base)),
            PolicyRef(label="child", base_model=str(base), adapter=str(tmp_path / "dpo")),
        ],
        prompts=str(prompts_save(tmp_path / "prompts.jsonl", 3)),
        settings=SamplingSettings(answers_per_prompt=2, max_new_tokens=16),
    )

    report = listener.run(request)

    rows = list(rows_read(tmp_path / "out" / RESPONSES, ResponseRecord))
    assert [(row.policy, row.prompt_id, row.sample) for row in rows] == [
        (policy, prompt, sample) for policy in ("parent", "child") for prompt in ("p0", "p1", "p2") for sample in (0, 1)
    ]
    assert all((row.finish == "stop") == (row.token_ids[-1] == END) for row in rows)
    assert all(len(row.token_ids) == 16 for row in rows if row.finish == "length")
    assert report == report_read(tmp_path / "out")
    assert report.metrics["responses"] == 12
