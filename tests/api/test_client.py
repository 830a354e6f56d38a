"""The Python client: written from the schema, its examples run as they stand, and nothing done twice."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from rest_framework.renderers import JSONRenderer
from tiebreak_client import Problem, Tiebreak

from annotator.api.index import described
from annotator.domain.scopes import Scope
from annotator.models import Judgment, Round
from annotator.services.rounds import round_advance
from annotator.services.tokens import token_create
from tests.factories import at_home, person, project_of, round_collecting
from tests.receiver import Receiver, receiving

CLIENT = Path(__file__).resolve().parents[2] / "client"


def test_the_client_can_do_what_the_server_can(tmp_path: Path) -> None:
    """Run `make client` after a change of the API."""
    (tmp_path / "tiebreak_client").mkdir()
    (tmp_path / "write_operations.py").write_text((CLIENT / "write_operations.py").read_text())

    schema = JSONRenderer().render(described())
    subprocess.run([sys.executable, tmp_path / "write_operations.py"], input=schema, check=True)

    for name in ("operations.py", "types.py"):
        written = (tmp_path / "tiebreak_client" / name).read_text()
        assert written == (CLIENT / "tiebreak_client" / name).read_text(), "run `make client`"


@pytest.mark.django_db(transaction=True)
def test_every_example_of_its_page_does_what_it_says(live_server: Any, store: Path, tmp_path: Path) -> None:
    olga = person("olga")
    shop = project_of(olga, "shop", prompts=4)
    at_home(shop, olga)
    round_collecting(shop)
    _token, secret = token_create(user=olga, name="docs", scopes=[scope.value for scope in Scope], days=1)
    examples = "\n".join(re.findall(r"```python\n(.*?)```", (CLIENT / "README.md").read_text(), re.DOTALL))
    (tmp_path / "pairs.jsonl").write_text('{"prompt": "Hi?", "chosen": "Hello.", "rejected": "What?"}\n')
    around = {"PATH": os.environ["PATH"], "PYTHONPATH": str(CLIENT), "PYTHONIOENCODING": "utf-8"}

    done = subprocess.run(
        [sys.executable, "-c", examples],
        env={**around, "TIEBREAK_URL": live_server.url, "TIEBREAK_TOKEN": secret},
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip

    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[:3] == ["shop owner collecting", "['added', 'added']", "trl 1 []"]
    assert sum(line.startswith("olga ") for line in lines) == Judgment.objects.count() > 0
    assert lines[-2].startswith("whsec_")
    assert lines[-1] == "input_invalid ['/overlap']"
    round = Round.objects.get(number=1)
    assert round.settings["dpo"]["beta"] == 0.2

    round_advance(round_id=round.pk)  # as a worker does
    with Tiebreak(live_server.url, secret) as tiebreak:
        archive = tiebreak.snapshot_download("shop", 1, tmp_path / "snapshot.zip")
    assert zipfile.ZipFile(archive).testzip() is None
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("refusal", [429, 503])
def test_a_write_that_is_not_answered_is_sent_again_with_the_same_key(refusal: int) -> None:
    with receiving() as server, Tiebreak(server.url, "tb_x") as tiebreak:
        server.status, server.headers = refusal, {"Retry-After": "0"}
        server.then = lambda: setattr(server, "status", refusal if len(server.sent) < 3 else 204)

        tiebreak.judge_alive("shop")
        tiebreak.judge_alive("shop")

    keys = [one.headers["idempotency-key"] for one in server.sent]
    assert [keys.count(key) for key in dict.fromkeys(keys)] == [3, 1]
    assert server.sent[0].headers["authorization"] == "Bearer tb_x"


@pytest.mark.parametrize(
    ("answer", "code"),
    [(json.dumps({"code": "state_not_allowed", "detail": "No."}).encode(), "state_not_allowed"), (b"<h1>", "unknown")],
)
def test_a_refusal_is_an_exception_at_once_whoever_says_it(answer: bytes, code: str) -> None:
    with receiving() as server, Tiebreak(server.url, "tb_x") as tiebreak:
        server.status, server.answer = 409, answer
        with pytest.raises(Problem) as caught:
            tiebreak.judge_alive("shop")

    assert (caught.value.status, caught.value.code) == (409, code)
    assert asked_once(server)


def test_what_is_left_out_is_not_sent_and_none_is_null() -> None:
    with receiving() as server, Tiebreak(server.url, "tb_x") as tiebreak:
        server.status = 204
        tiebreak.assignment_judge("shop", 1, answer="a", protocol=None)

    assert json.loads(server.sent[0].body) == {"answer": "a", "protocol": None}


def asked_once(server: Receiver) -> bool:
    return len(server.sent) == 1
