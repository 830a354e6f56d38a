"""Taking weights along: what the page offers, to whom, and how far it is."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.test import Client

from annotator.models import Checkpoint, Round, Run, User
from annotator.services.runs import run_cancel, run_execute
from tests.cast import Cast
from tests.fakes import FakeEngine
from tests.views.page import forms_of


@pytest.fixture
def olga(cast: Cast, client_of: Callable[[User | None], Client]) -> Client:
    return client_of(cast.olga)


@pytest.fixture
def policy(turned: Round) -> Checkpoint:
    found: Checkpoint = turned.runs.get(kind="dpo").checkpoint
    return found


@pytest.fixture
def page(policy: Checkpoint) -> str:
    return f"/p/shop/checkpoints/{policy.pk}/"


def text_of(response: Any) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode())))


def test_whole_weights_are_made_watched_taken_along_and_removed(olga: Client, page: str) -> None:
    assert olga.post(f"{page}merged/")["Location"] == f"{page}#weights"
    waiting = olga.get(f"{page}merged/")
    run = Run.objects.get(kind="merge")
    assert "every 2s" in waiting.content.decode()
    assert "Waiting for a free worker." in text_of(waiting)

    run_execute(run_id=run.pk, worker="test", engine=FakeEngine())
    made = olga.get(f"{page}merged/")
    assert "every 2s" not in made.content.decode()
    assert "Read back over 128 tokens: the same token is likeliest in 100 %" in text_of(made)
    assert 'model = AutoModelForCausalLM.from_pretrained("shop-round-1-merged")' in text_of(made)

    archive = zipfile.ZipFile(io.BytesIO(olga.get(f"{page}merged/download/").getvalue()))
    assert {"shop-round-1-merged/whole.txt", "shop-round-1-merged/README.md"} <= set(archive.namelist())
    card = archive.read("shop-round-1-merged/README.md").decode()
    assert "Over 128 tokens of a few answers both find the same token likeliest in 100.0 %" in card

    assert olga.post(f"{page}merged/remove/").status_code == 303
    assert olga.get(f"{page}merged/download/").status_code == 404


def test_a_merge_that_failed_says_why_and_is_tried_again(olga: Client, page: str) -> None:
    olga.post(f"{page}merged/")
    run_cancel(run=Run.objects.get(kind="merge"))

    assert "Cancelled by a person. Try again" in text_of(olga.get(page))
    olga.post(f"{page}merged/")
    assert Run.objects.filter(kind="merge").count() == 2


def test_the_card_says_what_the_weights_are(olga: Client, page: str, turned: Round) -> None:
    card = olga.get(f"{page}card/")

    assert card["Content-Type"].startswith("text/plain")
    text = card.content.decode()
    assert "| base | – | – | – |" in text
    assert "| round-1 | 1 | 12 |" in text
    assert "| Win rate over the parent | 75.0 % | 60.0 % to 85.0 % | 64 |" in text
    judged = {one.prompt_id for one in turned.comparisons.filter(answered__gt=0)}
    assert f"| test | {len(judged)} |" in text
    assert 'license: "apache-2.0"' in text


def test_reviewers_read_the_page_and_take_nothing_along(
    cast: Cast, client_of: Callable[[User | None], Client], page: str
) -> None:
    shown = client_of(cast.rui).get(page)

    assert "Take it along" not in text_of(shown)
    assert "/merged/" not in shown.content.decode()


def test_a_reward_model_is_downloaded_as_it_is(olga: Client, turned: Round) -> None:
    page = f"/p/shop/checkpoints/{turned.runs.get(kind='reward').checkpoint.pk}/"

    assert "Adapter, heads and tokenizer" in text_of(olga.get(page))
    assert olga.post(f"{page}merged/").status_code == 409


def test_where_no_hub_is_configured_none_is_offered(olga: Client, page: str) -> None:
    assert "hub" not in text_of(olga.get(page))


def test_weights_are_sent_to_the_hub_that_the_operator_named(olga: Client, page: str, settings: Any) -> None:
    settings.TIEBREAK_HUB, settings.TIEBREAK_HUB_TOKEN = "https://hub.example", "hf_secret"
    shown = olga.get(page)
    assert "As one commit on https://hub.example" in text_of(shown)
    assert "hf_secret" not in shown.content.decode()
    fields = forms_of(shown)[f"{page}push/"].fields

    wrong = olga.post(f"{page}push/", {**fields, "repo": "nonsense"})
    sent = olga.post(f"{page}push/", {**fields, "repo": "team/shop-policy"})

    assert wrong.status_code == 422
    assert "no name of a repository" in text_of(wrong)
    run = Run.objects.get(kind="push")
    assert sent["Location"] == f"/p/shop/runs/{run.pk}/"
    assert (run.details["repo"], run.details["weights"], run.details["private"]) == (
        "team/shop-policy",
        "trained",
        True,
    )
    assert "team/shop-policy" in text_of(olga.get(page))
    assert f'href="{page}#weights"' in olga.get(sent["Location"]).content.decode()
