"""Hostile text in a browser: nothing acts, nothing leaves the page, nothing covers the buttons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from annotator.models import Assignment, Prompt, Response, Round, User
from tests.browser.test_judging import JUDGE
from tests.cast import Cast
from tests.factories import held
from tests.hostile import payloads

pytestmark = pytest.mark.browser

PAYLOADS = list(payloads())
PARTS = 3
# What the page says of itself after it was drawn.
STATE = """() => ({
  hit: window.hit ?? null,
  width: document.documentElement.scrollWidth,
  cards: document.querySelectorAll("#card").length,
  forms: document.querySelectorAll("#verdict").length,
  buttons: [...document.querySelectorAll("#verdict button[name=answer]")].filter((button) => {
    const box = button.getBoundingClientRect();
    const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    return box.bottom <= innerHeight && button.contains(top);
  }).length,
})"""


def test_there_are_at_least_150_of_them() -> None:
    assert len({text for _, text in PAYLOADS}) >= 150


@pytest.mark.parametrize("part", range(PARTS))
def test_no_text_acts_leaves_the_page_or_breaks_it(
    window: Callable[..., Any], cast: Cast, collecting: Round, sign_in: Callable[[Any, User], None], part: int
) -> None:
    """Slow for a reason: more than 150 pages, each drawn by the browser."""
    assignment = held(cast.shop, cast.ann)
    page = window(viewport={"width": 1280, "height": 800})
    sign_in(page, cast.ann)
    asked: list[str] = []
    dialogs: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    wrong: list[tuple[str, Any]] = []

    for name, text in PAYLOADS[part::PARTS]:
        written(assignment, text)
        page.goto(JUDGE, wait_until="load")
        state = page.evaluate(STATE)
        if state != {"hit": None, "width": 1280, "cards": 1, "forms": 1, "buttons": 6}:
            wrong.append((name, state))

    own = page.url.split("/p/")[0]
    assert wrong == []
    assert dialogs == []
    assert [url for url in asked if not url.startswith((own, "data:image/svg"))] == []


def written(assignment: Assignment, text: str) -> None:
    """This text as both answers and as the prompt, as a model or an import could have brought it."""
    comparison = assignment.comparison
    Response.objects.filter(pk__in=[comparison.first_id, comparison.second_id]).update(text=text)
    Prompt.objects.filter(pk=comparison.prompt_id).update(messages=[{"role": "user", "content": text[:20_000]}])
