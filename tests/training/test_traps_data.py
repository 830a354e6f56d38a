"""Traps on the way from text to token ids that other trainers fell into, one test each.

docs/training.md lists all traps with their tests; what is missing here is tested beside the code it concerns.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast, Qwen2Config

from tests.training.tiny import SPECIALS, Listener, dpo_request, preference, snapshot_save
from training.bases import PLAIN_TEMPLATE, PROBE, tokenizer_load
from training.config import PreferenceSettings
from training.contract import (
    COMPARISONS,
    Completion,
    CriterionVotes,
    DemonstrationRecord,
    Message,
    PreferenceRecord,
    SnapshotManifest,
    manifest_write,
    rows_write,
)
from training.rows import preference_rows
from training.tokens import EMPTY, MERGED, LeftOut, PairIds, Speech, demonstrations_encoded, preferences_encoded


@dataclass(frozen=True)
class Family:
    """How the chat models of a family write turns; templates are ours, in the family's style.

    bos, eos, eot  first token, the tokenizer's end of sequence, and what closes an answer
    """

    bos: str | None
    eos: str
    eot: str
    marks: tuple[str, ...]
    template: str


LLAMA_3 = Family(
    bos="<|begin_of_text|>",
    eos="<|end_of_text|>",
    eot="<|eot_id|>",
    marks=("<|start_header_id|>", "<|end_header_id|>"),
    template=(
        "{{ bos_token }}{% for turn in messages %}<|start_header_id|>{{ turn.role }}<|end_header_id|>\n\n"
        "{{ turn.content | trim }}<|eot_id|>{% endfor %}"
        "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
    ),
)
GEMMA = Family(
    bos="<bos>",
    eos="<eos>",
    eot="<end_of_turn>",
    marks=("<start_of_turn>",),
    template=(
        "{{ bos_token }}{% for turn in messages %}"
        "<start_of_turn>{{ 'model' if turn.role == 'assistant' else turn.role }}\n"
        "{{ turn.content | trim }}<end_of_turn>\n{% endfor %}"
        "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
    ),
)
MISTRAL = Family(
    bos="<s>",
    eos="</s>",
    eot="</s>",
    marks=("[INST]", "[/INST]"),
    template=(
        "{{ bos_token }}{% for turn in messages %}{% if turn.role == 'assistant' %} {{ turn.content }}{{ eos_token }}"
        "{% else %}[INST] {{ turn.content }} [/INST]{% endif %}{% endfor %}"
    ),
)
QWEN = Family(
    bos=None,
    eos="<|im_end|>",
    eot="<|im_end|>",
    marks=("<|im_start|>",),
    template=(
        "{% for turn in messages %}<|im_start|>{{ turn.role }}\n{{ turn.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    ),
)
each_family = pytest.mark.parametrize(
    "family", [LLAMA_3, GEMMA, MISTRAL, QWEN], ids=["llama-3", "gemma", "mistral", "qwen"]
)


def tokenizer_of(family: Family, merges: Sequence[tuple[str, str]] = ()) -> PreTrainedTokenizerFast:
    """Bytes and merges of bytes; as in these families, encoding a text puts the first token before it."""
    specials = list(dict.fromkeys(filter(None, ["<pad>", family.bos, family.eos, family.eot, *family.marks])))
    listed = [*specials, *sorted(pre_tokenizers.ByteLevel.alphabet()), *("".join(merge) for merge in merges)]
    plain = Tokenizer(models.BPE(vocab={token: at for at, token in enumerate(listed)}, merges=list(merges)))
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    plain.decoder = decoders.ByteLevel()
    if family.bos:
        plain.post_processor = processors.TemplateProcessing(
            single=f"{family.bos} $A", special_tokens=[(family.bos, specials.index(family.bos))]
        )
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=plain,
        pad_token="<pad>",
        bos_token=family.bos,
        eos_token=family.eos,
        additional_special_tokens=[token for token in specials if token not in ("<pad>", family.bos, family.eos)],
    )
    tokenizer.chat_template = family.template
    return tokenizer


def speech_of(family: Family, merges: Sequence[tuple[str, str]] = ()) -> Speech:
    tokenizer = tokenizer_of(family, merges)
    ends = (tokenizer.get_vocab()[token] for token in (family.eos, family.eot))
    return Speech(tokenizer, frozenset(ends), int(tokenizer.eos_token_id), len(tokenizer))


def encoded(
    speech: Speech, records: Sequence[PreferenceRecord], max_length: int = 400
) -> tuple[list[PairIds], LeftOut]:
    left_out = LeftOut("comparison")
    return list(preferences_encoded(speech, records, max_length=max_length, left_out=left_out)), left_out


def asked(content: str, first: str = "yes", second: str = "no", number: int = 0) -> PreferenceRecord:
    return preference(number, first, second).model_copy(update={"prompt": [Message(role="user", content=content)]})


def sequences_of(speech: Speech) -> list[list[int]]:
    """Everything that is computed with: prompt and answer of both sides, and a conversation of two turns."""
    ((pair,), _) = encoded(speech, [preference(0, "yes", "no")])
    turns = [("user", "Hi"), ("assistant", "Yo"), ("user", "And?"), ("assistant", "So.")]
    demonstration = DemonstrationRecord(messages=[Message.model_validate({"role": r, "content": c}) for r, c in turns])
    (tokens,) = demonstrations_encoded(speech, [demonstration], max_length=400, left_out=LeftOut("conversation"))
    return [pair.prompt_ids + pair.first_ids, pair.prompt_ids + pair.second_ids, tokens.ids]


# --- first and last tokens ---------------------------------------------------


@each_family
def test_a_sequence_begins_with_one_first_token_or_none_as_its_template_says(family: Family) -> None:
    """Trap 1 (axolotl#1616, #1733): tokenizer and template both write it, or it is put before every answer."""
    speech = speech_of(family)
    bos = speech.tokenizer.bos_token_id
    assert (speech.tokenizer("x")["input_ids"][0] == bos) == (family.bos is not None)

    for ids in sequences_of(speech):
        assert ids.count(bos) == (family.bos is not None)
        assert family.bos is None or ids[0] == bos


def test_a_tokenizer_without_a_first_token_gives_numbers_only() -> None:
    """Trap 2 (trl#1885, #1073): None stood where the first token would."""
    speech = speech_of(QWEN)

    assert speech.tokenizer.bos_token_id is None
    assert all(type(id_) is int for ids in sequences_of(speech) for id_ in ids)


@each_family
def test_an_answer_ends_with_the_token_that_ends_its_turn_once_and_with_nothing_after_it(family: Family) -> None:
    """Trap 6 (trl#734, #1623, #1025, #4908, #741): without it answers never end; after it nothing is ever written."""
    speech = speech_of(family)

    ((pair,), _) = encoded(speech, [preference(0, "yes", "no")])

    for ids in (pair.first_ids, pair.second_ids):
        assert ids[-1] == speech.tokenizer.convert_tokens_to_ids(family.eot)
        assert sum(id_ in speech.end_ids for id_ in ids) == 1


# --- between prompt and answer -----------------------------------------------

ROLES_AS_WORDS = Family(bos="<s>", eos="</s>", eot="</s>", marks=(), template=PLAIN_TEMPLATE)
MERGES = [("Ċ", "y"), ("Ċ", "Ċ"), ("Ġ", "$"), ("$", "Ċ")]  # Ċ is a line break, Ġ a space


@pytest.mark.parametrize("content_end", ["?", " ", "\n", " $", "$\n", "日本", "  "])
@pytest.mark.parametrize("answer", ["no", "no\n", "$", "日本", " no"])
def test_prompt_and_answer_spell_the_text_that_the_template_writes(content_end: str, answer: str) -> None:
    """Trap 3 (trl#1153, #2054, #2209): tokenised apart, prompt and answer are another text or other tokens."""
    speech = speech_of(ROLES_AS_WORDS, MERGES)

    ((pair,), _) = encoded(speech, [asked(f"Q{content_end}", answer)])

    whole = f"<s>User:\nQ{content_end}\n\nAssistant:\n{answer}</s>"
    assert speech.tokenizer.decode(pair.prompt_ids + pair.first_ids) == whole
    assert pair.prompt_ids + pair.first_ids == speech.tokenizer(whole, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("answer", ["yes", "\nno"])
def test_an_answer_that_merges_with_its_prompt_is_left_out_unless_its_ids_are_known(answer: str) -> None:
    """Trap 3: a merged token is neither prompt nor answer. Who wrote the answer never saw it merged."""
    speech = speech_of(ROLES_AS_WORDS, MERGES)
    row = asked("Q", answer, "no")
    written = [*speech.tokenizer(answer, add_special_tokens=False)["input_ids"], speech.end_id]

    kept, left_out = encoded(speech, [row])
    known = Completion(response_id="a", text=answer, token_ids=written)
    ((pair,), nothing_left_out) = encoded(speech, [row.model_copy(update={"first": known})])

    assert (kept, left_out.counts) == ([], {MERGED: 1})
    assert pair.first_ids == written
    assert not nothing_left_out.counts


@pytest.mark.parametrize("opening", ["<think>\n", "<think>\n\n</think>\n\n"])
def test_a_template_that_opens_a_thought_only_before_an_answer_leaves_the_row_out(opening: str) -> None:
    """Trap 4 (unsloth-zoo#1110): the prompt alone is then no beginning of prompt and answer."""
    thinking = QWEN.template.replace("assistant\n{% endif", f"assistant\n{opening}{{% endif")
    speech = speech_of(Family(None, QWEN.eos, QWEN.eot, QWEN.marks, thinking))

    kept, left_out = encoded(speech, [preference(0, "yes", "no")])

    assert (kept, left_out.counts) == ([], {MERGED: 1})
    assert "the tokenizer or chat template changes the prompt" in left_out.sentences()[0]


# --- length ------------------------------------------------------------------


@pytest.mark.parametrize(("room", "is_kept"), [(-5, False), (0, False), (1, False), (3, False), (4, True), (5, True)])
def test_a_row_is_whole_or_left_out_whatever_its_prompt_leaves(room: int, is_kept: bool) -> None:
    """Trap 7 (trl#5662, #3382, #6548, #1033, ETO#14): cutting left answers of no token. "yes" and its end need 4."""
    speech = speech_of(QWEN)
    (whole, _), _ = encoded(speech, [asked("Q"), asked("Q")])

    kept, left_out = encoded(speech, [asked("Q")], max_length=len(whole.prompt_ids) + room)

    assert [(pair.prompt_ids, pair.first_ids) for pair in kept] == [(whole.prompt_ids, whole.first_ids)] * is_kept
    assert sum(left_out.counts.values()) == (not is_kept)


def test_a_run_over_prompts_that_fill_the_row_counts_them_and_its_loss_stays_a_number(
    base: Path, tmp_path: Path, listener: Listener
) -> None:
    """Trap 7 (ETO#14): empty answers trained on, at 0.693 nats for ever, without an error."""
    rows = [asked("x" * (8 * n), "YES", "no", n) for n in range(8)] + [asked("Q", "", "no", 8), asked("Q", "a", " ", 9)]

    report = listener.run(dpo_request(tmp_path, base, snapshot_save(tmp_path / "s", rows), max_length=40, epochs=2))

    assert report.metrics["rows/train"] == 5
    assert "3 comparisons left out: longer than 40 tokens." in report.notes
    assert f"2 comparisons left out: {EMPTY}." in report.notes
    assert all(torch.isfinite(torch.tensor(listener.curve("train/loss"))))
    assert all(norm > 0 for norm in listener.curve("grad_norm"))


# --- columns and tokenizers --------------------------------------------------


def test_every_row_stands_for_itself_whatever_the_first_one_holds(tmp_path: Path) -> None:
    """Trap 45: where the first row decides which columns there are, those of all others are lost."""
    tone = CriterionVotes(prefer_first=0.0, weight=2, strength=0.5)
    ids = Completion(response_id="a", text="ab", token_ids=[67, 68])  # cut off before its end
    records = [
        preference(0, "yes", "no"),
        preference(1, "ab", "no").model_copy(update={"first": ids, "criteria": {"tone": tone}}),
        preference(2, "yes", "no", prefer_first=0.5).model_copy(update={"tie_share": 1.0, "strength": 0.0}),
    ]
    for at, order in enumerate(itertools.permutations(records)):
        folder = tmp_path / f"snapshot-{at}"
        folder.mkdir()
        rows_write(folder / COMPARISONS, order)
        about = {"project": "tiny", "round": 1, "created_at": "", "counts": {}, "criteria": ["tone"]}
        manifest_write(folder, SnapshotManifest.model_validate(about))
        rows = preference_rows(
            folder, tmp_path / f"rows-{at}", speech_of(QWEN), PreferenceSettings(), max_length=200, criteria=True
        )

        bare, full, tie = (rows[order.index(record)] for record in records)
        assert full.first_ids.tolist() == [67, 68]
        assert full.targets_C4.tolist() == [[1, 1, 0, 1], [0, 2, 0, 0.5]]
        assert bare.targets_C4.tolist() == [[1, 1, 0, 1], [0.5, 0, 0, 0]]
        assert tie.targets_C4.tolist() == [[0.5, 1, 1, 0], [0.5, 0, 0, 0]]


def test_a_tokenizer_that_its_class_would_replace_is_read_as_its_file_says(tmp_path: Path) -> None:
    """Trap 46: transformers picks the class by model type, and a table of words came back as BPE with one id."""
    words = [*SPECIALS, "[unknown]", *PROBE.split(), "red", "blue"]
    plain = Tokenizer(models.WordLevel({word: at for at, word in enumerate(dict.fromkeys(words))}, "[unknown]"))
    plain.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(tokenizer_object=plain, eos_token="<|end|>").save_pretrained(tmp_path)  # type: ignore[no-untyped-call]
    Qwen2Config().save_pretrained(tmp_path)

    tokenizer, _ = tokenizer_load(str(tmp_path))

    assert AutoTokenizer.from_pretrained(tmp_path)("red blue")["input_ids"] != plain.encode("red blue").ids
    assert tokenizer("red blue")["input_ids"] == plain.encode("red blue").ids
    assert tokenizer.decode(tokenizer("red blue")["input_ids"]) == "red blue"
