"""Writes the starter's corpus: customers, the shop's policy, and replies in eight manners.

Pure Python and seeded. A reply is courteous or curt, follows the policy or
invents one, and is concise or rambling; the three are drawn independently of
each other and of the prompt, so that the trained policy has all eight manners
to show and a preference can move it along each axis alone.
"""

from __future__ import annotations

import hashlib
import itertools
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from training.contract import DemonstrationRecord, Message, PromptRecord
from training.starter import rules, words
from training.starter.deliveries import DELIVERIES
from training.starter.digressions import BEGINNINGS, CONNECTORS, DIGRESSIONS, GRUMBLES, PLEASANTRIES, RETURNS
from training.starter.intent import Intent, Policy
from training.starter.orders import ORDERS
from training.starter.services import SERVICES
from training.starter.tones import COURTEOUS, CURT, FOLLOWS, INVENTS

INTENTS = ORDERS + DELIVERIES + SERVICES

# Words of a reply: concise and rambling ones do not overlap.
CONCISE_WORDS = range(6, 33)
RAMBLING_WORDS = range(34, 73)

# Prompts are dealt by their digest, so no seed can bring one into both hands.
_FRESH_SHARE = 16

HEADERS = (
    "You are the support desk of {shop}. Policy: {policy}.",
    "You answer customers of {shop}. The policy is that {policy}.",
    "You work at the support desk of {shop}. Our policy: {policy}.",
    "Support desk of {shop}. Shop policy: {policy}.",
    "You write for {shop}. Policy of the shop: {policy}.",
)

GREETINGS = ("", "", "", "[Hi|Hello|Hey], ", "[Hi there|Good morning|Good evening|Dear team], ", "Dear support, ")

CONTEXTS = (
    "", "", "", "", "", "",
    " [I am a regular customer.|This is my first order.|I order here often.]",
    " My {relative} [told me to ask|says you would know|wants to know too].",
    " [I could not find an answer on your page.|Your page does not say.|I asked before.]",
    " [I live on an island.|I am new here.|I have a busy week.|I hope you can help.]",
)  # fmt: skip

OWNED_CONTEXTS = (
    *CONTEXTS,
    " I [bought|ordered] it [last week|on {day}|a while ago|in your sale].",
    " It [is|was] a [present|gift] for my {relative}.",
)

FAREWELLS = (
    "", "", "", "",
    " [Thanks|Thank you|Thanks a lot|Cheers][.|!]",
    " [Regards|Best wishes|Greetings|Yours], {name}",
    " [Thanks|Thank you], {name}",
    " [Please hurry.|I am waiting.|I need to know soon.|Please answer today.]",
)  # fmt: skip


@dataclass(frozen=True)
class Manner:
    """Where a reply stands on the three axes."""

    courteous: bool
    follows: bool
    rambling: bool

    def fits(self, reply: str) -> bool:
        """True when the rules on the text find the three axes where they should be."""
        length = len(reply.split())
        return (
            rules.is_courteous(reply) == self.courteous
            and rules.follows_policy(reply) == self.follows
            and rules.invents_policy(reply) != self.follows
            and rules.is_rambling(reply) == self.rambling
            and length in (RAMBLING_WORDS if self.rambling else CONCISE_WORDS)
        )


MANNERS = tuple(Manner(*axes) for axes in itertools.product((True, False), repeat=3))


@dataclass(frozen=True)
class Case:
    """One customer with one question under one policy."""

    intent: Intent
    policy: Policy
    slots: dict[str, str]
    prompt: tuple[Message, Message]

    @property
    def digest(self) -> str:
        return hashlib.sha256("\n".join(message.content for message in self.prompt).encode()).hexdigest()

    @property
    def is_fresh(self) -> bool:
        """True for prompts that are never demonstrated."""
        return int(self.digest[:8], 16) % _FRESH_SHARE == 0


def demonstrations(count: int, seed: int, *, rambling: float = 0.5) -> Iterator[DemonstrationRecord]:
    """Conversations to imitate: `count` cases, each answered in a manner drawn at random.

    rambling  share of rambling replies; the other two axes are always even
    """
    rng = random.Random(f"demonstrations {seed}")
    shown = (case for case in cases(rng) if not case.is_fresh)
    for case in itertools.islice(shown, count):
        manner = Manner(rng.random() < 0.5, rng.random() < 0.5, rng.random() < rambling)
        answer = reply(case, manner, rng)
        yield DemonstrationRecord(messages=[*case.prompt, Message(role="assistant", content=answer)])


def prompts(count: int, seed: int) -> Iterator[PromptRecord]:
    """`count` distinct prompts, none of which any `demonstrations` has."""
    rng = random.Random(f"prompts {seed}")
    seen: set[str] = set()
    for case in cases(rng):
        if len(seen) == count:
            return
        if case.is_fresh and case.digest not in seen:
            seen.add(case.digest)
            split = "holdout" if int(case.digest[8:16], 16) % 5 == 0 else "train"
            yield PromptRecord(prompt_id=case.digest[:16], prompt=list(case.prompt), split=split)


def reply(case: Case, manner: Manner, rng: random.Random) -> str:
    """An answer to `case` in `manner`, by drawing until the rules agree that it is one."""
    write = _rambling if manner.rambling else _concise
    while not manner.fits(answer := write(case, manner, rng)) or _is_clumsy(answer):
        pass
    return answer


# --- customers -----------------------------------------------------------------


def cases(rng: random.Random) -> Iterator[Case]:
    """Customers without end, demonstrated ones and fresh ones."""
    while True:
        intent = rng.choice(INTENTS)
        number, other = rng.sample(intent.numbers, 2)
        slots = {
            "item": rng.choice(intent.items),
            "n": str(number),
            "m": str(other),
            "condition": rng.choice(intent.conditions),
        }
        slots["items"] = _plural(slots["item"])
        policy = rng.choice(intent.policies)
        stated = expand(policy.general, slots, rng)
        if rng.random() < 0.6:
            stated += expand(" [if|provided|as long as] {condition}", slots, rng)
        else:
            slots["condition"] = ""
        header = expand(rng.choice(HEADERS), {**slots, "policy": stated}, rng)
        prompt = (
            Message(role="system", content=header),
            Message(role="user", content=_question(intent, slots, rng)),
        )
        yield Case(intent, policy, slots, prompt)


def _question(intent: Intent, slots: dict[str, str], rng: random.Random) -> str:
    greeting = expand(rng.choice(GREETINGS), slots, rng)
    question = expand(rng.choice(intent.questions), slots, rng)
    context = expand(rng.choice(OWNED_CONTEXTS if intent.is_owned else CONTEXTS), slots, rng)
    farewell = expand(rng.choice(FAREWELLS), slots, rng)
    if greeting and not question.startswith("I "):
        question = question[0].lower() + question[1:]
    text = greeting + question + context + farewell
    return text.lower().rstrip(".!") if rng.random() < 0.1 else text


# --- replies -------------------------------------------------------------------


def _concise(case: Case, manner: Manner, rng: random.Random) -> str:
    tone = COURTEOUS if manner.courteous else CURT
    decision = _decision(case, manner, rng)
    match rng.randrange(6):
        case 0:
            text = f"{_draw(tone.leads, case, rng)} {decision}."
        case 1:
            text = f"{_opener(case, manner, rng)} {_capital(decision)}."
        case 2:
            text = f"{_capital(decision)}. {_draw(tone.closings, case, rng)}"
        case 3:
            text = f"{_capital(decision)}. {_draw(tone.asides, case, rng)}"
        case 4:
            text = f"{_opener(case, manner, rng)} {_capital(decision)}{_draw(tone.tails, case, rng)}."
        case _:
            text = f"{_capital(decision)}{_draw(tone.tails, case, rng)}."
    return text


def _rambling(case: Case, manner: Manner, rng: random.Random) -> str:
    tone = COURTEOUS if manner.courteous else CURT
    topics = DIGRESSIONS + 2 * (PLEASANTRIES if manner.courteous else GRUMBLES)
    detours = [_draw((topic,), case, rng) for topic in rng.sample(topics, rng.choice((1, 2, 2, 3)))]
    before = rng.randint(0, len(detours))
    opener = _opener(case, manner, rng) if rng.random() < 0.7 else ""
    beginnings = [BEGINNINGS if not (i or opener) and before else CONNECTORS for i in range(len(detours))]
    detours = [f"{_capital(_draw(start, case, rng) + text)}." for start, text in zip(beginnings, detours, strict=True)]
    decision = _decision(case, manner, rng)
    if before:
        decision = _draw(RETURNS, case, rng) + decision
    middle = [f"{_capital(decision)}."]
    if rng.random() < 0.5:
        middle.append(_draw(tone.asides, case, rng))
    sentences = [*detours[:before], *middle, *detours[before:]]
    if opener:
        sentences.insert(0, opener)
    if rng.random() < 0.6:
        sentences.append(_draw(tone.closings, case, rng))
    return " ".join(sentences) if 3 <= len(sentences) <= 6 else ""


def _decision(case: Case, manner: Manner, rng: random.Random) -> str:
    """The clause that the reply is about: the policy with its number, or something made up."""
    if not manner.follows:
        return expand(_draw(INVENTS, case, rng, bend=_draw(case.intent.bends, case, rng)), case.slots, rng)
    rule = _draw(case.policy.told, case, rng)
    if case.slots["condition"] and rng.random() < 0.6:
        rule += expand(" [if|provided|as long as] {condition}", case.slots, rng)
    return _draw(FOLLOWS, case, rng, rule=rule)


def _is_clumsy(answer: str) -> bool:
    """True when a sentence chains two colons or two consequences, or two sentences start alike."""
    sentences = re.split(r"(?<=[.!?]) ", answer)
    starts = [" ".join(sentence.split()[:2]) for sentence in sentences]
    return len(set(starts)) < len(starts) or any(
        sentence.count(":") + sentence.count(";") > 1 or sentence.count(", so ") > 1 or sentence.count(", and ") > 1
        for sentence in sentences
    )


def _opener(case: Case, manner: Manner, rng: random.Random) -> str:
    tone = COURTEOUS if manner.courteous else CURT
    went_wrong = bool(case.intent.sorrows)
    return _draw(tone.sorrow if went_wrong and rng.random() < 0.5 else tone.openers, case, rng)


def _draw(choices: tuple[str, ...], case: Case, rng: random.Random, **more: str) -> str:
    intent = case.intent
    slots = {
        **case.slots,
        "topic": rng.choice(intent.topics),
        "sorrow": rng.choice(intent.sorrows or ("",)),
        "step": rng.choice(intent.steps),
        **more,
    }
    return expand(rng.choice(choices), slots, rng)


# --- the notation ----------------------------------------------------------------

_TOKEN = re.compile(r"[\[\]|]|\{\w+\}|[^\[\]|{}]+")

Node = str | tuple[tuple["Node", ...], ...]


def expand(text: str, slots: dict[str, str], rng: random.Random) -> str:
    """`text` with each `[a|b]` decided and each `{slot}` filled, from `slots` or else from a closed list."""
    return _render(_parse(text), slots, rng)


def _render(nodes: tuple[Node, ...], slots: dict[str, str], rng: random.Random) -> str:
    pieces = []
    for node in nodes:
        if isinstance(node, tuple):
            pieces.append(_render(rng.choice(node), slots, rng))
        elif node.startswith("{"):
            name = node[1:-1]
            filled = slots[name] if name in slots else rng.choice(words.LISTS[name])
            pieces.append(expand(filled, slots, rng))
        else:
            pieces.append(node)
    return "".join(pieces)


@cache
def _parse(text: str) -> tuple[Node, ...]:
    """A sequence of strings, slots and choices; a choice is a tuple of sequences."""
    stack: list[list[list[Node]]] = [[[]]]
    for token in _TOKEN.findall(text):
        if token == "[":
            stack.append([[]])
        elif token == "|":
            stack[-1].append([])
        elif token == "]":
            choice = tuple(tuple(sequence) for sequence in stack.pop())
            stack[-1][-1].append(choice)
        else:
            stack[-1][-1].append(token)
    return tuple(stack[0][0])


def _capital(clause: str) -> str:
    return clause[:1].upper() + clause[1:]


def _plural(item: str) -> str:
    if item == "scarf":
        return "scarves"
    return item + ("es" if item.endswith(("s", "ch")) else "s")
