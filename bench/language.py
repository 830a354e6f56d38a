"""A made-up language in which the worth of every answer is known, and raters whose noise is known.

An answer is one to three clauses of three words, `dax blicks wug and toma fends zib`. Every word has a worth,
drawn anew for each language; the worth of an answer is their sum. Worths of a class of words sum to zero, so
that length alone tells nothing. Worth is in logits: a rater at temperature 1 prefers an answer that is worth
d more with probability s(d), s the logistic function.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from training.contract import Completion, CriterionVotes, Message, PreferenceRecord, PromptRecord

CLASSES = (
    ("dax", "toma", "perl", "gorp", "kiki", "blim", "zeff", "narn"),
    ("blicks", "fends", "modis", "tulvers", "grabs", "lops", "wims", "sarks"),
    ("wug", "zib", "fep", "koba", "tupa", "noom", "rill", "yub"),
)
COMMON, RARE, ALL = slice(0, 6), slice(6, 8), slice(0, 8)  # rare words are for answers that nobody has judged
JOIN = "and"
LONGEST = 3  # clauses
TOPICS = ("sun", "sea", "rain", "wind", "moss", "fern", "oak", "reed", "clay", "salt", "iron", "glass")
ASK = "on"
SPECIALS = ("<|pad|>", "<|bos|>", "<|user|>", "<|assistant|>", "<|end|>", "<|unknown|>")
CHAT_TEMPLATE = (
    "<|bos|>{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


@dataclass(frozen=True)
class Language:
    """What each word is worth, in logits."""

    worth_of: dict[str, float]

    @classmethod
    def drawn(cls, dice: random.Random, spread: float) -> Language:
        """Random worths; between two random answers lie `spread` logits, as a standard deviation."""
        raw = {word: dice.gauss(0, 1) for words in CLASSES for word in words}
        for words in CLASSES:
            for some in (words[COMMON], words[RARE]):
                mean = math.fsum(raw[word] for word in some) / len(some)
                raw |= {word: raw[word] - mean for word in some}
        language = cls(raw)
        leads = [language.worth(answer(dice)) - language.worth(answer(dice)) for _ in range(2000)]
        scale = spread / math.sqrt(math.fsum(lead * lead for lead in leads) / len(leads))
        return cls({word: scale * worth for word, worth in raw.items()})

    def worth(self, text: str) -> float:
        """Also of answers that break the grammar; words that are none are worth nothing."""
        return math.fsum(self.worth_of.get(word, 0.0) for word in text.split())


def answer(
    dice: random.Random, words: slice = COMMON, *, clauses: tuple[int, int] = (1, LONGEST), is_orderly: bool = True
) -> str:
    """A random answer; without order its words are shuffled, which the grammar never does."""
    said = [" ".join(dice.choice(some[words]) for some in CLASSES) for _ in range(dice.randint(*clauses))]
    text = f" {JOIN} ".join(said)
    return text if is_orderly else " ".join(dice.sample(text.split(), len(text.split())))


def is_grammatical(text: str) -> bool:
    clauses = [clause.split() for clause in text.split(f" {JOIN} ")]
    return len(clauses) <= LONGEST and all(
        len(clause) == len(CLASSES) and all(word in some for word, some in zip(clause, CLASSES, strict=True))
        for clause in clauses
    )


def prompts(count: int, split: Literal["train", "holdout"], dice: random.Random) -> list[PromptRecord]:
    """Prompts of three topics; splits never share one, as the first topic tells them apart."""
    opening = TOPICS[:8] if split == "train" else TOPICS[8:]
    texts = [f"{ASK} {a} {b} {c}" for a in opening for b in TOPICS for c in TOPICS]
    return [
        PromptRecord(prompt_id=text.replace(" ", "-"), prompt=[Message(role="user", content=text)], split=split)
        for text in dice.sample(texts, count)
    ]


# --- raters ------------------------------------------------------------------


@dataclass(frozen=True)
class Raters:
    """People who feel the lead of one answer over the other through noise.

    What a rater feels is lead / temperature + noise, the noise logistic. More than tie_width is a preference for
    first, less than -tie_width one for second, anything between is a tie: the law of Rao and Kupper (1967), which
    is that of Bradley and Terry (1952) at width 0.

    flips  of each rater, the share of preferences that name the wrong side by mistake, in [0, 1/2)
    clear  a preference felt more strongly than this is called clear (strength 1), otherwise slight (1/2)
    """

    flips: tuple[float, ...]
    temperature: float = 1.0
    tie_width: float = 0.0
    clear: float = 2.0

    def chances(self, lead: float, rater: int) -> tuple[float, float, float]:
        """The probabilities of (first, tie, second)."""
        first, second = (_logistic(sign * lead / self.temperature - self.tie_width) for sign in (1, -1))
        flip = self.flips[rater]
        return (1 - flip) * first + flip * second, 1 - first - second, (1 - flip) * second + flip * first

    def judgment(self, lead: float, rater: int, dice: random.Random) -> tuple[int, float]:
        """(1 for first, 0 for a tie, -1 for second; strength)."""
        chance = dice.uniform(1e-12, 1 - 1e-12)
        felt = lead / self.temperature + math.log(chance / (1 - chance))
        if abs(felt) <= self.tie_width:
            return 0, 0.0
        side = 1 if felt > 0 else -1
        return -side if dice.random() < self.flips[rater] else side, 1.0 if abs(felt) > self.clear else 0.5

    def mean_chances(self, lead: float) -> tuple[float, float, float]:
        """The same probabilities for a rater drawn at random: what a model can know."""
        each = [self.chances(lead, rater) for rater in range(len(self.flips))]
        first, tie, second = (math.fsum(part) / len(each) for part in zip(*each, strict=True))
        return first, tie, second


def majority_chances(chances: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    """Exact probabilities that the judgments of these raters have a majority for (first, second)."""
    difference = {0: 1.0}
    for first, tie, second in chances:
        after: defaultdict[int, float] = defaultdict(float)
        for place, chance in difference.items():
            for step, share in ((1, first), (0, tie), (-1, second)):
                after[place + step] += chance * share
        difference = after
    return (
        math.fsum(chance for place, chance in difference.items() if place > 0),
        math.fsum(chance for place, chance in difference.items() if place < 0),
    )


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


# --- comparisons -------------------------------------------------------------


@dataclass(frozen=True)
class Planted:
    """A judged comparison, and the truth behind it.

    lead     worth(first) - worth(second), in logits
    leads    the same for each criterion beside the overall question
    chances  probabilities of (first, tie, second) of a random rater
    best     exact probabilities of a majority for the (better, worse) answer among the raters who judged it
    """

    record: PreferenceRecord
    lead: float
    leads: dict[str, float]
    chances: tuple[float, float, float]
    best: tuple[float, float]

    @property
    def prefer_first(self) -> float:
        """What the votes estimate: a tie counts one half."""
        return self.chances[0] + self.chances[1] / 2


def judged(
    prompt: PromptRecord,
    sides: Sequence[Completion],
    language: Language,
    raters: Raters,
    votes: int,
    dice: random.Random,
    criteria: dict[str, Language] | None = None,
) -> Planted:
    """One comparison, judged by `votes` raters drawn at random."""
    chosen = dice.sample(range(len(raters.flips)), votes)

    def lead_in(some: Language) -> float:
        return some.worth(sides[0].text) - some.worth(sides[1].text)

    def votes_on(lead: float) -> CriterionVotes:
        said = [raters.judgment(lead, rater, dice) for rater in chosen]
        decided = [strength for side, strength in said if side]
        return CriterionVotes(
            prefer_first=sum((side + 1) / 2 for side, _ in said) / votes,
            weight=float(votes),
            tie_share=1 - len(decided) / votes,
            strength=sum(decided) / len(decided) if decided else 0.0,
        )

    lead = lead_in(language)
    leads = {name: lead_in(other) for name, other in (criteria or {}).items()}
    first, second = majority_chances([raters.chances(lead, rater) for rater in chosen])
    record = PreferenceRecord(
        comparison_id=prompt.prompt_id,
        prompt_id=prompt.prompt_id,
        prompt=prompt.prompt,
        first=sides[0],
        second=sides[1],
        criteria={name: votes_on(other) for name, other in leads.items()},
        split=prompt.split,
        **votes_on(lead).model_dump(),
    )
    return Planted(record, lead, leads, raters.mean_chances(lead), (first, second) if lead > 0 else (second, first))


# --- a model that can read it ------------------------------------------------


def model_save(folder: Path, *, width: int = 64, layers: int = 2, seed: int = 0) -> Path:
    """A Llama of random weights with one token per word, saved the Hugging Face way."""
    tokenizer = _tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=64,
        tie_word_embeddings=True,
        bos_token_id=SPECIALS.index("<|bos|>"),
        eos_token_id=SPECIALS.index("<|end|>"),
        pad_token_id=SPECIALS.index("<|pad|>"),
        initializer_range=0.1,  # the usual 0.02 is for wide models
    )
    torch.manual_seed(seed)
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer() -> PreTrainedTokenizerFast:
    words = [*SPECIALS, ASK, JOIN, *TOPICS, *(word for some in CLASSES for word in some)]
    plain = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<|unknown|>"))
    plain.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=plain,
        pad_token="<|pad|>",
        bos_token="<|bos|>",
        eos_token="<|end|>",
        unk_token="<|unknown|>",
        additional_special_tokens=list(SPECIALS[2:4]),
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer
