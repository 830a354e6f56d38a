"""The owner's page of the queue, and the quota as raters meet it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotator.domain.lifecycles import AssignmentState
from annotator.models import Assignment, Checkpoint, Comparison, Judgment, Project, RaterHour, Round, User
from annotator.services.comparisons import comparisons_place
from annotator.services.projects import project_update
from annotator.services.scoring import scoring_queue
from tests.cast import Cast
from tests.factories import held, judged
from tests.views.page import forms_of
from tests.views.test_desk import text_of

QUEUE, JUDGE = "/p/shop/queue/", "/p/shop/judge/"
SENT = {
    "share_fewest": "3",
    "share_random": "1",
    "informative_by": "disagreement",
    "control_share": "0.1",
    "adaptive_most": "5",
    "adaptive_certainty": "0.9",
    "daily_quota": "200",
    "tag_rules": "medical | doctors | first\nlaw",
}


@pytest.fixture
def olga(cast: Cast, collecting: Round, client_of: Callable[[User | None], Client]) -> Client:
    return client_of(cast.olga)


@pytest.fixture
def ann(cast: Cast, collecting: Round, client_of: Callable[[User | None], Client]) -> Client:
    return client_of(cast.ann)


def test_what_is_typed_is_kept_and_shown_again(olga: Client, cast: Cast) -> None:
    sent = olga.post(QUEUE, SENT)

    project = Project.objects.get(pk=cast.shop.pk)
    assert sent.status_code == 303
    assert project.strategy == {"fewest": 3.0, "random": 1.0}
    assert project.informative_by == "disagreement"
    assert (project.control_share, project.adaptive_most, project.adaptive_certainty) == (0.1, 5, 0.9)
    assert project.daily_quota == 200
    assert project.tag_rules == [
        {"tag": "medical", "group": "doctors", "priority": 2},
        {"tag": "law", "group": "", "priority": 0},
    ]
    page = olga.get(QUEUE).content.decode()
    assert "medical | doctors | first\nlaw</textarea>" in page
    assert "Nobody belongs to the group “doctors”" in page
    round = Round.objects.get(project=cast.shop)
    assert f"Its comparisons are being placed by the rules: 0 of {round.comparisons.count()} so far." in page
    comparisons_place(round_id=round.pk)
    assert 'id="placing"' not in olga.get(QUEUE).content.decode()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"tag_rules": "law\n| doctors"}, "Line 2: expected"),
        ({"tag_rules": "law | | soon"}, "Line 1: expected"),
        ({"tag_rules": "law\nlaw"}, "There are two rules for “law”."),
        ({"share_random": "0", "share_fewest": ""}, "one of them is more"),
        ({"adaptive_most": "1"}, "greater than or equal to 2"),
    ],
)
def test_what_does_not_fit_is_said_and_nothing_is_kept(olga: Client, wrong: dict[str, str], words: str) -> None:
    page = olga.post(QUEUE, {**SENT, **wrong})

    assert page.status_code == 422
    assert words in page.content.decode()
    assert Project.objects.get(slug="shop").strategy == {}


def test_a_reviewer_sees_the_settings_and_has_nothing_to_press(
    cast: Cast, collecting: Round, client_of: Callable[[User | None], Client]
) -> None:
    page = client_of(cast.rui).get(QUEUE).content.decode()

    assert "Fewest judgments first" in page
    assert "Save settings" not in page
    assert "Put a pair first" not in page


def test_k_of_the_round_is_changed_from_the_page(olga: Client, collecting: Round) -> None:
    olga.post(f"{QUEUE}wanted/", {"wanted": 4})

    assert set(collecting.comparisons.values_list("wanted", flat=True)) == {4}
    assert olga.post(f"{QUEUE}wanted/", {"wanted": 51}).status_code == 422


def test_without_a_round_that_collects_there_is_nothing_to_change(
    cast: Cast, client_of: Callable[[User | None], Client]
) -> None:
    olga = client_of(cast.olga)

    assert olga.post(f"{QUEUE}wanted/", {"wanted": 4}).status_code == 404
    assert "Ask for more or fewer" not in olga.get(QUEUE).content.decode()


def test_an_owner_releases_what_somebody_holds(olga: Client, cast: Cast, collecting: Round) -> None:
    lease = held(cast.shop, cast.ann)
    address = f"/p/shop/rounds/{collecting.number}/"
    assert "Release what ann holds" in olga.get(address).content.decode()

    olga.post(f"{address}leases/{lease.pk}/release/")

    assert Assignment.objects.get(pk=lease.pk).state == AssignmentState.LAPSED
    assert olga.post(f"{address}leases/{lease.pk}/release/").status_code == 409


def test_groups_are_typed_on_the_page_of_the_members(olga: Client, cast: Cast) -> None:
    ann = cast.shop.members.get(user=cast.ann)

    olga.post(f"/p/shop/members/{ann.pk}/groups/", {"groups": "law, German,,law"})

    ann.refresh_from_db()
    assert ann.groups == ["law", "German"]
    assert 'value="law, German"' in olga.get("/p/shop/members/").content.decode()


# --- the quota -------------------------------------------------------------------


def send(client: Client, page: Any, cards: str | None = None) -> Any:
    verdict = forms_of(page)["verdict"]
    headers = {} if cards is None else {"X-Tiebreak-Cards": cards}
    return client.post(verdict.action, {**verdict.fields, "answer": "b"}, headers=headers)


def test_a_day_ends_at_the_quota_and_the_next_one_begins_anew(ann: Client, cast: Cast) -> None:
    project_update(project=cast.shop, daily_quota=2)
    for _ in range(2):
        send(ann, ann.get(JUDGE))

    page = ann.get(JUDGE)
    assert "You have judged 2 comparisons today" in text_of(page)
    assert "verdict" not in forms_of(page)
    assert not Assignment.objects.filter(rater=cast.ann, state=AssignmentState.HELD).exists()

    RaterHour.objects.update(hour=timezone.now() - timedelta(days=1))
    assert "verdict" in forms_of(ann.get(JUDGE))


def test_a_page_never_holds_more_than_the_quota_leaves(ann: Client, cast: Cast) -> None:
    project_update(project=cast.shop, daily_quota=2)

    ann.get(f"{JUDGE}next/", headers={"X-Tiebreak-Cards": ""})

    assert Assignment.objects.filter(rater=cast.ann, state=AssignmentState.HELD).count() == 2


def test_what_was_held_when_the_quota_came_may_still_be_judged(ann: Client, cast: Cast) -> None:
    page = ann.get(JUDGE)
    project_update(project=cast.shop, daily_quota=1)
    judged(cast.shop, cast.ann, limit=1)
    other = held(cast.shop, cast.ann)
    action = forms_of(page)["verdict"].action.rsplit("/", 2)[0]

    sent = ann.post(f"{action}/{other.pk}/", {**forms_of(page)["verdict"].fields, "answer": "b"})

    assert sent.status_code == 303
    assert Judgment.objects.count() == 2


def test_the_quota_counts_this_project_and_this_person_alone(
    ann: Client, cast: Cast, client_of: Callable[[User | None], Client]
) -> None:
    project_update(project=cast.shop, daily_quota=1)
    send(ann, ann.get(JUDGE))

    assert "verdict" in forms_of(client_of(cast.rui).get(JUDGE))
    Round.objects.filter(pk=Comparison.objects.earliest("pk").round_id).update(project=cast.garden)
    assert "today" not in text_of(ann.get(JUDGE))


def test_a_quota_costs_no_statement(ann: Client, cast: Cast) -> None:
    def statements() -> int:
        page = ann.get(JUDGE)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            send(ann, page, cards="")
        return len(captured)

    statements()
    without = statements()
    project_update(project=cast.shop, daily_quota=50)
    assert statements() == without


def test_the_page_leads_to_the_run_in_which_reward_models_read_the_answers(
    olga: Client, cast: Cast, collecting: Round
) -> None:
    assert "Reward models read its answers" not in text_of(olga.get(QUEUE))
    Checkpoint.objects.create(project=cast.shop, kind="reward", name="round-9-reward", base_model="starter")
    run = scoring_queue(round=collecting)
    assert run is not None

    page = olga.get(QUEUE)

    assert f"Score run {run.pk} queued" in " ".join(text_of(page).split())
    assert olga.get(f"/p/shop/runs/{run.pk}/").status_code == 200
