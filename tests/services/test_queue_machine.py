"""Whatever raters and owners do, in whatever order: never above k, never stuck below it, and every sum is true."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from annotator.domain.asking import Said
from annotator.domain.lifecycles import AssignmentState
from annotator.domain.strategies import Order
from annotator.exceptions import AssignmentLapsed
from annotator.models import Assignment, Comparison, Judgment, Project, RaterHour, Round, RoundTally, Stretch, User
from annotator.services.assignments import assignment_skip, assignments_claim, assignments_sweep
from annotator.services.comparisons import comparisons_want
from annotator.services.flags import comparison_put_back, comparison_set_aside
from annotator.services.judgments import judgment_submit
from tests.factories import gold_of

ANSWERS = st.sampled_from(["a", "slightly_b", "tie", "both_bad"])
WHO = st.integers(0, 3)
ORDERS = st.sampled_from(list(Order))


@pytest.mark.slow
def test_the_queue_holds_its_promises_whatever_happens(project: Project, round: Round) -> None:
    """Slow because every step of every example is recounted in the database."""
    people = [User.objects.create_user(f"crowd-{number}") for number in range(4)]
    for person in people:
        project.members.create(user=person, role="rater")
    few = list(Comparison.objects.values_list("pk", flat=True)[:5])
    Comparison.objects.exclude(pk__in=few).delete()
    for number in range(3):
        gold_of(project, use="check", number=number)

    class Machine(QueueMachine):
        def __init__(self) -> None:
            super().__init__(project, round, people)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=12, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


class QueueMachine(RuleBasedStateMachine):
    """Each example is a transaction that never happened."""

    def __init__(self, project: Project, round: Round, people: list[User]) -> None:
        super().__init__()
        self.project, self.round, self.people = project, round, people
        self.example = transaction.atomic()
        self.example.__enter__()
        self.acknowledged: set[uuid.UUID] = set()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.example.__exit__(None, None, None)

    def of(self, who: int, *states: AssignmentState) -> list[Assignment]:
        rows = Assignment.objects.filter(rater=self.people[who], state__in=states)
        return list(rows.select_related("comparison__round__project", "comparison__first", "comparison__second"))

    @rule(who=WHO, wanted=st.integers(1, 3))
    def claim(self, who: int, wanted: int) -> None:
        held = assignments_claim(rater=self.people[who], project=self.project, wanted=wanted)
        assert len({one.pk for one in held}) == len(held)

    @rule(who=WHO)
    def claim_and_crash(self, who: int) -> None:
        before = Assignment.objects.count()
        with transaction.atomic():
            assignments_claim(rater=self.people[who], project=self.project, wanted=2)
            transaction.set_rollback(True)
        assert Assignment.objects.count() == before

    @rule(who=WHO, answer=ANSWERS)
    def judge(self, who: int, answer: str) -> None:
        for assignment in self.of(who, AssignmentState.HELD)[:1]:
            self._sent(assignment, answer)

    @rule(who=WHO, answer=ANSWERS)
    def correct(self, who: int, answer: str) -> None:
        for assignment in self.of(who, AssignmentState.ANSWERED)[:1]:
            self._sent(assignment, answer)

    @rule(who=WHO, answer=ANSWERS)
    def judge_too_late(self, who: int, answer: str) -> None:
        for assignment in self.of(who, AssignmentState.LAPSED)[:1]:
            try:
                self._sent(assignment, answer)
            except AssignmentLapsed:
                comparison = Comparison.objects.get(pk=assignment.comparison_id)
                assert comparison.held + comparison.answered == comparison.wanted

    def _sent(self, assignment: Assignment, answer: str) -> None:
        """Twice, as a browser sends what it is not sure of."""
        key = uuid.uuid4()
        first = judgment_submit(assignment=assignment, said=Said(answer), key=key, seconds=3.0)
        again = judgment_submit(assignment=assignment, said=Said(answer), key=key, seconds=3.0)
        assert first.pk == again.pk
        self.acknowledged.add(key)

    @rule(who=WHO)
    def skip(self, who: int) -> None:
        for assignment in self.of(who, AssignmentState.HELD)[:1]:
            assignment_skip(assignment=assignment)

    @rule(who=WHO)
    def leave(self, who: int) -> None:
        """Nobody hears of this rater for longer than a lease lasts."""
        held = Assignment.objects.filter(rater=self.people[who], state=AssignmentState.HELD)
        held.update(leased_until=timezone.now() - timedelta(seconds=1))
        assignments_sweep()

    @rule(place=st.integers(0, 4), wanted=st.integers(1, 4))
    def want(self, place: int, wanted: int) -> None:
        one = Comparison.objects.order_by("pk")[place]
        comparisons_want(comparisons=Comparison.objects.filter(pk=one.pk), wanted=wanted)

    @rule(place=st.integers(0, 4))
    def set_aside_or_back(self, place: int) -> None:
        one = Comparison.objects.order_by("pk")[place]
        if one.set_aside_at is None:
            comparison_set_aside(comparison=one)
        else:
            comparison_put_back(comparison=one)

    @rule(share=st.sampled_from([0.0, 0.5]))
    def change_the_checks(self, share: float) -> None:
        """Gold alone: a repeat needs more judgments before it than there are comparisons here."""
        self.project.checks = {"gold": share}

    @rule(
        order=st.sampled_from(list(Order)),
        control=st.sampled_from([0.0, 0.5]),
        arms=st.lists(st.booleans(), max_size=5),
    )
    def change_the_strategy(self, order: Order, control: float, arms: list[bool]) -> None:
        self.project.strategy, self.project.control_share = {order.value: 1}, control
        for one, is_control in zip(Comparison.objects.order_by("pk"), arms, strict=False):
            Comparison.objects.filter(pk=one.pk).update(is_control=is_control)

    @precondition(lambda self: Comparison.objects.exists())
    @rule()
    def everybody_takes_all_they_can(self) -> None:
        """Nobody is told that nothing is left while something is."""
        for person in self.people:
            assignments_claim(rater=person, project=self.project, wanted=10)
        for comparison in Comparison.objects.in_play():
            work = comparison.assignments.filter(check_kind="")
            met = set(work.exclude(state=AssignmentState.LAPSED).values_list("rater", flat=True))
            is_full = comparison.held + comparison.answered == comparison.wanted
            assert is_full or met == {person.pk for person in self.people}

    @invariant()
    def nothing_exceeds_k(self) -> None:
        for one in Comparison.with_checks.all():
            states = Counter(one.assignments.filter(check_kind="").values_list("state", flat=True))
            assert (one.held, one.answered) == (states["held"], states["answered"])
            assert one.held + one.answered <= one.wanted

    @invariant()
    def what_was_acknowledged_is_stored_once(self) -> None:
        stored = Counter(Judgment.with_checks.values_list("key", flat=True))
        assert self.acknowledged == set(stored)
        assert set(stored.values()) <= {1}

    @invariant()
    def every_sum_is_true(self) -> None:
        assert RoundTally.objects.filter(round=self.round).sums() == recounted(self.round)
        for one in Comparison.objects.all():
            preferred = Counter(
                Judgment.objects.current().filter(assignment__comparison=one).values_list("preferred_id", "outcome")
            )
            assert one.for_first == sum(n for (who, _o), n in preferred.items() if who == one.first_id)
            assert one.for_second == sum(n for (who, _o), n in preferred.items() if who == one.second_id)
            assert one.level == sum(n for (who, outcome), n in preferred.items() if outcome in ("tie", "both_bad"))
        hours: dict[int, Counter[str]] = defaultdict(Counter)
        for who, state in Assignment.objects.values_list("rater", "state"):
            hours[who][state] += 1
        for person in self.people:
            kept = RaterHour.objects.filter(rater=person).aggregate(
                answered=Sum("answered"), skipped=Sum("skipped"), decided=Sum("decided"), seconds=Sum("seconds")
            )
            firsts = Judgment.with_checks.filter(assignment__rater=person, supersedes=None)
            assert (kept["answered"] or 0, kept["skipped"] or 0) == (
                hours[person.pk]["answered"], hours[person.pk]["skipped"],
            )  # fmt: skip
            assert (kept["decided"] or 0) == firsts.filter(preferred__isnull=False).count()
            assert (kept["seconds"] or 0.0) == 3.0 * firsts.count()
        told = Judgment.with_checks.values_list("assignment__comparison__round", "pk")
        assert set(Stretch.objects.values_list("round", "number")) == {(of, pk // Stretch.SPAN) for of, pk in told}


def recounted(round: Round) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE set_aside_at IS NULL), sum(wanted) FILTER (WHERE set_aside_at IS NULL),"
            " sum(answered) FILTER (WHERE set_aside_at IS NULL), count(*) FILTER (WHERE set_aside_at IS NOT NULL)"
            " FROM annotator_comparison WHERE round_id = %s AND gold_id IS NULL",
            [round.pk],
        )
        comparisons, wanted, answered, set_aside = cursor.fetchone()
    decided = Judgment.objects.current().filter(
        assignment__comparison__round=round, assignment__comparison__set_aside_at=None,
        assignment__comparison__prompt__split="train", preferred__isnull=False,
    )  # fmt: skip
    return {
        "comparisons": comparisons, "wanted": wanted or 0, "answered": answered or 0, "set_aside": set_aside,
        "decided": decided.count(),
    }  # fmt: skip
