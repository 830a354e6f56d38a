"""Sequences laid out for one forward pass.

B comparisons, S sequences, T positions of a row, R rows, N counted tokens, M = R x T places.

Three layouts of the same comparisons, equal in every number they give:

    separate   p p p a a        shared   p p p a a b b b      packed   p p p a a b b b q q c d d
               p p p b b b

`shared` computes a prompt once for all its completions; `packed` puts several
prompts into one row. Places are told apart by segment: a prompt is a segment,
and so is each completion behind it.

    tokens     p0 p1 p2 | a0 a1 | b0 b1 b2
    positions   0  1  2 |  3  4 |  3  4  5
    segment     0  0  0 |  1  1 |  2  2  2
    parent      0  0  0 |  0  0 |  0  0  0
    sees        own segment up to itself, and the whole parent

The first tokens of both completions are predicted from the last place of the
prompt (p2), so nothing is computed twice. This equals rows of their own for
every model whose layers attend to all earlier places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from training.rows import Ids, PairTokens
from training.tokens import Tokens

Kind = Literal["separate", "shared", "packed"]
# (row, place of the first query, past the last one, first place of its segment, first place of its prompt, past it)
Block = tuple[int, int, int, int, int, int]
PACKED_ROW = 4096  # places of a packed row: long enough that matrix products over it run at full speed
QUERIES = 128  # of a block at most: its scores stay in the cache, and what lies above the diagonal is skipped


@dataclass(frozen=True)
class Layout:
    """Rows ready for the model; places are flat indexes into (R x T).

    ids_RT       token ids, padded on the right
    position_RT  position of each token in its own sequence; None means 0, 1, 2, …
    segment_RT   segment of each place, -1 for padding; None means that every row is one sequence
    parent_RT    segment that each place sees whole: the prompt of a completion, otherwise its own
    source_N     place whose hidden state predicts each counted token
    target_N     the counted tokens
    sequence_N   which sequence each counted token belongs to
    place_N      how many counted tokens of its sequence stand before it
    last_S       place of the last token of each sequence
    length_S     counted tokens of each sequence
    pair_B2      sequences of the first and second completion of each comparison
    blocks       which queries see which keys, where rows have segments
    filled       places that hold a token, of all places
    """

    ids_RT: Tensor
    position_RT: Tensor | None
    segment_RT: Tensor | None
    parent_RT: Tensor | None
    source_N: Tensor
    target_N: Tensor
    sequence_N: Tensor
    place_N: Tensor
    last_S: Tensor
    length_S: Tensor
    pair_B2: Tensor
    blocks: list[Block]
    filled: int

    @property
    def sequences(self) -> int:
        return len(self.last_S)

    @property
    def padding(self) -> tuple[float, float]:
        """(padded places, all places)."""
        return float(self.ids_RT.numel() - self.filled), float(self.ids_RT.numel())

    def mask_RTT(self) -> Tensor:
        """True where a place may look at another; only for layouts with segments."""
        assert self.segment_RT is not None
        assert self.parent_RT is not None
        place_T = torch.arange(self.segment_RT.shape[1], device=self.segment_RT.device)
        is_earlier_TT = place_T[:, None] >= place_T[None, :]
        key_R1T = self.segment_RT[:, None, :]
        # Padding (-1) sees padding to its left, itself included: a place that sees nothing would turn into NaN.
        sees_RTT = (self.segment_RT[:, :, None] == key_R1T) | (self.parent_RT[:, :, None] == key_R1T)
        return is_earlier_TT & sees_RTT

    def to(self, device: torch.device) -> Layout:
        if device.type == "cpu":
            return self
        tensors = {
            field.name: value for field in fields(self) if isinstance(value := getattr(self, field.name), Tensor)
        }
        moved: dict[str, Any] = {name: tensor.to(device, non_blocking=True) for name, tensor in tensors.items()}
        return replace(self, **moved)


@dataclass(frozen=True)
class _Segment:
    """Tokens behind each other in a row. parent: place in the row's list of the segment they follow, or None."""

    ids: Ids
    parent: int | None
    sequence: int | None
    counted: npt.NDArray[np.bool_] | None = None  # None: all of them when it has a parent, else none


def layout_of_pairs(
    pairs: Sequence[PairTokens], kind: Kind, *, row_length: int = 0, completions_once: bool = True
) -> Layout:
    """Both completions of each comparison; equal completions to one prompt are computed once.

    row_length        places of a row in the packed layout; a longer group gets a row of its own
    completions_once  False gives every comparison its own two sequences, for sums that depend on the other side
    """
    groups: dict[int, list[int]] = {}
    for number, pair in enumerate(pairs):
        groups.setdefault(pair.group, []).append(number)
    rows: list[list[_Segment]] = []
    pair_B2 = np.zeros((len(pairs), 2), np.int64)
    sequences = 0
    for members in groups.values():
        segments = [_Segment(pairs[members[0]].prompt_ids, None, None)]
        known: dict[bytes, int] = {}
        for number in members:
            for side, ids in enumerate((pairs[number].first_ids, pairs[number].second_ids)):
                name = ids.tobytes()
                if name not in known or not completions_once:
                    known[name] = sequences
                    segments.append(_Segment(ids, 0, sequences))
                    sequences += 1
                pair_B2[number, side] = known[name]
        rows.append(segments)
    if kind == "separate":
        joined = [_joined(row[0], segment) for row in rows for segment in row[1:]]
        return _laid([[segment] for segment in joined], sequences, pair_B2)
    return _laid(_packed(rows, row_length) if kind == "packed" else rows, sequences, pair_B2)


def layout_of_conversations(rows: Sequence[Tokens], *, row_length: int = 0) -> Layout:
    """Conversations, one per row, or packed into rows of `row_length` places that never see each other."""
    segments = [
        [_Segment(np.array(row.ids, np.int32), None, number, np.array(row.counted, np.bool_))]
        for number, row in enumerate(rows)
    ]
    no_pairs = np.zeros((0, 2), np.int64)
    return _laid(_packed(segments, row_length) if row_length else segments, len(rows), no_pairs)


def _joined(prompt: _Segment, completion: _Segment) -> _Segment:
    """Prompt and completion as one sequence without a parent."""
    counted = np.zeros(len(prompt.ids) + len(completion.ids), np.bool_)
    counted[len(prompt.ids) :] = True
    return _Segment(np.concatenate([prompt.ids, completion.ids]), None, completion.sequence, counted)


def _packed(rows: Sequence[list[_Segment]], row_length: int) -> list[list[_Segment]]:
    """First fit, longest first: at most about a fifth more rows than the best packing, and close to it in practice."""
    lengths = [sum(len(segment.ids) for segment in row) for row in rows]
    bins: list[list[_Segment]] = []
    room: list[int] = []
    for number in sorted(range(len(rows)), key=lambda row: -lengths[row]):
        place = next((at for at, free in enumerate(room) if free >= lengths[number]), None)
        if place is None:
            bins.append([])
            room.append(max(row_length, lengths[number]))
            place = len(bins) - 1
        shift = len(bins[place])
        for segment in rows[number]:
            parent = None if segment.parent is None else segment.parent + shift
            bins[place].append(_Segment(segment.ids, parent, segment.sequence, segment.counted))
        room[place] -= lengths[number]
    return bins


def _laid(rows: Sequence[list[_Segment]], sequences: int, pair_B2: npt.NDArray[np.int64]) -> Layout:
    width = max(sum(len(segment.ids) for segment in row) for row in rows)
    is_plain = all(len(row) == 1 for row in rows)
    ids_RT = np.zeros((len(rows), width), np.int64)
    position_RT, segment_RT, parent_RT = (np.full((len(rows), width), fill) for fill in (0, -1, -1))
    found: dict[int, tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]] = {}
    last_S = np.zeros(sequences, np.int64)
    blocks: list[Block] = []
    filled = 0
    for number, row in enumerate(rows):
        at = 0
        starts: list[int] = []
        ends: list[int] = []
        depth: list[int] = []
        for name, segment in enumerate(row):
            size = len(segment.ids)
            start = 0 if segment.parent is None else depth[segment.parent]
            here = slice(at, at + size)
            ids_RT[number, here] = segment.ids
            position_RT[number, here] = np.arange(start, start + size)
            segment_RT[number, here] = name
            parent_RT[number, here] = name if segment.parent is None else segment.parent
            places = number * width + np.arange(at, at + size)
            if segment.sequence is not None:
                before = places - 1
                if segment.parent is not None and size:
                    before[0] = number * width + ends[segment.parent]
                counted = slice(None) if segment.counted is None else segment.counted
                found[segment.sequence] = (before[counted], segment.ids[counted].astype(np.int64))
                last_S[segment.sequence] = places[-1]
            prompt = (at, at) if segment.parent is None else (starts[segment.parent], ends[segment.parent] + 1)
            blocks += [
                (number, first, min(first + QUERIES, at + size), at, *prompt) for first in range(at, at + size, QUERIES)
            ]
            starts.append(at)
            ends.append(at + size - 1)
            depth.append(start + size)
            at += size
        filled += at
    sources, targets = zip(*(found[sequence] for sequence in range(sequences)), strict=True)
    length_S = np.array([len(target) for target in targets])
    return Layout(
        ids_RT=torch.from_numpy(ids_RT),
        position_RT=None if is_plain else torch.from_numpy(position_RT),
        segment_RT=None if is_plain else torch.from_numpy(segment_RT),
        parent_RT=None if is_plain else torch.from_numpy(parent_RT),
        source_N=torch.from_numpy(np.concatenate(sources)),
        target_N=torch.from_numpy(np.concatenate(targets)),
        sequence_N=torch.from_numpy(np.repeat(np.arange(sequences), length_S)),
        place_N=torch.from_numpy(np.concatenate([np.arange(length) for length in length_S])),
        last_S=torch.from_numpy(last_S),
        length_S=torch.from_numpy(length_S),
        pair_B2=torch.from_numpy(pair_B2),
        blocks=[] if is_plain else blocks,
        filled=filled,
    )
