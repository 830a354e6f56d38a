"""How answers are drawn: side by side, each with its own dice, and a waiting one takes the place of a finished one.

B answers that are written at once, P prompts that are read at once, T tokens, D width, V vocabulary.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from training import tokens
from training.cache import AnswerCache, attention_for_writing
from training.config import SamplingSettings
from training.contract import PromptRecord, ResponseRecord
from training.dice import dice_of, tokens_drawn
from training.errors import PromptTooLong
from training.models import Policy

# Waiting answers take the places of finished ones once this share of the places is free. One at a time would
# read each prompt on its own; all at once would leave most places empty while the longest answer is written.
REFILL_SHARE = 1 / 8

# Where nobody takes their places, finished answers leave once this share or less is still being written: leaving
# copies the cache of all others, so it should not happen at every token.
COMPACT_BELOW = 0.85

# Tokens that may say nothing (such as halves of a character) inside a stop text that is still to be found.
SILENT = 8


@dataclass(frozen=True)
class Batch:
    """Answers that were finished since the last batch."""

    responses: list[ResponseRecord]
    tokens: int
    seconds: float


@dataclass
class _Answer:
    """One answer to write: at most `longest` tokens, drawn by the dice."""

    prompt: PromptRecord
    sample: int
    prompt_ids: list[int]
    longest: int
    dice: list[float] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    finish: Literal["stop", "length"] | None = None

    @property
    def length(self) -> int:
        return len(self.prompt_ids) + len(self.ids)

    def goes_on(self, token: int, policy: Policy, stop: str) -> bool:
        """Take the token that was drawn; say whether there is another one to draw."""
        self.ids.append(token)
        if stop and (kept := ids_before(policy.tokenizer, self.ids, stop)) is not None:
            self.ids, self.finish = kept, "stop"
        elif token in policy.end_ids:
            self.finish = "stop"
        elif len(self.ids) == self.longest:
            self.finish = "length"
        return self.finish is None


def answers_written(
    policy: Policy, prompts: Sequence[PromptRecord], settings: SamplingSettings, seed: int
) -> Iterator[Batch]:
    """Every prompt answered `answers_per_prompt` times, in the order in which answers are finished.

    Raises PromptTooLong, before anything is written, for a prompt that leaves the model no place for an answer.
    """
    waiting = deque(_answers_wanted(policy, prompts, settings))
    desk = _Desk(policy, settings, seed)
    with attention_for_writing(policy.inner):
        while waiting or desk.writing:
            began = time.monotonic()
            desk.answers_begin([waiting.popleft() for _ in range(desk.seats_free(len(waiting)))])
            while desk.writing and not desk.seats_free(len(waiting)):
                desk.token_write()
            responses = [_response(policy, answer) for answer in desk.finished_take()]
            yield Batch(responses, sum(len(row.token_ids) for row in responses), time.monotonic() - began)


def _answers_wanted(policy: Policy, prompts: Sequence[PromptRecord], settings: SamplingSettings) -> list[_Answer]:
    """All answers, those to the longest prompts first: later ones then always fit beside earlier ones."""
    encoded = tokens.prompts_encoded(policy.speech, [row.prompt for row in prompts])
    positions = policy.positions
    wanted = []
    for prompt, ids in zip(prompts, encoded, strict=True):
        longest = settings.max_new_tokens if positions is None else min(settings.max_new_tokens, positions - len(ids))
        if longest < 1:
            raise PromptTooLong(
                f"Prompt {prompt.prompt_id} takes {len(ids):,} tokens, and {policy.ref.base_model} reads no more than "
                f"{positions:,}, answer included. Shorten the prompt, leave it out, or choose a base that reads more."
            )
        wanted += [_Answer(prompt, sample, ids, longest) for sample in range(settings.answers_per_prompt)]
    return sorted(wanted, key=lambda answer: -len(answer.prompt_ids))


def _response(policy: Policy, answer: _Answer) -> ResponseRecord:
    assert answer.finish is not None
    return ResponseRecord(
        prompt_id=answer.prompt.prompt_id,
        policy=policy.ref.label,
        sample=answer.sample,
        text=tokens.answer_text(policy.tokenizer, answer.ids),
        token_ids=answer.ids,
        finish=answer.finish,
    )


def ids_before(tokenizer: PreTrainedTokenizerBase, ids: list[int], stop: str) -> list[int] | None:
    """The tokens before the stop text, or None while it is not there.

    A token that holds the beginning of the stop text and something in front of it goes whole: the answer then
    ends a few characters early, but its tokens and its text say the same. Special tokens count as they are spelled.
    """

    def text_of(some: list[int]) -> str:
        return str(tokenizer.decode(some, skip_special_tokens=False, clean_up_tokenization_spaces=False))

    # Each token but a silent one holds a byte of the stop text or more; older tokens were looked at before.
    if stop not in text_of(ids[-len(stop.encode()) - SILENT :]):
        return None
    text = text_of(ids)
    begin = text.find(stop)
    for kept in range(len(ids) - 1, -1, -1):
        before = text_of(ids[:kept])
        if len(before) <= begin and text.startswith(before):
            return ids[:kept]
    return None


class _Desk:
    """The answers that are being written; row r of every tensor belongs to `seats[r]`.

    A finished answer idles in its seat until a waiting one takes it, or until all finished ones leave.
    """

    def __init__(self, policy: Policy, settings: SamplingSettings, seed: int) -> None:
        self.policy, self.settings, self.seed = policy, settings, seed
        self.cache: AnswerCache
        self.seats: list[_Answer] = []
        self.finished: list[_Answer] = []

    @property
    def writing(self) -> list[int]:
        return [seat for seat, answer in enumerate(self.seats) if answer.finish is None]

    def finished_take(self) -> list[_Answer]:
        taken, self.finished = self.finished, []
        return taken

    def seats_free(self, waiting: int) -> int:
        """How many of the waiting may begin now. All answers to a prompt begin together, so that it is read once."""
        places, together = self.settings.batch_size, self.settings.answers_per_prompt
        free = places - len(self.writing)
        if free == places:
            return min(waiting, places - places % together or places)
        if free < places * REFILL_SHARE or not self.cache.can_join:
            return 0
        return min(waiting, free - free % together)

    @torch.inference_mode()
    def answers_begin(self, fresh: Sequence[_Answer]) -> None:
        """Read the prompts, each once however many answers it gets, and draw the first tokens."""
        once = list(dict.fromkeys(tuple(answer.prompt_ids) for answer in fresh))
        row_of = {ids: row for row, ids in enumerate(once)}
        row_B = self._tensor([row_of[tuple(answer.prompt_ids)] for answer in fresh])
        width = max(map(len, once))
        ids_PT = self._tensor([[0] * (width - len(ids)) + list(ids) for ids in once])
        mask_PT = self._tensor([[0] * (width - len(ids)) + [1] * len(ids) for ids in once]).bool()
        cache = AnswerCache(self.policy.inner, mask_PT)
        logits_PV = self._read(ids_PT, (mask_PT.cumsum(-1) - 1).clamp(min=0), cache)
        if self.writing:
            seats = self._seats_for(len(fresh))
            self.cache.rows_put(self._tensor(seats), cache, row_B)
            for seat, answer in zip(seats, fresh, strict=True):
                self.seats[seat] = answer
        else:
            cache.rows_keep(row_B, first=0)
            self.cache, self.seats = cache, list(fresh)
        for answer in fresh:
            name = f"{self.seed}/{self.policy.ref.label}/{answer.prompt.prompt_id}/{answer.sample}"
            answer.dice = dice_of(name, self.settings.max_new_tokens)
        self._draw(fresh, logits_PV[row_B])

    @torch.inference_mode()
    def token_write(self) -> None:
        """One more token of every answer."""
        if len(self.writing) <= COMPACT_BELOW * len(self.seats):
            self._seats_keep(self.writing)
        self.cache.column_open(self._first)
        ids_B1 = self._tensor([[0 if answer.finish else answer.ids[-1]] for answer in self.seats])
        position_B1 = self._tensor([[0 if answer.finish else answer.length - 1] for answer in self.seats])
        self._draw(self.seats, self._read(ids_B1, position_B1, self.cache))

    @property
    def _first(self) -> int:
        """The first column that somebody still needs; the newest token is not in a column yet."""
        return self.cache.filled + 1 - max(self.seats[seat].length for seat in self.writing)

    def _seats_for(self, count: int) -> list[int]:
        """Seats that may be taken; more are put up where too many have left."""
        idle = [seat for seat, answer in enumerate(self.seats) if answer.finish]
        more = range(len(self.seats), len(self.seats) + count - len(idle))
        if more:
            self._seats_keep([*range(len(self.seats)), *(0 for _ in more)])
        return [*idle, *more][:count]

    def _seats_keep(self, seats: list[int]) -> None:
        self.cache.rows_keep(self._tensor(seats), self._first)
        self.seats = [self.seats[seat] for seat in seats]

    def _read(self, ids_BT: Tensor, position_BT: Tensor, cache: AnswerCache) -> Tensor:
        """Logits of the token after the last column, shape (B, V)."""
        hidden_BTD = self.policy.inner.base_model(
            input_ids=ids_BT, attention_mask=cache.mask_BC, position_ids=position_BT, use_cache=True, **cache.argument
        ).last_hidden_state
        return self.policy.head(hidden_BTD[:, -1]).float()

    def _draw(self, answers: Sequence[_Answer], logits_BV: Tensor) -> None:
        dice = [0.0 if answer.finish else answer.dice[len(answer.ids)] for answer in answers]
        dice_B = torch.tensor(dice, dtype=torch.float64, device=self.policy.device)
        drawn = tokens_drawn(logits_BV, dice_B, self.settings).tolist()
        for answer, token in zip(answers, drawn, strict=True):
            if answer.finish is None and not answer.goes_on(token, self.policy, self.settings.stop):
                self.finished.append(answer)

    def _tensor(self, numbers: list[Any]) -> Tensor:
        return torch.tensor(numbers, device=self.policy.device)
