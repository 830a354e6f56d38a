"""The examples of docs/api.md, run as they stand against a live server."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from annotator.domain.scopes import Scope
from annotator.services.tokens import token_create
from tests.factories import at_home, held, person, project_of, round_collecting

DOCS = Path(__file__).resolve().parents[2] / "docs" / "api.md"


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(shutil.which("curl") is None, reason="the examples are for curl")
def test_every_example_does_what_it_says(live_server: Any, store: Path) -> None:
    olga = person("olga")
    shop = project_of(olga, "shop", prompts=2)
    at_home(shop, olga)
    round_collecting(shop)
    _token, secret = token_create(user=olga, name="docs", scopes=[scope.value for scope in Scope], days=1)
    known = {"TIEBREAK_URL": live_server.url, "TIEBREAK_TOKEN": secret, "ASSIGNMENT": str(held(shop, olga).pk)}

    answers = []
    for example in re.findall(r"```sh\n(.*?)```", DOCS.read_text(), re.DOTALL):
        done = subprocess.run(
            ["sh", "-c", example], env={"PATH": os.environ["PATH"], **known}, capture_output=True, text=True, check=True
        )
        answers.append(json.loads(done.stdout))

    projects, prompts, brought, taken, judgment, rounds = answers
    assert projects["results"][0]["slug"] == "shop"
    assert [row["status"] for row in prompts] == ["added", "added"]
    assert (brought["state"], brought["format"], brought["sample"]["good"]) == ("recognised", "trl", 1)
    assert taken["assignment"]["id"] == int(known["ASSIGNMENT"])
    assert judgment["answer"] == "b"
    assert rounds["results"][0]["number"] == 1
