"""Everyone can use the judgment page: zoomed, without motion, by ear, by Tab, and in five languages."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import expect

from annotator.domain.protocols import PRESETS
from annotator.models import Round, User
from annotator.services.protocols import protocol_publish
from tests.browser.harm import harm_in
from tests.browser.test_judging import JUDGE, READING, pressed
from tests.cast import Cast

pytestmark = pytest.mark.browser

Window = Callable[..., Any]
SignIn = Callable[[Any, User], None]
LANGUAGES = [code for code, _name in settings.LANGUAGES]


def opened(page: Any, cast: Cast, sign_in: SignIn) -> Any:
    sign_in(page, cast.ann)
    page.goto(JUDGE)
    return page


def in_order(told: str, *parts: str) -> None:
    """Each part comes after the one before."""
    places = [told.find(part) for part in parts]
    assert -1 not in places, f"{parts[places.index(-1)]} is missing in:\n{told}"
    assert places == sorted(places), told


def test_at_twice_the_size_every_scale_still_fits(
    window: Window, cast: Cast, collecting: Round, sign_in: SignIn
) -> None:
    """Zooming a window of 1280 × 900 to 200 % leaves it 640 × 450 pixels of its own."""
    page = window(viewport={"width": 640, "height": 450}, device_scale_factor=2)
    for preset in PRESETS:
        protocol_publish(project=cast.shop, preset=preset)
        opened(page, cast, sign_in)

        assert page.evaluate("document.documentElement.scrollWidth") == 640
        for button in page.locator("#verdict .question [data-place]").all():
            button.scroll_into_view_if_needed()
            box = button.bounding_box()
            assert 0 <= box["x"] <= box["x"] + box["width"] <= 640


def test_text_of_twice_the_size_pushes_nothing_out(
    window: Window, cast: Cast, collecting: Round, sign_in: SignIn
) -> None:
    page = opened(window(viewport={"width": 1280, "height": 900}), cast, sign_in)

    page.evaluate("document.documentElement.style.fontSize = '200%'")

    assert page.evaluate("document.documentElement.scrollWidth") == 1280
    expect(page.get_by_role("button", name="B is better")).to_be_in_viewport()


def test_who_wants_less_motion_gets_none(window: Window, cast: Cast, sign_in: SignIn, collecting: Round) -> None:
    page = opened(window(reduced_motion="reduce"), cast, sign_in)
    page.wait_for_timeout(READING)
    pressed(page, "1")
    expect(page.get_by_text("Saved: A is better")).to_be_visible()

    moving = page.evaluate(
        """document.getAnimations()
             .filter((one) => one.effect.getTiming().duration > 1).map((one) => one.animationName)"""
    )
    assert set(moving) <= {"gone"}  # the receipt, which vanishes in one step


def test_a_screen_reader_hears_the_pair_in_the_order_of_judging(
    window: Window, cast: Cast, collecting: Round, sign_in: SignIn
) -> None:
    page = opened(window(), cast, sign_in)

    in_order(
        page.locator("body").aria_snapshot(),
        'link "Skip to content"', 'button "Guidelines C"', 'progressbar "Judged in this round"',
        'heading "Comparison"', 'heading "Instructions"', 'heading "User"',
        'article "Answer A"', 'article "Answer B"', 'group "Which answer is better?"',
        'button "A is better A"', 'button "Tie D"', 'button "B is better G"', 'button "Both bad Q"',
        'button "Skip or flag X"',
    )  # fmt: skip


def test_tab_walks_through_the_page_in_the_order_of_reading(
    window: Window, cast: Cast, collecting: Round, sign_in: SignIn
) -> None:
    page = opened(window(), cast, sign_in)
    met = []
    for _press in range(20):
        page.keyboard.press("Tab")
        met.append(page.evaluate("document.activeElement.ariaLabel || document.activeElement.innerText.trim()"))

    told = "\n".join(" ".join(one.split()) for one in met)
    in_order(told, "Skip to content", "Tiebreak", "Guidelines C", "My judgments", "Keys", "Copy answer A",
             "Copy answer B", "A is better A", "A slightly S", "B is better G", "Both bad Q", "Reason V",
             "Skip or flag X")  # fmt: skip


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_rater_judges_in_their_language_and_a_stays_on_the_left(
    window: Window, cast: Cast, collecting: Round, sign_in: SignIn, code: str
) -> None:
    page = opened(window(viewport={"width": 1280, "height": 800}), cast, sign_in)
    page.locator(".menu summary").click()
    page.locator(f".languages button[value={code}]").click()

    expect(page.locator("html")).to_have_attribute("lang", code)
    expect(page.locator("html")).to_have_attribute("dir", "rtl" if code == "ar" else "ltr")
    a, b = (page.locator(f".pane-{side}").bounding_box() for side in "ab")
    assert a["x"] < b["x"]
    first, last = (
        page.locator("#verdict .question [data-place='1']"),
        page.locator("#verdict .question [data-place='5']"),
    )
    assert first.bounding_box()["x"] < last.bounding_box()["x"]
    assert page.evaluate("document.documentElement.scrollWidth") == 1280
    if code != "en":
        expect(first).not_to_contain_text("is better")
    assert harm_in(page) == []
    page.wait_for_timeout(READING)
    pressed(page, "a")
    expect(page.locator("#receipt")).to_have_text(re.compile(r"\S"))


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_scale_fits_a_phone_in_every_language(
    window: Window, cast: Cast, collecting: Round, sign_in: SignIn, code: str
) -> None:
    page = window(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True, locale=code)
    for preset in PRESETS:
        protocol_publish(project=cast.shop, preset=preset)
        opened(page, cast, sign_in)

        expect(page.locator("html")).to_have_attribute("lang", code)
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        cut = page.locator("#verdict .question [data-place]").evaluate_all(
            "buttons => buttons.filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.innerText)"
        )
        assert cut == []
