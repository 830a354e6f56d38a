"""Whatever stands in a file, what comes in is whole, and every row is counted once."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from django.db.models import Q
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotator.domain.formats.records import BadLine
from annotator.models import Assignment, Comparison, Judgment, Project, Prompt, Response, User
from annotator.services.import_files import source_open
from annotator.services.imports import preferences_import
from annotator.services.projects import project_create

HARD = st.sampled_from(
    [
        "",
        " ",
        "\\N",
        "\\.",
        "a\tb",
        "a\r\nb",
        "\x00",
        "\ud800",
        "\u2028",
        "{",
        '"',
        "NULL",
        "é",
        "e\u0301",
        math.nan,
        1e400,
    ]
)
TEXTS = HARD | st.text(max_size=8)
VALUES = TEXTS | st.none() | st.booleans() | st.integers() | st.lists(TEXTS, max_size=2)
PAIRS = st.fixed_dictionaries(
    {"prompt": TEXTS, "chosen": TEXTS, "rejected": TEXTS},
    optional={"source": VALUES, "tags": VALUES, "label_origin": VALUES, "source_id": VALUES},
)
DEEP = b'{"prompt": ' + b"[" * 2000 + b"]" * 2000 + b"}"
RAW = st.sampled_from(
    [DEEP, b'{"prompt": "Hi', b"\xc3\x28{}", '{"prompt": "caf\xe9"}'.encode("latin-1"), b"7", b"1e999"]
)


@pytest.mark.django_db
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(PAIRS.map(json.dumps).map(str.encode) | RAW, min_size=1, max_size=6))
def test_what_comes_in_is_whole_and_every_row_is_counted_once(rows: list[bytes], tmp_path: Path) -> None:
    owner, _ = User.objects.get_or_create(username="olga")
    project = project_create(owner=owner, name="Shop", slug=f"shop-{Project.objects.count()}")
    path = tmp_path / "p.jsonl"
    path.write_bytes(b"\n".join([*rows, b""]))
    bad: list[BadLine] = []

    counts = preferences_import(project=project, source=source_open(path, "trl"), on_bad=bad.append)

    of_project = Judgment.objects.filter(assignment__comparison__round__project=project)
    assert counts.read == len(rows)
    assert counts.bad == len(bad)
    assert of_project.count() == counts.judgments == counts.imported
    assert Assignment.objects.filter(comparison__round__project=project).count() == counts.judgments
    assert Prompt.objects.filter(project=project).count() == counts.prompts
    assert Response.objects.filter(prompt__project=project).count() == counts.responses
    comparisons = Comparison.objects.filter(round__project=project)
    assert comparisons.count() == counts.comparisons
    assert not comparisons.exclude(Q(answered=1, wanted=1) | Q(answered__gt=1)).exists()
    again = preferences_import(project=project, source=source_open(path, "trl"))
    assert (again.imported, again.known, again.bad) == (0, counts.imported + counts.known, counts.bad)
