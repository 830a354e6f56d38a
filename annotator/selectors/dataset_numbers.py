"""What a data card says of the judgments, in the dashboard's own numbers, and how two versions differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import override

from annotator import store
from annotator.models import Dataset, Project
from annotator.selectors.agreement import agreement_tables
from annotator.selectors.quality import Estimate, quality_of

# The number and the digest of each row of a dataset, as services.datasets writes them.
DIGESTS = "digests.bin"
ROW = np.dtype([("number", "<i8"), ("digest", "<u8")])
COMPARED = 50  # earlier versions to choose from
READ_FIRST = ("rows", "train", "holdout", "comparisons", "judgments", "raters", "ties", "adjudicated")


def quality_numbers(project: Project) -> list[dict[str, Any]]:
    """Agreement, ties, sides and time of the newest judgments, found anew, each with n and 95 % interval."""
    agreement, quality = agreement_tables(project, anew=True), quality_of(project, anew=True)
    found = agreement.overall if agreement else []
    if quality:
        found = [*found, quality.ties, quality.both_bad, quality.left, quality.seconds]
    with override("en"):  # a page translates them when it shows them
        return [
            {
                "title": str(one.title),
                "definition": str(one.definition),
                "kind": one.kind,
                "value": one.value,
                "low": one.low,
                "high": one.high,
                "n": one.n,
                "unit": str(one.unit),
            }
            for one in found
            if one.value is not None
        ]


def counts_shown(dataset: Dataset) -> list[tuple[str, int]]:
    """What its manifest counts, in the order in which one reads it."""
    counts = dataset.manifest.get("counts", {})
    return [(name, counts[name]) for name in [*READ_FIRST, *sorted(set(counts) - set(READ_FIRST))] if name in counts]


def quality_shown(dataset: Dataset) -> list[Estimate]:
    """The numbers of its manifest as pages show them."""
    return [
        Estimate(**{**one, "title": _(one["title"]), "definition": _(one["definition"]), "unit": _(one["unit"] or " ")})
        for one in dataset.manifest.get("quality", [])
    ]


@dataclass(frozen=True)
class Difference:
    """From an earlier version to a later one of the same shape, row by row.

    added, removed  rows that only one of them has
    changed         rows about the same thing that say something else
    settings        (name, before, after) of what they were made by, where it differs
    """

    earlier: Dataset
    later: Dataset
    added: int
    removed: int
    changed: int
    same: int
    settings: list[tuple[str, Any, Any]]


def difference_to(later: Dataset, version: int | None = None) -> Difference | None:
    """From this earlier version, or from the newest before it; None without one to compare it with."""
    earlier = next((one for one in datasets_before(later) if version in (None, one.version)), None)
    return difference_of(earlier, later) if earlier is not None and later.is_ready else None


def difference_of(earlier: Dataset, later: Dataset) -> Difference:
    """Both are ready and of one shape. Sixteen bytes of each row are in memory."""
    before, after = (np.sort(_rows(one), order="number") for one in (earlier, later))
    common, place_before, place_after = np.intersect1d(
        before["number"], after["number"], assume_unique=True, return_indices=True
    )
    same = int((before["digest"][place_before] == after["digest"][place_after]).sum())
    return Difference(
        earlier,
        later,
        added=len(after) - len(common),
        removed=len(before) - len(common),
        changed=len(common) - same,
        same=same,
        settings=_settings(earlier.manifest, later.manifest),
    )


def _rows(dataset: Dataset) -> Any:
    return np.fromfile(store.store_path(dataset.path) / DIGESTS, ROW)


def _settings(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    pairs = [(name, before["filters"][name], after["filters"].get(name)) for name in before["filters"]]
    pairs += [
        (name, before[name], after[name])
        for name in ("rounds", "guideline_versions", "protocol_versions", "code_version")
    ]
    return [(name, one, other) for name, one, other in pairs if one != other]


def datasets_before(dataset: Dataset) -> list[Dataset]:
    """Ready versions of the same shape that it can be compared with, the newest first."""
    found = Dataset.objects.filter(
        project=dataset.project_id, shape=dataset.shape, state="ready", version__lt=dataset.version
    )
    return list(found.order_by("-version")[:COMPARED])
