"""Conversations to tokens, tokens to batches, batches to one forward pass.

B comparisons, S sequences, T positions of a row, N counted tokens of a batch.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from training.contract import (
    COMPARISONS,
    Completion,
    DemonstrationRecord,
    Message,
    PreferenceRecord,
    rows_read,
    snapshot_verify,
)
from training.errors import SnapshotInvalid

# A mega-batch is sorted by length and cut into batches: enough rows to waste
# little padding, few enough to keep the order random.
BATCHES_PER_BUCKET = 16

# --- tokens ------------------------------------------------------------------


@dataclass(frozen=True)
class Tokens:
    """One sequence, and which of its tokens count in the loss."""

    ids: list[int]
    counted: list[bool]


@dataclass(frozen=True)
class PairTokens:
    """One comparison in tokens; both completions follow the same prompt."""

    comparison_id: str
    prompt_ids: list[int]
    first_ids: list[int]
    second_ids: list[int]
    prefer_first: float
    weight: float

    @property
    def length(self) -> int:
        return len(self.prompt_ids) + max(len(self.first_ids), len(self.second_ids))


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


def answer_closed(written_ids: list[int], end_ids: frozenset[int], end_id: int) -> list[int]:
    """A tokenised answer that ends with its end-of-turn token and nothing after it.

    Templates differ: most close the turn themselves, some add a newline after
    that, a few close nothing; then `end_id` closes it.
    """
    for place, token in enumerate(written_ids):
        if token in end_ids:
            return written_ids[: place + 1]
    return [*written_ids, end_id]


# --- demonstrations ----------------------------------------------------------


@dataclass(frozen=True)
class LeftOut:
    """Rows that were read but not used, by reason; reported, never silent."""

    counts: dict[str, int]

    def sentences(self, noun: str) -> list[str]:
        return [f"{count} {noun}{'s' if count > 1 else ''} left out: {why}." for why, count in self.counts.items()]


TOO_LONG = "longer than {max_length} tokens"
EMPTY = "an answer is empty"
MERGED = "the tokenizer or chat template changes the prompt once an answer follows"


def demonstrations_read(path: Path) -> list[DemonstrationRecord]:
    """The conversations in `path`. Raises SnapshotInvalid naming the bad line."""
    return list(rows_read(path, DemonstrationRecord))


def demonstrations_encoded(
    tokenizer: PreTrainedTokenizerBase,
    demonstrations: Sequence[DemonstrationRecord],
    *,
    end_ids: frozenset[int],
    end_id: int,
    max_length: int,
) -> tuple[list[Tokens], LeftOut]:
    """The conversations in tokens, every assistant turn counted."""
    turns = [
        (row, turn)
        for row, demonstration in enumerate(demonstrations)
        for turn, message in enumerate(demonstration.messages)
        if message.role == "assistant"
    ]
    openings = conversation_texts(
        tokenizer, [demonstrations[row].messages[:turn] for row, turn in turns], answer_opened=True
    )
    wholes = conversation_texts(tokenizer, [row.messages for row in demonstrations], answer_opened=False)
    opening_ids = texts_encoded(tokenizer, openings)
    whole_ids = texts_encoded(tokenizer, wholes)
    turns_of: dict[int, list[list[int]]] = {}
    empty: set[int] = set()
    for (row, turn), ids in zip(turns, opening_ids, strict=True):
        turns_of.setdefault(row, []).append(ids)
        if not demonstrations[row].messages[turn].content.strip():
            empty.add(row)
    kept: list[Tokens] = []
    reasons: Counter[str] = Counter()
    for row, ids in enumerate(whole_ids):
        pieces = _turn_pieces(ids, turns_of.get(row, []), end_ids, end_id)
        if row in empty or row not in turns_of:
            reasons[EMPTY] += 1
        elif pieces is None:
            reasons[MERGED] += 1
        elif sum(len(piece) for piece, _ in pieces) > max_length:
            reasons[TOO_LONG.format(max_length=max_length)] += 1
        else:
            kept.append(tokens_counted(pieces))
    return kept, LeftOut(dict(reasons))


def _turn_pieces(
    whole: list[int], openings: list[list[int]], end_ids: frozenset[int], end_id: int
) -> list[tuple[list[int], bool]] | None:
    """`whole` cut into given and written pieces, or None where an opening is not a prefix of it."""
    pieces: list[tuple[list[int], bool]] = []
    done = 0
    for number, opening in enumerate(openings):
        begin = len(opening)
        if begin < done or whole[:begin] != opening:
            return None
        is_last = number + 1 == len(openings)
        if not is_last and end_ids.isdisjoint(whole[begin:]):
            return None
        written = answer_closed(whole[begin:], end_ids, end_id)
        pieces += [(whole[done:begin], False), (written, True)]
        done = begin + len(written)
    return pieces


# --- preferences -------------------------------------------------------------


@dataclass(frozen=True)
class Preferences:
    """The comparisons of a snapshot in tokens, by split, and what was left out."""

    train: list[PairTokens]
    holdout: list[PairTokens]
    notes: list[str]


def preferences_read(snapshot_dir: Path, *, earlier_rounds: bool = True) -> list[PreferenceRecord]:
    """The rows of a snapshot, without training rows of earlier rounds if so wished.

    Held-out rows of all rounds stay: nobody trains on them, and more of them narrow the intervals.
    Raises SnapshotInvalid naming a damaged file, or the bad line and field.
    """
    newest = snapshot_verify(snapshot_dir).round
    return [
        row
        for row in rows_read(snapshot_dir / COMPARISONS, PreferenceRecord)
        if earlier_rounds or row.round >= newest or row.split == "holdout"
    ]


def preferences_encoded(
    tokenizer: PreTrainedTokenizerBase,
    records: Sequence[PreferenceRecord],
    *,
    end_ids: frozenset[int],
    end_id: int,
    max_length: int,
    vocabulary: int,
) -> Preferences:
    """The comparisons in tokens.

    Stored ids of generated answers are used as they are; other answers are
    tokenised together with their prompt. A row is left out, with its reason
    counted, when an answer is empty, when the row is too long, or when the
    prompt does not keep its tokens once the answer follows.
    Raises SnapshotInvalid when stored ids are not in the vocabulary.
    """
    openings = conversation_texts(tokenizer, [record.prompt for record in records], answer_opened=True)
    prompts = texts_encoded(tokenizer, openings)
    encoded = _completions_encoded(tokenizer, records, prompts, end_ids, end_id, vocabulary)
    kept: dict[str, list[PairTokens]] = {"train": [], "holdout": []}
    reasons: Counter[str] = Counter()
    retokenised = 0
    for record, prompt_ids, (first, second) in zip(records, prompts, encoded, strict=True):
        retokenised += first.is_foreign + second.is_foreign
        if first.ids is None or second.ids is None:
            reasons[MERGED] += 1
            continue
        pair = PairTokens(
            comparison_id=record.comparison_id,
            prompt_ids=prompt_ids,
            first_ids=first.ids,
            second_ids=second.ids,
            prefer_first=record.prefer_first,
            weight=record.weight,
        )
        if not _says_something(pair.first_ids, end_ids) or not _says_something(pair.second_ids, end_ids):
            reasons[EMPTY] += 1
        elif pair.length > max_length:
            reasons[TOO_LONG.format(max_length=max_length)] += 1
        else:
            kept[record.split].append(pair)
    notes = LeftOut(dict(reasons)).sentences("comparison")
    if retokenised:
        notes.append(f"{retokenised} answers carry token ids of another tokenizer; their text was tokenised instead.")
    return Preferences(kept["train"], kept["holdout"], notes)


@dataclass(frozen=True)
class _Answer:
    """An answer in tokens; None where the template or tokenizer breaks the boundary."""

    ids: list[int] | None
    is_foreign: bool = False


def _completions_encoded(
    tokenizer: PreTrainedTokenizerBase,
    records: Sequence[PreferenceRecord],
    prompts: Sequence[list[int]],
    end_ids: frozenset[int],
    end_id: int,
    vocabulary: int,
) -> list[tuple[_Answer, _Answer]]:
    """(first, second) of every record, all texts encoded in one call."""
    sides = [(row, side) for row in range(len(records)) for side in ("first", "second")]
    verbatim: dict[tuple[int, str], _Answer] = {}
    foreign: set[tuple[int, str]] = set()
    for row, side in sides:
        completion: Completion = getattr(records[row], side)
        if not completion.token_ids:
            continue
        if max(completion.token_ids) >= vocabulary or min(completion.token_ids) < 0:
            raise SnapshotInvalid(
                f"{COMPARISONS}, line {row + 1}: {side}.token_ids: {max(completion.token_ids)} is not in the "
                f"vocabulary of {vocabulary} tokens; this answer was written by another base model."
            )
        if answer_text(tokenizer, completion.token_ids) == completion.text.strip():
            verbatim[row, side] = _Answer(list(completion.token_ids))
        else:
            foreign.add((row, side))
    by_text = [key for key in sides if key not in verbatim]
    conversations = [
        [*records[row].prompt, Message(role="assistant", content=getattr(records[row], side).text)]
        for row, side in by_text
    ]
    wholes = texts_encoded(tokenizer, conversation_texts(tokenizer, conversations, answer_opened=False))
    for (row, side), whole in zip(by_text, wholes, strict=True):
        prompt = prompts[row]
        is_prefix = whole[: len(prompt)] == prompt
        ids = answer_closed(whole[len(prompt) :], end_ids, end_id) if is_prefix else None
        verbatim[row, side] = _Answer(ids, (row, side) in foreign)
    return [(verbatim[row, "first"], verbatim[row, "second"]) for row in range(len(records))]


def _says_something(ids: list[int], end_ids: frozenset[int]) -> bool:
    return bool(ids) and ids[0] not in end_ids


def pair_tokens(pair: PairTokens) -> tuple[Tokens, Tokens]:
    """Both sides of a comparison as sequences of their own."""
    first, second = (
        tokens_counted([(pair.prompt_ids, False), (answer, True)]) for answer in (pair.first_ids, pair.second_ids)
    )
    return first, second


# --- batches -----------------------------------------------------------------


def batches_planned(lengths: Sequence[int], *, batch_size: int, epochs: float, seed: int) -> list[list[int]]:
    """Row indexes of every batch of the run, similar lengths together.

    The order depends on the lengths and the seed alone: not on the device, the
    micro-batch size or a resume.
    """
    per_epoch = -(-len(lengths) // batch_size)
    wanted = max(1, round(per_epoch * epochs))
    batches: list[list[int]] = []
    epoch = 0
    while len(batches) < wanted:
        batches += _epoch_batches(lengths, batch_size, random.Random(f"{seed}/{epoch}"))
        epoch += 1
    return batches[:wanted]


def _epoch_batches(lengths: Sequence[int], batch_size: int, dice: random.Random) -> list[list[int]]:
    order = list(range(len(lengths)))
    dice.shuffle(order)
    bucket = batch_size * BATCHES_PER_BUCKET
    batches = []
    for start in range(0, len(order), bucket):
        rows = sorted(order[start : start + bucket], key=lambda row: lengths[row])
        batches += [rows[at : at + batch_size] for at in range(0, len(rows), batch_size)]
    dice.shuffle(batches)
    return batches


def batches_in_order(lengths: Sequence[int], batch_size: int) -> list[list[int]]:
    """Every row once, similar lengths together, for passes that do not train."""
    order = sorted(range(len(lengths)), key=lambda row: lengths[row])
    return [order[at : at + batch_size] for at in range(0, len(order), batch_size)]


# --- layouts -----------------------------------------------------------------


@dataclass(frozen=True)
class Layout:
    """Sequences laid out for one forward pass; places are flat indexes into (rows x T).

    ids_BT       token ids, padded on the right
    position_BT  position of each token in its own sequence; None means 0, 1, 2, …
    mask_BTT     True where a place may look at another; None means everything to its left
    source_N     place whose hidden state predicts each counted token
    target_N     the counted tokens
    sequence_N   which sequence each counted token belongs to
    last_S       place of the last token of each sequence
    """

    ids_BT: Tensor
    position_BT: Tensor | None
    mask_BTT: Tensor | None
    source_N: Tensor
    target_N: Tensor
    sequence_N: Tensor
    last_S: Tensor

    def to(self, device: torch.device) -> Layout:
        if device.type == "cpu":
            return self
        moved: dict[str, Any] = {
            name: value.to(device) if isinstance(value, Tensor) else value for name, value in vars(self).items()
        }
        return Layout(**moved)


def layout_padded(sequences: Sequence[Tokens]) -> Layout:
    """One sequence per row, padded on the right.

    No mask is needed: a causal model never looks right, so padding is never
    seen by a real token, and hidden states of padding are never gathered.
    """
    width = max(len(sequence.ids) for sequence in sequences)
    rows, sources, targets, owners, lasts = [], [], [], [], []
    for number, sequence in enumerate(sequences):
        rows.append(sequence.ids + [0] * (width - len(sequence.ids)))
        places = [place for place, counts in enumerate(sequence.counted) if counts]
        sources += [number * width + place - 1 for place in places]
        targets += [sequence.ids[place] for place in places]
        owners += [number] * len(places)
        lasts.append(number * width + len(sequence.ids) - 1)
    return Layout(
        ids_BT=torch.tensor(rows),
        position_BT=None,
        mask_BTT=None,
        source_N=torch.tensor(sources),
        target_N=torch.tensor(targets),
        sequence_N=torch.tensor(owners),
        last_S=torch.tensor(lasts),
    )


def layout_of_pairs(pairs: Sequence[PairTokens], *, shared_prompt: bool) -> Layout:
    """Both completions of each comparison; sequence 2b is `first` of pair b and 2b + 1 is `second`."""
    if shared_prompt:
        return layout_shared(pairs)
    return layout_padded([tokens for pair in pairs for tokens in pair_tokens(pair)])


def layout_shared(pairs: Sequence[PairTokens]) -> Layout:
    """One comparison per row: the prompt once, then both completions as segments behind it.

        tokens     p0 p1 p2 | a0 a1 | b0 b1 b2
        positions   0  1  2 |  3  4 |  3  4  5
        a sees      p and a;    b sees p and b, never a

    Both first tokens are predicted from the last place of the prompt (p2), so
    nothing is computed twice. Equal to two rows of their own for every model
    whose layers attend to all earlier places.
    """
    widths = [len(pair.prompt_ids) + len(pair.first_ids) + len(pair.second_ids) for pair in pairs]
    width = max(widths)
    ids_BT = torch.zeros(len(pairs), width, dtype=torch.long)
    position_BT = torch.zeros(len(pairs), width, dtype=torch.long)
    segment_BT = torch.full((len(pairs), width), -1)
    sources, targets, owners, lasts = [], [], [], []
    for row, pair in enumerate(pairs):
        p, a, b = len(pair.prompt_ids), len(pair.first_ids), len(pair.second_ids)
        start = row * width
        ids_BT[row, : p + a + b] = torch.tensor(pair.prompt_ids + pair.first_ids + pair.second_ids)
        position_BT[row, : p + a] = torch.arange(p + a)
        position_BT[row, p + a : p + a + b] = torch.arange(p, p + b)
        segment_BT[row, :p] = 0
        segment_BT[row, p : p + a] = 1
        segment_BT[row, p + a : p + a + b] = 2
        sources += [start + p - 1, *range(start + p, start + p + a - 1)]
        sources += [start + p - 1, *range(start + p + a, start + p + a + b - 1)]
        targets += pair.first_ids + pair.second_ids
        owners += [2 * row] * a + [2 * row + 1] * b
        lasts += [start + p + a - 1, start + p + a + b - 1]
    place_T = torch.arange(width)
    is_earlier_TT = place_T[:, None] >= place_T[None, :]
    query_BT1, key_B1T = segment_BT[:, :, None], segment_BT[:, None, :]
    # Padding (-1) sees padding to its left, itself included, so that no row of the mask is empty.
    mask_BTT = is_earlier_TT & ((query_BT1 == key_B1T) | (key_B1T == 0) & (query_BT1 > 0))
    return Layout(
        ids_BT=ids_BT,
        position_BT=position_BT,
        mask_BTT=mask_BTT,
        source_N=torch.tensor(sources),
        target_N=torch.tensor(targets),
        sequence_N=torch.tensor(owners),
        last_S=torch.tensor(lasts),
    )
