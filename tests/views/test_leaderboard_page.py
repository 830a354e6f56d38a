"""The leaderboard over HTTP: what it shows, to whom, and what an address may ask."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

import pytest
from django.test import Client

from annotator.domain.asking import Said
from annotator.models import Comparison, Prompt, Response, Round, User
from annotator.services.judgments import judgment_submit
from tests.cast import Cast
from tests.factories import held
from tests.views.test_desk import text_of

BOARD = "/p/shop/leaderboard/"
HOSTILE = '<script>alert(1)</script>"datum'


@pytest.fixture
def olga(cast: Cast, collecting: Round, client_of: Callable[[User | None], Client]) -> Client:
    """Ann preferred `kind` five times and the other, whose name is hostile, twice."""
    for side, author in (("first", "kind"), ("second", HOSTILE)):
        answers = Comparison.objects.filter(round=collecting).values(f"{side}_id")
        Response.objects.filter(pk__in=answers).update(author=author, checkpoint=None, run=None)
    for number in range(7):
        assignment = held(cast.shop, cast.ann)
        answer = "a" if assignment.first_on_left == (number < 5) else "b"
        judgment_submit(assignment=assignment, said=Said(answer), key=uuid.uuid4(), seconds=5.0)
    return client_of(cast.olga)


def test_the_page_says_who_leads_by_how_much_and_how_sure_that_is(olga: Client) -> None:
    page = text_of(olga.get(BOARD))

    assert "n = 7 judgments · 1 rater" in page
    assert re.search(r"1–2 kind 1,080 [0-9,]+ to [0-9,]+ 7 1–2 &lt;script", page)
    assert "Without 4 of the 7 judgments" in page
    assert "There are too few raters to say how they differ" in page


def test_names_that_people_wrote_do_nothing(olga: Client) -> None:
    page, chart = (olga.get(address).content.decode() for address in (BOARD, f"{BOARD}chart.light.svg"))

    assert "<script>alert" not in page + chart
    assert "&lt;script&gt;alert(1)" in page
    assert "&lt;script" in chart


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_chart_is_an_image_of_each_theme(olga: Client, theme: str) -> None:
    chart = olga.get(f"{BOARD}chart.{theme}.svg")

    assert chart["Content-Type"] == "image/svg+xml"
    assert "kind" in chart.content.decode()
    assert olga.get(f"{BOARD}chart.sepia.svg").status_code == 404


def test_the_chart_shows_what_the_page_was_asked_for(olga: Client) -> None:
    page = olga.get(f"{BOARD}?ties=davidson&last_round=3").content.decode()

    assert f"{BOARD}chart.dark.svg?ties=davidson&amp;last_round=3" in page
    assert olga.get(f"{BOARD}chart.light.svg?first_round=2").status_code == 404


def test_filters_stay_as_they_were_set(olga: Client) -> None:
    Prompt.objects.filter(project__slug="shop").update(tags=["returns"])

    page = olga.get(f"{BOARD}?first_round=1&tag=returns&ties=dropped&style=1&anchor=base")

    assert "What style is worth" in text_of(page)
    chosen = re.findall(r'<option value="([^"]*)" selected', page.content.decode())
    assert chosen == ["returns", "dropped", "1", "base"]
    assert 'value="1"' in page.content.decode()


@pytest.mark.parametrize(
    "nonsense",
    ["first_round=x", "first_round=-1", "tag=none", "ties=coin", "style=2", "anchor=moon", "last_round=1e99"],
)
def test_nonsense_in_the_address_counts_as_left_out(olga: Client, nonsense: str) -> None:
    page = olga.get(f"{BOARD}?{nonsense}")

    assert page.status_code == 200
    assert "n = 7 judgments" in text_of(page)


def test_a_round_without_judgments_says_so(olga: Client) -> None:
    assert "No judgment of two different checkpoints or models fits." in text_of(olga.get(f"{BOARD}?first_round=2"))


def test_raters_see_neither_the_page_nor_the_way_to_it(
    cast: Cast, olga: Client, client_of: Callable[[User | None], Client]
) -> None:
    ann = client_of(cast.ann)

    assert {ann.get(address).status_code for address in (BOARD, f"{BOARD}chart.light.svg")} == {403}
    assert BOARD not in ann.get("/p/shop/judge/").content.decode()
    assert BOARD in olga.get("/p/shop/").content.decode()
