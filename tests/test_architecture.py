"""Arrows that may not exist, checked on every import statement of the product."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Part → what it must never import, and where such code belongs instead.
FORBIDDEN: dict[str, tuple[tuple[str, ...], str]] = {
    "training/contract.py": (("torch", "transformers", "django", "annotator"), "the seam is read by both sides"),
    "training/config.py": (("torch", "transformers", "django", "annotator"), "the seam is read by both sides"),
    "training/metric_names.py": (("torch", "transformers", "django", "annotator"), "the seam is read by both sides"),
    "training/errors.py": (("torch", "transformers", "django", "annotator"), "the seam is read by both sides"),
    "training/losses.py": (("annotator", "django", "training"), "losses are pure: pass what they need as arguments"),
    "training/metrics.py": (
        ("annotator", "django", "training.data", "training.models", "training.loop"),
        "metrics are pure: pass what they need as arguments",
    ),
    "training": (("annotator", "django", "celery", "config"), "the engine meets the app in files: see contract.py"),
    "annotator/domain": (("django", "annotator.models", "training", "torch"), "thinking needs no database"),
    "annotator/models": (
        ("annotator.selectors", "annotator.services", "annotator.views", "training", "torch"),
        "models are the bottom; put cross-row work into a service or a selector",
    ),
    "annotator/selectors": (
        ("annotator.services", "annotator.views", "annotator.api", "annotator.tasks", "annotator.engine", "torch"),
        "selectors only read; what changes something is a service",
    ),
    "annotator/services": (
        (
            "annotator.tasks",
            "annotator.views",
            "annotator.api",
            "annotator.engine",
            "annotator.post",
            "annotator.hub",
            "annotator.depots",
            "torch",
        ),
        "services are rung by views and tasks, never the other way; pass the engine in",
    ),
    "annotator/access.py": (("annotator.services", "annotator.views"), "a gate lets in and changes nothing"),
    "annotator/engine.py": (
        ("annotator.models", "annotator.services", "annotator.selectors", "torch", "training.loop"),
        "the doorway knows requests and events only",
    ),
    "annotator/post.py": (
        ("annotator.models", "annotator.services", "annotator.selectors", "torch"),
        "the doorway knows addresses and bytes only",
    ),
    "annotator/hub.py": (
        ("annotator.models", "annotator.services", "annotator.selectors", "torch"),
        "the doorway knows names and bytes only",
    ),
    "annotator/depots.py": (
        ("annotator.models", "annotator.services", "annotator.selectors", "torch"),
        "the doorway knows folders and addresses only",
    ),
    "annotator/tasks.py": (("annotator.views", "annotator.api"), "a doorbell calls services"),
    "annotator/views": (("annotator.engine", "torch", "training.loop"), "queue a run and ring"),
    "annotator/api": (("annotator.engine", "torch", "annotator.views"), "HTML and JSON are two doors onto services"),
    "client": (("annotator", "config", "django", "rest_framework", "training"), "it is installed without the server"),
}
RECIPES = ("sft", "reward", "dpo", "generate", "evaluate", "score", "merge", "push")
SERVICES_IN_ORDER = (
    "events", "webhooks", "protocols", "entrance", "projects", "prompts", "renderings", "comparisons", "queue",
    "scores", "gold", "flags", "assignments", "checks", "judgments", "adjudication", "raters", "sittings", "snapshots",
    "checkpoints", "rewards", "runs", "merges", "pushes", "scoring", "rounds", "import_rows",
    "import_batches", "import_raters", "import_storage", "imports",
    "import_fetches", "tokens", "receipts", "figures", "dataset_files", "datasets", "sendings",
)  # fmt: skip


def imports_of(path: Path) -> set[str]:
    """Every module that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def files_of(part: str) -> list[Path]:
    path = ROOT / part
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def reaches(imported: str, forbidden: str) -> bool:
    return imported == forbidden or imported.startswith(forbidden + ".")


@pytest.mark.parametrize("part", FORBIDDEN)
def test_no_arrow_points_backwards(part: str) -> None:
    never, instead = FORBIDDEN[part]
    wrong = [
        f"{path.relative_to(ROOT)} imports {imported}: {instead}"
        for path in files_of(part)
        for imported in sorted(imports_of(path))
        for forbidden in never
        if reaches(imported, forbidden)
    ]

    assert wrong == []


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_never_imports_another(recipe: str) -> None:
    others = {f"training.{other}" for other in RECIPES if other != recipe}

    assert imports_of(ROOT / f"training/{recipe}.py") & others == set()


@pytest.mark.parametrize("service", SERVICES_IN_ORDER)
def test_a_service_imports_only_services_above_it(service: str) -> None:
    below = SERVICES_IN_ORDER[SERVICES_IN_ORDER.index(service) + 1 :]
    imported = imports_of(ROOT / f"annotator/services/{service}.py")

    assert imported & {f"annotator.services.{other}" for other in below} == set()


@pytest.mark.parametrize("module", ["config.urls", "annotator.tasks", "annotator.engine"])
def test_web_and_workers_never_load_torch(module: str) -> None:
    code = f"import django; django.setup(); import {module}, sys; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_no_view_reaches_for_a_row_without_its_gate() -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for part in ("annotator/views", "annotator/api")
        for path in files_of(part)
        if "objects.get(" in path.read_text() or "get_object_or_404" in path.read_text()
    ]

    assert wrong == []


def test_nothing_that_a_model_wrote_is_marked_safe_in_a_template() -> None:
    wrong = [
        str(path.relative_to(ROOT)) for path in (ROOT / "templates").rglob("*.html") if "|safe" in path.read_text()
    ]

    assert wrong == []
