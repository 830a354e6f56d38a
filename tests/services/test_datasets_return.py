"""What left comes back: another project that imports a dataset knows what the shape can hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from annotator.domain.datasets.filters import Filters
from annotator.models import Judgment, Project, User
from annotator.services.datasets import dataset_create, dataset_execute
from annotator.services.import_files import source_open
from annotator.services.imports import preferences_import
from annotator.services.projects import project_create
from annotator.store import store_path
from tests.real_data import real

pytestmark = pytest.mark.django_db

PROMPT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi\n“you”, a\tb?"},
    {"role": "assistant", "content": "=1+1"},
    {"role": "user", "content": '[{"role"'},
]
FROM = {"source": "set/7", "license": "CC-BY-4.0", "tags": ["law", 'a "b"']}
# What each shape is read from here, so that it has something to say.
ROWS: dict[str, list[dict[str, Any]]] = {
    "preference": [
        {"prompt": PROMPT, "chosen": "Good,\r\nor not", "rejected": "Bad\\n", "chosen_model": "m-1", **FROM},
        {"prompt": "Plain?", "chosen": "yes", "rejected": "no"},
    ],
    "unpaired": [
        {"prompt": PROMPT, "completion": "Good", "label": True, "model": "m-1", **FROM},
        {"prompt": PROMPT, "completion": "Bad", "label": False, **FROM},
    ],
    "sft": [
        {"prompt": PROMPT, "completion": "Good", **FROM},
        {"messages": [*PROMPT, {"role": "assistant", "content": "x"}]},
    ],
    "prompts": [{"prompt": PROMPT, **FROM}, {"prompt": "Plain?"}],
    "triples": [
        {"prompt": PROMPT, "edited": "Best", "chosen": "Good", "rejected": "Bad", "rater": "ann", **FROM},
        {"prompt": "Plain?", "edited": "Yes.", "chosen": "yes", "rejected": "no", "rejected_model": "m-2"},
    ],
}
ROWS["reward"] = ROWS["preference"]
ROWS["battles"] = ROWS["judgments"] = [
    {
        "model_a": "m-1", "model_b": "m-2", "winner": winner, "judge": f"j{number}", **FROM,
        "conversation_a": [*PROMPT, {"role": "assistant", "content": f"A {number}"}],
        "conversation_b": [*PROMPT, {"role": "assistant", "content": "B"}],
    }
    for number, winner in enumerate(["model_a", "model_b", "tie", "tie (bothbad)"])
]  # fmt: skip
OF_A_PROJECT = ("comparison", "round", "judgment", "rater", "judge", "created_at", "tstamp")  # others elsewhere
OF_AN_IMPORT = ("preset", "guideline", "seconds")


@pytest.fixture
def owner(store: Path) -> User:
    return User.objects.create_user("olga")


def imported(owner: User, slug: str, path: Path) -> Project:
    project = project_create(owner=owner, name=slug, slug=slug)
    counts = preferences_import(project=project, source=source_open(path))
    assert (counts.bad, counts.known) == (0, 0) or slug == "here"
    return project


def exported(project: Project, shape: str, file_format: str) -> Path:
    dataset = dataset_execute(
        dataset_id=dataset_create(project=project, shape=shape, file_format=file_format, filters=Filters(named=True)).pk
    )
    assert dataset is not None
    folder = store_path(dataset.path)
    files = list(folder.glob(f"*.{file_format}"))
    assert len(files) == 1 or file_format == "jsonl"
    if len(files) == 1:
        return files[0]
    whole = folder.parent / f"{dataset.version}.jsonl"
    whole.write_text("".join(path.read_text() for path in sorted(files)))
    return whole


def rows(project: Project, shape: str) -> list[dict[str, Any]]:
    lines = exported(project, shape, "jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    for row in found:
        for name in OF_A_PROJECT + OF_AN_IMPORT:
            row.pop(name, None)
    return sorted(found, key=lambda row: json.dumps(row, sort_keys=True))


@pytest.mark.parametrize("file_format", ["jsonl", "parquet", "csv"])
@pytest.mark.parametrize("shape", sorted(ROWS))
def test_a_dataset_comes_back_as_it_left(owner: User, tmp_path: Path, shape: str, file_format: str) -> None:
    """One prompt only, so that all its rows are in one file."""
    given = [row for row in ROWS[shape] if row.get("tags")]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, given)))
    here = imported(owner, "here", tmp_path / "rows.jsonl")

    there = imported(owner, "there", exported(here, shape, file_format))

    assert rows(there, shape) == rows(here, shape) != []
    assert {"source": "set/7", "license": "CC-BY-4.0", "tags": FROM["tags"]}.items() <= rows(there, shape)[0].items()


@pytest.mark.parametrize("shape", sorted(ROWS))
def test_plain_texts_leave_as_messages_and_mean_the_same(owner: User, tmp_path: Path, shape: str) -> None:
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, ROWS[shape])))
    here = imported(owner, "here", tmp_path / "rows.jsonl")

    there = imported(owner, "there", exported(here, shape, "jsonl"))

    assert rows(there, shape) == rows(here, shape)


@pytest.mark.parametrize(
    "name",
    [
        "01_preference_pairs/llmbar.dev.jsonl.gz",
        "01_preference_pairs/autoj_pairwise.dev.jsonl.gz",
        "02c_pandalm/testset-v1.dev.jsonl.gz",
    ],
)
def test_every_vote_of_real_people_comes_back(owner: User, name: str) -> None:
    here = imported(owner, "here", real(name))

    there = imported(owner, "there", exported(here, "judgments", "jsonl"))

    assert said(there) == said(here)


def test_an_improved_answer_comes_back_with_its_judgment(owner: User, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, ROWS["triples"])))
    here = imported(owner, "here", tmp_path / "rows.jsonl")

    there = imported(owner, "there", exported(here, "judgments", "jsonl"))

    assert said(there) == said(here)
    assert {row[-1] for row in said(there)} == {"Best", "Yes."}


def said(project: Project) -> list[tuple[Any, ...]]:
    """Who said what of which answers, whatever the ids."""
    judgments = Judgment.objects.filter(assignment__comparison__round__project=project).values_list(
        "assignment__comparison__prompt__content_sha256",
        "assignment__comparison__first__text_sha256",
        "assignment__comparison__first__author",
        "assignment__comparison__second__text_sha256",
        "assignment__comparison__second__author",
        "assignment__first_on_left",
        "outcome",
        "value",
        "answer",
        "rationale",
        "edited",
    )
    return sorted(judgments, key=repr)
