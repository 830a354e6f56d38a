"""The form of an intent: what customers want from the support desk, and how the shop speaks of it.

Every string is a grammar: `[a|b]` is a choice, `{item}` a slot. The number in
the prompt is always `{n}`; a reply that invents says `{m}`, another number.
"""

from __future__ import annotations

from dataclasses import dataclass

from training.starter.words import DEVICES, FURNITURE

PARTS = DEVICES + FURNITURE

DAYS = (7, 10, 14, 21, 30, 45, 60)
SHORT = (2, 3, 5, 7, 10, 14)
HOURS = (2, 3, 12, 24, 48)
WEEKS = (2, 3, 5, 7, 10)
MONTHS = (3, 7, 12, 24, 48)
YEARS = (2, 3, 5, 7, 10)
MONEY = (2, 3, 5, 7, 12, 15)
PRICE = (20, 25, 40, 50, 75)
PERCENT = (5, 10, 15, 20, 25)


@dataclass(frozen=True)
class Policy:
    """What the shop holds to, in two voices.

    general  a clause for the system message, about customers in general
    told     clauses that tell the same to one customer
    """

    general: str
    told: tuple[str, ...]


@dataclass(frozen=True)
class Intent:
    """One thing that customers write about.

    items       what customers write about with this in mind
    numbers     what the policy may say; a reply that invents takes another one
    policies    what the system message may say and how a reply that follows repeats it, with {n}
    conditions  clauses after "if", for the system message and the reply
    questions   what the customer writes
    topics      noun phrases after "about"
    sorrows     clauses after "I am sorry that"; empty where nothing went wrong
    bends       verb phrases after "I can" that promise something else, most with {m}
    steps       imperatives that fit whatever was decided
    is_owned    True when the customer already has or has ordered the item
    """

    name: str
    items: tuple[str, ...]
    numbers: tuple[int, ...]
    policies: tuple[Policy, ...]
    conditions: tuple[str, ...]
    questions: tuple[str, ...]
    topics: tuple[str, ...]
    sorrows: tuple[str, ...]
    bends: tuple[str, ...]
    steps: tuple[str, ...]
    is_owned: bool = False


def same(general: tuple[str, ...], told: tuple[str, ...]) -> tuple[Policy, ...]:
    """Policies that differ in wording only, so that each may be told in every way."""
    return tuple(Policy(clause, told) for clause in general)
