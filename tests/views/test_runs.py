"""The page of a run: what matters first, everything within reach, and nothing that a model wrote as markup."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from annotator.models import Round, Run, RunEvent, User
from annotator.selectors.runs import run_notes
from annotator.services.rounds import round_prepare
from annotator.services.runs import run_claim
from tests.cast import Cast

NOTE = "Preferred answers become less likely: from -42.0 to -80.1 nats by step 40."


@pytest.fixture
def olga(cast: Cast, client_of: Callable[[User | None], Client]) -> Client:
    return client_of(cast.olga)


@pytest.fixture
def live(cast: Cast) -> Run:
    """A run that a worker works on."""
    round_prepare(project=cast.shop)
    run = run_claim(run_id=Run.objects.get().pk, worker="test")
    assert run is not None
    return run


def said(run: Run, number: int, kind: str, **payload: Any) -> None:
    RunEvent.objects.create(run=run, number=number, kind=kind, payload=payload)


def measured(run: Run, number: int, step: int, **values: float) -> None:
    named = {name.replace("__", "/"): value for name, value in values.items()}
    said(run, number, "metrics", step=step, total_steps=100, values=named)


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def page_of(olga: Client, run: Run) -> Any:
    return olga.get(f"/p/shop/runs/{run.pk}/")


# --- while it runs -------------------------------------------------------------------


def test_notes_stand_above_the_curves_as_they_arrive_and_each_once(olga: Client, live: Run) -> None:
    measured(live, 1, 1, train__loss=0.7)
    for number in (2, 3):  # a resumed run says it again
        said(live, number, "note", sentence=NOTE)

    page = olga.get(f"/p/shop/runs/{live.pk}/status/").content.decode()

    assert run_notes(live) == [NOTE]
    notes = re.search(r'<section class="flash warning notes".*?</section>', page, re.DOTALL)
    assert notes
    assert notes[0].count(NOTE) == 1
    assert notes.start() < page.index('aria-label="Curves"')


def test_a_note_is_text(olga: Client, live: Run) -> None:
    said(live, 1, "note", sentence="<script>alert(1)</script>")

    assert "<script>alert(1)" not in page_of(olga, live).content.decode()


def test_the_time_left_is_told_while_there_is_some(olga: Client, live: Run) -> None:
    measured(live, 1, 10, train__loss=0.7, eta_seconds=170.0)
    measured(live, 2, 10, eval__loss=0.69)
    going = text_of(page_of(olga, live))
    Run.objects.update(state="succeeded")
    over = text_of(page_of(olga, live))

    assert "About 3 min left." in going
    assert "left." not in over
    assert "eta_seconds" not in over


def test_few_curves_are_shown_at_once_and_the_rest_is_folded(olga: Client, live: Run) -> None:
    measured(live, 1, 1, train__loss=0.7, rewards__margins=0.1, grad_norm=0.4, pad_fraction=0.2, eta_seconds=9.0)

    before, _, folded = page_of(olga, live).content.decode().partition('id="more-curves"')

    assert re.findall(r"charts/(\w+)\.light", before) == ["loss", "margin"]
    assert re.findall(r"charts/(\w+)\.light", folded) == ["gradient", "padding"]


def test_every_number_stands_with_its_unit_and_meaning(olga: Client, live: Run) -> None:
    measured(live, 1, 1, logps__chosen=-42.25, new__thing=3.0)

    page = text_of(page_of(olga, live))

    assert "logps/chosen -42.2 nats Mean log-probability of the preferred answers" in page
    assert "new/thing 3.00 Reported by the engine under this name." in page


# --- when it is over -----------------------------------------------------------------


def test_a_reward_model_shows_how_far_its_predictions_come_true(cast: Cast, turned: Round, olga: Client) -> None:
    run = turned.runs.get(kind="reward")
    address = f"/p/shop/runs/{run.pk}/charts/reliability"

    for page in (page_of(olga, run), olga.get(f"/p/shop/checkpoints/{run.checkpoint.pk}/")):
        assert f"{address}.dark.svg" in page.content.decode()
        assert "Calibration error 5.0 % n = 40 held-out comparisons" in text_of(page)
        assert "80 % to 90 % 85 % 80 % 58–92 % 20" in text_of(page)
    for theme in ("light", "dark"):
        assert olga.get(f"{address}.{theme}.svg").content.startswith(b"<svg")


def test_a_run_without_such_predictions_shows_none(cast: Cast, turned: Round, olga: Client) -> None:
    run = turned.runs.get(kind="dpo")

    assert "Calibration" not in text_of(page_of(olga, run))
    assert olga.get(f"/p/shop/runs/{run.pk}/charts/reliability.light.svg").status_code == 404


def test_accuracy_on_each_criterion_comes_with_n_and_interval(cast: Cast, turned: Round, olga: Client) -> None:
    run = turned.runs.get(kind="reward")

    for page in (page_of(olga, run), olga.get(f"/p/shop/checkpoints/{run.checkpoint.pk}/")):
        assert re.search(r"Reward model accuracy on “tone” .{0,200}70 % 49–86 % 18", text_of(page))


def test_a_finished_run_tells_what_it_found_under_the_names_of_its_checkpoint(
    cast: Cast, turned: Round, olga: Client
) -> None:
    assert "Policy accuracy" in text_of(page_of(olga, turned.runs.get(kind="dpo")))
    assert "Win rate over the parent" in text_of(page_of(olga, turned.runs.get(kind="evaluate")))


def test_its_settings_are_told_by_their_titles(cast: Cast, turned: Round, olga: Client) -> None:
    page = text_of(page_of(olga, turned.runs.get(kind="dpo")))

    assert "Beta 0.1" in page
    assert "Gradient checkpointing auto" in page
