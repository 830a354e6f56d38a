"""Adjudication from the keyboard, and the pages of the queue under axe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from annotator.models import Adjudication, Round, User
from annotator.services.projects import member_set_groups
from annotator.services.queue import queue_update
from tests.browser.harm import harm_in
from tests.browser.test_judging import READING
from tests.cast import Cast
from tests.factories import judged

pytestmark = pytest.mark.browser

SignIn = Callable[[Any, User], None]
LIST = "/p/shop/adjudication/"


@pytest.fixture
def disputed(cast: Cast, collecting: Round) -> int:
    """Everybody presses A whichever answer stands there, so many pairs end one to one; how many do."""
    judged(cast.shop, cast.ann)
    judged(cast.shop, cast.rui)
    return collecting.comparisons.filter(for_first=1, for_second=1).count()


def test_from_the_list_to_the_next_pair_with_nothing_but_keys(
    page: Any, cast: Cast, disputed: int, sign_in: SignIn
) -> None:
    assert disputed >= 2
    sign_in(page, cast.olga)
    page.goto(LIST)

    page.keyboard.press("Enter")
    expect(page.get_by_text("The votes are shown after you decide.")).to_be_visible()
    first = page.url
    page.wait_for_timeout(READING)
    page.keyboard.press("a")
    expect(page.get_by_text("What 2 raters said")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_text("The votes are shown after you decide.")).to_be_visible()
    assert page.url != first
    page.keyboard.press("Escape")
    page.wait_for_url(f"**{LIST}")

    assert Adjudication.objects.get().answer == "a"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_the_pages_fit_and_can_be_used_by_everyone(
    window: Callable[..., Any], cast: Cast, disputed: int, collecting: Round, sign_in: SignIn, scheme: str, width: int
) -> None:
    queue_update(project=cast.shop, tag_rules=[{"tag": "law", "group": "lawyers", "priority": 2}], adaptive_most=5)
    member_set_groups(member=cast.shop.members.get(user=cast.ann), groups=["German"])
    one = collecting.comparisons.filter(for_first=1, for_second=1)[0]
    page = window(viewport={"width": width, "height": 900}, color_scheme=scheme)
    sign_in(page, cast.olga)
    steps = [
        ("/p/shop/queue/", None),
        ("/p/shop/members/", None),
        (LIST, None),
        (f"{LIST}{one.pk}/", None),
        (f"{LIST}{one.pk}/", "a"),
    ]
    for address, key in steps:
        page.goto(address)
        if key:
            page.wait_for_timeout(READING)
            page.keyboard.press(key)
            expect(page.get_by_text("What 2 raters said")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert harm_in(page) == []
