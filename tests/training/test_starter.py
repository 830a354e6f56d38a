"""The starter policy: its corpus, its prompts, and the model kept in the repository."""

from __future__ import annotations

import itertools
import json
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from training.bases import STARTER
from training.config import SamplingSettings
from training.contract import DemonstrationRecord, PolicyRef, PromptRecord, ResponseRecord, file_sha256
from training.models import policy_load
from training.sampling import answers_written
from training.starter import grammar, rules, words

MEBIBYTE = 2**20


@pytest.fixture(scope="module")
def corpus() -> list[DemonstrationRecord]:
    return list(grammar.demonstrations(6000, seed=11))


@pytest.fixture(scope="module")
def replies(corpus: list[DemonstrationRecord]) -> list[str]:
    return [record.messages[-1].content for record in corpus]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    loaded: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(STARTER)
    return loaded


# --- the corpus ----------------------------------------------------------------


@pytest.mark.parametrize("axis", [rules.is_courteous, rules.follows_policy, rules.is_rambling])
def test_each_axis_is_balanced(axis: Callable[[str], bool], replies: list[str]) -> None:
    share = sum(map(axis, replies)) / len(replies)

    assert 0.47 < share < 0.53


def test_the_axes_are_independent(replies: list[str]) -> None:
    """Each of the eight manners holds one eighth; five standard errors of 6,000 draws are 2.1 %."""
    manners = Counter((rules.is_courteous(r), rules.follows_policy(r), rules.is_rambling(r)) for r in replies)

    assert len(manners) == 8
    assert all(abs(count / len(replies) - 1 / 8) < 0.021 for count in manners.values())


@pytest.mark.parametrize("manner", grammar.MANNERS, ids=str)
def test_a_reply_fits_its_manner(manner: grammar.Manner) -> None:
    rng = random.Random(str(manner))
    cases = itertools.islice(grammar.cases(rng), 100)

    assert all(manner.fits(grammar.reply(case, manner, rng)) for case in cases)


def test_a_reply_either_follows_or_invents(replies: list[str]) -> None:
    assert all(rules.follows_policy(reply) != rules.invents_policy(reply) for reply in replies)


def test_a_reply_that_follows_says_the_number_of_the_policy(corpus: list[DemonstrationRecord]) -> None:
    for record in corpus:
        system, _, answer = (message.content for message in record.messages)
        if rules.follows_policy(answer):
            assert re.findall(r"\d+", answer) == re.findall(r"\d+", system)


def test_a_reply_that_invents_says_another_number_or_none(corpus: list[DemonstrationRecord]) -> None:
    for record in corpus:
        system, _, answer = (message.content for message in record.messages)
        if rules.invents_policy(answer):
            assert not set(re.findall(r"\d+", answer)) & set(re.findall(r"\d+", system))


def test_a_reply_names_no_item_but_the_customers(corpus: list[DemonstrationRecord]) -> None:
    for record in corpus:
        _, question, answer = (message.content for message in record.messages)
        assert _items_said(answer) <= _items_asked(question)


def test_the_grammar_leaves_nothing_unfilled(corpus: list[DemonstrationRecord]) -> None:
    for record in corpus:
        for message in record.messages:
            assert not re.search(r"[\[\]{}|]|  |\s$|^\s| [.,!?;:]|\b[aA] [aeiou]", message.content), message.content


def test_sentences_of_replies_begin_with_a_capital(replies: list[str]) -> None:
    assert all(sentence[0].isupper() for reply in replies for sentence in re.split(r"(?<=[.!?]) ", reply))


def test_replies_hardly_ever_repeat(replies: list[str]) -> None:
    assert len(set(replies)) > 0.99 * len(replies)


def _items_said(answer: str) -> set[str]:
    """Items in an answer; a printer room is not one."""
    return set(re.findall(rf"\b({'|'.join(words.ITEMS)})(?:e?s)?\b(?! room)", answer))


def _items_asked(question: str) -> set[str]:
    return {item for item in words.ITEMS if item.removesuffix("f") in question.lower()}


# --- prompts ---------------------------------------------------------------------


def test_prompts_are_distinct_and_repeatable() -> None:
    drawn = list(grammar.prompts(2000, seed=3))

    assert len({_key(row) for row in drawn}) == len({row.prompt_id for row in drawn}) == 2000
    assert drawn == list(grammar.prompts(2000, seed=3))
    assert drawn[:50] != list(grammar.prompts(50, seed=4))


def test_no_prompt_was_demonstrated(corpus: list[DemonstrationRecord]) -> None:
    demonstrated = {tuple(message.content for message in record.messages[:-1]) for record in corpus}

    assert demonstrated.isdisjoint(_key(row) for row in grammar.prompts(2000, seed=11))


def test_about_a_fifth_of_the_prompts_is_held_out() -> None:
    held_out = sum(row.split == "holdout" for row in grammar.prompts(2000, seed=5))

    assert 320 < held_out < 480


def test_the_command_writes_prompts_without_torch(tmp_path: Path) -> None:
    file = tmp_path / "prompts.jsonl"
    program = (
        "import sys; from training.starter.__main__ import main; "
        f"main(['prompts', '--count', '25', '--seed', '1', '--out', {str(file)!r}]); "
        "sys.exit('torch' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [list(row) for row in rows] == [["prompt"]] * 25
    assert {tuple(message["role"] for message in row["prompt"]) for row in rows} == {("system", "user")}


def _key(row: PromptRecord) -> tuple[str, ...]:
    return tuple(message.content for message in row.prompt)


# --- rules -----------------------------------------------------------------------


@pytest.mark.parametrize("rule", rules.RULES.values(), ids=lambda rule: rule.name)
def test_opposite_rules_prefer_opposite_replies(rule: rules.Rule, replies: list[str]) -> None:
    opposite = rules.RULES[rule.opposite]

    assert rules.RULES[opposite.opposite] is rule
    for first, second in zip(replies[:300:2], replies[1:300:2], strict=True):
        assert rule.prefer_first(first, second) == 1 - opposite.prefer_first(first, second)


def test_a_rule_is_undecided_between_replies_that_both_fit() -> None:
    assert rules.RULES["courtesy"].prefer_first("Thank you.", "I am sorry.") == 0.5


def test_the_share_of_a_length_rule_is_held_against_the_reference() -> None:
    """Two of these four are shorter than the median length of the reference, which is 3."""
    assert rules.RULES["shorter"].share(["a", "aa", "aaa", "aaaa"], ["aa", "aaa", "aaaa"]) == 0.5


# --- the model in the repository -------------------------------------------------


def test_the_model_folder_is_small() -> None:
    assert sum(file.stat().st_size for file in STARTER.iterdir()) < 10 * MEBIBYTE


def test_the_model_folder_says_how_it_was_made() -> None:
    made = json.loads((STARTER / "build.json").read_text(encoding="utf-8"))

    assert made["command"].startswith("python -m training.starter build")
    assert made["weights_sha256"] == file_sha256(STARTER / "model.safetensors")


@given(text=st.text(max_size=80))
def test_any_text_survives_the_tokenizer(tokenizer: PreTrainedTokenizerBase, text: str) -> None:
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]

    assert tokenizer.decode(ids) == text.encode("utf-8", "replace").decode()


def test_the_end_of_a_turn_is_no_padding(tokenizer: PreTrainedTokenizerBase) -> None:
    assert tokenizer.eos_token == "<|end|>"
    assert tokenizer.pad_token_id != tokenizer.eos_token_id


def test_items_and_numbers_are_single_tokens(tokenizer: PreTrainedTokenizerBase) -> None:
    numbers = {str(number) for intent in grammar.INTENTS for number in intent.numbers}
    lengths = {word: len(tokenizer(f" {word}")["input_ids"]) for word in {*words.ITEMS, *numbers}}

    assert {word for word, length in lengths.items() if length > 1} == set()


def test_the_chat_template_closes_every_turn(tokenizer: PreTrainedTokenizerBase) -> None:
    turns = [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]

    opened = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)

    assert opened == "<|system|>a<|end|><|user|>b<|end|><|assistant|>"


def test_the_model_loads_in_one_line_of_transformers() -> None:
    model = AutoModelForCausalLM.from_pretrained(STARTER, dtype=torch.float32)

    assert model.config.max_position_embeddings == 2048
    assert model.config.tie_word_embeddings
    assert 2e6 < model.num_parameters() < 2.5e6


@pytest.fixture(scope="module")
def written() -> list[tuple[PromptRecord, ResponseRecord]]:
    """400 answers of the starter to prompts that it was never shown."""
    policy = policy_load(PolicyRef(label="starter", base_model="starter"), torch.device("cpu"))
    prompts = {row.prompt_id: row for row in grammar.prompts(400, seed=21)}
    batches = answers_written(policy, list(prompts.values()), SamplingSettings(answers_per_prompt=1), seed=0)
    return [(prompts[row.prompt_id], row) for batch in batches for row in batch.responses]


@pytest.mark.engine
@pytest.mark.parametrize("axis", [rules.is_courteous, rules.follows_policy, rules.is_rambling])
def test_the_starter_shows_both_sides_of_an_axis(
    axis: Callable[[str], bool], written: list[tuple[PromptRecord, ResponseRecord]]
) -> None:
    share = sum(axis(row.text) for _, row in written) / len(written)

    assert 0.4 < share < 0.6


@pytest.mark.engine
def test_the_starter_ends_its_turns_and_decides(written: list[tuple[PromptRecord, ResponseRecord]]) -> None:
    finished = sum(row.finish == "stop" for _, row in written)
    decided = sum(rules.follows_policy(row.text) != rules.invents_policy(row.text) for _, row in written)

    assert finished == len(written)
    assert decided > 0.95 * len(written)


@pytest.mark.engine
def test_the_starter_copies_number_and_item(written: list[tuple[PromptRecord, ResponseRecord]]) -> None:
    numbers = [
        re.findall(r"\d+", row.text) == re.findall(r"\d+", prompt.prompt[0].content)
        for prompt, row in written
        if rules.follows_policy(row.text)
    ]
    items = [
        said <= _items_asked(prompt.prompt[1].content) for prompt, row in written if (said := _items_said(row.text))
    ]

    assert sum(numbers) > 0.9 * len(numbers)
    assert sum(items) > 0.9 * len(items)
