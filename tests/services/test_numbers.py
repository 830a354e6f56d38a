"""The numbers of a project against a recount of every row, and what they say when there is nothing."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotator.domain.asking import Said
from annotator.domain.lifecycles import AssignmentState
from annotator.models import Assignment, Checkpoint, Comparison, Judgment, Project, RaterHour, Round, Stretch, User
from annotator.selectors import queue_health as health_of
from annotator.selectors import window
from annotator.selectors.hours import Order, hours_by_day, raters_page
from annotator.selectors.pace import Span, forecast_of, raters_lately, throughput_of
from annotator.selectors.projects import members_page, project_overview
from annotator.selectors.queue_health import depths_of, queue_health
from annotator.selectors.trend import EACH, By, Trend, trend_of
from annotator.selectors.window import judgment_newest, judgments_newest
from annotator.selectors.worth import value_of
from annotator.services.assignments import assignment_skip, assignments_claim, assignments_release
from annotator.services.judgments import judgment_submit
from tests.factories import held, ids_from, judged

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@pytest.fixture
def crowd(project: Project, round: Round, raters: list[User]) -> list[User]:
    """Three people who judged all they could; the first also skipped twice, and the last changed their mind once."""
    ann, bob, cyn = raters
    for _time in range(2):
        assignment_skip(assignment=held(project, ann))
    for number, (rater, answer) in enumerate(((ann, "a"), (bob, "b"), (cyn, "a"))):
        judged(project, rater, limit=11 + number, answer=answer)
    changed(Judgment.objects.filter(assignment__rater=cyn).latest("pk"))
    return raters


def changed(judgment: Judgment) -> Judgment:
    """The same rater now says the opposite."""
    comparison = judgment.assignment.comparison
    was_first = judgment.preferred_id == comparison.first_id
    instead, value = (comparison.second, 1.0) if was_first else (comparison.first, -1.0)
    return Judgment.objects.create(
        assignment=judgment.assignment, supersedes=judgment, preset="five_point", answer="b", seconds=3.0,
        outcome="prefer", value=value, preferred=instead,
    )  # fmt: skip


def sides(project: Project) -> dict[int, dict[int, int | None]]:
    """Comparison → rater → the response they prefer, by reading every row."""
    found: dict[int, dict[int, int | None]] = defaultdict(dict)
    for judgment in Judgment.objects.current().filter(assignment__comparison__round__project=project):
        found[judgment.assignment.comparison_id][judgment.assignment.rater_id] = judgment.preferred_id
    return found


# --- throughput --------------------------------------------------------------------


@pytest.mark.parametrize("span", list(Span))
def test_throughput_is_what_was_judged_and_skipped(project: Project, crowd: list[User], span: Span) -> None:
    found = throughput_of(project, span)

    states = Counter(Assignment.objects.values_list("state", flat=True))
    assert (found.judgments, found.skips, found.raters) == (states["answered"], states["skipped"], 3) == (36, 2, 3)
    assert sum(step.judgments for step in found.steps) == 36
    assert max(step.raters for step in found.steps) == 3


def _trend(project: Project, by: By) -> Trend:
    found = trend_of(project, by)
    assert found is not None
    return found


def test_hours_and_days_are_told_apart_and_people_counted_once(
    project: Project, round: Round, raters: list[User]
) -> None:
    for back, rater in ((1, raters[0]), (2, raters[0]), (30, raters[0]), (30, raters[1]), (24 * 20, raters[1])):
        worked(round, rater, NOON - timedelta(hours=back), answered=back)

    week, month = (throughput_of(project, span, now=NOON) for span in (Span.WEEK, Span.MONTH))

    assert [(step.begins.hour, step.judgments, step.raters) for step in week.steps] == [
        (6, 60, 2),
        (10, 2, 1),
        (11, 1, 1),
    ]
    assert [(step.begins.day, step.judgments, step.raters) for step in month.steps] == [
        (18, 480, 1),
        (9, 60, 2),
        (10, 3, 1),
    ]
    assert (week.raters, month.raters) == (2, 2)


def worked(round: Round, rater: User, hour: datetime, *, answered: int, seconds: float = 0.0) -> None:
    hour = hour.replace(minute=0)
    RaterHour.objects.create(round=round, rater=rater, hour=hour, answered=answered, seconds=seconds)


def test_people_of_the_last_week_are_counted_once(project: Project, round: Round, raters: list[User]) -> None:
    for back, rater in ((1, raters[0]), (50, raters[0]), (24 * 8, raters[1])):
        worked(round, rater, NOON - timedelta(hours=back), answered=1)

    assert raters_lately(project, now=NOON) == 1


# --- how long the rest takes ----------------------------------------------------------


def test_the_rest_takes_as_long_as_the_last_day_says(round: Round, raters: list[User]) -> None:
    """Ten an hour for 24 hours, by two people; 80 are wanted and none has come, so it takes eight hours."""
    Round.objects.filter(pk=round.pk).update(opened_at=NOON - timedelta(days=9))
    round.refresh_from_db()
    for back in range(1, 25):
        for rater in raters[:2]:
            worked(round, rater, NOON - timedelta(hours=back), answered=5)

    found = forecast_of(round, now=NOON + timedelta(minutes=20))

    assert (found.left, found.per_hour.value, found.per_hour.n) == (80, 10, 24)
    assert found.seconds.value == found.seconds.low == found.seconds.high == 8 * 3600


def test_hours_that_differ_make_the_rest_uncertain(round: Round, raters: list[User]) -> None:
    Round.objects.filter(pk=round.pk).update(opened_at=NOON - timedelta(days=9))
    round.refresh_from_db()
    worked(round, raters[0], NOON - timedelta(hours=3), answered=48)

    found = forecast_of(round, now=NOON)

    assert found.per_hour.value == 2
    assert found.per_hour.low == 0
    assert found.seconds.value == 40 * 3600
    assert found.seconds.high is None
    assert str(found.seconds.reason) == "Hours differ too much to say how long it may take at most."


def test_without_a_whole_hour_or_a_judgment_it_says_why(round: Round) -> None:
    fresh = forecast_of(round, now=round.opened_at)
    idle = forecast_of(round, now=(round.opened_at or NOON) + timedelta(days=2))

    assert str(fresh.seconds.reason) == "The round has not been open for a whole hour yet."
    assert str(idle.seconds.reason) == "Nobody judged in the last 24 whole hours."
    assert {fresh.seconds.value, fresh.per_hour.value, idle.seconds.value} == {None}


# --- the queue -----------------------------------------------------------------------


def test_the_queue_is_what_its_rows_say(project: Project, round: Round, crowd: list[User]) -> None:
    assignments_claim(rater=crowd[0], project=project, wanted=2)

    found = queue_health(round)
    depths = depths_of(round, found.comparisons)

    rows = list(round.comparisons.all())
    assert found.comparisons == depths.n == len(rows)
    assert (found.answered, found.wanted) == (sum(row.answered for row in rows), sum(row.wanted for row in rows))
    assert [(one.rater, one.leases) for one in found.holders] == [(crowd[0], 2)]
    assert (found.held, found.is_many, found.are_all_shown) == (2, False, True)
    counted = Counter(row.answered for row in rows)
    assert {one.judgments: one.share.value for one in depths.rows} == {n: k / len(rows) for n, k in counted.items()}
    assert depths.finished.value == sum(row.answered >= row.wanted for row in rows) / len(rows)


def test_of_many_comparisons_a_sample_says_about_the_same(
    project: Project, round: Round, crowd: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As soon as a round has more than is counted one by one; the sample here is of all blocks."""
    counted = depths_of(round, 40)
    monkeypatch.setattr(health_of, "FEW", 10)

    sampled = depths_of(round, 40)

    assert sampled.is_sample
    assert not counted.is_sample
    assert [one.share.value for one in sampled.rows] == [one.share.value for one in counted.rows]
    assert all((one.share.low or 0) < (one.share.high or 0) for one in sampled.rows)


def test_what_somebody_holds_can_be_taken_back(project: Project, round: Round, raters: list[User]) -> None:
    ann, bob, _cyn = raters
    mine = assignments_claim(rater=ann, project=project, wanted=3)
    theirs = held(project, bob)

    released = assignments_release(rater=ann, project=project)

    assert released == 3
    assert assignments_release(rater=ann, project=project) == 0
    assert set(Assignment.objects.filter(rater=ann).values_list("state", flat=True)) == {AssignmentState.LAPSED}
    assert sum(round.comparisons.values_list("held", flat=True)) == 1
    assert Assignment.objects.get(pk=theirs.pk).state == AssignmentState.HELD
    assert len(mine) == 3


def test_an_answer_after_that_still_counts_where_there_is_room(
    project: Project, round: Round, raters: list[User]
) -> None:
    lease = held(project, raters[0])
    assignments_release(rater=raters[0], project=project)

    judgment_submit(assignment=lease, said=Said("a"), key=uuid.uuid4(), seconds=1.0)

    assert Comparison.objects.get(pk=lease.comparison_id).answered == 1


# --- the newest judgments ------------------------------------------------------------


def test_the_newest_are_all_that_count_now(project: Project, crowd: list[User]) -> None:
    current = list(Judgment.objects.current().order_by("pk").values_list("pk", flat=True))

    assert [row.pk for row in judgments_newest(project)] == current
    assert judgment_newest(project) == current[-1]


def test_what_came_later_is_added_and_what_it_supersedes_taken_away(
    project: Project, round: Round, raters: list[User]
) -> None:
    """Kept as if it had settled, so that the second look reads only what came since."""
    later = timezone.now() + timedelta(minutes=5)
    judged(project, raters[0], limit=5)
    kept = judgments_newest(project, now=later)

    changed(Judgment.objects.get(pk=kept[1].pk))
    judged(project, raters[1], limit=2)

    current = list(Judgment.objects.current().order_by("pk").values_list("pk", flat=True))
    for now in (later, later + timedelta(minutes=10)):
        assert [row.pk for row in judgments_newest(project, now=now)] == current
    assert judgment_newest(project) == judgment_newest(round) == current[-1]


def test_of_many_only_the_newest_are_read(project: Project, crowd: list[User], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "NEWEST", 5)

    found = judgments_newest(project, now=timezone.now() + timedelta(minutes=5))

    current = list(Judgment.objects.current().order_by("-pk").values_list("pk", flat=True)[:5])
    assert [row.pk for row in found] == current[::-1]


def test_of_many_that_came_just_now_only_the_newest_are_read(
    project: Project, crowd: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "NEWEST", 5)
    read: list[int] = []
    rows = window._read

    def noted(*arguments: Any, **named: Any) -> list[window.Judged]:
        found = rows(*arguments, **named)
        read.append(len(found))
        return found

    monkeypatch.setattr(window, "_read", noted)
    found = judgments_newest(project)

    current = list(Judgment.objects.current().order_by("-pk").values_list("pk", flat=True)[:5])
    assert [row.pk for row in found] == current[::-1]
    assert max(read) == 5 < Judgment.objects.count()


def test_judgments_on_both_sides_of_a_border_between_stretches_are_found(
    project: Project, crowd: list[User], raters: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window, "NEWEST", 6)
    with ids_from(Stretch.SPAN - 3):
        for one in Judgment.objects.current().order_by("-pk")[:5]:
            changed(one)

    found = judgments_newest(project, now=timezone.now() + timedelta(minutes=5))

    current = list(Judgment.objects.current().order_by("-pk").values_list("pk", flat=True)[:6])
    assert [row.pk for row in found] == current[::-1]
    assert current[:5] == [4098, 4097, 4096, 4095, 4094]
    assert judgment_newest(project) == 4098


def test_what_others_said_in_between_is_not_looked_through(
    project: Project, crowd: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if other projects had got very many judgments since the last but one of this."""
    monkeypatch.setattr(window, "NEWEST", 5)
    with ids_from(2**50):
        changed(Judgment.objects.latest("pk"))
    with CaptureQueriesContext(connection) as queries:
        found = judgments_newest(project, now=timezone.now() + timedelta(minutes=5))

    current = list(Judgment.objects.current().order_by("-pk").values_list("pk", flat=True)[:5])
    assert [row.pk for row in found] == current[::-1]
    assert current[0] > 2**50 > current[1]
    assert len(queries) < 30  # in ever wider ranges it would take forty-seven to get there


def test_what_was_corrected_twice_does_not_count_beside_its_last_correction(
    project: Project, crowd: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read a few at a time, so that the judgment and its corrections are read apart."""
    monkeypatch.setattr(window, "NEWEST", 3)
    changed(changed(Judgment.objects.latest("pk")))

    found = judgments_newest(project, now=timezone.now() + timedelta(minutes=5))

    current = list(Judgment.objects.current().order_by("-pk").values_list("pk", flat=True)[:3])
    assert [row.pk for row in found] == current[::-1]


# --- agreement over time ---------------------------------------------------------------


@pytest.mark.parametrize("by", list(By))
def test_all_steps_together_are_all_pairs(project: Project, crowd: list[User], by: By) -> None:
    found = _trend(project, by)

    pairs = [a == b for said in sides(project).values() for a, b in combinations(said.values(), 2)]
    assert found.judgments == 36
    assert len(found.steps) == 1 <= 36 / EACH + 1
    assert found.steps[0].agreement.value == pytest.approx(sum(pairs) / len(pairs))
    assert found.steps[0].agreement.n == sum(len(said) > 1 for said in sides(project).values())


def test_steps_hold_each_judgment_against_all_others(
    project: Project, crowd: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In steps of ten, by counting row by row."""
    monkeypatch.setattr("annotator.selectors.trend.EACH", 10)

    found = _trend(project, By.NUMBER)

    said = sides(project)
    rows = list(Judgment.objects.current().select_related("assignment").order_by("created_at", "pk"))
    for number, step in enumerate(found.steps):
        same = [
            preferred == row.preferred_id
            for row in rows[10 * number : 10 * number + 10]
            for rater, preferred in said[row.assignment.comparison_id].items()
            if rater != row.assignment.rater_id
        ]
        assert step.agreement.value == (pytest.approx(sum(same) / len(same)) if same else None)
    assert [step.judgments for step in found.steps] == [10, 10, 10, 6]


def test_nobody_to_agree_with_says_so(project: Project, round: Round, raters: list[User]) -> None:
    judged(project, raters[0], limit=3)

    found = _trend(project, By.DAY)

    assert found.is_empty
    assert str(found.steps[0].agreement.reason) == "Nobody else judged these comparisons yet."


# --- raters ----------------------------------------------------------------------------


def test_a_rater_is_what_their_rows_say(project: Project, crowd: list[User]) -> None:
    rows = {row.rater: row for row in raters_page(project, Order.JUDGMENTS).rows}

    assert [(row.judgments, row.skips) for row in (rows[rater] for rater in crowd)] == [(11, 2), (12, 0), (13, 0)]
    said = sides(project)
    for rater, row in rows.items():
        mine = Judgment.objects.filter(assignment__rater=rater, supersedes=None)
        assert row.seconds == sum(one.seconds for one in mine)
        assert row.pace.value == row.seconds / row.judgments
        left = [one.preferred_id == one.assignment.left.pk for one in mine]
        assert (row.left.value, row.left.n) == (sum(left) / len(left), len(left))
        others = [
            votes[rater.pk] == preferred
            for votes in said.values()
            if rater.pk in votes
            for other, preferred in votes.items()
            if other != rater.pk
        ]
        assert row.agrees.value == pytest.approx(sum(others) / len(others))
        assert row.last == Assignment.objects.filter(rater=rater, state="answered").latest("ended_at").ended_at


@pytest.mark.parametrize("order", list(Order))
def test_pages_hold_everybody_once_and_in_order(project: Project, crowd: list[User], order: Order) -> None:
    whole = [row.rater for row in raters_page(project, order).rows]

    found, after = [], None
    for _page in whole:
        page = raters_page(project, order, after=after, most=1)
        found += [row.rater for row in page.rows]
        after = page.after

    assert found == whole
    assert len(set(whole)) == 3
    assert after is None


def test_orders_go_from_most_to_least(project: Project, crowd: list[User]) -> None:
    ann, bob, cyn = crowd

    assert [row.rater for row in raters_page(project, Order.JUDGMENTS).rows] == [cyn, bob, ann]
    assert next(row.rater for row in raters_page(project, Order.SKIPS).rows) == ann
    assert [row.rater for row in raters_page(project, Order.LEFT).rows][-1] == bob
    assert [row.rater for row in raters_page(project, Order.NAME).rows] == [ann, bob, cyn]


def test_the_mean_time_has_an_interval_once_there_are_hours_enough(
    project: Project, round: Round, raters: list[User]
) -> None:
    """Four hours of ten judgments at 10, 10, 20 and 20 seconds: 15 on average, and somewhere between 6 and 24."""
    for back, seconds in enumerate((100.0, 100.0, 200.0, 200.0)):
        worked(round, raters[0], NOON - timedelta(hours=back), answered=10, seconds=seconds)

    pace = raters_page(project, Order.PACE).rows[0].pace

    assert (pace.value, pace.n) == (15, 40)
    assert pace.low == pytest.approx(15 - 3.18 * 2.887, abs=0.1)
    assert pace.high == pytest.approx(15 + 3.18 * 2.887, abs=0.1)


def test_hours_for_pay_are_summed_by_day_within_the_period(project: Project, round: Round, raters: list[User]) -> None:
    ann, bob, _cyn = raters
    for day, hour, rater, seconds in (
        (9, 23, ann, 50.0),
        (10, 0, ann, 100.0),
        (10, 23, ann, 200.0),
        (11, 0, bob, 400.0),
    ):
        worked(round, rater, datetime(2026, 3, day, hour, tzinfo=UTC), answered=7, seconds=seconds)

    found = list(hours_by_day(project, date(2026, 3, 10), date(2026, 3, 11)))

    assert found == [("rater-0", date(2026, 3, 10), 14, 0, 300.0), ("rater-1", date(2026, 3, 11), 7, 0, 400.0)]


# --- pages that counted before ----------------------------------------------------------


def test_the_overview_and_the_members_say_what_the_rows_say(project: Project, crowd: list[User]) -> None:
    members = {one.user_id: one for one in members_page(project).members}

    assert project_overview(project).judgments == Judgment.objects.current().count() == 36
    assert project_overview(project).raters == 3
    assert [members[rater.pk].judged for rater in crowd] == [11, 12, 13]  # type: ignore[attr-defined]
    assert all(members[rater.pk].last_judged for rater in crowd)  # type: ignore[attr-defined]


def test_members_come_a_page_at_a_time(project: Project, raters: list[User], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("annotator.selectors.projects.PAGE", 3)

    first = members_page(project)
    second = members_page(project, after=first.after)

    names = [one.user.username for page in (first, second) for one in page.members]
    assert names == ["olga", "rater-0", "rater-1", "rater-2"]
    assert (first.after, second.after) == ("rater-1", "")


# --- worth -------------------------------------------------------------------------------


def test_a_round_that_was_measured_is_a_point(turned: Round) -> None:
    found = value_of(turned.project)

    assert [(one.judgments, one.accuracy.value, one.accuracy.n) for one in found.points] == [(12, 0.9, 40)]
    assert found.points[0].checkpoint == Checkpoint.objects.get(
        snapshot=turned.snapshot, kind=found.points[0].checkpoint.kind
    )
    assert found.worth.reason == "A law needs four rounds of different size."
