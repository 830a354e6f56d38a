"""Flags over HTTP: how raters raise them, and what owners see and do about them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotator.domain.flags import WORDS
from annotator.domain.lifecycles import AssignmentState
from annotator.models import Assignment, Comparison, Flag, Judgment, Round, User
from annotator.services.assignments import assignment_claim
from annotator.services.flags import comparison_set_aside
from tests.cast import Cast
from tests.factories import flagged, project_of, round_collecting
from tests.views.page import forms_of
from tests.views.test_desk import text_of

JUDGE, FLAGS = "/p/shop/judge/", "/p/shop/flags/"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def ann(cast: Cast, collecting: Round, client_of: Callable[[User | None], Client]) -> Client:
    return client_of(cast.ann)


@pytest.fixture
def olga(cast: Cast, collecting: Round, client_of: Callable[[User | None], Client]) -> Client:
    return client_of(cast.olga)


def shown(page: Any) -> list[int]:
    """The comparisons on the page, in its order."""
    return [int(pk) for pk in re.findall(r'<h2 id="flagged-([0-9]+)"', page.content.decode())]


# --- raters ------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, HTMX, {"X-Tiebreak-Cards": ""}], ids=str)
def test_a_skip_sends_what_is_ticked(ann: Client, headers: dict[str, str]) -> None:
    verdict = forms_of(ann.get(JUDGE))["verdict"]

    skipped = ann.post(f"{verdict.action}skip/", {**verdict.fields, "flags": ["unsafe", "cannot"]}, headers=headers)

    assert skipped.status_code == (200 if headers else 303)
    flags = Flag.objects.filter(assignment__state=AssignmentState.SKIPPED)
    assert set(flags.values_list("kind", flat=True)) == {"unsafe", "cannot"}
    assert forms_of(ann.get(JUDGE))["verdict"].action != verdict.action


def test_a_judgment_sends_what_is_ticked_too(ann: Client) -> None:
    verdict = forms_of(ann.get(JUDGE))["verdict"]

    ann.post(verdict.action, {**verdict.fields, "answer": "b", "flags": ["author"]})

    assert Judgment.objects.get().assignment == Flag.objects.get(kind="author").assignment


def test_every_flag_is_offered_and_none_is_ticked(ann: Client) -> None:
    page = ann.get(JUDGE).content.decode()

    offered = re.findall(r'name="flags" value="([a-z]+)"( checked)?> <span>([^<]+)</span>', page)
    assert offered == [(kind.value, "", words) for kind, words in WORDS.items()]


def test_what_was_ticked_is_ticked_again_where_the_answer_did_not_fit(ann: Client) -> None:
    verdict = forms_of(ann.get(JUDGE))["verdict"]

    refused = ann.post(verdict.action, {**verdict.fields, "answer": "c", "flags": ["broken"]})

    assert refused.status_code == 422
    assert re.findall(r'name="flags" value="([a-z]+)" checked', refused.content.decode()) == ["broken"]
    assert not Flag.objects.exists()


@pytest.mark.parametrize("way", ["", "skip/"])
def test_a_flag_that_nobody_offered_is_refused_and_nothing_is_stored(ann: Client, way: str) -> None:
    verdict = forms_of(ann.get(JUDGE))["verdict"]

    refused = ann.post(verdict.action + way, {**verdict.fields, "answer": "a", "flags": ["broken", "ugly"]})

    assert refused.status_code == 422
    assert "ugly is not one of the available choices" in text_of(refused)
    assert Assignment.objects.get().state == AssignmentState.HELD
    assert not Flag.objects.exists()
    assert not Judgment.objects.exists()


# --- the owner's page --------------------------------------------------------------


def test_the_page_says_what_was_found_by_whom_and_what_is_set_aside(cast: Cast, olga: Client) -> None:
    first = flagged(cast.shop, cast.ann, "broken", "language")
    assert flagged(cast.shop, cast.rui, "broken") == first
    second = flagged(cast.shop, cast.rui, "cannot")

    page = olga.get(FLAGS)

    assert shown(page) == [second.pk, first.pk]
    newer, older = re.findall(r'<section class="panel flagged".*?</section>', page.content.decode(), re.DOTALL)
    found = r"<strong>([^<]+)</strong> <span class=\"muted\">([^<]+)</span>"
    assert re.findall(found, older) == [("Broken text", "ann, rui"), ("Not my language", "ann")]
    assert re.findall(found, newer) == [("I cannot judge this", "rui")]
    assert (">set aside<" in older, ">set aside<" in newer) == (True, False)
    for text in (first.first.text, first.second.text, first.prompt.messages[-1]["content"]):
        assert text in older


def test_what_is_put_back_leaves_the_page_and_may_be_judged(cast: Cast, olga: Client) -> None:
    for rater in (cast.ann, cast.rui):
        comparison = flagged(cast.shop, rater, "unsafe")

    done = olga.post(f"{FLAGS}{comparison.pk}/put-back/", follow=True)

    assert "It is back in play, and its flags are settled." in text_of(done)
    assert "No pair is flagged." in text_of(done)
    again = assignment_claim(rater=cast.olga, project=cast.shop)
    assert again is not None
    assert again.comparison == comparison


def test_a_single_flag_is_settled_by_saying_that_nothing_is_wrong(cast: Cast, olga: Client) -> None:
    comparison = flagged(cast.shop, cast.ann, "broken")
    page = olga.get(FLAGS)
    assert "Nothing is wrong" in page.content.decode()

    form = forms_of(page)[f"{FLAGS}{comparison.pk}/put-back/"]
    assert olga.post(form.action, form.fields)["Location"] == FLAGS

    assert shown(olga.get(FLAGS)) == []
    assert Flag.objects.get().settled_at is not None


def test_an_owner_sets_a_pair_aside_alone(cast: Cast, olga: Client) -> None:
    comparison = flagged(cast.shop, cast.ann, "broken")
    form = forms_of(olga.get(FLAGS))[f"{FLAGS}{comparison.pk}/set-aside/"]

    done = olga.post(form.action, form.fields, follow=True)

    assert "It is set aside: nobody is shown it" in text_of(done)
    assert form.action not in forms_of(done)
    comparison.refresh_from_db()
    assert comparison.set_aside_at is not None


def test_what_no_rater_flagged_says_who_set_it_aside(cast: Cast, olga: Client, collecting: Round) -> None:
    comparison_set_aside(comparison=collecting.comparisons.earliest("pk"))

    assert "Set aside by an owner." in text_of(olga.get(FLAGS))


def test_a_reviewer_sees_the_page_and_changes_nothing(
    cast: Cast, collecting: Round, client_of: Callable[[User | None], Client]
) -> None:
    comparison = flagged(cast.shop, cast.ann, "broken")
    rui = client_of(cast.rui)

    page = rui.get(FLAGS)

    assert shown(page) == [comparison.pk]
    assert not [action for action in forms_of(page) if action.startswith(FLAGS)]
    assert rui.post(f"{FLAGS}{comparison.pk}/put-back/").status_code == 403


def test_pairs_of_another_project_are_neither_shown_nor_changed(
    cast: Cast, olga: Client, client_of: Callable[[User | None], Client]
) -> None:
    comparison = flagged(cast.shop, cast.ann, "broken")
    otto = client_of(cast.otto)

    assert shown(otto.get("/p/garden/flags/")) == []
    for change in ("put-back", "set-aside"):
        assert otto.post(f"/p/garden/flags/{comparison.pk}/{change}/").status_code == 404
    assert shown(olga.get(FLAGS)) == [comparison.pk]


@pytest.mark.parametrize(("aside", "pages"), [(20, [20]), (21, [20, 1]), (26, [20, 6])])
def test_flagged_pairs_come_a_page_at_a_time_newest_first(
    cast: Cast, client_of: Callable[[User | None], Client], aside: int, pages: list[int]
) -> None:
    mill = project_of(cast.olga, "mill", prompts=13)
    pks = list(round_collecting(mill).comparisons.order_by("pk").values_list("pk", flat=True))[:aside]
    Comparison.objects.filter(pk__in=pks).update(set_aside_at=timezone.now())
    olga = client_of(cast.olga)

    met, address = [], "/p/mill/flags/"
    while address:
        page = olga.get(address)
        met.append(shown(page))
        older = re.search(r'href="(\?before=[0-9]+)"', page.content.decode())
        address = f"/p/mill/flags/{older[1]}" if older else ""

    assert [len(one) for one in met] == pages
    assert [pk for one in met for pk in one] == sorted(pks, reverse=True)
    assert shown(olga.get("/p/mill/flags/?before=nonsense")) == met[0]


def test_the_round_says_how_many_are_set_aside_and_leads_there(cast: Cast, olga: Client, collecting: Round) -> None:
    pages = (f"/p/shop/rounds/{collecting.number}/", "/p/shop/")
    assert not any("set aside" in olga.get(page).content.decode() for page in pages)

    for comparison in collecting.comparisons.order_by("pk")[:2]:
        comparison_set_aside(comparison=comparison)

    for page in pages:
        assert f'<a href="{FLAGS}">2 set aside</a>' in olga.get(page).content.decode()


def test_the_page_costs_the_same_for_few_pairs_as_for_many(cast: Cast, olga: Client) -> None:
    def cost(pairs: int) -> int:
        while len(shown(olga.get(FLAGS))) < pairs:
            for rater in (cast.ann, cast.rui):
                flagged(cast.shop, rater, "broken", "unsafe", "language")
        with CaptureQueriesContext(connection) as queries:
            assert len(shown(olga.get(FLAGS))) == pairs
        return len(queries)

    assert cost(2) == cost(12)
