"""`import_preferences`: what an operator types, and what they are told."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from annotator.models import Judgment, Project, User

pytestmark = pytest.mark.django_db

GOOD = {"prompt": "Hi?", "chosen": "Hello!", "rejected": "What?"}


@pytest.fixture
def olga(db: None) -> User:
    return User.objects.create_user("olga", is_staff=True)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps(GOOD) + '\n{"prompt": "Hi', encoding="utf-8")
    return path


def run(path: Path, **options: object) -> str:
    out = StringIO()
    call_command("import_preferences", str(path), stdout=out, stderr=StringIO(), **{"project": "Shop talk", **options})
    return out.getvalue()


def test_it_creates_the_project_and_says_what_went_in(olga: User, file: Path) -> None:
    said = run(file)

    project = Project.objects.get(slug="shop-talk")
    assert project.members.get().user == olga
    assert "Created the project “Shop talk” (/p/shop-talk/)." in said
    assert "Format trl: read 2 judgments, imported 1, already known 0, bad 1" in said
    assert "Added 1 prompts, 2 responses and 1 comparisons to “Shop talk”, round 1." in said


def test_bad_lines_lie_beside_the_file_with_line_field_and_reason(olga: User, file: Path) -> None:
    said = run(file)

    errors = file.with_name("pairs.jsonl.errors.jsonl")
    (bad,) = (json.loads(line) for line in errors.read_text().splitlines())
    assert (bad["file"], bad["line"], bad["field"]) == ("pairs.jsonl", 2, "line")
    assert bad["reason"].startswith("not valid JSON at character")
    assert f"The bad lines are in {errors}" in said


def test_bad_lines_go_where_they_are_asked_to(olga: User, file: Path, tmp_path: Path) -> None:
    run(file, errors=tmp_path / "elsewhere.jsonl")

    assert (tmp_path / "elsewhere.jsonl").exists()
    assert not file.with_name("pairs.jsonl.errors.jsonl").exists()


def test_bad_lines_go_to_the_working_folder_when_the_place_cannot_be_written(
    olga: User, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder in the way stands for a read-only disk: root may write to those."""
    file.with_name("pairs.jsonl.errors.jsonl").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")

    assert f"The bad lines are in {tmp_path / 'work' / 'pairs.jsonl.errors.jsonl'}" in run(file)


def test_importing_again_says_that_it_is_known_and_needs_no_owner(olga: User, file: Path) -> None:
    run(file)
    User.objects.update(is_staff=False)

    assert "imported 0, already known 1, bad 1" in run(file, project="shop-talk")
    assert Judgment.objects.count() == 1


def test_no_error_file_appears_when_every_line_is_good(olga: User, file: Path) -> None:
    file.write_text(json.dumps(GOOD))

    run(file)

    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"owner": "nobody"}, "There is no user “nobody”."),
        ({"project": "!!!"}, "--project needs a name with letters or digits."),
        ({"errors": Path("/proc/none/errors.jsonl")}, "Name another file with --errors."),
        ({"format": "llmfao"}, "is not a folder with pairs-crowd.jsonl"),
        ({"license": "x" * 101}, "--license has at most 100 characters"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(olga: User, file: Path, options: dict[str, object], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        run(file, **options)
    assert not Judgment.objects.exists()


def test_a_new_project_needs_an_owner(db: None, file: Path) -> None:
    with pytest.raises(CommandError, match="name one with --owner"):
        run(file)


def test_two_projects_of_one_name_ask_for_the_slug(olga: User, file: Path) -> None:
    Project.objects.create(slug="a", name="Shop talk")
    Project.objects.create(slug="b", name="Shop talk")

    with pytest.raises(CommandError, match="a and b"):
        run(file)
