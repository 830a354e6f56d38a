"""What raters find wrong with a pair, and what is set aside for it."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from annotator.domain.asking import Said
from annotator.domain.flags import OF_THE_PAIR, FlagKind
from annotator.domain.lifecycles import AssignmentState
from annotator.exceptions import InputInvalid
from annotator.models import Assignment, Comparison, Flag, Judgment, Project, Round, User
from annotator.services.assignments import assignment_skip, assignments_sweep
from annotator.services.flags import comparison_set_aside, flags_raise
from annotator.services.judgments import judgment_submit
from tests.factories import flagged, held
from tests.keys import key


def is_aside(comparison: Comparison) -> bool:
    comparison.refresh_from_db()
    return comparison.set_aside_at is not None


# --- what is kept ------------------------------------------------------------------


def test_a_skip_with_flags_keeps_them_and_gives_the_slot_back(
    project: Project, round: Round, raters: list[User]
) -> None:
    assignment = held(project, raters[0])

    assignment_skip(assignment=assignment, flags=["broken", "language"])

    assert list(Flag.objects.values_list("assignment", "kind")) == [
        (assignment.pk, "broken"),
        (assignment.pk, "language"),
    ]
    comparison = Comparison.objects.get(pk=assignment.comparison_id)
    assert (comparison.held, comparison.answered) == (0, 0)
    assert held(project, raters[1]).comparison_id == comparison.pk


def test_a_judgment_with_flags_keeps_both(project: Project, round: Round, raters: list[User]) -> None:
    assignment = held(project, raters[0])

    judgment = judgment_submit(assignment=assignment, said=Said("a"), key=key(1), flags=["unsafe", "author"])

    assert list(Judgment.objects.all()) == [judgment]
    assert set(assignment.flags.values_list("kind", flat=True)) == {"unsafe", "author"}


def test_a_correction_may_flag_what_the_first_judgment_did_not(
    project: Project, round: Round, raters: list[User]
) -> None:
    assignment = held(project, raters[0])
    judgment_submit(assignment=assignment, said=Said("a"), key=key(1))

    judgment_submit(assignment=assignment, said=Said("b"), key=key(2), flags=["personal"])

    assert Flag.objects.get().kind == "personal"


def test_the_same_flag_twice_is_kept_once(project: Project, round: Round, raters: list[User]) -> None:
    assignment = held(project, raters[0])

    for _ in range(2):
        assignment_skip(assignment=assignment, flags=["broken", "broken"])

    assert Flag.objects.get().kind == "broken"


def test_a_skip_with_an_unknown_flag_is_refused_whole(project: Project, round: Round, raters: list[User]) -> None:
    assignment = held(project, raters[0])

    with pytest.raises(InputInvalid, match="“ugly” is not a flag; use unsafe, "):
        assignment_skip(assignment=assignment, flags=["broken", "ugly"])

    assert not Flag.objects.exists()
    assert Assignment.objects.get(pk=assignment.pk).state == AssignmentState.HELD


def test_a_judgment_with_an_unknown_flag_is_refused_whole(project: Project, round: Round, raters: list[User]) -> None:
    assignment = held(project, raters[0])

    with pytest.raises(InputInvalid, match="“ugly”"):
        judgment_submit(assignment=assignment, said=Said("a"), key=key(1), flags=["broken", "ugly"])

    assert not Flag.objects.exists()
    assert not Judgment.objects.exists()
    assert Assignment.objects.get(pk=assignment.pk).state == AssignmentState.HELD


def test_the_flags_of_a_lease_that_ran_out_are_kept_and_count(
    project: Project, round: Round, raters: list[User]
) -> None:
    late = held(project, raters[0])
    assignments_sweep(now=timezone.now() + timedelta(hours=1))

    assignment_skip(assignment=late, flags=["broken"])

    assert Flag.objects.get().assignment == late
    assert is_aside(flagged(project, raters[1], "broken"))


# --- what is set aside -------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_pair_is_set_aside_at_the_number_of_raters_that_the_project_wants_and_not_before(
    project: Project, round: Round, raters: list[User], number: int
) -> None:
    Project.objects.update(flags_to_set_aside=number)
    kinds = sorted(OF_THE_PAIR)

    aside = [is_aside(flagged(project, rater, kinds[n])) for n, rater in enumerate(raters[:number])]

    assert aside == [False] * (number - 1) + [True]


def test_two_flags_of_one_rater_are_one_rater(project: Project, round: Round, raters: list[User]) -> None:
    comparison = flagged(project, raters[0], "unsafe", "personal", "broken", "author")

    assert not is_aside(comparison)


@pytest.mark.parametrize("kind", FlagKind)
def test_only_what_is_said_of_the_pair_sets_it_aside(
    project: Project, round: Round, raters: list[User], kind: FlagKind
) -> None:
    """Somebody else may know the language, or the subject."""
    comparisons = [flagged(project, rater, kind) for rater in raters]

    assert comparisons[0] == comparisons[1]
    assert is_aside(comparisons[0]) is (kind in {"unsafe", "personal", "broken", "author"})


def test_a_judgment_counts_like_a_skip(project: Project, round: Round, raters: list[User]) -> None:
    comparison = flagged(project, raters[0], "unsafe")

    judgment_submit(assignment=held(project, raters[1]), said=Said("a"), key=key(1), flags=["broken"])

    assert is_aside(comparison)


def test_setting_aside_twice_keeps_when_it_was(project: Project, round: Round) -> None:
    comparison = round.comparisons.earliest("pk")
    comparison_set_aside(comparison=comparison)
    comparison.refresh_from_db()
    since = comparison.set_aside_at

    comparison_set_aside(comparison=comparison)

    comparison.refresh_from_db()
    assert comparison.set_aside_at == since


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["skip", "judge", "flag"])
def test_two_raters_who_flag_in_the_same_moment_set_the_pair_aside(
    project: Project, round: Round, raters: list[User], way: str
) -> None:
    """The second one comes before the first one's flag is committed, waits for it, and counts it."""
    first, second = (held(project, rater) for rater in raters[:2])
    assert first.comparison_id == second.comparison_id

    def flag() -> None:
        try:
            raise_flag(second, way)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            raise_flag(first, way)
            flagging = pool.submit(flag)
            wait_until_blocked(flagging)
        flagging.result()

    assert is_aside(first.comparison)


def raise_flag(assignment: Assignment, way: str) -> None:
    if way == "skip":
        assignment_skip(assignment=assignment, flags=["broken"])
    elif way == "judge":
        judgment_submit(assignment=assignment, said=Said("a"), key=key(assignment.pk), flags=["broken"])
    else:
        flags_raise(assignment=assignment, kinds=["broken"])


def wait_until_blocked(work: Future[None]) -> None:
    """Until that work waits for a lock in this database, or is over."""
    deadline = time.monotonic() + 20
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with connection.cursor() as cursor:
        while not work.done() and time.monotonic() < deadline:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(waiting)
            if cursor.fetchone() != (0,):
                return
    assert work.done(), "it neither waits nor ends"
