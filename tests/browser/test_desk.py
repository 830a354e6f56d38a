"""The owner's pages in a real browser, and every page under axe in the light and the dark."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from annotator.models import Round, User
from annotator.services.projects import invitation_create
from tests.browser.harm import harm_in
from tests.cast import Cast
from tests.factories import datasets_ready, held, judged

pytestmark = pytest.mark.browser


def test_a_round_is_launched_from_the_page(
    page: Any, cast: Cast, collecting: Round, sign_in: Callable[[Any, User], None]
) -> None:
    judged(cast.shop, cast.ann)
    sign_in(page, cast.olga)
    page.goto("/p/shop/")
    page.get_by_role("link", name="Launch round").click()
    page.wait_for_load_state()

    page.get_by_label("Quick").check()
    expect(page.locator("[name='dpo.epochs']")).to_have_value("1")
    page.locator("[name='dpo.beta']").fill("0")
    page.get_by_role("button", name="Launch round").click()
    expect(page.locator("[id='id_dpo.beta_error']")).to_be_visible()
    assert page.locator("[name='dpo.epochs']").input_value() == "1"
    page.locator("[name='dpo.beta']").fill("0.2")
    page.get_by_role("button", name="Launch round").click()

    page.wait_for_url("**/p/shop/rounds/1/")
    expect(page.get_by_text("Round 1 is launched.")).to_be_visible()
    collecting.refresh_from_db()
    assert collecting.settings["dpo"]["beta"] == 0.2


def test_settings_behind_the_fold_are_reached_and_refused_by_keyboard(
    page: Any, cast: Cast, collecting: Round, sign_in: Callable[[Any, User], None]
) -> None:
    judged(cast.shop, cast.ann)
    sign_in(page, cast.olga)
    page.goto("/p/shop/rounds/1/launch/")
    smoothing = page.get_by_label("Label smoothing")
    expect(smoothing).to_be_hidden()

    page.locator("[name='dpo.loss']").focus()
    page.keyboard.type("ipo")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(smoothing).to_be_focused()
    smoothing.fill("0.1")
    page.keyboard.press("Enter")

    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_role("alert")).to_contain_text("Label smoothing acts only with the loss sigmoid")
    expect(smoothing).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#section-dpo")).to_be_in_viewport()


PAGES = [
    ("nobody", "/login/"),
    ("nobody", "INVITATION"),
    ("olga", "/"),
    ("olga", "/password/"),
    ("olga", "/p/nowhere/"),
    ("stella", "/projects/new/"),
    ("olga", "/p/shop/"),
    ("olga", "/p/garden/"),
    ("otto", "/p/garden/"),
    ("olga", "/p/shop/settings/"),
    ("rui", "/p/shop/settings/"),
    ("olga", "/p/shop/members/"),
    ("olga", "/p/shop/guidelines/"),
    ("olga", "/p/shop/prompts/"),
    ("olga", "/p/shop/prompts/add/"),
    ("olga", "PROMPT"),
    ("olga", "/p/shop/rounds/"),
    ("olga", "/p/shop/rounds/1/"),
    ("olga", "/p/shop/rounds/2/"),
    ("olga", "/p/shop/rounds/2/launch/"),
    ("olga", "/p/shop/runs/"),
    ("olga", "RUN"),
    ("olga", "REWARD"),
    ("olga", "/p/shop/checkpoints/"),
    ("olga", "CHECKPOINT"),
    ("olga", "/p/shop/snapshots/"),
    ("olga", "/p/shop/snapshots/1/"),
    ("olga", "/p/shop/datasets/"),
    ("olga", "/p/shop/datasets/new/"),
    ("olga", "/p/shop/datasets/2/"),
    ("olga", "/p/shop/datasets/2/difference/"),
    ("olga", "/p/shop/protocol/"),
    ("olga", "/p/shop/agreement/"),
    ("olga", "/p/shop/agreement/?round=1"),
    ("olga", "/p/shop/numbers/"),
    ("olga", "/p/shop/numbers/raters/"),
    ("ann", "/p/shop/judge/"),
    ("ann", "/p/shop/judge/mine/"),
    ("ann", "UNDO"),
    ("otto", "/p/garden/judge/"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_axe_finds_nothing_and_nothing_overflows(
    cast: Cast,
    turned: Round,
    window: Callable[..., Any],
    sign_in: Callable[[Any, User], None],
    scheme: str,
    width: int,
) -> None:
    """Slow because it opens every page of the product; one data set serves them all."""
    run = turned.runs.get(kind="dpo")
    _, token = invitation_create(project=cast.shop, role="rater", by=cast.olga)
    undo = judged(cast.shop, cast.ann, limit=1)[0]
    held(cast.shop, cast.ann)
    datasets_ready(cast.shop)
    stella = User.objects.create_user("stella", is_staff=True)
    places = {
        "INVITATION": f"/invitations/{token}/",
        "PROMPT": f"/p/shop/prompts/{undo.assignment.comparison.prompt_id}/",
        "RUN": f"/p/shop/runs/{run.pk}/",
        "REWARD": f"/p/shop/runs/{turned.runs.get(kind='reward').pk}/",
        "CHECKPOINT": f"/p/shop/checkpoints/{run.checkpoint.pk}/",
        "UNDO": f"/p/shop/judge/{undo.assignment_id}/",
    }
    people = {"olga": cast.olga, "rui": cast.rui, "ann": cast.ann, "otto": cast.otto, "stella": stella}
    found = []
    windows: dict[str, Any] = {}
    for name, place in PAGES:
        if name not in windows:
            windows[name] = window(color_scheme=scheme, viewport={"width": width, "height": 900})
            if name in people:
                sign_in(windows[name], people[name])
        page = windows[name]
        page.goto(places.get(place, place))
        page.evaluate("document.querySelectorAll('main details').forEach((fold) => { fold.open = true })")
        found += [f"{place} as {name}: {harm}" for harm in harm_in(page)]
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found.append(f"{place} as {name}: wider than {width} px")

    assert found == []
