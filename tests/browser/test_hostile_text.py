"""Hostile text in a browser: nothing acts, nothing leaves the page, nothing covers the buttons."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from annotator.domain.asking import Said
from annotator.models import Assignment, Member, Project, Prompt, Response, Round, User
from annotator.services.gold import gold_add
from annotator.services.judgments import judgment_submit
from annotator.services.projects import guideline_publish
from annotator.services.protocols import protocol_publish
from tests.browser.test_judging import JUDGE
from tests.cast import Cast
from tests.factories import at_home, held, project_of, round_collecting
from tests.hostile import payloads

pytestmark = pytest.mark.browser

PAYLOADS = list(payloads())
PARTS = 3
CRITERIA = 8  # as many as a protocol takes
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


@dataclass
class Watched:
    """A window that notes what it asks for and what it says aloud."""

    page: Any
    asked: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("dialog", lambda dialog: self.dialogs.append(dialog.message))

    def state_of(self, address: str) -> tuple[Any, int]:
        """What acted on this page, and how wide it became."""
        self.page.goto(address, wait_until="load")
        hit, width = self.page.evaluate("[window.hit ?? null, document.documentElement.scrollWidth]")
        return hit, width

    def assert_kept_to_itself(self) -> None:
        own = self.page.url.split("/p/")[0]
        assert self.dialogs == []
        assert [url for url in self.asked if not url.startswith((own, "data:image/svg"))] == []


def test_no_name_and_no_reason_that_somebody_typed_acts_or_leaves_the_page(
    window: Callable[..., Any], cast: Cast, sign_in: Callable[[Any, User], None]
) -> None:
    """Every text is the name of a person, the name and description of a project, and the reason of a judgment."""
    texts = [text.replace("\0", "")[:4000] for _, text in PAYLOADS]
    many = project_of(cast.olga, "many", prompts=-(-len(texts) // 2))
    round_collecting(many)
    at_home(many, cast.olga)
    for text in texts:
        assignment = held(many, cast.olga)
        judgment_submit(assignment=assignment, said=Said("a", rationale=text), key=uuid.uuid4())
    for text in texts:  # corrected again and again: the page of a prompt shows them all
        judgment_submit(assignment=assignment, said=Said("b", rationale=text), key=uuid.uuid4())
    people = User.objects.bulk_create([User(username=f"{text[:140]} {n}") for n, text in enumerate(texts)])
    projects = Project.objects.bulk_create(
        [Project(slug=f"p{n}", name=text[:120] or "x", description=text) for n, text in enumerate(texts)]
    )
    Member.objects.bulk_create([Member(project=many, user=user, role="rater") for user in people])
    Member.objects.bulk_create([Member(project=project, user=cast.olga, role="owner") for project in projects])
    Project.objects.filter(pk=many.pk).update(name="W" * 120)
    User.objects.filter(pk=cast.olga.pk).update(username="W" * 150)

    olga = Watched(window(viewport={"width": 1280, "height": 800}))
    sign_in(olga.page, cast.olga)
    last = assignment.comparison.prompt_id
    for address in ("/", "/p/many/", "/p/many/members/", f"/p/many/prompts/{last}/", "/p/many/judge/"):
        assert (address, *olga.state_of(address)) == (address, None, 1280)
    mine = "/p/many/judge/mine/"
    while mine:
        assert olga.state_of(mine) == (None, 1280)
        older = olga.page.locator("a:text-is('Older ones')")
        mine = f"/p/many/judge/mine/{older.get_attribute('href')}" if older.count() else ""
    olga.assert_kept_to_itself()


def test_no_guideline_criterion_or_gold_that_an_owner_wrote_acts_or_leaves_the_page(
    window: Callable[..., Any], cast: Cast, collecting: Round, sign_in: Callable[[Any, User], None]
) -> None:
    ann = Watched(window(viewport={"width": 1280, "height": 800}))
    sign_in(ann.page, cast.ann)
    for place in range(0, len(PAYLOADS), CRITERIA):
        texts = [text.replace("\0", "")[:2000] for _, text in PAYLOADS[place : place + CRITERIA]]
        protocol_publish(
            project=cast.shop,
            preset="five_point",
            criteria=[{"name": f"Criterion {n} {text}", "question": text, "preset": "five_point"}
                      for n, text in enumerate(texts)],
            reasons=[f"Reason {n} {text}" for n, text in enumerate(texts)],
        )  # fmt: skip
        together = "\n\n".join(texts)
        guideline_publish(project=cast.shop, text=together, by=None, must_read=False)
        gold_add(
            project=cast.shop, use="example", messages=[{"role": "user", "content": together}], first=together,
            second=f"{together} ", right=["first"], explanation=together, by=None,
        )  # fmt: skip

        assert ann.state_of(JUDGE) == (None, 1280), texts
    ann.assert_kept_to_itself()


@pytest.mark.parametrize("part", range(PARTS))
def test_no_text_acts_leaves_the_page_or_breaks_it(
    window: Callable[..., Any], cast: Cast, collecting: Round, sign_in: Callable[[Any, User], None], part: int
) -> None:
    """Slow for a reason: each of more than 150 texts is an answer once, beside its neighbour, and half are prompts."""
    assignment = held(cast.shop, cast.ann)
    page = window(viewport={"width": 1280, "height": 800})
    sign_in(page, cast.ann)
    asked: list[str] = []
    dialogs: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    wrong: list[tuple[str, Any]] = []

    mine = PAYLOADS[part::PARTS]
    for place in range(0, len(mine), 2):
        (name, first), (other, second) = mine[place], mine[min(place + 1, len(mine) - 1)]
        written(assignment, first, second)
        page.goto(JUDGE, wait_until="load")
        state = page.evaluate(STATE)
        if state != {"hit": None, "width": 1280, "cards": 1, "forms": 1, "buttons": 6}:
            wrong.append((f"{name}, {other}", state))

    own = page.url.split("/p/")[0]
    assert wrong == []
    assert dialogs == []
    assert [url for url in asked if not url.startswith((own, "data:image/svg"))] == []


def written(assignment: Assignment, first: str, second: str) -> None:
    """These texts as the answers and the first as the prompt, as a model or an import could have brought them."""
    comparison = assignment.comparison
    Response.objects.filter(pk=comparison.first_id).update(text=first)
    Response.objects.filter(pk=comparison.second_id).update(text=second)
    Prompt.objects.filter(pk=comparison.prompt_id).update(messages=[{"role": "user", "content": first[:20_000]}])
