"""The numbers over HTTP: what they show, to whom, and what they say when there is nothing."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone

from annotator.models import Assignment, Checkpoint, RaterHour, Round, Snapshot, User
from tests.cast import Cast
from tests.factories import held, judged
from tests.views.test_desk import text_of

NUMBERS = "/p/shop/numbers/"
RATERS = f"{NUMBERS}raters/"
CHARTS = [
    f"{NUMBERS}charts/{code}.{theme}.svg" for code in ("throughput", "trend", "value") for theme in ("light", "dark")
]

ClientOf = Callable[[User | None], Client]


@pytest.fixture
def olga(cast: Cast, turned: Round, client_of: ClientOf) -> Client:
    """Ann and Rui judged six pairs each in the first round; in the second, Ann judged two and holds one."""
    judged(cast.shop, cast.ann, limit=2)
    held(cast.shop, cast.ann)
    return client_of(cast.olga)


def test_the_page_says_how_judging_goes_and_who_holds_what(olga: Client) -> None:
    page = text_of(olga.get(NUMBERS))

    assert "14 judgments · 0 skipped · 2 raters" in page
    assert "1 lent out now" in page
    assert "ann 1 just now" in page
    assert "From the newest judgments, n = 14" in page
    assert "A law needs four rounds of different size. There is 1 so far." in page


@pytest.mark.parametrize("address", CHARTS)
def test_charts_are_images_of_each_theme_with_a_table_beside_them(olga: Client, address: str) -> None:
    chart, page = olga.get(address), olga.get(NUMBERS).content.decode()

    assert chart["Content-Type"] == "image/svg+xml"
    assert chart.content.startswith(b"<svg")
    assert b"NaN" not in chart.content
    assert address in page
    assert page.count("As a table") == 3


@pytest.mark.parametrize("query", ["span=day", "span=month&by=number", "span=all", "span=never&by=luck"])
def test_what_an_address_asks_for_is_shown_and_nonsense_counts_as_left_out(olga: Client, query: str) -> None:
    page = olga.get(f"{NUMBERS}?{query}")
    charts = [olga.get(f"{NUMBERS}charts/{code}.light.svg?{query}") for code in ("throughput", "trend")]

    assert "14 judgments" in text_of(page)
    assert len(re.findall(r'<a class="button" [^>]*aria-current="true"', page.content.decode())) == 2
    assert [chart.status_code for chart in charts] == [200, 200]


def test_no_chart_of_nothing_nor_of_an_unknown_theme(cast: Cast, client_of: ClientOf, collecting: Round) -> None:
    olga = client_of(cast.olga)

    assert {olga.get(address).status_code for address in CHARTS} == {404}
    judged(cast.shop, cast.ann, limit=1)
    assert olga.get(f"{NUMBERS}charts/throughput.light.svg").status_code == 200
    assert olga.get(f"{NUMBERS}charts/throughput.sepia.svg").status_code == 404
    assert olga.get(f"{NUMBERS}charts/weather.light.svg").status_code == 404


def test_an_empty_project_says_why_there_is_nothing(cast: Cast, client_of: ClientOf) -> None:
    olga = client_of(cast.olga)

    page, raters = text_of(olga.get(NUMBERS)), text_of(olga.get(RATERS))

    assert "Nobody judged or skipped in this time." in page
    assert "No comparison has two judgments yet, so nobody could agree with anybody." in page
    assert "A law needs four rounds of different size. There are 0 so far." in page
    assert "Nobody has judged or skipped yet." in raters
    assert "nan" not in (page + raters).lower()


def test_a_round_that_just_opened_says_why_it_forecasts_nothing(
    cast: Cast, collecting: Round, client_of: ClientOf
) -> None:
    page = text_of(client_of(cast.olga).get(NUMBERS))

    assert "The round has not been open for a whole hour yet." in page
    assert "Queue of Round 1" in page


def test_four_rounds_answer_whether_another_thousand_is_worth_it(cast: Cast, olga: Client) -> None:
    for number, accuracy in ((2, 0.6), (3, 0.66), (4, 0.7), (5, 0.73)):
        made(cast, number, judgments=250 * 2**number, accuracy=accuracy)

    page, chart = text_of(olga.get(NUMBERS)), olga.get(f"{NUMBERS}charts/value.light.svg")

    assert "Another 1,000 judgments would add" in page
    assert "n = 5 reward models" in page
    assert b"NaN" not in chart.content


def made(cast: Cast, number: int, *, judgments: int, accuracy: float) -> None:
    """A closed round whose reward model was measured on 400 held-out comparisons."""
    round = Round.objects.get_or_create(project=cast.shop, number=number, defaults={"state": "closed"})[0]
    snapshot = Snapshot.objects.create(
        project=cast.shop, round=round, version=number, path=f"v{number}", sha256="", counts={"judgments": judgments}
    )
    measured = {"value": accuracy, "low": accuracy - 0.05, "high": accuracy + 0.05, "n": 400}
    Checkpoint.objects.create(
        project=cast.shop, kind="reward", name=f"judge-{number}", base_model="starter", snapshot=snapshot,
        metrics={"reward/accuracy": measured},
    )  # fmt: skip


# --- raters and their hours ------------------------------------------------------------


def test_raters_stand_with_n_and_interval_or_the_reason_for_none(olga: Client) -> None:
    page = text_of(olga.get(RATERS))

    assert "ann 8 0 1 min 36 s 12.0 s Too few to say how far it may vary. n = 8" in page
    assert "just now" in page


@pytest.mark.parametrize("query", ["by=name", "by=left", "by=height", "by=seconds&after=0", "after=x"])
def test_the_table_is_sorted_as_asked(olga: Client, query: str) -> None:
    page = olga.get(f"{RATERS}?{query}")

    assert page.status_code == 200
    assert page.content.decode().count("aria-sort") == 1


def test_hours_come_as_csv_by_person_and_day(cast: Cast, olga: Client) -> None:
    today = timezone.now().date()

    answer = olga.get(f"{NUMBERS}hours.csv?first={today}&last={today}")

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="shop-hours-{today}-{today}.csv"'
    assert rows_of(answer) == [
        ["username", "day", "judgments", "skips", "active_hours"],
        ["ann", str(today), "8", "0", f"{8 * 12 / 3600:.4f}"],
        ["rui", str(today), "6", "0", f"{6 * 12 / 3600:.4f}"],
    ]


def rows_of(answer: object) -> list[list[str]]:
    streamed = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    return list(csv.reader(io.StringIO(streamed.decode())))


def test_no_name_becomes_a_formula(cast: Cast, olga: Client) -> None:
    User.objects.filter(pk=cast.ann.pk).update(username="+ann")
    today = timezone.now().date()

    names = [row[0] for row in rows_of(olga.get(f"{NUMBERS}hours.csv?first={today}&last={today}"))]

    assert names == ["username", "'+ann", "rui"]


def test_a_period_without_work_is_a_file_without_lines(olga: Client) -> None:
    assert rows_of(olga.get(f"{NUMBERS}hours.csv?first=2001-01-01&last=2001-12-31")) == [
        ["username", "day", "judgments", "skips", "active_hours"]
    ]


def test_a_period_that_ends_before_it_begins_is_refused_with_the_reason(olga: Client) -> None:
    answer = olga.get(f"{NUMBERS}hours.csv?first=2026-03-02&last=2026-03-01")

    assert answer.status_code == 422
    assert "The period ends before it begins." in text_of(answer)


def test_raters_see_no_numbers_and_reviewers_no_file(cast: Cast, olga: Client, client_of: ClientOf) -> None:
    ann, rui = client_of(cast.ann), client_of(cast.rui)
    file = f"{NUMBERS}hours.csv?first=2026-01-01&last=2026-01-02"

    assert {ann.get(address).status_code for address in (NUMBERS, RATERS, file, CHARTS[0])} == {403}
    assert [rui.get(address).status_code for address in (NUMBERS, RATERS, file)] == [200, 200, 403]
    assert "Download" not in text_of(rui.get(RATERS))
    assert "Take back" not in text_of(rui.get(NUMBERS))


# --- taking back what somebody holds -----------------------------------------------------


def test_an_owner_takes_back_what_somebody_holds(cast: Cast, olga: Client) -> None:
    address = f"{NUMBERS}leases/{cast.ann.pk}/release/"

    answer = olga.post(address, follow=True)

    assert answer.redirect_chain == [(NUMBERS, 303)]
    assert "1 comparison of ann went back to the queue." in text_of(answer)
    assert not Assignment.objects.filter(state="held").exists()
    assert "0 comparisons of ann went back to the queue." in text_of(olga.post(address, follow=True))


def test_nobody_who_was_never_asked_is_found(cast: Cast, olga: Client) -> None:
    assert olga.post(f"{NUMBERS}leases/{cast.otto.pk}/release/").status_code == 404


def test_a_page_asks_the_same_few_questions_however_many_people_there_are(
    cast: Cast, olga: Client, django_assert_max_num_queries: Callable[[int], object]
) -> None:
    round = Round.objects.get(project=cast.shop, state="collecting")
    for number in range(30):
        rater = User.objects.create_user(f"crowd-{number}")
        RaterHour.objects.create(round=round, rater=rater, hour=timezone.now(), answered=number)
    olga.get(NUMBERS)
    olga.get(RATERS)

    with django_assert_max_num_queries(20):  # type: ignore[attr-defined]
        assert olga.get(NUMBERS).status_code == 200
    with django_assert_max_num_queries(12):  # type: ignore[attr-defined]
        assert "crowd-29" in text_of(olga.get(RATERS))
