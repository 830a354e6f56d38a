"""The data card: a manifest as a page for people, with the header that lets `datasets.load_dataset` find the files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


def card_text(manifest: Mapping[str, Any], *, name: str, title: str, what: str) -> str:
    """Markdown with a YAML header (JSON is YAML). In English, as most who meet it elsewhere read that."""
    splits = [split for split in ("train", "holdout") if f"{split}.{manifest['file_format']}" in manifest["files"]]
    header = {
        "pretty_name": f"{name}, {title.lower()}, version {manifest['version']}",
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": split, "path": f"{split}.{manifest['file_format']}"} for split in splits],
            }
        ],
        "tags": ["human-feedback", "tiebreak"],
    }
    counts = manifest["counts"]
    parts = [
        "---",
        *(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in header.items()),
        "---",
        "",
        f"# {_line(name)}: {title.lower()}, version {manifest['version']}",
        "",
        f"Each row: {what}.",
        "",
        "```python",
        "from datasets import load_dataset",
        "",
        'rows = load_dataset("path/to/this/folder")',
        "```",
        "",
        "## What it holds",
        "",
        *_table(("", "number"), [(key.replace("_", " "), f"{count:,}") for key, count in counts.items()]),
        "",
        f"Holdout: {manifest['split']}. A prompt never changes sides, in no later version and no other project.",
        "",
        "## How it was judged",
        "",
        *_table(("", ""), _facts(manifest)),
        "",
    ]
    if manifest["quality"]:
        parts += [
            "Measured on the newest judgments of the whole project:",
            "",
            *_table(
                ("", "value", "95 %", "n"),
                [
                    (one["title"], _number(one["value"]), f"{_number(one['low'])} to {_number(one['high'])}", one["n"])
                    for one in manifest["quality"]
                ],
            ),
            "",
        ]
    parts += [
        "## Where it comes from",
        "",
        *_table(("source of the prompt", "rows"), [(key or "–", f"{n:,}") for key, n in manifest["sources"].items()]),
        "",
        *_table(
            ("licence, as the source says", "rows"), [(key or "–", f"{n:,}") for key, n in manifest["licenses"].items()]
        ),
        "",
        "## Columns",
        "",
        *_table(("column", "holds"), list(manifest["columns"].items())),
        "",
    ]
    return "\n".join(parts)


def _facts(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    filters = manifest["filters"]
    return [
        ("rounds", _listed(manifest["rounds"])),
        ("versions of the guidelines", _listed(manifest["guideline_versions"])),
        ("versions of the protocol", _listed(manifest["protocol_versions"])),
        ("consensus", manifest["consensus"].replace("_", " ")),
        ("only rounds", _listed(filters["rounds"])),
        ("only prompts tagged", _listed(filters["tags"])),
        ("judgments of a comparison, at least", str(filters["votes"])),
        ("share of the votes for the better answer, at least", str(filters["agreement"])),
        ("raters", "user names" if filters["named"] else "pseudonyms, the same in every version"),
        ("written", f"{manifest['created_at']} by Tiebreak {manifest['code_version']}"),
    ]


def _listed(values: Sequence[Any]) -> str:
    return ", ".join(map(str, values)) or "–"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    return [
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
        *("| " + " | ".join(_line(str(cell)) for cell in row) + " |" for row in rows),
    ]


def _line(text: str) -> str:
    """A text of somebody else's in one line of Markdown: no table, no tag, no link begins in it."""
    for sign in "\\|<>[]`*_":
        text = text.replace(sign, "\\" + sign)
    return " ".join(text.split())
