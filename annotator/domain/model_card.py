"""The README.md that travels with a model's weights: what hubs and readers of models expect, filled in.

It is in English whatever the page's language is: it is a file of the field, like a manifest, and leaves for readers
whom nobody here knows. The head is YAML, of which JSON is a part.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\`*_{}[]<>()#|~$!"})


@dataclass(frozen=True)
class Measure:
    """A number that was found on held-out data; `kind` share is in [0, 1]. Shown with n and its 95 % interval only."""

    title: str
    definition: str
    kind: str
    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Ancestor:
    """A checkpoint of the line, from the base on; `judgments` are those it was trained on, with all before them."""

    name: str
    round: int | None
    judgments: int | None
    sha256: str


@dataclass(frozen=True)
class Card:
    """
    name           of the folder
    what           "adapter", "whole" or "reward"
    base           how readers may call the base model
    base_is_public whether `base` is a name on a hub, and so may stand where programs look for one
    licence        of the base, where it is known
    project        its name; `version` is that of Tiebreak
    line           ancestors and the checkpoint itself, base first
    counts         of the snapshot it was trained on
    facts          what else is worth a line: consensus, guidelines
    sources        where prompts came from → how many
    drift          sentence about merged weights
    """

    name: str
    what: str
    base: str
    base_is_public: bool
    licence: str
    project: str
    version: str
    made: str
    line: Sequence[Ancestor]
    settings: Mapping[str, Any]
    measures: Sequence[Measure] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, int] = field(default_factory=dict)
    drift: str = ""


def card_text(card: Card) -> str:
    """The whole file. What people and models wrote cannot become markup of it."""
    return "\n".join(
        [
            *_head(card),
            f"# {escaped(card.name)}",
            "",
            _what(card),
            "",
            *_use(card),
            *_line(card),
            *_data(card),
            *_measures(card),
            *_settings(card),
            *_licences(card),
        ]
    )


def loading_line(what: str, folder: str) -> str:
    """The line of Python that loads the weights, after the import of the class that it names."""
    loader = "AutoPeftModelForCausalLM" if what == "adapter" else "AutoModelForCausalLM"
    return f"model = {loader}.from_pretrained({json.dumps(folder)})"


def escaped(text: str) -> str:
    """Words of others as words, on one line."""
    return " ".join(text.split()).translate(SPECIAL)


def _head(card: Card) -> Iterator[str]:
    yield "---"
    if card.base_is_public:
        yield f"base_model: {json.dumps(card.base)}"
    if card.licence:
        yield f"license: {json.dumps(card.licence)}"
    yield f"library_name: {'transformers' if card.what == 'whole' else 'peft'}"
    if card.what != "reward":
        yield "pipeline_tag: text-generation"
    yield 'tags: ["tiebreak", "human-preferences"]'
    yield "---"
    yield ""


def _what(card: Card) -> str:
    kinds = {"adapter": "An adapter for", "whole": "Whole weights that began as", "reward": "A reward model on"}
    return (
        f"{kinds[card.what]} {escaped(card.base)}. Trained from human preferences in the project "
        f"“{escaped(card.project)}” with Tiebreak {card.version}, {card.made}."
    )


def _use(card: Card) -> Iterator[str]:
    yield from ("## Use it", "")
    if card.what == "reward":
        yield "`training.reward_model.reward_model_load(Path(folder), device)` of Tiebreak loads it: adapter and heads."
        yield ""
        return
    library = "peft" if card.what == "adapter" else "transformers"
    line = loading_line(card.what, card.name)
    yield from ("```python", f"from {library} import {line.split()[2].partition('.')[0]}", "", line, "```", "")
    if card.what == "adapter" and not card.base_is_public:
        yield (
            f"The base is no model of a hub but a folder, {escaped(card.base)}, where it was trained. Elsewhere, write "
            "your copy of it into `base_model_name_or_path` of `adapter_config.json`, or take whole weights."
        )
        yield ""
    yield from ("The tokenizer with its chat template is in the same folder.", "")
    if card.drift:
        yield from (card.drift, "")


def _line(card: Card) -> Iterator[str]:
    yield from ("## Where it comes from", "", "| checkpoint | round | judgments | SHA-256 of its manifest |")
    yield "|---|---:|---:|---|"
    for one in card.line:
        sha256 = f"`{one.sha256}`" if one.sha256 else "–"
        yield f"| {escaped(one.name)} | {_or_dash(one.round)} | {_or_dash(one.judgments)} | {sha256} |"
    yield ""
    yield "Each was trained from the one above it, on all judgments up to its round."
    yield ""


def _data(card: Card) -> Iterator[str]:
    if not (card.counts or card.facts or card.sources):
        return
    yield from ("## What it was trained on", "")
    yield from (f"- {escaped(name.replace('_', ' '))}: {count:,}" for name, count in card.counts.items())
    yield from (f"- {escaped(name)}: {escaped(value)}" for name, value in card.facts.items())
    if card.sources:
        yield from ("", "| source of the prompts | prompts |", "|---|---:|")
        yield from (f"| {escaped(name) or 'not said'} | {count:,} |" for name, count in card.sources.items())
    yield ""


def _measures(card: Card) -> Iterator[str]:
    yield from ("## What it does on held-out prompts", "")
    if not card.measures:
        yield from ("Nothing was measured.", "")
        return
    yield from ("| | value | 95 % interval | n | |", "|---|---:|---:|---:|---|")
    for one in card.measures:
        value, low, high = (_written(number, one.kind) for number in (one.value, one.low, one.high))
        yield f"| {escaped(one.title)} | {value} | {low} to {high} | {one.n:,} | {escaped(one.definition)} |"
    yield ""


def _settings(card: Card) -> Iterator[str]:
    if card.settings:
        yield from ("## Settings", "", "```json", json.dumps(card.settings, indent=2, sort_keys=True), "```", "")


def _licences(card: Card) -> Iterator[str]:
    yield from ("## Licences", "")
    base = f"`{card.licence}`" if card.licence else "as its own card says; nothing about it is known here"
    yield f"- Base model: {base}."
    yield "- Prompts: as their sources above say. Judgments: as the project agreed with its raters."
    yield ""


def _written(value: float, kind: str) -> str:
    return f"{value * 100:.1f} %" if kind == "share" else f"{value:.3g}"


def _or_dash(number: int | None) -> str:
    return "–" if number is None else f"{number:,}"
