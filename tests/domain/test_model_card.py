"""What a model card says, and that nothing which others wrote becomes markup of it."""

from __future__ import annotations

from dataclasses import replace

import yaml

from annotator.domain.model_card import Ancestor, Card, Measure, card_text

CARD = Card(
    name="shop-round-1",
    what="adapter",
    base="some/model",
    base_is_public=True,
    licence="apache-2.0",
    project="Shop",
    version="1.0",
    made="2026-11-29",
    line=[Ancestor("base", None, None, ""), Ancestor("round-1", 1, 1200, "ab" * 32)],
    settings={"beta": 0.1},
    measures=[Measure("Win rate", "Against its parent.", "share", 0.75, 0.6, 0.85, 64)],
    counts={"judgments": 1200},
    facts={"consensus": "vote share"},
    sources={"mail": 300, "": 2},
)


def head_of(text: str) -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load(text.split("---\n")[1])
    return found


def test_a_number_stands_with_its_interval_and_n() -> None:
    assert "| Win rate | 75.0 % | 60.0 % to 85.0 % | 64 | Against its parent. |" in card_text(CARD)


def test_the_line_goes_from_the_base_to_the_checkpoint() -> None:
    text = card_text(CARD)

    assert text.index("| base | – | – | – |") < text.index(f"| round-1 | 1 | 1,200 | `{'ab' * 32}` |")


def test_the_head_is_what_hubs_read() -> None:
    assert head_of(card_text(CARD)) == {
        "base_model": "some/model",
        "license": "apache-2.0",
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        "tags": ["tiebreak", "human-preferences"],
    }
    whole = replace(CARD, what="whole", base="my-folder", base_is_public=False, licence="")
    assert head_of(card_text(whole)).keys() == {"library_name", "pipeline_tag", "tags"}
    assert "from transformers import AutoModelForCausalLM" in card_text(whole)
    assert head_of(card_text(replace(CARD, what="reward"))).keys() == {"base_model", "license", "library_name", "tags"}


def test_a_base_that_is_a_folder_says_what_to_do_elsewhere() -> None:
    assert "base_model_name_or_path" in card_text(replace(CARD, base_is_public=False))
    assert "base_model_name_or_path" not in card_text(CARD)


def test_nobody_can_write_into_the_head_or_the_tables() -> None:
    hostile = "x\n---\nlicense: mit | <script>alert(1)</script> [a](http://b) ![](c)"

    text = card_text(replace(CARD, project=hostile, sources={hostile: 1}, base=hostile))

    assert head_of(text)["license"] == "apache-2.0"
    assert head_of(text)["base_model"] == hostile
    body = text.split("---\n", 2)[2]
    assert "<script>" not in body.replace("\\<script\\>", "")
    (row,) = (line for line in body.splitlines() if line.endswith("| 1 |") and "license" in line)
    assert row.replace("\\|", "").count("|") == 3
