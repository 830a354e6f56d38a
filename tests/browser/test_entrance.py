"""What stands before the first pair, and what a rater may say about a pair, from the keyboard and without scripts."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from annotator.models import Acknowledgement, Assignment, Flag, Judgment, Member, Round, Sitting, User
from annotator.services.entrance import member_shown_around
from annotator.services.projects import guideline_publish, project_update
from tests.browser.harm import harm_in
from tests.browser.test_judging import JUDGE, READING, answers, everything_is_sent, pressed, two_are_held_ahead
from tests.cast import Cast
from tests.factories import gold_of

pytestmark = pytest.mark.browser

SignIn = Callable[[Any, User], None]


def no_harm(page: Any) -> None:
    assert harm_in(page) == []


@pytest.fixture
def opened(page: Any, cast: Cast, collecting: Round, sign_in: SignIn) -> Callable[[], Any]:
    """Ann's first look at the page, whatever stands before it."""

    def look() -> Any:
        sign_in(page, cast.ann)
        page.goto(JUDGE)
        return page

    return look


# --- guidelines ------------------------------------------------------------------


def test_a_changed_guideline_shows_what_is_new_and_is_read_before_the_next_pair(
    cast: Cast, opened: Callable[[], Any]
) -> None:
    guideline_publish(project=cast.shop, text="# What to look for\n\nPrefer the **shorter** answer.", by=cast.olga)
    page = opened()

    expect(page.locator(".changes ins")).to_have_text("Prefer the shorter answer.")
    expect(page.locator(".changes del")).to_have_text("Prefer the kinder answer.")
    no_harm(page)
    assert not Assignment.objects.exists()
    page.get_by_role("button", name="I have read them").press("Enter")
    expect(page.locator("#verdict")).to_be_visible()

    assert Acknowledgement.objects.filter(user=cast.ann, guideline__version=2).exists()


def test_a_guideline_that_changes_while_pairs_are_held_ahead_is_read_after_them(
    cast: Cast, opened: Callable[[], Any]
) -> None:
    page = opened()
    two_are_held_ahead(page)
    guideline_publish(project=cast.shop, text="Something else.", by=cast.olga)
    page.wait_for_timeout(READING)

    pressed(page, "1")
    pressed(page, "1")
    page.keyboard.press("1")

    expect(page.get_by_role("heading", name="The guidelines have changed")).to_be_visible()
    everything_is_sent(page)
    assert list(Judgment.objects.values_list("guideline__version", flat=True)) == [1, 1, 1]
    page.get_by_role("button", name="I have read them").click()
    expect(page.locator("#verdict")).to_be_visible()
    page.wait_for_timeout(READING)
    pressed(page, "1")
    everything_is_sent(page)
    assert Judgment.objects.latest("pk").guideline.version == 2  # type: ignore[union-attr]


# --- shown around ----------------------------------------------------------------


def test_a_new_rater_is_shown_around_from_the_keyboard_and_judges_nothing_meanwhile(
    cast: Cast, opened: Callable[[], Any]
) -> None:
    member = cast.shop.members.get(user=cast.ann)
    member_shown_around(member=member, is_done=False)
    page = opened()

    expect(page.locator(".around")).to_contain_text("The question")
    expect(page.locator(".conversation")).to_have_class(re.compile("pointed-at"))
    no_harm(page)
    for _step in range(4):
        page.keyboard.press("a")  # a key that judges otherwise
        page.keyboard.press("Enter")  # "Next" has the focus
    expect(page.locator(".around")).to_contain_text("Always at hand")
    with page.expect_response(lambda response: "/around/" in response.url):
        page.keyboard.press("Enter")
    expect(page.locator(".around")).to_have_count(0)

    assert answers() == []
    member.refresh_from_db()
    assert member.shown_around_at is not None
    page.wait_for_timeout(READING)
    pressed(page, "a")
    page.reload()
    expect(page.locator(".around")).to_have_count(0)


def test_without_scripts_being_shown_around_is_a_list_with_one_button(
    window: Callable[..., Any], cast: Cast, collecting: Round, sign_in: SignIn
) -> None:
    member_shown_around(member=cast.shop.members.get(user=cast.ann), is_done=False)
    page = window(java_script_enabled=False)
    sign_in(page, cast.ann)
    page.goto(JUDGE)

    expect(page.locator(".around li")).to_have_count(5)
    page.get_by_role("button", name="Got it").click()
    expect(page.locator(".around")).to_have_count(0)


# --- unsettling content ------------------------------------------------------------


def test_a_warning_is_answered_first_and_the_text_stays_blurred_until_asked_for(
    cast: Cast, opened: Callable[[], Any]
) -> None:
    project_update(project=cast.shop, content_warning="Some letters are **angry**.", is_blurred=True)
    page = opened()
    expect(page.get_by_text("Some letters are angry.")).to_be_visible()
    no_harm(page)
    page.get_by_role("button", name="I know; go on").click()
    expect(page.locator("#verdict")).to_be_visible()
    no_harm(page)

    expect(page.locator(".pane-a .text")).to_have_css("filter", re.compile("blur"))
    expect(page.locator("#panes")).to_have_js_property("inert", True)
    page.keyboard.press("Space")
    expect(page.locator(".pane-a .text")).to_have_css("filter", "none")
    expect(page.locator("#panes")).to_have_js_property("inert", False)

    two_are_held_ahead(page)
    page.wait_for_timeout(READING)
    pressed(page, "1")
    expect(page.locator(".pane-a .text")).to_have_css("filter", re.compile("blur"))
    expect(page.locator("#panes")).to_have_js_property("inert", True)


def test_who_opts_out_is_asked_for_nothing_and_may_come_back(cast: Cast, opened: Callable[[], Any]) -> None:
    project_update(project=cast.shop, content_warning="Some letters are angry.")
    page = opened()
    page.get_by_role("button", name="Not for me").click()

    expect(page.get_by_role("heading", name="You opted out of this project")).to_be_visible()
    no_harm(page)
    assert Member.objects.get(user=cast.ann).content == "declined"
    page.get_by_role("button", name="I changed my mind").click()
    expect(page.get_by_role("heading", name="Before you begin")).to_be_visible()


# --- flags and skips ---------------------------------------------------------------


def test_a_pair_is_flagged_and_skipped_with_three_keys(opened: Callable[[], Any]) -> None:
    page = opened()
    page.wait_for_timeout(READING)

    page.keyboard.press("x")
    expect(page.get_by_role("dialog")).to_be_visible()
    no_harm(page)
    pressed(page, "2", "x")
    everything_is_sent(page)

    assert list(Flag.objects.values_list("kind", "assignment__state")) == [("personal", "skipped")]


def test_a_pair_is_flagged_and_judged_all_the_same(opened: Callable[[], Any]) -> None:
    page = opened()
    page.wait_for_timeout(READING)

    page.keyboard.press("x")
    page.keyboard.press("1")
    page.keyboard.press("a")  # judges nothing while the sheet is open
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    pressed(page, "a")
    everything_is_sent(page)

    assert answers() == ["a"]
    assert list(Flag.objects.values_list("kind", "assignment__state")) == [("unsafe", "answered")]


def test_a_skip_without_a_network_waits_in_the_browser_like_a_judgment(
    window: Callable[..., Any], cast: Cast, collecting: Round, sign_in: SignIn
) -> None:
    page = window()
    sign_in(page, cast.ann)
    page.goto(JUDGE)
    two_are_held_ahead(page)
    page.wait_for_timeout(READING)
    page.context.set_offline(True)

    pressed(page, "x", "3", "x")
    pressed(page, "q")
    assert not Flag.objects.exists()
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    everything_is_sent(page)

    assert list(Flag.objects.values_list("kind", flat=True)) == ["broken"]
    assert Assignment.objects.filter(state="skipped").count() == 1
    assert answers() == ["both_bad"]


# --- practice and exam -------------------------------------------------------------


def test_a_new_rater_practises_and_passes_the_exam_from_the_keyboard(cast: Cast, opened: Callable[[], Any]) -> None:
    for number in range(2):
        gold_of(cast.shop, use="practice", number=number)
        gold_of(cast.shop, use="exam", number=10 + number)
    project_update(project=cast.shop, exam_questions=2, exam_pass_share=1.0)
    page = opened()
    expect(page.get_by_role("heading", name="A short exam first")).to_be_visible()
    no_harm(page)
    page.get_by_role("link", name="Practise first").click()
    no_harm(page)
    page.get_by_role("button", name="Practise").click()
    for _question in range(2):
        answer_rightly(page)
        expect(page.get_by_text("is the kinder answer.")).to_be_visible()
        no_harm(page)
        page.keyboard.press("Enter")
    expect(page.get_by_text("2 of 2 right")).to_be_visible()
    no_harm(page)

    page.goto(JUDGE)
    page.get_by_role("button", name="Begin the exam").click()
    for _question in range(2):
        answer_rightly(page)
    expect(page.get_by_role("heading", name="Passed")).to_be_visible()
    page.get_by_role("link", name="To the comparisons").click()
    expect(page.locator("#verdict[data-ahead]")).to_be_visible()

    assert list(Sitting.objects.values_list("kind", "passed")) == [("practice", None), ("exam", True)]


def answer_rightly(page: Any) -> None:
    """Press the key of the side on which the kind answer stands."""
    expect(page.locator("#verdict")).to_be_visible()
    page.wait_for_timeout(READING)
    is_left = "gladly" in page.locator("[data-answer=left]").inner_text()
    number = page.locator("[name=number]").input_value()
    page.keyboard.press("a" if is_left else "g")
    expect(page.locator(f"#verdict:has([name=number][value='{number}'])")).to_have_count(0)


# --- a break -----------------------------------------------------------------------


def test_after_a_long_stretch_a_break_is_hinted_at_once_and_hidden_on_thanks(opened: Callable[[], Any]) -> None:
    page = opened()
    page.clock.install()
    page.reload()
    two_are_held_ahead(page)
    for _minute in range(55):
        page.clock.run_for(60_000)
        page.keyboard.press("Shift")
    expect(page.locator("#pause")).to_be_hidden()

    page.keyboard.press("1")
    expect(page.locator("#pause")).to_be_visible()
    no_harm(page)
    page.get_by_role("button", name="Thanks").click()
    expect(page.locator("#pause")).to_be_hidden()
