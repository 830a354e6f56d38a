"""A rater's day in a real browser: keys, second thoughts, a lost network, a phone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from annotator.models import Assignment, Judgment, Round, User
from tests.cast import Cast
from tests.factories import PASSWORD, round_collecting

pytestmark = pytest.mark.browser

JUDGE = "/p/shop/judge/"
READING = 400  # milliseconds: a card takes no verdict before anybody can have read it


@pytest.fixture
def judging(page: Any, cast: Cast, collecting: Round, sign_in: Callable[[Any, User], None]) -> Any:
    """Ann in front of her first comparison."""
    sign_in(page, cast.ann)
    page.goto(JUDGE)
    page.wait_for_timeout(READING)
    return page


def pressed(page: Any, *keys: str) -> None:
    """Press keys, one right after the other, and wait for the next card."""
    before = page.locator("#verdict").get_attribute("action")
    for key in keys:
        page.keyboard.press(key)
    expect(page.locator("#verdict")).not_to_have_attribute("action", before or "")
    page.wait_for_timeout(READING)


def two_are_held_ahead(page: Any) -> None:
    expect(page.locator("body")).to_have_attribute("data-cards", re.compile(r"^\d+,\d+,\d+$"))


def everything_is_sent(page: Any, timeout: float = 30_000) -> None:
    expect(page.locator("body")).to_have_attribute("data-unsent", "", timeout=timeout)


def answers() -> list[str]:
    return list(Judgment.objects.order_by("id").values_list("answer", flat=True))


def test_a_rater_signs_in_and_judges_from_the_keyboard_alone(page: Any, cast: Cast, collecting: Round) -> None:
    page.goto("/")
    page.keyboard.type("ann")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{JUDGE}")
    page.wait_for_timeout(READING)

    for key in ("1", "Numpad4", "d", "6", "a"):
        pressed(page, key)

    assert answers() == ["a", "slightly_b", "tie", "both_bad", "a"]
    assert all(judgment.seconds >= 0.35 for judgment in Judgment.objects.all())


def test_a_double_press_judges_one_comparison(judging: Any) -> None:
    pressed(judging, "1", "1")
    assert answers() == ["a"]


def test_the_second_half_of_a_double_press_does_not_judge_the_fresh_card(judging: Any) -> None:
    judging.evaluate(
        """document.addEventListener("tiebreak:shown", () => document.querySelector("#verdict button").click(),
           { once: true })"""
    )
    pressed(judging, "2")

    assert answers() == ["slightly_a"]


def test_a_key_that_is_held_down_judges_one_comparison(judging: Any) -> None:
    pressed(judging, "2")
    judging.keyboard.down("2")
    judging.keyboard.down("2")
    judging.wait_for_timeout(READING)
    judging.keyboard.down("2")
    judging.wait_for_timeout(READING)

    assert answers() == ["slightly_a", "slightly_a"]


def test_undo_shows_the_answer_and_lets_it_be_kept_or_changed(judging: Any) -> None:
    pressed(judging, "1")
    second = judging.locator("#verdict").get_attribute("action")

    pressed(judging, "z")
    expect(judging.get_by_text("You are looking at a comparison that you judged")).to_be_visible()
    expect(judging.locator("#verdict [aria-current]")).to_have_text("A is better A")
    pressed(judging, "Escape")
    assert judging.locator("#verdict").get_attribute("action") == second
    pressed(judging, "Backspace")
    pressed(judging, "5")

    assert answers() == ["a", "b"]
    assert Judgment.objects.current().get().answer == "b"
    assert judging.locator("#verdict").get_attribute("action") == second


def test_letters_typed_into_the_reason_judge_nothing(judging: Any) -> None:
    judging.keyboard.press("v")
    judging.keyboard.type("a sad case 123")
    assert answers() == []
    judging.keyboard.press("Escape")

    pressed(judging, "2")

    assert Judgment.objects.get().rationale == "a sad case 123"


def test_keys_with_a_modifier_belong_to_the_browser(judging: Any) -> None:
    judging.keyboard.press("Control+1")
    judging.keyboard.press("Alt+s")
    judging.wait_for_timeout(READING)

    assert answers() == []


def test_skip_and_guidelines_have_keys_of_their_own(judging: Any) -> None:
    judging.keyboard.press("c")
    expect(judging.locator("#guidelines")).to_be_visible()
    judging.keyboard.press("Escape")
    expect(judging.locator("#guidelines")).to_be_hidden()

    pressed(judging, "x", "x")

    assert answers() == []


def test_without_a_network_the_page_works_on_and_sends_in_order_when_it_returns(
    window: Callable[..., Any], cast: Cast, collecting: Round, sign_in: Callable[[Any, User], None]
) -> None:
    page = window()
    sign_in(page, cast.ann)
    page.goto(JUDGE)
    two_are_held_ahead(page)
    page.wait_for_timeout(READING)

    page.context.set_offline(True)
    pressed(page, "4")
    expect(page.get_by_text("Not saved yet: the server cannot be reached.")).to_be_visible()
    pressed(page, "1")
    expect(page.get_by_text("Judgments that wait: 2")).to_be_visible()
    assert answers() == []
    page.context.set_offline(False)
    everything_is_sent(page)

    expect(page.locator("#unsent")).to_be_hidden()
    assert answers() == ["slightly_b", "a"]


def test_what_was_judged_without_a_network_survives_a_reload(
    window: Callable[..., Any], cast: Cast, collecting: Round, sign_in: Callable[[Any, User], None]
) -> None:
    """The server still leases the card that was judged: it must not be shown again."""
    page = window()
    sign_in(page, cast.ann)
    page.goto(JUDGE)
    two_are_held_ahead(page)
    page.wait_for_timeout(READING)
    before = page.locator("#verdict").get_attribute("action")
    page.context.set_offline(True)
    pressed(page, "4")
    page.context.set_offline(False)

    page.reload()
    expect(page.locator("#verdict")).not_to_have_attribute("action", before or "")
    everything_is_sent(page)

    assert answers() == ["slightly_b"]


def test_who_signed_out_elsewhere_is_told_and_loses_nothing(
    window: Callable[..., Any], cast: Cast, collecting: Round, sign_in: Callable[[Any, User], None]
) -> None:
    page = window()
    sign_in(page, cast.ann)
    page.goto(JUDGE)
    page.wait_for_timeout(READING)
    page.context.clear_cookies()

    page.keyboard.press("2")
    expect(page.get_by_text("Not saved yet: you signed in or out in another tab.")).to_be_visible()
    sign_in(page, cast.ann)
    page.reload()
    everything_is_sent(page)

    assert answers() == ["slightly_a"]


def test_an_answer_that_was_lost_on_its_way_back_is_stored_once(
    window: Callable[..., Any], cast: Cast, collecting: Round, sign_in: Callable[[Any, User], None]
) -> None:
    """The server stored it, the browser never heard of it: the retry carries the same key."""
    page = window()
    sign_in(page, cast.ann)
    page.goto(JUDGE)
    page.wait_for_timeout(READING)
    two_are_held_ahead(page)
    lost: list[str] = []

    def lose_the_first_answer(route: Any) -> None:
        if route.request.method == "POST" and not lost:
            lost.append(route.fetch().text())
            route.fulfill(status=502, body="bad gateway")
        else:
            route.continue_()

    page.route(f"**{JUDGE}**", lose_the_first_answer)
    page.keyboard.press("4")
    expect(page.get_by_text("Not saved yet: the server had a problem.")).to_be_visible()
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#receipt")).to_have_text("Saved: B slightly")

    assert answers() == ["slightly_b"]


def test_a_rater_chooses_another_key(judging: Any) -> None:
    judging.get_by_role("button", name="Keys", exact=True).click()
    judging.get_by_role("button", name="Answer, lower row, first").click()
    judging.keyboard.press("j")
    expect(judging.get_by_text("Save keys to keep it.")).to_be_visible()
    judging.get_by_role("button", name="Save keys").click()
    expect(judging.get_by_text("Your keys are set.")).to_be_visible()
    judging.wait_for_timeout(READING)

    pressed(judging, "j")

    assert answers() == ["a"]


def test_the_next_pair_is_there_without_a_request(judging: Any) -> None:
    """Held ahead: with the network cut, a press still shows the next pair at once, twice."""
    two_are_held_ahead(judging)
    judging.route("**/judge/**", lambda route: route.abort())

    pressed(judging, "1")
    pressed(judging, "2")
    judging.unroute("**/judge/**")
    judging.get_by_role("button", name="Try again").click()
    everything_is_sent(judging)

    assert answers() == ["a", "slightly_a"]


def test_a_card_that_lapsed_is_explained_with_what_was_typed_and_the_next_one_stays(judging: Any, cast: Cast) -> None:
    two_are_held_ahead(judging)
    mine = Assignment.objects.filter(rater=cast.ann).order_by("claimed_at", "id").first()
    assert mine is not None
    Assignment.objects.filter(pk=mine.pk).update(state="skipped", ended_at=timezone.now())

    judging.keyboard.press("v")
    judging.keyboard.type("a long thought")
    judging.keyboard.press("Escape")
    pressed(judging, "1")

    expect(judging.get_by_text("You skipped this comparison.")).to_be_visible()
    expect(judging.locator("[data-notice] .kept-words")).to_have_text("a long thought")
    assert answers() == []


def test_an_answer_can_be_copied_and_the_words_that_differ_marked(judging: Any) -> None:
    judging.context.grant_permissions(["clipboard-read", "clipboard-write"])
    judging.get_by_role("button", name="Copy answer A").click()
    expect(judging.locator("#receipt")).to_have_text("Copied answer A")
    assert judging.evaluate("navigator.clipboard.readText()") == judging.locator("[data-answer=left]").inner_text()

    judging.keyboard.press("m")

    assert judging.evaluate("CSS.highlights.get('differs').size") > 0
    judging.keyboard.press("m")
    assert not judging.evaluate("CSS.highlights.has('differs')")


def test_a_waiting_page_becomes_the_card_by_itself(page: Any, cast: Cast, sign_in: Callable[[Any, User], None]) -> None:
    sign_in(page, cast.ann)
    page.clock.install()
    page.goto(JUDGE)
    expect(page.get_by_role("heading", name="This project has not begun")).to_be_visible()

    round_collecting(cast.shop)
    page.clock.run_for(16_000)

    expect(page.locator("#verdict")).to_be_visible()


def test_judging_needs_no_javascript(
    window: Callable[..., Any], cast: Cast, collecting: Round, sign_in: Callable[[Any, User], None]
) -> None:
    page = window(java_script_enabled=False)
    sign_in(page, cast.ann)
    page.goto(JUDGE)

    page.get_by_role("button", name="Tie").click()
    page.get_by_role("link", name="Undo").click()
    page.get_by_role("button", name="B is better").click()
    page.get_by_role("button", name="Skip").click()

    assert answers() == ["tie", "b"]
    expect(page.locator("#verdict")).to_be_visible()


@pytest.mark.parametrize("width", [360, 390])
def test_on_a_phone_the_verdict_is_always_in_reach(
    window: Callable[..., Any], cast: Cast, collecting: Round, sign_in: Callable[[Any, User], None], width: int
) -> None:
    page = window(viewport={"width": width, "height": 740}, is_mobile=True, has_touch=True)
    sign_in(page, cast.ann)
    page.goto(JUDGE)
    page.wait_for_timeout(READING)

    assert page.evaluate("document.documentElement.scrollWidth") == width
    for button in page.locator("#verdict button[name=answer]").all():
        box = button.bounding_box()
        assert box["height"] >= 44
        assert box["y"] + box["height"] <= 740
    page.get_by_role("button", name="A slightly").tap()
    expect(page.locator("#receipt")).to_have_text("Saved: A slightly")
    assert answers() == ["slightly_a"]
