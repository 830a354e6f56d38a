"""What a batch stores refers to what is there, whoever looked: this code, or Postgres row by row."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotator.models import Project, Stretch, User
from annotator.services import import_storage, imports
from annotator.services.import_files import source_open
from annotator.services.imports import preferences_import
from annotator.services.projects import project_create
from tests.factories import ids_from

pytestmark = pytest.mark.django_db

FOREIGN_KEYS = """
SELECT c.conrelid::regclass::text, child.attname, c.confrelid::regclass::text, parent.attname
  FROM pg_constraint c
  JOIN pg_attribute child ON child.attrelid = c.conrelid AND child.attnum = c.conkey[1]
  JOIN pg_attribute parent ON parent.attrelid = c.confrelid AND parent.attnum = c.confkey[1]
 WHERE c.contype = 'f' AND c.conrelid::regclass::text LIKE 'annotator_%'
"""


@pytest.fixture
def shop(db: None) -> Project:
    return project_create(owner=User.objects.create_user("olga"), name="Shop", slug="shop")


def pair(prompt: int, answer: int, rater: str = "ann", more: str = "") -> str:
    yes, no = f"Yes {answer}.{more}", f"No {answer}.{more}"
    return json.dumps({"prompt": f"{prompt}?{more}", "chosen": yes, "rejected": no, "label_origin": rater})


def imported(project: Project, path: Path, *lines: str) -> Counter[str]:
    path.write_text("\n".join(lines))
    counts = preferences_import(project=project, source=source_open(path))
    return Counter({name: value for name, value in counts.stored().items() if isinstance(value, int)})


def asked(statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def without_a_parent() -> list[tuple[str, str]]:
    return [
        (child, column)
        for child, column, parent, key in asked(FOREIGN_KEYS)
        if asked(
            f"SELECT 1 FROM {child} c LEFT JOIN {parent} p ON p.{key} = c.{column}"
            f" WHERE c.{column} IS NOT NULL AND p.{key} IS NULL LIMIT 1"
        )
    ]


def as_a_role_of_its_own() -> None:
    """What follows is done by somebody who may read and write the tables and nothing else, until the test ends."""
    role = f"plain_{connection.settings_dict['NAME']}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {role}")
        cursor.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}")
        cursor.execute(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}")
        cursor.execute(f"SET LOCAL ROLE {role}")


@pytest.mark.parametrize("is_superuser", [True, False])
def test_all_that_comes_in_refers_to_what_is_there(
    shop: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_superuser: bool
) -> None:
    """Batches with new prompts, and one that has new prompts beside new answers to a prompt of an earlier batch."""
    monkeypatch.setattr(imports, "BATCH", 3)
    if not is_superuser:
        as_a_role_of_its_own()
    path = tmp_path / "pairs.jsonl"

    with ids_from(Stretch.SPAN - 6):
        first = imported(shop, path, *(pair(prompt, 1) for prompt in range(4)), pair(1, 2), pair(4, 1, "bob"))
        again = imported(shop, path, pair(1, 2), pair(1, 3), pair(0, 1, "cid"), pair(5, 1, "cid"))
    connection.check_constraints()  # those that wait for the end of the transaction, now

    assert without_a_parent() == []
    assert first == Counter(imported=6, prompts=5, responses=12, comparisons=6, judgments=6, read=6, known=0, bad=0)
    assert again == Counter(imported=3, prompts=1, responses=4, comparisons=2, judgments=3, read=4, known=1, bad=0)
    assert asked("SELECT sum(comparisons), sum(answered) FROM annotator_roundtally") == [(8, 9)]
    assert asked("SELECT sum(answered), sum(decided) FROM annotator_raterhour") == [(9, 9)]
    assert sorted(Stretch.objects.values_list("round__project__slug", "number").distinct()) == [
        ("shop", 0),
        ("shop", 1),
    ]


def test_foreign_keys_of_new_prompts_are_not_looked_up_row_by_row(shop: Project, tmp_path: Path) -> None:
    with CaptureQueriesContext(connection) as context:
        imported(shop, tmp_path / "pairs.jsonl", pair(1, 1))

    told = [query["sql"].split("'")[3] for query in context.captured_queries if "replication_role" in query["sql"]]
    assert told == ["replica", "origin"] * 5
    assert asked("SHOW session_replication_role") == [("origin",)]


def test_foreign_keys_are_looked_up_even_where_the_session_planned_to_read_a_small_table(
    shop: Project, tmp_path: Path
) -> None:
    """A session that lived through an empty table made an import quadratic: minutes for six thousand pairs."""
    as_a_role_of_its_own()
    long = " So it is." * 100  # or a table would be so small that reading all of it is right
    imported(shop, tmp_path / "few.jsonl", *(pair(prompt, 1, more=long) for prompt in range(12)))
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off")
        connection.check_constraints()  # so the plans of these checks are sequential, and kept
        cursor.execute("SET LOCAL enable_indexscan = on; SET LOCAL enable_bitmapscan = on")
        assert rows_passed() > 12 * 12
        before = rows_passed()

        imported(shop, tmp_path / "many.jsonl", *(pair(prompt, 1, more=long) for prompt in range(12, 200)))
        connection.check_constraints()

    assert rows_passed() - before < 1000


def rows_passed() -> int:
    """Rows of prompts and responses that this transaction read one after the other."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(seq_tup_read)::int FROM pg_stat_xact_user_tables"
            " WHERE relname IN ('annotator_prompt', 'annotator_response')"
        )
        (found,) = cursor.fetchone()
    return int(found)


@pytest.mark.parametrize("analysed", ["never", "when others were small"])
def test_a_known_prompt_is_found_by_its_own_index_in_a_project_that_postgres_takes_for_empty(
    shop: Project, tmp_path: Path, analysed: str
) -> None:
    """By any other way each would be looked for among all prompts of the project."""
    others = [project_create(owner=User.objects.get(), name=name, slug=name) for name in ("one", "two")]
    for other in others:
        imported(other, tmp_path / "pairs.jsonl", pair(1, 1))
    with connection.cursor() as cursor:
        if analysed != "never":
            cursor.execute("ANALYZE annotator_prompt")
    imported(shop, tmp_path / "pairs.jsonl", *(pair(number, 1) for number in range(500)))

    with connection.cursor() as cursor, import_storage._in_the_order_of_an_index():
        cursor.execute(f"EXPLAIN {import_storage.KNOWN_PROMPTS}", ["{a,b}", shop.pk])
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "prompt_once_per_project" in plan
    assert "prompt_project_id" not in plan
    assert "Seq Scan" not in plan
