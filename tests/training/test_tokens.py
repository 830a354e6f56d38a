"""Conversations to tokens: what counts, what is used verbatim, what is left out and why."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.training.tiny import END, preference, tokenizer_make
from training.bases import PLAIN_TEMPLATE
from training.contract import DemonstrationRecord, PreferenceRecord
from training.errors import SnapshotInvalid
from training.tokens import (
    LeftOut,
    PairIds,
    Speech,
    Tokens,
    answer_closed,
    demonstrations_encoded,
    preferences_encoded,
    tokens_counted,
)

TOKENIZER = tokenizer_make()
SPEECH = Speech(TOKENIZER, frozenset({END}), END, len(TOKENIZER))


def encoded(
    rows: Sequence[PreferenceRecord], *, max_length: int = 200, speech: Speech = SPEECH
) -> tuple[list[PairIds], list[str]]:
    left_out = LeftOut("comparison")
    kept = list(preferences_encoded(speech, rows, max_length=max_length, left_out=left_out))
    return kept, left_out.sentences()


def demonstrations(*conversations: list[tuple[str, str]], max_length: int = 200) -> tuple[list[Tokens], list[str]]:
    rows = [
        DemonstrationRecord.model_validate({"messages": [{"role": r, "content": c} for r, c in turns]})
        for turns in conversations
    ]
    left_out = LeftOut("conversation")
    return list(demonstrations_encoded(SPEECH, rows, max_length=max_length, left_out=left_out)), left_out.sentences()


def counted_text(tokens: Tokens) -> str:
    return str(TOKENIZER.decode([id_ for id_, counts in zip(tokens.ids, tokens.counted, strict=True) if counts]))


def with_ids(row: PreferenceRecord, ids: list[int]) -> PreferenceRecord:
    return row.model_copy(update={"first": row.first.model_copy(update={"token_ids": ids})})


# --- which tokens count -------------------------------------------------------


def test_written_tokens_count_and_given_ones_do_not() -> None:
    tokens = tokens_counted([([1, 2], False), ([3, 4], True), ([5], False), ([6], True)])

    assert tokens.ids == [1, 2, 3, 4, 5, 6]
    assert tokens.counted == [False, False, True, True, False, True]


def test_the_first_token_has_no_predecessor_and_never_counts() -> None:
    assert tokens_counted([([7, 8], True)]).counted == [False, True]


def test_every_assistant_turn_counts_with_its_end_of_turn() -> None:
    (tokens,), notes = demonstrations([("user", "Hi"), ("assistant", "Yo"), ("user", "And?"), ("assistant", "So.")])

    assert counted_text(tokens) == "Yo<|end|>So.<|end|>"
    assert notes == []


def test_beginning_of_sequence_appears_once() -> None:
    (tokens,), _ = demonstrations([("system", "Be kind."), ("user", "Hi"), ("assistant", "Yo")])

    assert tokens.ids.count(1) == 1
    assert tokens.ids[0] == 1


def test_what_stands_after_the_last_answer_is_not_trained_on() -> None:
    (tokens,), _ = demonstrations([("user", "Hi"), ("assistant", "Yo"), ("user", "never answered")])

    assert str(TOKENIZER.decode(tokens.ids)).endswith("Yo<|end|>")


def test_a_template_that_never_closes_a_turn_is_closed_for_it() -> None:
    assert answer_closed([10, 11], frozenset({END}), END) == [10, 11, END]
    assert answer_closed([10, END, 11], frozenset({END}), END) == [10, END]


def test_conversations_that_cannot_be_used_are_counted_with_their_reason() -> None:
    kept, notes = demonstrations([("user", "Hi"), ("assistant", " ")], [("user", "x" * 300), ("assistant", "y")])

    assert kept == []
    assert notes == [
        "1 conversation left out: an answer is empty.",
        "1 conversation left out: longer than 200 tokens.",
    ]


# --- comparisons --------------------------------------------------------------


@pytest.mark.parametrize("prompt_end", ["?", " ", "\n", "$", "日本", "  "])
def test_prompt_and_answer_spell_the_template_s_text(prompt_end: str) -> None:
    row = preference(0, " yes", "no")
    row = row.model_copy(update={"prompt": [row.prompt[0].model_copy(update={"content": "Q" + prompt_end})]})

    ((pair,), _) = encoded([row])

    whole = TOKENIZER.decode(pair.prompt_ids + pair.first_ids)
    assert whole == f"<|bos|><|user|>Q{prompt_end}<|end|><|assistant|> yes<|end|>"


def test_ids_of_generated_answers_are_used_verbatim_and_cut_off_ones_are_counted() -> None:
    """'ab' cut off before its end-of-turn token: re-tokenising would add the token that the policy never wrote."""
    ids = TOKENIZER("ab")["input_ids"]

    ((pair,), notes) = encoded([with_ids(preference(0, "ab", "cd"), ids)])

    assert pair.first_ids == ids
    assert pair.second_ids[-1] == END
    assert notes == ["1 answers were cut off when they were written; they teach nothing about ending."]


def test_ids_that_do_not_spell_the_text_are_replaced_and_counted() -> None:
    ((pair,), notes) = encoded([with_ids(preference(0, "ab", "cd"), TOKENIZER("zz")["input_ids"])])

    assert TOKENIZER.decode(pair.first_ids) == "ab<|end|>"
    assert notes == ["1 answers carry token ids of another tokenizer; their text was tokenised instead."]


def test_ids_of_another_model_are_never_read_as_ours() -> None:
    stranger = Speech(TOKENIZER, frozenset({END}), END, len(TOKENIZER), is_author=False)

    ((pair,), _) = encoded([with_ids(preference(0, "ab", "cd"), [99999])], speech=stranger)

    assert TOKENIZER.decode(pair.first_ids) == "ab<|end|>"


def test_ids_outside_the_vocabulary_name_their_row() -> None:
    with pytest.raises(SnapshotInvalid, match=r"comparisons.jsonl, line 1: first.token_ids: 99999"):
        encoded([with_ids(preference(0, "ab", "cd"), [99999])])


def test_rows_too_long_or_empty_are_left_out_counted_and_never_cut() -> None:
    rows = [preference(0, "x" * 300, "y"), preference(1, "", "y"), preference(2, "ok", "fine")]

    kept, notes = encoded(rows)

    assert [pair.record.comparison_id for pair in kept] == ["c2"]
    assert notes == [
        "1 comparison left out: longer than 200 tokens.",
        "1 comparison left out: an answer is empty.",
    ]


def test_a_template_that_rewrites_the_prompt_quarantines_the_row() -> None:
    fickle = tokenizer_make(
        "{% if messages | length > 1 %}!{% endif %}{% for m in messages %}{{ m['content'] }}{% endfor %}"
    )

    kept, notes = encoded([preference(0, "a", "b")], speech=Speech(fickle, frozenset({END}), END, 300))

    assert kept == []
    assert "changes the prompt" in notes[0]


def test_the_plain_template_keeps_prompts_as_prefixes() -> None:
    plain = tokenizer_make(PLAIN_TEMPLATE)

    ((pair,), _) = encoded([preference(0, "yes", "no")], speech=Speech(plain, frozenset({END}), END, 300))

    assert plain.decode(pair.prompt_ids + pair.first_ids) == "<|bos|>User:\nQuestion 0\n\nAssistant:\nyes<|end|>"
