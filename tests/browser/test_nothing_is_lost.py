"""Two hundred judgments while the network, the page and the hand misbehave."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from annotator.models import Assignment, Judgment, User
from annotator.services.prompts import prompts_add
from tests.browser.test_judging import JUDGE, READING, everything_is_sent
from tests.cast import Cast
from tests.factories import round_collecting

pytestmark = pytest.mark.browser

COUNT = 200
LONGEST_WAIT = 31_000  # milliseconds before another try
# At once: two presses sent one by one can be so far apart on a busy machine that the second is meant for the next card.
DOUBLE = """key => { for (const _ of [1, 2]) document.activeElement.dispatchEvent(
    new KeyboardEvent("keydown", { key, code: `Digit${key}`, bubbles: true, cancelable: true })) }"""
ANSWERS = ["a", "slightly_a", "tie", "slightly_b", "b"]


def test_two_hundred_judgments_under_cuts_reloads_and_double_presses_leave_two_hundred_rows(
    window: Callable[..., Any], cast: Cast, sign_in: Callable[[Any, User], None]
) -> None:
    """A press in the first third of a second is refused, so the browser's clock is turned between presses."""
    conversations = [[{"role": "user", "content": f"Further question {number}?"}] for number in range(COUNT)]
    prompts_add(project=cast.shop, conversations=conversations, source="test")
    cast.shop.prompts_per_round = COUNT + 8
    cast.shop.overlap_share = 0.0
    cast.shop.save()
    round_collecting(cast.shop)
    rng = random.Random(7)
    page = window()
    sign_in(page, cast.ann)
    page.clock.install()
    page.goto(JUDGE)
    pressed: dict[str, str] = {}

    while len(pressed) < COUNT:
        page.context.set_offline(rng.random() < 0.3)
        if rng.random() < 0.05:
            page.context.set_offline(False)
            page.reload()
        card = page.locator("#verdict[data-ahead]")
        if not card.count():
            page.context.set_offline(False)
            page.clock.run_for(LONGEST_WAIT)
            expect(card).to_have_count(1)
        address = card.get_attribute("action")
        place = rng.randrange(len(ANSWERS))
        page.clock.run_for(READING)
        if rng.random() < 0.3:
            page.evaluate(DOUBLE, str(place + 1))
        else:
            page.keyboard.press(str(place + 1))
        expect(page.locator(f"#verdict[action='{address}']")).to_have_count(0)
        assert address not in pressed
        pressed[address] = ANSWERS[place]
    page.context.set_offline(False)
    page.clock.run_for(LONGEST_WAIT)
    everything_is_sent(page)

    stored = {f"{JUDGE}{assignment_id}/": answer for assignment_id, answer in
              Judgment.objects.values_list("assignment_id", "answer")}  # fmt: skip
    assert stored == pressed
    assert Judgment.objects.count() == COUNT
    assert Assignment.objects.filter(state="answered").count() == COUNT
