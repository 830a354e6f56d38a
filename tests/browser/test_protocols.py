"""Every way of asking, from the keyboard and on a phone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from annotator.domain.protocols import PRESETS
from annotator.models import Judgment, Round, User
from annotator.services.protocols import protocol_publish
from tests.browser.harm import harm_in
from tests.browser.test_judging import JUDGE, READING, pressed
from tests.cast import Cast

pytestmark = pytest.mark.browser

Window = Callable[..., Any]
SignIn = Callable[[Any, User], None]
ACCURACY = {"name": "Accuracy", "question": "Which answer is more accurate?", "preset": "arena"}


def opened(page: Any, cast: Cast, sign_in: SignIn) -> Any:
    sign_in(page, cast.ann)
    page.goto(JUDGE)
    page.wait_for_timeout(READING)
    return page


@pytest.mark.parametrize(
    ("preset", "keys", "answers"),
    [
        ("arena", "asdq", ["a", "tie", "b", "both_bad"]),
        ("llama2", "qrfa", ["a1", "a4", "b1", "b4"]),
        ("helpsteer", "qedtg", ["a1", "a3", "b1", "tie", "cannot_judge"]),
        ("hh", "qraf", ["a1", "a4", "b4", "b1"]),
        ("webgpt", "asdfg", ["a1", "a2", "tie", "b2", "b1"]),
        ("forced_choice", "as", ["a", "b"]),
    ],
)
def test_every_scale_is_answered_with_one_hand(
    page: Any, cast: Cast, collecting: Round, sign_in: SignIn, preset: str, keys: str, answers: list[str]
) -> None:
    protocol_publish(project=cast.shop, preset=preset)
    opened(page, cast, sign_in)

    for key in keys:
        pressed(page, key)

    assert list(Judgment.objects.order_by("id").values_list("answer", flat=True)) == answers


def test_digits_press_the_answer_in_that_place(page: Any, cast: Cast, collecting: Round, sign_in: SignIn) -> None:
    protocol_publish(project=cast.shop, preset="hh")
    opened(page, cast, sign_in)

    pressed(page, "1")
    pressed(page, "8")

    assert list(Judgment.objects.order_by("id").values_list("answer", flat=True)) == ["a1", "b1"]


def test_several_questions_follow_each_other_and_the_last_answer_saves(
    page: Any, cast: Cast, collecting: Round, sign_in: SignIn
) -> None:
    protocol_publish(project=cast.shop, preset="five_point", criteria=[ACCURACY], ratings=["Tone"])
    opened(page, cast, sign_in)

    page.keyboard.press("g")
    expect(page.get_by_text("Which answer is more accurate?")).to_be_visible()
    expect(page.locator(".question").first.locator("[data-said]")).to_have_text("B is better")
    page.keyboard.press("a")
    page.keyboard.press("4")
    pressed(page, "0")

    judgment = Judgment.objects.get()
    assert judgment.answer == "b"
    assert judgment.criteria["accuracy"]["answer"] == "a"
    assert sorted(judgment.ratings["tone"].values()) == [0, 4]


def test_a_required_reason_is_asked_for_and_what_was_said_stays(
    page: Any, cast: Cast, collecting: Round, sign_in: SignIn
) -> None:
    protocol_publish(project=cast.shop, preset="helpsteer", reason="required", reason_min=10)
    opened(page, cast, sign_in)

    page.keyboard.press("w")
    page.keyboard.type("Short.")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The reason has 6 characters; at least 10 are wanted.")).to_be_visible()
    expect(page.locator("[data-reason]")).to_have_value("Short.")
    expect(page.locator("[value=a2]")).to_be_checked()
    page.wait_for_timeout(READING)
    page.locator("[data-reason]").fill("It answers the question.")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#receipt")).to_have_text("Saved: A better")

    assert Judgment.objects.get().rationale == "It answers the question."


def test_sliders_are_moved_with_the_arrows_and_sent_with_enter(
    page: Any, cast: Cast, collecting: Round, sign_in: SignIn
) -> None:
    protocol_publish(project=cast.shop, preset="prism")
    opened(page, cast, sign_in)

    page.get_by_role("slider", name="Answer A").press("ArrowRight")
    page.get_by_role("slider", name="Answer B").press("Home")
    expect(page.locator("output").first).to_have_text("51")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#receipt")).to_have_text("Saved: A 51, B 1")

    assert abs(Judgment.objects.get().value or 0) == 50 / 99


def test_the_better_answer_can_be_improved(page: Any, cast: Cast, collecting: Round, sign_in: SignIn) -> None:
    protocol_publish(project=cast.shop, preset="arena", edit=True)
    opened(page, cast, sign_in)

    page.keyboard.press("a")
    page.get_by_text("Improve the better answer").click()
    page.locator("[name=edit_left]").fill("A kinder answer.")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#receipt")).to_have_text("Saved: A is better")

    assert Judgment.objects.get().edited == "A kinder answer."


@pytest.mark.parametrize("preset", PRESETS)
def test_without_javascript_every_scale_can_be_answered(
    window: Window, cast: Cast, collecting: Round, sign_in: SignIn, preset: str
) -> None:
    protocol_publish(project=cast.shop, preset=preset, criteria=[ACCURACY])
    page = opened(window(java_script_enabled=False), cast, sign_in)

    if preset != "prism":
        page.locator(".scale .choice").first.click()
    page.locator("[name=criterion_accuracy][value=b]").check(force=True)
    page.get_by_role("button", name="Save").click()

    assert Judgment.objects.get().preset == preset


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("width", [360, 820])
def test_every_scale_fits_a_narrow_screen(
    window: Window, cast: Cast, collecting: Round, sign_in: SignIn, preset: str, width: int
) -> None:
    protocol_publish(project=cast.shop, preset=preset)
    page = opened(window(viewport={"width": width, "height": 740}, has_touch=True, is_mobile=True), cast, sign_in)

    assert page.evaluate("document.documentElement.scrollWidth") == width
    for button in page.locator("#verdict .question [data-place]").all():
        box = button.bounding_box()
        assert box["height"] >= 44
        assert box["width"] >= 44
        assert 0 <= box["x"] <= box["x"] + box["width"] <= width


EVERYTHING: dict[str, Any] = {
    "criteria": [ACCURACY],
    "ratings": ["Tone"],
    "reason": "required",
    "reasons": ["Shorter", "Kinder"],
    "outcomes": ["tie", "both_good", "both_bad", "cannot_judge"],
    "edit": True,
}


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 360)])
def test_axe_finds_nothing_on_any_protocol_in_any_step(
    window: Window, cast: Cast, collecting: Round, sign_in: SignIn, scheme: str, width: int
) -> None:
    page = window(color_scheme=scheme, viewport={"width": width, "height": 740})
    opened(page, cast, sign_in)
    found = []
    for preset in PRESETS:
        protocol_publish(project=cast.shop, preset=preset, **EVERYTHING)
        page.goto(JUDGE)
        for step in ("begun", "answered"):
            found += [f"{preset}, {step}: {harm}" for harm in harm_in(page)]
            for group in page.locator(".question:not(.later) [data-place='1'] input").all():
                group.check(force=True)

    assert found == []
