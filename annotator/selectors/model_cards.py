"""What is known of a checkpoint, as the card that travels with its weights."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Count
from django.utils.translation import override
from pydantic import ValidationError

from annotator import store
from annotator.domain.model_card import Ancestor, Card, Measure, card_text
from annotator.domain.weights import Weights
from annotator.models import Checkpoint, CheckpointKind, Prompt, Run
from annotator.selectors.lineage import checkpoint_lineage
from annotator.selectors.quality import estimates_of
from annotator.selectors.weights import weights_name
from training.contract import MANIFEST, SnapshotManifest

STARTER_LICENCE = "apache-2.0"  # it comes with Tiebreak
HEAD = re.compile(r"\A---\n(.*?)\n---", re.DOTALL)
LICENCE = re.compile(r"^license:\s*[\"']?([\w.-]+)", re.MULTILINE)


def card_of(checkpoint: Checkpoint, weights: Weights, *, name: str = "") -> str:
    """The README.md of these weights; `name` is where they will lie, if not in a folder of their own name."""
    base = base_name(checkpoint.base_model)
    with override("en"):
        return card_text(
            Card(
                name=name or weights_name(checkpoint, weights),
                what=_what(checkpoint, weights),
                base=base,
                base_is_public=base_is_public(checkpoint.base_model),
                licence=_licence(checkpoint.base_model),
                project=checkpoint.project.name,
                version=settings.VERSION,
                made=f"{checkpoint.created_at:%Y-%m-%d}",
                line=[_ancestor(row) for row in [*checkpoint_lineage(checkpoint).ancestors, checkpoint]],
                settings=checkpoint.settings,
                measures=_measures(checkpoint),
                counts=checkpoint.snapshot.counts if checkpoint.snapshot else {},
                facts=_facts(checkpoint),
                sources=_sources(checkpoint),
                drift=_drift(checkpoint.merge) if weights == Weights.MERGED else "",
            )
        )


def base_is_public(base_model: str) -> bool:
    """Whether the name is one on a hub: as in training.bases, what is no folder is."""
    is_here = base_model == "starter" or base_model.startswith(("/", ".")) or Path(base_model).is_dir()
    return not is_here


def base_name(base_model: str) -> str:
    """How to call it elsewhere: folders of this server mean nothing there."""
    return base_model if base_is_public(base_model) else Path(base_model).name


def _what(checkpoint: Checkpoint, weights: Weights) -> str:
    if checkpoint.kind == CheckpointKind.REWARD:
        return "reward"
    return "adapter" if weights == Weights.TRAINED and checkpoint.has_adapter else "whole"


def _licence(base_model: str) -> str:
    if base_model == "starter":
        return STARTER_LICENCE
    readme = Path(base_model) / "README.md"
    if base_is_public(base_model) or not readme.is_file():
        return ""
    head = HEAD.match(readme.read_text(encoding="utf-8", errors="replace"))
    found = LICENCE.search(head[1]) if head else None
    return found[1] if found else ""


def _ancestor(row: Checkpoint) -> Ancestor:
    return Ancestor(
        name=row.name,
        round=row.run.round.number if row.run and row.run.round else None,
        judgments=row.snapshot.counts.get("judgments") if row.snapshot else None,
        sha256=row.sha256,
    )


def _measures(checkpoint: Checkpoint) -> list[Measure]:
    return [
        Measure(str(one.title), str(one.definition), one.kind, one.value, one.low, one.high, one.n)
        for one in estimates_of(checkpoint.metrics)
        if one.value is not None and one.low is not None and one.high is not None
    ]


def _facts(checkpoint: Checkpoint) -> dict[str, str]:
    if checkpoint.snapshot is None:
        return {}
    facts = {"snapshot": f"version {checkpoint.snapshot.version}, {checkpoint.snapshot.sha256}"}
    try:
        file = store.store_path(checkpoint.snapshot.path) / MANIFEST
        manifest = SnapshotManifest.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):  # the folder may be gone; what the rows say stays
        return facts
    versions = ", ".join(map(str, manifest.guideline_versions))
    return facts | {"consensus": manifest.consensus, "versions of the guidelines": versions or "none"}


def _sources(checkpoint: Checkpoint) -> dict[str, int]:
    """Prompts that were judged up to the checkpoint's round, by where they came from."""
    if checkpoint.snapshot is None:
        return {}
    judged: dict[str, Any] = {
        "comparisons__round__number__lte": checkpoint.snapshot.round.number, "comparisons__answered__gt": 0
    }  # fmt: skip
    prompts = Prompt.objects.filter(project=checkpoint.project_id, **judged).order_by()
    rows = prompts.values_list("source").annotate(number=Count("pk", distinct=True)).order_by("-number", "source")
    return dict(rows[:50])


def _drift(run: Run | None) -> str:
    metrics = (run.report or {}).get("metrics", {}) if run else {}
    if "merge/greedy_agreement" not in metrics:
        return ""
    return (
        f"Merged from the adapter. Over {metrics['merge/tokens']:.0f} tokens of a few answers both find the same token "
        f"likeliest in {metrics['merge/greedy_agreement'] * 100:.1f} %, and no logit differs by more than "
        f"{metrics['merge/logit_difference']:.2g}."
    )
