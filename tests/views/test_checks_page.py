"""Checks over HTTP: what owners see and do, and what a paused rater reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotator.models import Judgment, Member, Project, Round, User
from annotator.services.gold import gold_retire
from annotator.services.projects import member_set_role
from tests.cast import Cast
from tests.factories import gold_of, judged, person
from tests.services.test_checks import check_held, checking, gold_answered
from tests.views.page import forms_of
from tests.views.test_desk import text_of

JUDGE, CHECKS = "/p/shop/judge/", "/p/shop/checks/"
REASON = {"measure": "gold", "value": 0.25, "low": 0.1, "high": 0.5, "n": 12, "bound": 0.7, "min_seconds": 0}


@pytest.fixture
def ann(cast: Cast, collecting: Round, client_of: Callable[[User | None], Client]) -> Client:
    return client_of(cast.ann)


@pytest.fixture
def olga(cast: Cast, collecting: Round, client_of: Callable[[User | None], Client]) -> Client:
    return client_of(cast.olga)


def pause(project: Project, user: User, **reason: Any) -> Member:
    member = project.members.get(user=user)
    member.paused_at, member.paused_reason = timezone.now(), {**REASON, **reason}
    member.save()
    return member


def test_the_owner_sets_how_raters_are_checked(cast: Cast, olga: Client) -> None:
    form = forms_of(olga.get(CHECKS))[CHECKS]
    sent = {**form.fields, "gold": "0.05", "swap": "0.02", "gold_least": "0.7", "min_seconds": "2.5"}

    assert olga.post(CHECKS, sent).status_code == 303

    cast.shop.refresh_from_db()
    assert (cast.shop.checks["gold"], cast.shop.checks["gold_least"], cast.shop.checks["fast_most"]) == (
        0.05,
        0.7,
        None,
    )
    assert forms_of(olga.get(CHECKS))[CHECKS].fields["gold"] == "0.05"


def test_rules_that_do_not_fit_are_shown_again_with_the_reason(cast: Cast, olga: Client) -> None:
    fields = forms_of(olga.get(CHECKS))[CHECKS].fields

    refused = olga.post(CHECKS, {**fields, "gold": "0.4", "repeat": "0.4"})

    assert refused.status_code == 422
    assert "together at most one half" in text_of(refused)
    cast.shop.refresh_from_db()
    assert cast.shop.checks == {}


def test_the_page_shows_each_rater_with_n_and_interval(cast: Cast, olga: Client) -> None:
    gold_answered(cast.shop, cast.ann, right=[True, False, True, True])

    page = text_of(olga.get(CHECKS))

    assert "75 %" in page
    assert "n = 4" in page
    assert "30–95 %" in page


def test_gold_that_is_missed_stands_first_until_it_is_retired(cast: Cast, olga: Client) -> None:
    gold_answered(cast.shop, cast.ann, right=[True, False])

    page = text_of(olga.get(CHECKS))
    assert page.index("cup 2?") < page.index("cup 1?")
    for gold in cast.shop.gold.all():
        gold_retire(gold=gold)
    assert "cup" not in text_of(olga.get(CHECKS))


@pytest.mark.parametrize(
    ("measure", "words"),
    [
        ("gold", "Of 12 pairs whose answer is known, 25 % were answered as expected (95 %: 10 % to 50 %)."),
        ("consistency", "Of 12 pairs that came a second time, 25 % were answered as before (95 %: 10 % to 50 %)."),
        ("fast", "Of 12 timed judgments, 25 % took less than 3.0 s (95 %: 10 % to 50 %)."),
    ],
)
def test_a_paused_rater_reads_why_and_whom_to_ask(cast: Cast, ann: Client, measure: str, words: str) -> None:
    pause(cast.shop, cast.ann, measure=measure, min_seconds=3.0)

    for address in (JUDGE, f"{JUDGE}next/"):
        page = text_of(ann.get(address))
        assert "You are paused for now" in page
        assert words in page
        assert "Questions go to olga." in page


def test_what_a_paused_rater_had_on_the_page_is_stored(cast: Cast, ann: Client) -> None:
    verdict = forms_of(ann.get(JUDGE))["verdict"]
    pause(cast.shop, cast.ann)

    answered = ann.post(verdict.action, {**verdict.fields, "answer": "a"}, headers={"X-Tiebreak-Cards": ""})

    assert answered.status_code == 200
    assert Judgment.objects.filter(assignment__rater=cast.ann).count() == 1
    assert "You are paused for now" in text_of(answered)


def test_the_owner_lets_a_paused_rater_go_on(cast: Cast, ann: Client, olga: Client) -> None:
    member = pause(cast.shop, cast.ann)
    assert "paused" in text_of(olga.get(CHECKS))

    assert olga.post(f"{CHECKS}{member.pk}/resume/").status_code == 303

    assert "verdict" in forms_of(ann.get(JUDGE))


def test_an_excluded_rater_is_told_and_may_be_included_again(cast: Cast, ann: Client, olga: Client) -> None:
    judged(cast.shop, cast.ann, limit=3)
    member = cast.shop.members.get(user=cast.ann)
    olga.post(f"{CHECKS}{member.pk}/exclude/")

    assert "ended your part in it" in text_of(ann.get(JUDGE))
    assert "3 judgments of 1 excluded person count for no figure" in text_of(olga.get(CHECKS))
    for address in ("", "rounds/1/", "leaderboard/", "agreement/", "numbers/"):
        assert "Without 3 judgments of 1 excluded person" in text_of(olga.get(f"/p/shop/{address}"))

    olga.post(f"{CHECKS}{member.pk}/include/")

    assert "verdict" in forms_of(ann.get(JUDGE))
    assert "Nobody is excluded." in text_of(olga.get(CHECKS))


def test_an_alarm_stands_on_the_project_page_until_an_owner_looks(cast: Cast, olga: Client) -> None:
    crowd = [person(f"crowd-{number}") for number in range(3)]
    for user in crowd:
        member_set_role(project=cast.shop, user=user, role="rater")
    checking(cast.shop, gold_least=0.6, gold_after=5)
    for user in crowd:
        gold_answered(cast.shop, user, right=[False] * 5)

    assert "2 of 3 raters who judged in the last 7 days were paused within a day." in text_of(olga.get("/p/shop/"))
    assert olga.post(f"{CHECKS}pausing/").status_code == 303
    assert "were paused within a day" not in text_of(olga.get("/p/shop/"))


def test_the_page_asks_the_same_few_questions_for_any_number_of_raters(cast: Cast, olga: Client) -> None:
    def questions() -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            olga.get(CHECKS)
        return len(asked)

    gold_of(cast.shop, use="check")
    few = questions()
    for number in range(5):
        user = person(f"crowd-{number}")
        member_set_role(project=cast.shop, user=user, role="rater")
        check_held(cast.shop, user, "gold")
    judged(cast.shop, user, limit=2)

    assert questions() == few


def test_raters_never_see_the_page_of_their_checks(cast: Cast, ann: Client) -> None:
    assert ann.get(CHECKS).status_code == 403
