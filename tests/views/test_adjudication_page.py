"""Adjudication over HTTP: blind first, the votes after."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from annotator.models import Adjudication, Checkpoint, Comparison, Reward, Round, User
from annotator.services.adjudication import comparison_adjudicate
from annotator.services.snapshots import snapshot_freeze
from tests.cast import Cast
from tests.factories import gold_of, judged
from tests.views.page import forms_of
from tests.views.test_desk import text_of

LIST = "/p/shop/adjudication/"


@pytest.fixture
def open_one(cast: Cast, collecting: Round) -> Comparison:
    """Ann and Rui disagree about one comparison, and both agree about the others."""
    judged(cast.shop, cast.ann)
    judged(cast.shop, cast.rui)
    one = collecting.comparisons.filter(for_first=1, for_second=1).first()
    assert one is not None  # everybody pressed A, and the sides are drawn to differ
    return one


@pytest.fixture
def olga(cast: Cast, open_one: Comparison, client_of: Callable[[User | None], Client]) -> Client:
    return client_of(cast.olga)


def test_the_list_says_why_each_waits_and_not_for_whom_the_votes_are(olga: Client, open_one: Comparison) -> None:
    page = olga.get(LIST)

    assert "Close votes" in text_of(page)
    assert "1 : 1" in text_of(page)
    assert f"{LIST}{open_one.pk}/" in page.content.decode()


def test_who_judged_it_finds_nothing_to_decide(
    cast: Cast, open_one: Comparison, client_of: Callable[[User | None], Client]
) -> None:
    assert "Nothing waits for a decision" in text_of(client_of(cast.rui).get(LIST))


def test_the_pair_is_shown_like_a_raters_without_votes_and_names(
    olga: Client, open_one: Comparison, cast: Cast
) -> None:
    page = olga.get(f"{LIST}{open_one.pk}/").content.decode()

    assert 'name="answer"' in page
    assert 'data-key="' in page
    assert "ann" not in page.split('<main id="main">')[1]
    assert "base" not in page.split('<main id="main">')[1]


def test_deciding_shows_the_votes_takes_a_note_and_leads_to_the_next_one(olga: Client, open_one: Comparison) -> None:
    address = f"{LIST}{open_one.pk}/"

    assert olga.post(address, {"answer": "a"}).status_code == 303

    page = olga.get(address)
    assert "Decided: A" in text_of(page)
    assert "Before the votes were seen." in text_of(page)
    assert "What 2 raters said" in text_of(page)
    note = forms_of(page)[f"{address}note/"]
    olga.post(note.action, {**note.fields, "note": "<b>A</b> answers."})
    assert "&lt;b&gt;A&lt;/b&gt; answers." in olga.get(address).content.decode()
    assert f"{LIST}{open_one.pk}/" not in olga.get(LIST).content.decode()


def test_deciding_anew_is_not_called_blind(olga: Client, open_one: Comparison) -> None:
    address = f"{LIST}{open_one.pk}/"
    olga.post(address, {"answer": "a"})

    assert 'id="verdict"' in olga.get(f"{address}?again").content.decode()
    olga.post(address, {"answer": "tie"})

    assert "With the votes in sight." in text_of(olga.get(address))
    assert Adjudication.objects.count() == 2


def test_an_answer_that_is_not_offered_is_said_on_the_same_card(olga: Client, open_one: Comparison) -> None:
    sent = olga.post(f"{LIST}{open_one.pk}/", {"answer": ""})

    assert sent.status_code == 422
    assert "Choose one of the answers." in text_of(sent)
    assert 'id="verdict"' in sent.content.decode()


def test_another_projects_comparison_is_not_there(
    cast: Cast, open_one: Comparison, client_of: Callable[[User | None], Client]
) -> None:
    otto = client_of(cast.otto)

    assert otto.get(f"/p/garden/adjudication/{open_one.pk}/").status_code == 404
    assert otto.post(f"/p/garden/adjudication/{open_one.pk}/", {"answer": "a"}).status_code == 404


def test_a_snapshots_page_counts_what_was_adjudicated(
    cast: Cast, olga: Client, open_one: Comparison, collecting: Round
) -> None:
    comparison_adjudicate(comparison=open_one, by=cast.olga, answer="a")
    snapshot = snapshot_freeze(round=collecting)

    assert "Adjudicated" in text_of(olga.get(f"/p/shop/snapshots/{snapshot.version}/"))


def test_a_surprise_is_told_on_the_list_and_explained_after_the_decision(
    cast: Cast, collecting: Round, olga: Client
) -> None:
    """Ann and Rui agree about a pair, and the reward model expected the opposite."""
    one = collecting.comparisons.exclude(answered=0).first() or collecting.comparisons.earliest("pk")
    Comparison.objects.filter(pk=one.pk).update(for_first=2, for_second=0)
    judge = Checkpoint.objects.create(project=cast.shop, kind="reward", name="round-9-reward")
    for response, value in ((one.first, -5.0), (one.second, 0.0)):
        Reward.objects.create(response=response, checkpoint=judge, value=value, heads=[value])

    page = text_of(olga.get(LIST))
    assert "Surprising" in page
    assert "expected with 1 %" in page or "expected with 0.7 %" in page
    comparison_adjudicate(comparison=one, by=cast.olga, answer="a")
    decided = text_of(olga.get(f"{LIST}{one.pk}/"))
    assert "with a probability of 99" in decided
    assert "round-9-reward" in decided


def test_gold_is_shown_blind_and_then_what_it_says(cast: Cast, collecting: Round, olga: Client) -> None:
    gold = gold_of(cast.shop, use="check", right=["tie"])
    asked = Comparison.with_checks.get(gold=gold)

    blind = olga.get(f"{LIST}{asked.pk}/")
    assert "kinder" not in blind.content.decode()
    olga.post(f"{LIST}{asked.pk}/", {"answer": "a"})

    decided = text_of(olga.get(f"{LIST}{asked.pk}/"))
    assert "What the gold says" in decided
    assert "kinder" in decided
    assert "so the gold is retired" in decided
