"""Conversations to token ids: which tokens count in the loss, and what cannot be used and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from transformers import PreTrainedTokenizerBase

from training.contract import COMPARISONS, Completion, DemonstrationRecord, Message, PreferenceRecord
from training.errors import SnapshotInvalid

TOO_LONG = "longer than {max_length} tokens"
UNREADABLE = "longer than the {positions} tokens that the model reads"
EMPTY = "an answer is empty"
MERGED = "the tokenizer or chat template changes the prompt once an answer follows"


@dataclass(frozen=True)
class Speech:
    """How a model's tokenizer writes turns.

    end_ids    every token that ends a turn; end_id is the one that we write
    vocabulary number of token ids the model knows
    positions  tokens that the model reads at most; None when nothing sets an end
    is_chat    False for encoders: they read prompt and answer as a pair of plain texts
    is_author  whether token ids stored with answers are this model's; otherwise their text is tokenised
    """

    tokenizer: PreTrainedTokenizerBase
    end_ids: frozenset[int]
    end_id: int
    vocabulary: int
    positions: int | None = None
    is_chat: bool = True
    is_author: bool = True

    def too_long(self, length: int, max_length: int) -> str | None:
        """Why a row of `length` tokens is left out, or None."""
        if self.positions is not None and length > self.positions and self.positions < max_length:
            return UNREADABLE.format(positions=self.positions)
        return TOO_LONG.format(max_length=max_length) if length > max_length else None


@dataclass
class LeftOut:
    """Rows that were read but not used, by reason, and answers that need a word; reported, never silent."""

    noun: str
    counts: Counter[str] = field(default_factory=Counter)
    foreign: int = 0
    cut_off: int = 0

    def sentences(self) -> list[str]:
        said = [f"{count} {self.noun}{'s' * (count > 1)} left out: {why}." for why, count in self.counts.items()]
        if self.foreign:
            said.append(
                f"{self.foreign} answers carry token ids of another tokenizer; their text was tokenised instead."
            )
        if self.cut_off:
            said.append(f"{self.cut_off} answers were cut off when they were written; they teach nothing about ending.")
        return said


# --- which tokens count ------------------------------------------------------


@dataclass(frozen=True)
class Tokens:
    """One sequence, and which of its tokens count in the loss."""

    ids: list[int]
    counted: list[bool]


def tokens_counted(pieces: Iterable[tuple[list[int], bool]]) -> Tokens:
    """Join the pieces of a conversation and mark the tokens that count in the loss.

    A piece is either given to the model (False: system and user turns, role
    markers, the opening of an answer) or written by it (True: the answer with
    the end-of-turn token that closes it). A written token counts where it is
    the *target*, that is, it is predicted from the hidden state one place to
    its left. The very first token of a sequence has no place to its left and
    never counts.

        piece     given                      written
        token     <s>  user  Hi  assistant   He   llo  <end>
        place     0    1     2   3           4    5    6
        counted   no   no    no  no          yes  yes  yes
        predicted from place                 3    4    5

    An answer that was cut off has no <end>, so nothing teaches the model to
    stop there. What a template puts after <end> (ChatML: a newline) belongs
    to the next given piece, because generation stops at <end>.
    """
    ids: list[int] = []
    counted: list[bool] = []
    for piece, is_written in pieces:
        ids += piece
        counted += [is_written] * len(piece)
    if counted:
        counted[0] = False
    return Tokens(ids, counted)


def answer_closed(written_ids: list[int], end_ids: frozenset[int], end_id: int) -> list[int]:
    """A tokenised answer that ends with its end-of-turn token and nothing after it.

    Templates differ: most close the turn themselves, some add a newline after
    that, a few close nothing; then `end_id` closes it.
    """
    for place, token in enumerate(written_ids):
        if token in end_ids:
            return written_ids[: place + 1]
    return [*written_ids, end_id]


# --- texts -------------------------------------------------------------------


def conversation_texts(
    tokenizer: PreTrainedTokenizerBase, conversations: Sequence[Sequence[Message]], *, answer_opened: bool
) -> list[str]:
    """Each conversation as the chat template writes it; with `answer_opened`, up to where the answer begins."""
    plain = [[message.model_dump() for message in messages] for messages in conversations]
    if not plain:
        return []
    texts = tokenizer.apply_chat_template(plain, tokenize=False, add_generation_prompt=answer_opened)
    return list(texts)


def texts_encoded(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of texts that a chat template wrote: it has already placed the special tokens."""
    return tokenizer(list(texts), add_special_tokens=False)["input_ids"] if texts else []


def answer_text(tokenizer: PreTrainedTokenizerBase, token_ids: Sequence[int]) -> str:
    """What people read of an answer: its tokens without the special ones and outer blanks."""
    text = tokenizer.decode(list(token_ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return str(text).strip()


def prompts_encoded(speech: Speech, prompts: Sequence[Sequence[Message]]) -> list[list[int]]:
    """Token ids of prompts, up to where the answer begins."""
    if not prompts:
        return []
    if speech.is_chat:
        return texts_encoded(speech.tokenizer, conversation_texts(speech.tokenizer, prompts, answer_opened=True))
    return list(speech.tokenizer([_plain(prompt) for prompt in prompts])["input_ids"])


def answers_encoded(
    speech: Speech, prompts: Sequence[Sequence[Message]], prompt_ids: Sequence[list[int]], answers: Sequence[str]
) -> list[list[int] | None]:
    """Token ids of answers, each tokenised together with its prompt; None where the prompt loses its own tokens."""
    if not prompts:
        return []
    if speech.is_chat:
        whole = [
            [*prompt, Message(role="assistant", content=answer)]
            for prompt, answer in zip(prompts, answers, strict=True)
        ]
        texts = conversation_texts(speech.tokenizer, whole, answer_opened=False)
        wholes = texts_encoded(speech.tokenizer, texts)
    else:
        wholes = speech.tokenizer([_plain(prompt) for prompt in prompts], list(answers))["input_ids"]
    found: list[list[int] | None] = []
    for ids, opening in zip(wholes, prompt_ids, strict=True):
        if ids[: len(opening)] != opening:
            found.append(None)
        elif speech.is_chat:
            found.append(answer_closed(ids[len(opening) :], speech.end_ids, speech.end_id))
        else:
            found.append(ids[len(opening) :])
    return found


def _plain(prompt: Sequence[Message]) -> str:
    """A conversation as text for models that were never taught roles; one question stands alone."""
    if len(prompt) == 1:
        return prompt[0].content
    return "\n\n".join(f"{message.role.capitalize()}: {message.content}" for message in prompt)


# --- comparisons -------------------------------------------------------------


@dataclass(frozen=True)
class PairIds:
    """One comparison in token ids; both completions follow the same prompt."""

    record: PreferenceRecord
    prompt_ids: list[int]
    first_ids: list[int]
    second_ids: list[int]

    @property
    def length(self) -> int:
        return len(self.prompt_ids) + max(len(self.first_ids), len(self.second_ids))


def preferences_encoded(
    speech: Speech,
    records: Sequence[PreferenceRecord],
    *,
    max_length: int,
    left_out: LeftOut,
    lines: Sequence[int] | None = None,
) -> Iterator[PairIds]:
    """The comparisons in tokens; what cannot be used is counted in `left_out`.

    Stored ids of generated answers are used as they are; other answers are
    tokenised together with their prompt. A row is left out when an answer is
    empty, when the row is too long, or when the prompt does not keep its tokens
    once the answer follows: a cut row would teach something that nobody judged.
    lines  numbers of the records in their file, for messages; None counts from 1
    Raises SnapshotInvalid when stored ids are not in the vocabulary.
    """
    prompts = prompts_encoded(speech, [record.prompt for record in records])
    lines = lines or range(1, len(records) + 1)
    firsts, seconds = (_side_encoded(speech, records, prompts, side, left_out, lines) for side in ("first", "second"))
    for record, prompt_ids, first_ids, second_ids in zip(records, prompts, firsts, seconds, strict=True):
        if first_ids is None or second_ids is None:
            left_out.counts[MERGED] += 1
            continue
        pair = PairIds(record, prompt_ids, first_ids, second_ids)
        if not (
            _says_something(speech, record.first, first_ids) and _says_something(speech, record.second, second_ids)
        ):
            left_out.counts[EMPTY] += 1
        elif why := speech.too_long(pair.length, max_length):
            left_out.counts[why] += 1
        else:
            yield pair


def _side_encoded(
    speech: Speech,
    records: Sequence[PreferenceRecord],
    prompts: Sequence[list[int]],
    side: str,
    left_out: LeftOut,
    lines: Sequence[int],
) -> list[list[int] | None]:
    found: list[list[int] | None] = [None] * len(records)
    by_text = []
    for row, record in enumerate(records):
        completion: Completion = getattr(record, side)
        if not (completion.token_ids and speech.is_author):
            by_text.append(row)
            continue
        if max(completion.token_ids) >= speech.vocabulary or min(completion.token_ids) < 0:
            raise SnapshotInvalid(
                f"{COMPARISONS}, line {lines[row]}: {side}.token_ids: {max(completion.token_ids)} is not in the "
                f"vocabulary of {speech.vocabulary} tokens; this answer was written by another base model."
            )
        if answer_text(speech.tokenizer, completion.token_ids) == completion.text.strip():
            found[row] = list(completion.token_ids)
            left_out.cut_off += completion.token_ids[-1] not in speech.end_ids
        else:
            left_out.foreign += 1
            by_text.append(row)
    encoded = answers_encoded(
        speech,
        [records[row].prompt for row in by_text],
        [prompts[row] for row in by_text],
        [getattr(records[row], side).text for row in by_text],
    )
    for row, ids in zip(by_text, encoded, strict=True):
        found[row] = ids
    return found


def _says_something(speech: Speech, completion: Completion, ids: list[int]) -> bool:
    return bool(completion.text.strip()) and bool(ids) and ids[0] not in speech.end_ids


# --- demonstrations ----------------------------------------------------------


def demonstrations_encoded(
    speech: Speech, demonstrations: Sequence[DemonstrationRecord], *, max_length: int, left_out: LeftOut
) -> Iterator[Tokens]:
    """The conversations in tokens, every assistant turn counted; what cannot be used is counted in `left_out`."""
    turns = [
        (row, turn)
        for row, demonstration in enumerate(demonstrations)
        for turn, message in enumerate(demonstration.messages)
        if message.role == "assistant"
    ]
    openings = prompts_encoded(speech, [demonstrations[row].messages[:turn] for row, turn in turns])
    wholes = texts_encoded(
        speech.tokenizer,
        conversation_texts(speech.tokenizer, [row.messages for row in demonstrations], answer_opened=False),
    )
    turns_of: dict[int, list[list[int]]] = {}
    empty: set[int] = set()
    for (row, turn), ids in zip(turns, openings, strict=True):
        turns_of.setdefault(row, []).append(ids)
        if not demonstrations[row].messages[turn].content.strip():
            empty.add(row)
    for row, ids in enumerate(wholes):
        pieces = _turn_pieces(ids, turns_of.get(row, []), speech)
        if row in empty or row not in turns_of:
            left_out.counts[EMPTY] += 1
        elif pieces is None:
            left_out.counts[MERGED] += 1
        elif why := speech.too_long(sum(len(piece) for piece, _ in pieces), max_length):
            left_out.counts[why] += 1
        else:
            yield tokens_counted(pieces)


def _turn_pieces(whole: list[int], openings: list[list[int]], speech: Speech) -> list[tuple[list[int], bool]] | None:
    """`whole` cut into given and written pieces, or None where an opening is not a prefix of it."""
    pieces: list[tuple[list[int], bool]] = []
    done = 0
    for number, opening in enumerate(openings):
        begin = len(opening)
        if begin < done or whole[:begin] != opening:
            return None
        is_last = number + 1 == len(openings)
        if not is_last and speech.end_ids.isdisjoint(whole[begin:]):
            return None
        written = answer_closed(whole[begin:], speech.end_ids, speech.end_id)
        pieces += [(whole[done:begin], False), (written, True)]
        done = begin + len(written)
    return pieces
