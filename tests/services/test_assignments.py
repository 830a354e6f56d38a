from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from annotator.domain.asking import Said
from annotator.domain.lifecycles import AssignmentState
from annotator.exceptions import StateNotAllowed
from annotator.models import Assignment, Comparison, Project, Round, User
from annotator.selectors import queue
from annotator.services.assignments import assignment_claim, assignment_skip, assignments_claim, assignments_sweep
from annotator.services.judgments import judgment_submit
from annotator.services.projects import member_set_role
from tests.factories import judged, project_of, round_collecting
from tests.keys import key


def claimed(rater: User, project: Project) -> Assignment:
    assignment = assignment_claim(rater=rater, project=project)
    assert assignment is not None
    return assignment


def test_claiming_again_returns_the_same_comparison_so_that_a_reload_changes_nothing(
    project: Project, round: Round, raters: list[User]
) -> None:
    assert claimed(raters[0], project).pk == claimed(raters[0], project).pk


def test_a_claim_leases_for_the_minutes_of_the_project(project: Project, round: Round, raters: list[User]) -> None:
    before = timezone.now()

    lease = claimed(raters[0], project).leased_until

    assert timedelta(minutes=19) < lease - before < timedelta(minutes=21)


def test_a_comparison_is_never_held_by_more_people_than_it_wants(
    project: Project, round: Round, raters: list[User]
) -> None:
    Comparison.objects.exclude(pk=round.comparisons.order_by("pk")[0].pk).delete()

    claims = [assignment_claim(rater=rater, project=project) for rater in raters]

    assert [claim is not None for claim in claims] == [True, True, False]


def test_a_skipped_comparison_goes_to_others_and_does_not_come_back(
    project: Project, round: Round, raters: list[User]
) -> None:
    first = claimed(raters[0], project)

    assignment_skip(assignment=first)

    assert claimed(raters[0], project).comparison_id != first.comparison_id
    assert first.comparison_id in {claimed(rater, project).comparison_id for rater in raters[1:]}


def test_skipping_twice_is_harmless_and_skipping_an_answer_is_refused(
    project: Project, round: Round, raters: list[User]
) -> None:
    skipped = claimed(raters[0], project)
    assignment_skip(assignment=skipped)
    assignment_skip(assignment=skipped)
    answered = claimed(raters[0], project)
    judgment_submit(assignment=answered, said=Said("a"), key=key(1))

    with pytest.raises(StateNotAllowed):
        assignment_skip(assignment=answered)


def test_a_lapsed_lease_frees_its_slot_and_may_return_to_the_same_rater_with_the_same_sides(
    project: Project, round: Round, raters: list[User]
) -> None:
    held = claimed(raters[0], project)

    swept = assignments_sweep(now=timezone.now() + timedelta(hours=1))

    assert swept == 1
    assert Comparison.objects.get(pk=held.comparison_id).held == 0
    again = claimed(raters[0], project)
    assert (again.pk, again.first_on_left) == (held.pk, held.first_on_left)


def test_two_raters_of_one_comparison_see_opposite_sides(project: Project, round: Round, raters: list[User]) -> None:
    Comparison.objects.exclude(pk=round.comparisons.order_by("pk")[0].pk).delete()

    sides = [claimed(rater, project).first_on_left for rater in raters[:2]]

    assert sorted(sides) == [False, True]


def test_a_rater_who_saw_first_on_the_left_too_often_sees_it_on_the_right(
    project: Project, round: Round, raters: list[User]
) -> None:
    for _time in range(6):
        judged(project, raters[0], limit=1)
    Assignment.objects.filter(rater=raters[0]).update(first_on_left=True)

    assert not claimed(raters[0], project).first_on_left


def test_the_first_answer_sits_on_each_side_about_half_of_the_time(
    project: Project, round: Round, raters: list[User]
) -> None:
    sides = [one.first_on_left for one in assignments_claim(rater=raters[0], project=project, wanted=40)]

    assert 12 <= sum(sides) <= 28


@pytest.mark.django_db(transaction=True)
def test_many_raters_at_once_never_get_more_than_the_wanted_slots_and_leave_none_free(
    project: Project, round: Round
) -> None:
    """Twelve threads claim ten slots: exactly ten leases, each comparison exactly full."""
    keep = list(round.comparisons.order_by("pk")[:5].values_list("pk", flat=True))
    Comparison.objects.exclude(pk__in=keep).delete()
    people = [User.objects.create_user(f"crowd-{number}") for number in range(12)]

    def claim(person: User) -> bool:
        try:
            return assignment_claim(rater=person, project=project) is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(12) as pool:
        won = list(pool.map(claim, people))

    assert won.count(True) == 10
    assert set(Comparison.objects.values_list("held", flat=True)) == {2}


@pytest.mark.django_db(transaction=True)
def test_raters_who_hold_several_at_once_wait_for_each_other_in_no_circle(project: Project, round: Round) -> None:
    """Eight threads take three at a time of the few that there are, and give them back, again and again."""
    people = [User.objects.create_user(f"crowd-{number}") for number in range(8)]

    def work(person: User) -> int:
        try:
            skipped = 0
            for _time in range(5):
                for assignment in assignments_claim(rater=person, project=project, wanted=3):
                    assignment_skip(assignment=assignment)
                    skipped += 1
            return skipped
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        skipped = sum(pool.map(work, people))

    assert skipped > 0
    assert Assignment.objects.filter(state=AssignmentState.SKIPPED).count() == skipped
    assert set(Comparison.objects.values_list("held", flat=True)) == {0}


@pytest.mark.django_db(transaction=True)
def test_one_rater_in_many_tabs_holds_one_comparison(project: Project, round: Round, raters: list[User]) -> None:
    def claim(_: int) -> int:
        try:
            return claimed(raters[0], project).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assignments = set(pool.map(claim, range(6)))

    assert len(assignments) == 1
    assert Assignment.objects.filter(state=AssignmentState.HELD).count() == 1


def test_a_claim_reads_the_leases_of_its_rater_and_not_those_of_everybody(
    project: Project, round: Round, raters: list[User]
) -> None:
    """As when statistics were taken before anybody held anything, which is how a round begins."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE annotator_assignment")
    Comparison.objects.update(wanted=50)
    crowd = User.objects.bulk_create(User(username=f"crowd-{number}") for number in range(30))
    for rater in crowd:
        assignments_claim(rater=rater, project=project)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # as at every size but this one
        held = "SELECT id FROM annotator_assignment WHERE rater_id = %s AND state = 'held'"
        cursor.execute(f"EXPLAIN (FORMAT JSON, COSTS OFF) {held}", [raters[0].pk])
        plan = str(cursor.fetchone())
    assert "rater_id = " in plan.partition("Index Cond")[2]


def test_undo_goes_back_behind_answers_elsewhere_but_not_behind_all_that_somebody_ever_gave(
    project: Project, round: Round, raters: list[User], olga: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "LOOKED_BACK", 2)
    garden = project_of(olga, "garden", prompts=4)
    round_collecting(garden)
    member_set_role(project=garden, user=raters[0], role="rater")
    (here,) = judged(project, raters[0], limit=1)

    (there,) = judged(garden, raters[0], limit=1)
    assert [queue.last_answered(raters[0], one) for one in (project, garden)] == [here.assignment, there.assignment]

    (there,) = judged(garden, raters[0], limit=1)
    assert [queue.last_answered(raters[0], one) for one in (project, garden)] == [None, there.assignment]
