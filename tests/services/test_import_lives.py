"""A file on its way in: looked at, read by a worker, stopped, taken up again, and exact about what is in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from annotator.domain.lifecycles import ImportState
from annotator.exceptions import InputInvalid, StateNotAllowed, constraint_of
from annotator.models import (
    Assignment,
    Comparison,
    Import,
    Judgment,
    Project,
    Prompt,
    RaterHour,
    Response,
    RoundTally,
    User,
)
from annotator.services import import_storage, imports
from annotator.services.import_batches import Batch
from annotator.services.imports import (
    SILENT_AFTER,
    errors_path,
    import_add,
    import_add_from_server,
    import_execute,
    import_path,
    import_read_as,
    import_start,
    import_stop,
    imports_to_ring,
)
from annotator.services.projects import project_create
from tests.services.test_queue_machine import recounted

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(db: None, store: Path) -> Project:
    return project_create(owner=User.objects.create_user("olga"), name="Shop", slug="shop")


def pair(number: int, **extra: object) -> dict[str, object]:
    return {"prompt": f"Question {number}?", "chosen": f"Good {number}", "rejected": f"Bad {number}", **extra}


def added(project: Project, *rows: object, name: str = "pairs.jsonl") -> Import:
    data = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    return import_add(project=project, name=name, chunks=[data.encode()], by=None)


def done(one: Import) -> Import:
    found = import_execute(import_id=import_start(one=one).pk)
    assert found is not None
    return found


def test_rows_that_name_no_licence_have_the_one_of_the_import(shop: Project) -> None:
    one = import_start(one=added(shop, pair(1), pair(2, license="MIT")), license="CC-BY-4.0")
    import_stop(one=one)

    import_execute(import_id=import_start(one=one).pk)  # going on says nothing of it, and changes nothing

    assert sorted(Prompt.objects.values_list("license", flat=True)) == ["CC-BY-4.0", "MIT"]


def test_a_look_stores_nothing_and_says_what_is_understood(shop: Project) -> None:
    one = added(shop, pair(1), "{broken", pair(2))

    assert (one.state, one.format) == (ImportState.RECOGNISED, "trl")
    assert (one.sample["good"], one.sample["bad"]) == (2, 1)
    assert one.sample["preview"][0]["prompt"] == "Question 1?"
    assert one.sample["errors"][0]["line"] == 2
    assert not Prompt.objects.exists()


def test_a_worker_reads_it_and_bad_rows_go_to_a_file(shop: Project) -> None:
    one = done(added(shop, pair(1), "{broken", pair(2), pair(2)))

    assert (one.state, one.position) == (ImportState.IMPORTED, 4)
    assert (one.counts["imported"], one.counts["known"], one.counts["bad"]) == (2, 1, 1)
    (bad,) = (json.loads(line) for line in errors_path(one).read_text().splitlines())
    assert (bad["line"], bad["field"]) == (2, "line")
    assert import_execute(import_id=one.pk) is None  # a second delivery finds nothing to do


def test_an_import_that_broke_off_goes_on_behind_the_last_row_that_is_in(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker dies in its third batch, after it wrote bad rows that are not in; the next one repeats nothing."""
    monkeypatch.setattr(imports, "BATCH", 2)
    rows: list[object] = [pair(1), "{one", pair(2), pair(3), "{two", pair(4), pair(5)]
    one = import_start(one=added(shop, *rows))
    seen: list[int] = []
    store_it = import_storage.batch_store

    def dying(**given: Any) -> Any:
        if len(seen) == 2:
            with errors_path(one).open("a") as file:
                file.write("half a line of a batch that is not in")
            raise KeyboardInterrupt
        seen.append(given["batch"].end)
        return store_it(**given)

    monkeypatch.setattr(imports, "batch_store", dying)
    with pytest.raises(KeyboardInterrupt):
        import_execute(import_id=one.pk)
    monkeypatch.setattr(imports, "batch_store", store_it)
    one.refresh_from_db()
    assert (one.state, one.position, Judgment.objects.count()) == (ImportState.READING, 4, 3)
    assert imports_to_ring() == []
    Import.objects.update(heartbeat_at=timezone.now() - SILENT_AFTER - timedelta(seconds=1))
    assert imports_to_ring() == [one.pk]

    again = import_execute(import_id=one.pk)

    assert again is not None
    assert (again.state, again.attempt, again.position) == (ImportState.IMPORTED, 2, 7)
    assert (again.counts["imported"], again.counts["known"], again.counts["bad"]) == (5, 0, 2)
    assert [json.loads(line)["line"] for line in errors_path(one).read_text().splitlines()] == [2, 5]


def test_what_is_stopped_stays_in_and_goes_on_later(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "BATCH", 1)
    one = import_start(one=added(shop, pair(1), pair(2), pair(3)))
    ahead = imports._ahead

    def stopping(batches: Iterator[Batch]) -> Iterator[Batch]:
        for batch in ahead(batches):
            if batch.end == 2:
                import_stop(one=one)
            yield batch

    monkeypatch.setattr(imports, "_ahead", stopping)
    stopped = import_execute(import_id=one.pk)
    assert stopped is not None
    assert (stopped.state, stopped.position, Judgment.objects.count()) == (ImportState.STOPPED, 1, 1)

    monkeypatch.setattr(imports, "_ahead", ahead)
    assert (done(one).counts["imported"], Judgment.objects.count()) == (3, 3)


def test_only_what_waits_or_is_read_can_be_stopped_and_only_what_stands_started(shop: Project) -> None:
    one = added(shop, pair(1))
    with pytest.raises(StateNotAllowed):
        import_stop(one=one)
    done(one)
    with pytest.raises(StateNotAllowed):
        import_start(one=one)
    with pytest.raises(StateNotAllowed):
        import_read_as(one=one, format="trl")


def test_columns_that_are_named_make_any_table_an_import(shop: Project) -> None:
    table = 'frage,eins,zwei,besser,wer\n"Wie, bitte?",Ja,Nein,1,ann\n"Zwei\nZeilen",So,Anders,tie,bob\nleer,a,b,??,c'
    one = import_add(project=shop, name="t.csv", chunks=[table.encode()], by=None)
    assert (one.state, one.sample["columns"]) == (ImportState.UPLOADED, ["frage", "eins", "zwei", "besser", "wer"])
    with pytest.raises(InputInvalid, match="needs two answers"):
        import_read_as(one=one, format="columns", columns={"prompt": "frage", "first": "eins"})

    roles = {"prompt": "frage", "first": "eins", "second": "zwei", "winner": "besser", "rater": "wer"}
    read = done(import_read_as(one=one, format="columns", columns=roles))

    assert (read.counts["imported"], read.counts["bad"]) == (2, 1)
    assert set(Judgment.objects.values_list("value", flat=True)) == {-1.0, 0.0}
    assert Prompt.objects.filter(messages=[{"role": "user", "content": "Zwei\nZeilen"}]).exists()


def test_what_nobody_judged_is_kept_with_its_label(shop: Project) -> None:
    rows = [
        {"prompt": "Bare?"},
        {"prompt": "Shown?", "completion": "Like this."},
        {"prompt": "Good?", "completion": "Yes.", "label": True},
        {"prompt": "Good?", "completion": "No.", "label": False},
        {"prompt": "Good?", "completion": "No.", "label": True},
    ]
    one = done(added(shop, *rows))

    assert (one.counts["imported"], one.counts["bad"], one.counts["prompts"]) == (4, 1, 3)
    assert set(Response.objects.values_list("text", "author", "label")) == {
        ("Like this.", "demonstration", None),
        ("Yes.", "completion", True),
        ("No.", "completion", False),
    }
    assert done(added(shop, *rows)).counts["known"] == 4


def test_prompts_that_are_nearly_the_same_are_reported(shop: Project) -> None:
    one = done(added(shop, {"prompt": "Where is order 17?"}, {"prompt": "where is order 18"}, {"prompt": "Who?"}))

    assert one.notes == [
        "1 prompts differ from an earlier one only in case, digits or punctuation: “where is order 18”."
    ]


def test_a_file_that_cannot_be_unpacked_is_refused_and_not_kept(shop: Project, store: Path) -> None:
    with pytest.raises(InputInvalid):
        import_add(project=shop, name="a.jsonl.gz", chunks=[b"\x1f\x8b\x08\x00broken"], by=None)

    assert not Import.objects.exists()
    assert list((store / "imports").iterdir()) == []


def test_a_name_that_climbs_stays_in_its_folder(shop: Project, store: Path) -> None:
    one = added(shop, pair(1), name="../../etc/passwd.jsonl")

    assert import_path(one).parent == store / "imports" / str(one.pk)


def test_a_file_on_the_server_is_found_by_name_only(shop: Project, settings: Any, tmp_path: Path) -> None:
    folder = tmp_path / "brought"
    folder.mkdir()
    (folder / "a.jsonl").write_text(json.dumps(pair(1)))
    (tmp_path / "secret.jsonl").write_text(json.dumps(pair(2)))
    settings.TIEBREAK_IMPORT_DIR = str(folder)

    assert done(import_add_from_server(project=shop, name="a.jsonl", by=None)).counts["imported"] == 1
    with pytest.raises(InputInvalid):
        import_add_from_server(project=shop, name="../secret.jsonl", by=None)


# --- in bulk -------------------------------------------------------------------


def test_what_came_in_bulk_counts_as_if_it_had_come_one_by_one(shop: Project) -> None:
    """Two files with votes on the same pairs: new comparisons come with their counts, known ones get more."""
    done(added(shop, *(pair(n) for n in range(5))))
    done(added(shop, *(pair(n, label_origin="other") for n in range(3)), pair(9)))

    round = shop.rounds.get()
    assert RoundTally.objects.filter(round=round).sums() == recounted(round)
    assert sorted(Comparison.objects.values_list("wanted", "answered")) == [(1, 1)] * 3 + [(2, 2)] * 3
    assert sum(RaterHour.objects.values_list("answered", flat=True)) == 9
    assert sum(RaterHour.objects.values_list("decided", flat=True)) == 9


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE annotator_comparison SET answered = 0", "comparison_counts_its_assignments"),
        ("UPDATE annotator_comparison SET for_first = 0, for_second = 0", "comparison_counts_its_judgments"),
    ],
)
def test_wrong_counts_do_not_come_in(
    shop: Project, monkeypatch: pytest.MonkeyPatch, statement: str, broken: str
) -> None:
    """Working in bulk is no way around the rules: each statement is recounted."""
    one = import_start(one=added(shop, pair(1)))
    insert = import_storage._Storing._add_comparisons

    def wrongly(*given: Any) -> Any:
        found = insert(*given)
        with connection.cursor() as cursor:
            cursor.execute(statement)
        return found

    monkeypatch.setattr(import_storage._Storing, "_add_comparisons", wrongly)
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        import_execute(import_id=one.pk)

    assert constraint_of(caught.value) == broken
    assert not Assignment.objects.exists()
