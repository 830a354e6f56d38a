"""Several files at once: a zip archive is unpacked within bounds, and read as the folder that it is."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from annotator import store as stored
from annotator.exceptions import InputInvalid
from annotator.models import Import, Judgment, Project, User
from annotator.services import import_archives
from annotator.services.imports import import_add, import_execute, import_path, import_start
from annotator.services.projects import project_create

pytestmark = pytest.mark.django_db

JUDGED = {"instruction": "Hi?", "generator_1": "a", "generator_2": "b", "annotator": "judge", "preference": 2}
OUTPUTS = [{"instruction": "Hi?", "output": f"Hello by {name}", "generator": name} for name in "ab"]


@pytest.fixture
def shop(db: None, store: Path) -> Project:
    return project_create(owner=User.objects.create_user("olga"), name="Shop", slug="shop")


def zipped(**files: str | bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_json", ".json"), content)
    return packed.getvalue()


def added(project: Project, data: bytes) -> Import:
    return import_add(project=project, name="all.zip", chunks=[data], by=None)


def test_judgments_and_answers_of_one_archive_come_in_together(shop: Project) -> None:
    outputs = "\n".join(json.dumps(row) for row in OUTPUTS)
    one = added(shop, zipped(x__outputs_jsonl=outputs, x__annotations_json=json.dumps([JUDGED]), readme="Hi."))

    assert (one.format, one.sample["good"]) == ("alpaca_eval_folder", 1)
    done = import_execute(import_id=import_start(one=one).pk)

    assert done is not None
    assert (done.state, done.counts["imported"]) == ("imported", 1)
    judgment = Judgment.objects.select_related("preferred").get()
    assert judgment.preferred is not None
    assert (judgment.preferred.text, judgment.preferred.author) == ("Hello by b", "b")
    assert sorted(path.name for path in import_path(one).iterdir()) == ["annotations.json", "outputs.jsonl"]


def test_names_in_an_archive_lead_nowhere(shop: Project, store: Path) -> None:
    row = json.dumps({"prompt": "Hi?", "chosen": "Good", "rejected": "Bad"})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../escaped.jsonl", row)
        archive.writestr("__MACOSX/._escaped.jsonl", "\x00")

    one = added(shop, packed.getvalue())

    assert [path.name for path in import_path(one).iterdir()] == ["escaped.jsonl"]
    assert [path.parent for path in store.rglob("escaped.jsonl")] == [import_path(one)]


GOOD = zipped(a_jsonl="{}" * 500)
REFUSED = {
    "cut off": (GOOD[:-30], "cannot be read"),
    "damaged": (GOOD[:60] + bytes(20) + GOOD[80:], "cannot be read"),
    "without data": (zipped(a="{}", b_exe="x"), "holds no data files"),
    "two of one name": (zipped(x__a_jsonl="{}", y__a_jsonl="{}"), "Two files of this archive are named a.jsonl"),
    "a bomb": (zipped(a_jsonl=bytes(32 * 1024 * 1024)), "too large when it is unpacked"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_an_archive_that_cannot_be_read_within_bounds_is_refused_and_not_kept(shop: Project, what: str) -> None:
    data, says = REFUSED[what]

    with pytest.raises(InputInvalid, match=says):
        added(shop, data)

    assert not Import.objects.exists()
    assert not list(stored.store_path("imports").iterdir())


def test_an_archive_of_very_many_files_is_refused(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_archives, "MOST_FILES", 2)

    with pytest.raises(InputInvalid, match="more than 2 files"):
        added(shop, zipped(a_jsonl="{}", b_jsonl="{}", c_jsonl="{}"))
