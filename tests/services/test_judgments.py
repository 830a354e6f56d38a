from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from annotator.domain.asking import Said
from annotator.domain.lifecycles import AssignmentState, RoundState
from annotator.domain.verdicts import Outcome
from annotator.exceptions import (
    AssignmentLapsed,
    InputInvalid,
    JudgmentClosed,
    RoundNotCollecting,
    StateNotAllowed,
    constraint_of,
)
from annotator.models import Assignment, Comparison, Judgment, Project, Round, User
from annotator.services.assignments import (
    AHEAD,
    TURN,
    assignment_claim,
    assignment_skip,
    assignments_claim,
    assignments_sweep,
    faces_asked,
)
from annotator.services.judgments import judgment_submit
from annotator.sql import Question, rows
from tests.keys import key


@pytest.fixture
def held(project: Project, round: Round, raters: list[User]) -> Assignment:
    assignment = assignment_claim(rater=raters[0], project=project)
    assert assignment is not None
    return assignment


def test_a_judgment_names_the_response_that_was_preferred_whatever_side_it_was_shown_on(held: Assignment) -> None:
    judgment = judgment_submit(assignment=held, said=Said("a"), key=key(1), seconds=3.5)

    assert judgment.preferred == held.left
    assert judgment.value == (-1.0 if held.first_on_left else 1.0)
    assert Comparison.objects.get(pk=held.comparison_id).answered == 1


@pytest.mark.parametrize(("answer", "outcome"), [("tie", Outcome.TIE), ("both_bad", Outcome.BOTH_BAD)])
def test_tie_and_both_bad_stay_distinct_and_prefer_nobody(held: Assignment, answer: str, outcome: Outcome) -> None:
    judgment = judgment_submit(assignment=held, said=Said(answer), key=key(1))

    assert (judgment.outcome, judgment.preferred) == (outcome, None)


def test_the_same_key_again_returns_the_stored_judgment(held: Assignment) -> None:
    first = judgment_submit(assignment=held, said=Said("a"), key=key(1))

    again = judgment_submit(assignment=held, said=Said("b"), key=key(1))

    assert (again.pk, again.answer) == (first.pk, "a")
    assert Judgment.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_same_form_sent_many_times_at_once_is_stored_once(held: Assignment) -> None:
    def send(_: int) -> int:
        try:
            return judgment_submit(assignment=held, said=Said("a"), key=key(1)).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        stored = set(pool.map(send, range(6)))

    assert len(stored) == Judgment.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_next_pairs_are_leased_in_the_transaction_of_the_judgment(held: Assignment, project: Project) -> None:
    next_pairs = faces_asked(rater=held.rater, project=project, groups=[])

    judgment = judgment_submit(assignment=held, said=Said("a"), key=key(1), along=[next_pairs])

    leases = Assignment.objects.filter(state=AssignmentState.HELD).values_list("pk", flat=True)
    assert next_pairs.answer is not None
    assert [pk for _fault, pk, *_face in next_pairs.answer] == list(leases)
    assert len(leases) == 1 + AHEAD
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(DISTINCT xmin::text) FROM (SELECT xmin FROM annotator_judgment WHERE id = %s"
            " UNION ALL SELECT xmin FROM annotator_assignment WHERE id = ANY(%s)) stored",
            [judgment.pk, list(leases)],
        )
        assert cursor.fetchone() == (1,)


@pytest.mark.django_db(transaction=True)
def test_a_judgment_is_stored_though_what_is_asked_along_with_it_fails(held: Assignment) -> None:
    fails = Question("SELECT 1 / %(n)s::int", {"n": 0})

    judgment_submit(assignment=held, said=Said("a"), key=key(1), along=[fails])

    assert list(Judgment.objects.values_list("key", flat=True)) == [key(1)]
    assert fails.answer is None


@pytest.mark.django_db(transaction=True)
def test_a_judgment_that_is_refused_is_refused_with_its_reason_whatever_goes_along(
    held: Assignment, project: Project, raters: list[User]
) -> None:
    Comparison.objects.filter(pk=held.comparison_id).update(wanted=1)
    Comparison.objects.exclude(pk=held.comparison_id).delete()
    Assignment.objects.filter(pk=held.pk).update(leased_until=timezone.now() - timedelta(minutes=1))
    assignments_sweep()
    assert assignment_claim(rater=raters[1], project=project) is not None
    next_pairs = faces_asked(rater=held.rater, project=project, groups=[])

    with pytest.raises(AssignmentLapsed):
        judgment_submit(assignment=held, said=Said("a"), key=key(1), along=[next_pairs])

    assert next_pairs.answer is None, "they failed together"
    assert not Judgment.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_judgments_of_one_rater_at_the_same_moment_wait_for_each_other_and_both_are_stored(
    project: Project, round: Round, raters: list[User]
) -> None:
    Comparison.objects.update(wanted=50)

    def send(assignment: Assignment) -> None:
        try:
            next_pairs = faces_asked(rater=raters[0], project=project, groups=[])
            judgment_submit(assignment=assignment, said=Said("a"), key=uuid.uuid4(), along=[next_pairs])
            assert next_pairs.answer is not None, "nobody had to be asked again"
        finally:
            connection.close()

    for _time in range(3):
        # Their leases are old, so that each claim begins all of them anew.
        leases = assignments_claim(rater=raters[0], project=project)
        Assignment.objects.update(leased_until=timezone.now() + timedelta(seconds=5))
        with ThreadPoolExecutor(len(leases)) as pool:
            list(pool.map(send, leases))

    assert Judgment.objects.count() == 3 * (1 + AHEAD)


@pytest.mark.django_db(transaction=True)
def test_a_judgment_locks_nothing_before_its_rater_has_the_turn(held: Assignment, project: Project) -> None:
    """Whoever pauses a rater has the turn and takes back their leases: both would wait for ever."""

    next_pairs = faces_asked(rater=held.rater, project=project, groups=[])

    def send() -> None:
        try:
            judgment_submit(assignment=held, said=Said("a"), key=key(1), along=[next_pairs])
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            rows(f"SELECT {TURN}", {"project": project.pk, "rater": held.rater_id})
            sent = other.submit(send)
            while not sent.done() and not waiting_for_a_turn():
                pass
            rows("SET LOCAL lock_timeout = '5s'")
            Assignment.objects.filter(pk=held.pk).update(state=AssignmentState.LAPSED)
        sent.result()

    assert Judgment.objects.count() == 1
    assert next_pairs.answer is not None, "nobody had to be asked again"


def waiting_for_a_turn() -> bool:
    [(n,)] = rows(
        "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
        " WHERE l.locktype = 'advisory' AND NOT l.granted AND d.datname = current_database()"
    )
    return bool(n)


def test_a_correction_supersedes_and_the_history_stays(held: Assignment) -> None:
    first = judgment_submit(assignment=held, said=Said("a"), key=key(1))

    second = judgment_submit(assignment=held, said=Said("tie"), key=key(2))

    assert second.supersedes == first
    assert list(Judgment.objects.current()) == [second]
    assert Comparison.objects.get(pk=held.comparison_id).answered == 1


def test_a_correction_after_the_freeze_is_refused(held: Assignment) -> None:
    judgment_submit(assignment=held, said=Said("a"), key=key(1))
    Round.objects.update(state=RoundState.FROZEN)

    with pytest.raises(JudgmentClosed):
        judgment_submit(assignment=held, said=Said("b"), key=key(2))


def test_an_answer_that_was_begun_before_the_freeze_is_kept(held: Assignment) -> None:
    Round.objects.update(state=RoundState.FROZEN)

    judgment_submit(assignment=held, said=Said("a"), key=key(1))

    assert Judgment.objects.count() == 1


def test_an_abandoned_round_takes_no_judgments(held: Assignment) -> None:
    Round.objects.update(state=RoundState.ABANDONED)

    with pytest.raises(RoundNotCollecting):
        judgment_submit(assignment=held, said=Said("a"), key=key(1))


def test_a_lapsed_lease_is_taken_up_again_while_its_slot_is_free(held: Assignment) -> None:
    assignments_sweep(now=timezone.now() + timedelta(hours=1))

    judgment_submit(assignment=held, said=Said("a"), key=key(1))

    held.refresh_from_db()
    assert held.state == AssignmentState.ANSWERED


def test_a_lapsed_lease_whose_slot_is_taken_is_refused_and_nothing_is_stored(
    held: Assignment, project: Project, raters: list[User]
) -> None:
    Comparison.objects.exclude(pk=held.comparison_id).delete()
    assignments_sweep(now=timezone.now() + timedelta(hours=1))
    for rater in raters[1:]:
        assert assignment_claim(rater=rater, project=project)

    with transaction.atomic(), pytest.raises(AssignmentLapsed):
        judgment_submit(assignment=held, said=Said("a"), key=key(1))

    assert Judgment.objects.count() == 0


def test_a_skipped_comparison_cannot_be_judged(held: Assignment) -> None:
    assignment_skip(assignment=held)

    with pytest.raises(StateNotAllowed):
        judgment_submit(assignment=held, said=Said("a"), key=key(1))


def test_an_answer_that_the_protocol_does_not_offer_is_refused_with_its_name(held: Assignment) -> None:
    with pytest.raises(InputInvalid, match="banana"):
        judgment_submit(assignment=held, said=Said("banana"), key=key(1))


def test_a_key_of_another_comparison_is_refused(held: Assignment, project: Project, raters: list[User]) -> None:
    judgment_submit(assignment=held, said=Said("a"), key=key(1))
    other = assignment_claim(rater=raters[1], project=project)
    assert other is not None

    with pytest.raises(InputInvalid):
        judgment_submit(assignment=other, said=Said("a"), key=key(1))


def violated(error: pytest.ExceptionInfo[IntegrityError]) -> str:
    return constraint_of(error.value)


def test_the_database_refuses_to_change_or_delete_a_judgment(held: Assignment) -> None:
    judgment_submit(assignment=held, said=Said("a"), key=key(1))

    for statement in ("UPDATE annotator_judgment SET answer = 'b'", "DELETE FROM annotator_judgment"):
        with pytest.raises(IntegrityError) as error, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
        assert violated(error) == "judgment_is_append_only"


def test_the_database_refuses_a_judgment_from_a_lease_that_was_not_answered(held: Assignment) -> None:
    with pytest.raises(IntegrityError) as error, transaction.atomic():
        Judgment.objects.create(assignment=held, outcome=Outcome.TIE, value=0, preset="five_point", answer="tie")

    assert violated(error) == "judgment_has_answered_assignment"


def test_the_database_refuses_a_preferred_response_on_the_wrong_side(held: Assignment) -> None:
    Assignment.objects.update(state=AssignmentState.ANSWERED)

    with pytest.raises(IntegrityError) as error, transaction.atomic():
        Judgment.objects.create(
            assignment=held,
            outcome=Outcome.PREFER,
            value=-1,
            preferred=held.comparison.second,
            preset="five_point",
            answer="a",
        )

    assert violated(error) == "judgment_prefers_the_side_of_its_value"


def test_the_database_refuses_one_lease_too_many(held: Assignment) -> None:
    extra = [
        Assignment(
            comparison=held.comparison,
            rater=User.objects.create_user(f"extra-{number}"),
            first_on_left=True,
            leased_until=timezone.now(),
        )
        for number in range(2)
    ]

    with pytest.raises(IntegrityError) as error, transaction.atomic():
        Assignment.objects.bulk_create(extra)

    assert violated(error) == "comparison_slots_within_wanted"
