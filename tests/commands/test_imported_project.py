"""A project whose judgments were all made elsewhere opens like any other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.test import Client

from annotator.models import Prompt, User
from annotator.services.import_files import source_open
from annotator.services.imports import preferences_import
from annotator.services.projects import project_create

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(client: Client, tmp_path: Path) -> Client:
    """Olga, signed in, with an imported round of three votes: one on each of two, and a blank answer."""
    olga = User.objects.create_user("olga")
    shop = project_create(owner=olga, name="Shop", slug="shop")
    rows = [
        {"prompt": "Hi?", "chosen": "Hello!", "rejected": ""},
        {"prompt": "Bye?", "chosen": "See you!", "rejected": "No."},
    ]
    rows.append({**rows[1], "label_origin": "llm"})
    path = tmp_path / "p.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    preferences_import(project=shop, source=source_open(path))
    client.force_login(olga)
    return client


@pytest.mark.parametrize(
    "page", ["", "judge/", "rounds/", "rounds/1/", "members/", "prompts/", "runs/", "checkpoints/", "snapshots/"]
)
def test_every_page_opens(owner: Client, page: str) -> None:
    assert owner.get(f"/p/shop/{page}").status_code == 200


def test_the_page_of_a_prompt_shows_both_responses(owner: Client) -> None:
    text = owner.get(f"/p/shop/prompts/{Prompt.objects.latest('pk').pk}/").content.decode()

    assert "See you!" in text
    assert "No." in text
