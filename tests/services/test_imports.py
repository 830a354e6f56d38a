"""Judgments that were made elsewhere come in once, whole, and with whoever made them."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest
from django.db import connection
from django.db.models import F

from annotator.domain.agreement import Views, agreement_of
from annotator.domain.formats.records import BadLine
from annotator.domain.lifecycles import RoundState
from annotator.exceptions import InputInvalid, RoundNotCollecting
from annotator.models import Assignment, Comparison, Judgment, Project, Prompt, Response, Round, User
from annotator.services import imports
from annotator.services.comparisons import Placing
from annotator.services.import_batches import ImportCounts
from annotator.services.import_files import MAX_EXPANSION, source_open
from annotator.services.import_raters import RaterNameTaken
from annotator.services.imports import MANY, preferences_import
from annotator.services.projects import project_create
from annotator.services.rounds import round_launch
from annotator.services.snapshots import snapshot_freeze
from tests.real_data import real
from training.config import RoundSettings
from training.contract import COMPARISONS, PreferenceRecord, rows_read

pytestmark = pytest.mark.django_db

TABLES = (Prompt, Response, Round, Comparison, Assignment, Judgment, User)


@pytest.fixture
def shop(db: None) -> Project:
    return project_create(owner=User.objects.create_user("olga"), name="Shop", slug="shop")


def written(path: Path, *rows: object) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


def row(number: int = 0, **extra: object) -> dict[str, object]:
    return {"prompt": f"Question {number}?", "chosen": f"Good {number}", "rejected": f"Bad {number}", **extra}


def imported(project: Project, path: Path) -> ImportCounts:
    return preferences_import(project=project, source=source_open(path))


def rows_of_every_table() -> list[int]:
    return [table._default_manager.count() for table in TABLES]


def test_a_row_becomes_one_answered_comparison_by_an_inactive_rater(shop: Project, tmp_path: Path) -> None:
    counts = imported(shop, written(tmp_path / "p.jsonl", row(source="forum")))

    judgment = Judgment.objects.select_related("assignment__comparison__prompt", "preferred").get()
    assignment = judgment.assignment
    comparison = assignment.comparison
    assert (counts.read, counts.imported, counts.known, counts.bad) == (1, 1, 0, 0)
    assert (counts.prompts, counts.responses, counts.comparisons, counts.rounds) == (1, 2, 1, {1})
    assert judgment.preferred is not None
    assert (judgment.preferred.text, judgment.preferred.author) == ("Good 0", "chosen")
    assert (judgment.preset, judgment.answer) == ("import", "chosen")
    assert (comparison.wanted, comparison.held, comparison.answered) == (1, 0, 1)
    assert (assignment.rater.username, assignment.rater.is_active) == ("imported-shop-trl", False)
    assert not assignment.rater.has_usable_password()
    assert (comparison.prompt.source, comparison.prompt.tags) == ("forum", ["forum"])
    assert comparison.round.state == RoundState.COLLECTING


def test_importing_again_adds_nothing(shop: Project, tmp_path: Path) -> None:
    path = written(tmp_path / "p.jsonl", *(row(number) for number in range(30)))
    imported(shop, path)
    before = rows_of_every_table()

    counts = imported(shop, path)

    assert (counts.imported, counts.known, counts.bad) == (0, 30, 0)
    assert rows_of_every_table() == before


def test_importing_again_after_the_round_closed_adds_nothing(shop: Project, tmp_path: Path) -> None:
    path = written(tmp_path / "p.jsonl", row())
    imported(shop, path)
    Round.objects.update(state=RoundState.CLOSED)

    assert imported(shop, path).known == 1
    assert Round.objects.count() == 1


def test_a_row_that_stands_twice_counts_once(shop: Project, tmp_path: Path) -> None:
    counts = imported(shop, written(tmp_path / "p.jsonl", row(), row(1), row()))

    assert (counts.imported, counts.known) == (2, 1)


def test_two_origins_are_two_raters_on_one_comparison(shop: Project, tmp_path: Path) -> None:
    imported(shop, written(tmp_path / "a.jsonl", row(label_origin="human")))
    imported(shop, written(tmp_path / "b.jsonl", row(label_origin="llm judge/7")))

    comparison = Comparison.objects.get()
    assert (comparison.wanted, comparison.answered) == (2, 2)
    names = sorted(a.rater.username for a in comparison.assignments.all())
    assert names[0] == "imported-shop-human"
    assert names[1].startswith("imported-shop-llm-judge7-")


def test_good_lines_go_in_beside_bad_ones(shop: Project, tmp_path: Path) -> None:
    path = written(tmp_path / "p.jsonl", row(), '{"prompt": "Hi', row(1, rejected="Good 1"), row(2))
    bad: list[BadLine] = []

    counts = preferences_import(project=shop, source=source_open(path), on_bad=bad.append)

    assert (counts.read, counts.imported, counts.bad) == (4, 2, 2)
    assert [(line.file, line.line, line.field) for line in bad] == [("p.jsonl", 2, "line"), ("p.jsonl", 3, "rejected")]


def test_an_import_joins_the_round_that_collects(shop: Project, tmp_path: Path) -> None:
    round = Round.objects.create(project=shop, number=4, state=RoundState.COLLECTING)

    imported(shop, written(tmp_path / "p.jsonl", row()))

    assert Comparison.objects.get().round == round


def test_the_number_of_a_new_round_continues(shop: Project, tmp_path: Path) -> None:
    Round.objects.create(project=shop, number=4, state=RoundState.ABANDONED)

    assert imported(shop, written(tmp_path / "p.jsonl", row())).rounds == {5}


@pytest.mark.parametrize("state", [RoundState.FROZEN, RoundState.TRAINING, RoundState.EVALUATED])
def test_nothing_is_added_while_a_round_learns(shop: Project, tmp_path: Path, state: RoundState) -> None:
    Round.objects.create(project=shop, number=1, state=state)
    before = rows_of_every_table()

    with pytest.raises(RoundNotCollecting, match=f"Round 1 of “Shop” is {state}"):
        imported(shop, written(tmp_path / "p.jsonl", row()))
    assert rows_of_every_table() == before


def test_an_import_that_broke_off_goes_on_where_it_stopped(
    shop: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "BATCH", 10)
    source = source_open(written(tmp_path / "p.jsonl", *(row(number) for number in range(25))))

    def pull_the_plug(counts: ImportCounts) -> None:
        if counts.read == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        preferences_import(project=shop, source=source, on_progress=pull_the_plug)
    assert Judgment.objects.count() == 20

    counts = imported(shop, tmp_path / "p.jsonl")
    assert (counts.imported, counts.known) == (5, 20)


def test_long_texts_are_stored_in_smaller_batches(
    shop: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten thousand of the longest answers would be gigabytes."""
    monkeypatch.setattr(imports, "BATCH_CHARACTERS", 1000)
    path = written(tmp_path / "p.jsonl", *(row(number, chosen="long " * 60 + str(number)) for number in range(8)))
    seen: list[int] = []

    preferences_import(project=shop, source=source_open(path), on_progress=lambda counts: seen.append(counts.read))

    assert seen == [4, 8]


def test_nobody_who_can_sign_in_stands_for_an_imported_rater(shop: Project, tmp_path: Path) -> None:
    User.objects.create_user("imported-shop-trl")

    with pytest.raises(RaterNameTaken):
        imported(shop, written(tmp_path / "p.jsonl", row()))
    assert not Judgment.objects.exists()


def test_a_folder_is_imported_file_by_file(shop: Project, tmp_path: Path) -> None:
    written(tmp_path / "1.jsonl", row(1))
    (tmp_path / "2.jsonl.gz").write_bytes(gzip.compress(json.dumps(row(2)).encode()))

    assert imported(shop, tmp_path).imported == 2


def test_a_file_of_no_known_kind_is_refused_with_the_formats(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match=r"no format that can be imported\. Known formats: .*hh, .*trl, .*llmfao"):
        source_open(written(tmp_path / "p.jsonl", {"instruction": "Hi?"}))


def test_a_gzip_bomb_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    path = tmp_path / "bomb.jsonl.gz"
    with gzip.open(path, "wb") as file:
        for _ in range(32):
            file.write(bytes(1024 * 1024))

    with pytest.raises(InputInvalid, match=f"more than {MAX_EXPANSION} times its size"):
        source_open(path)


def test_a_cut_off_gzip_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(row()).encode())[:-9])

    with pytest.raises(InputInvalid, match="broken gzip file"):
        source_open(path)


@pytest.mark.parametrize(("name", "says"), [("none.jsonl", "There is no file"), ("empty", "holds no .jsonl")])
def test_a_path_without_data_is_refused(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(InputInvalid, match=says):
        source_open(tmp_path / name)


def test_votes_without_their_comparisons_are_refused(tmp_path: Path) -> None:
    written(tmp_path / "pairs-crowd.jsonl", {})

    with pytest.raises(InputInvalid, match="no crowd-comparisons"):
        source_open(tmp_path)


def test_an_imported_round_can_be_launched_and_frozen(shop: Project, store: Path, tmp_path: Path) -> None:
    """What is frozen says of each row what the file said: chosen wins with one vote."""
    imported(shop, written(tmp_path / "p.jsonl", *(row(number) for number in range(40))))
    round = round_launch(round=Round.objects.get(), settings=RoundSettings(), by=None)

    snapshot = snapshot_freeze(round=round)

    records = list(rows_read(store / snapshot.path / COMPARISONS, PreferenceRecord))
    assert len(records) == 40
    for record in records:
        better = record.first if record.prefer_first == 1 else record.second
        assert better.text.startswith("Good")
        assert (record.weight, record.strength) == (1, 1)


def test_postgres_knows_at_once_how_much_came_in(shop: Project, tmp_path: Path) -> None:
    """Or the page after the import reads all judgments once for each of them."""
    imported(shop, written(tmp_path / "p.jsonl", *(row(number) for number in range(MANY))))

    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relname LIKE 'annotator_%%' AND reltuples >= %s", [MANY])
        known = {name for (name,) in cursor.fetchall()}
    nouns = ("prompt", "response", "comparison", "assignment", "judgment")
    assert known >= {f"annotator_{noun}" for noun in nouns}


def test_the_control_arm_is_drawn_as_in_a_round_that_was_planned(shop: Project, tmp_path: Path) -> None:
    Project.objects.update(control_share=0.5)
    shop.refresh_from_db()
    imported(shop, written(tmp_path / "p.jsonl", *(row(number) for number in range(40))))

    place = Placing(shop)
    for comparison in Comparison.objects.all():
        planned = place(Comparison(round_id=comparison.round_id, first=comparison.first, second=comparison.second), [])
        assert comparison.is_control == planned.is_control
    assert 5 < Comparison.objects.filter(is_control=True).count() < 35


# --- real data ----------------------------------------------------------------


def test_all_real_hh_pairs_come_in_and_none_twice(shop: Project) -> None:
    """6,253 pairs says the README of the data; 8 hold two turns of one speaker in a row, 20 an empty answer."""
    path = real("01_preference_pairs/all_pairs.dev.jsonl.gz")

    counts = imported(shop, path)
    assert (counts.read, counts.imported, counts.known, counts.bad) == (6253, 6253, 0, 0)
    assert Judgment.objects.filter(preferred__author="chosen", answer="chosen").count() == 6253
    assert Comparison.objects.filter(wanted=1, answered=1, held=0).count() == 6253
    origins = Counter(Assignment.objects.values_list("rater__username", flat=True))
    assert origins == {
        "imported-shop-human": 5557,
        "imported-shop-human_majority_of_3": 535,
        "imported-shop-llm": 161,
    }

    before = rows_of_every_table()
    again = imported(shop, path)
    assert (again.imported, again.known, again.bad) == (0, 6253, 0)
    assert rows_of_every_table() == before


def test_all_real_crowd_votes_come_in_with_their_agreement(shop: Project) -> None:
    """1,464 pairs, 6,100 votes of 124 workers, 59 models, 9 prompts, nominal alpha 0.2355, says the README."""
    path = real("02e_llmfao_llm_crowd_votes")

    counts = imported(shop, path)
    assert (counts.imported, counts.bad, counts.comparisons, counts.prompts) == (6100, 0, 1464, 9)
    assert Response.objects.values("author").distinct().count() == 59
    assert User.objects.filter(is_active=False, username__startswith="imported-shop-").count() == 124
    assert not Comparison.objects.exclude(wanted=F("answered")).exists()
    assert shop.guidelines.get().text.startswith("# Which AI is Better?")
    assert Judgment.objects.filter(guideline=shop.guidelines.get()).count() == 6100
    assert Counter(Judgment.objects.values_list("answer", flat=True)) == {"tie": 2574, "left": 1908, "right": 1618}
    assert agreement_of(views_of(shop))["alpha_nominal"].value == pytest.approx(0.2355, abs=0.00005)

    before = rows_of_every_table()
    assert imported(shop, path).known == 6100
    assert rows_of_every_table() == before


def views_of(project: Project) -> Views:
    rows = Judgment.objects.filter(assignment__comparison__round__project=project).values_list(
        "assignment__comparison_id", "assignment__rater_id", "value"
    )
    return Views.of(*zip(*rows, strict=True))


def test_real_sharegpt_rows_come_in(shop: Project) -> None:
    """194 rows says the README of the data; four of them say what an earlier one said."""
    counts = imported(shop, real("01_preference_pairs/dpo_en_demo.dev.jsonl.gz"))

    assert (counts.read, counts.imported, counts.known, counts.bad) == (194, 190, 4, 0)
