"""Hidden checks: they are handed out, they find what is there to find, and they count for nothing else."""

from __future__ import annotations

import logging
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from annotator.domain.asking import Said
from annotator.domain.checks import CheckRules
from annotator.models import (
    Assignment,
    Comparison,
    Gold,
    Judgment,
    Member,
    Project,
    Prompt,
    RaterHour,
    Round,
    RoundTally,
    User,
)
from annotator.selectors.checks import Checked, checked_of, gold_missed
from annotator.selectors.exclusion import left_out
from annotator.selectors.habits import habits_of
from annotator.selectors.judgments import judgments_of_project
from annotator.selectors.quality import quality_of
from annotator.selectors.queue import judgments_of, last_answered, progress_for_rater
from annotator.selectors.rounds import round_progress
from annotator.selectors.votes import votes_counted_of
from annotator.services.assignments import assignment_claim, assignments_claim
from annotator.services.checks import (
    check_rules_set,
    member_exclude,
    member_include,
    member_resume,
    pausing_go_on,
    raters_check,
)
from annotator.services.gold import gold_retire, gold_stage
from annotator.services.judgments import judgment_submit
from annotator.services.rounds import decided_for_training
from annotator.services.snapshots import snapshot_freeze
from annotator.store import store_path
from tests.factories import gold_of, judged
from training.contract import COMPARISONS


def checking(project: Project, **rules: Any) -> Project:
    return check_rules_set(project=project, rules=rules)


def check_held(project: Project, rater: User, kind: str, gold: Gold | None = None) -> Assignment:
    """A check that this rater holds, handed out by the queue: sooner or later its chance comes."""
    checking(project, **{**project.checks, "gold": 0.0, "repeat": 0.0, "swap": 0.0, kind: 0.5})
    for _ in range(60):
        Assignment.objects.filter(rater=rater, state="held", check_kind="").delete()
        held = assignments_claim(rater=rater, project=project, wanted=1)
        if held[0].check_kind == kind and (gold is None or held[0].comparison.gold_id == gold.pk):
            return held[0]
    raise AssertionError(f"no {kind} came in sixty claims")


def said(assignment: Assignment, answer: str, seconds: float = 12.0) -> Judgment:
    return judgment_submit(assignment=assignment, said=Said(answer), key=uuid.uuid4(), seconds=seconds)


def clock() -> int:
    """The clock's next look at raters, once what was said has settled."""
    return raters_check(now=timezone.now() + timedelta(minutes=1))


def gold_answered(project: Project, rater: User, *, right: Sequence[bool]) -> None:
    """The rater is shown as much gold and answers it so."""
    for number, is_right in enumerate(right, Gold.objects.count() + 1):
        gold_of(project, use="check", number=number)
        check = check_held(project, rater, "gold")
        said(check, "a" if check.first_on_left == is_right else "b")
    clock()


def found_about(project: Project, rater: User) -> Checked:
    member = project.members.get(user=rater)
    return checked_of(project, CheckRules.of(project.checks), member)[member.pk]


def known_of(project: Project, round: Round) -> Any:
    """All that is counted, learnt from or shown about the answers of a project."""
    judgments = judgments_of_project(project)
    votes = votes_counted_of(project)
    return (
        RoundTally.objects.filter(round=round).sums(),
        round_progress(round),
        quality_of(project),
        (len(judgments.judgments), judgments.comparison_ids, judgments.rater_ids),
        (votes.authors, votes.table_R7.tolist()),
        list(Comparison.objects.values_list("pk", "held", "answered", "for_first", "for_second", "level")),
        decided_for_training(round),
        (Prompt.objects.filter(project=project).count(), project.prompts.count(), round.comparisons.count()),
    )


@pytest.mark.parametrize("answer", ["a", "tie"])
def test_checks_change_nothing_that_is_counted_learnt_from_or_shown(
    project: Project, round: Round, raters: list[User], answer: str
) -> None:
    for rater in raters[:2]:
        judged(project, rater, limit=20)
    Assignment.objects.filter(state="held").delete()
    before = known_of(project, round)

    gold_of(project, use="check")
    for kind in ("gold", "repeat", "swap"):
        check = check_held(project, raters[0], kind)
        said(check, answer)
        said(check, "b")  # and a correction
    Assignment.objects.filter(state="held").delete()

    assert Judgment.with_checks.filter(is_check=True).count() == 6
    assert known_of(project, round) == before


def test_a_snapshot_is_the_same_with_and_without_checks(project: Project, round: Round, raters: list[User]) -> None:
    for rater in raters[:2]:
        judged(project, rater, limit=20)
    Round.objects.filter(pk=round.pk).update(settings={"consensus": "votes"})
    round.refresh_from_db()

    def frozen() -> bytes:
        with transaction.atomic():
            snapshot = snapshot_freeze(round=round)
            rows = (store_path(snapshot.path) / COMPARISONS).read_bytes()
            transaction.set_rollback(True)
        return rows

    without = frozen()
    gold_of(project, use="check")
    for kind in ("gold", "repeat", "swap"):
        said(check_held(project, raters[0], kind), "b")

    assert without.count(b"\n") == 20
    assert frozen() == without


def test_to_its_rater_a_check_is_work_like_any_other(project: Project, round: Round, raters: list[User]) -> None:
    ann = raters[0]
    judged(project, ann, limit=11)
    before = progress_for_rater(ann, project)

    repeat = check_held(project, ann, "repeat")
    first = said(repeat, "b")

    after = progress_for_rater(ann, project)
    assert after.answered_by_me == before.answered_by_me + 1
    assert after.answered == before.answered + 1
    assert after.wanted == before.wanted
    undo = last_answered(ann, project)
    assert undo is not None
    assert undo.pk == repeat.pk
    mine = judgments_of(ann, project).judged
    assert mine[0].current.pk == first.pk
    second = said(repeat, "a")
    assert second.supersedes_id == first.pk
    assert judgments_of(ann, project).judged[0].earlier == [first]
    assert habits_of(ann, project).consistency.n == 1


def test_a_repeat_is_shown_as_before_and_a_swap_the_other_way_round(
    project: Project, round: Round, raters: list[User]
) -> None:
    ann = raters[0]
    judged(project, ann, limit=12)

    for kind in ("repeat", "swap"):
        check = check_held(project, ann, kind)
        original = Assignment.objects.get(comparison=check.comparison, rater=ann, check_kind="")
        assert (check.first_on_left == original.first_on_left) == (kind == "repeat")
        said(check, "a")


def test_a_pair_comes_again_only_ten_judgments_later(project: Project, round: Round, raters: list[User]) -> None:
    ann = raters[0]
    checking(project, repeat=0.5)

    for _ in range(10):
        held = assignment_claim(rater=ann, project=project)
        assert held is not None
        assert held.check_kind == ""
        said(held, "a")

    oldest = Assignment.objects.filter(rater=ann, state="answered").order_by("ended_at", "pk")[0]
    said(assignments_claim(rater=ann, project=project, wanted=1)[0], "a")
    assert check_held(project, ann, "repeat").comparison_id == oldest.comparison_id


def test_gold_is_shown_once_to_each_rater_and_to_nobody_as_work(
    project: Project, round: Round, raters: list[User]
) -> None:
    gold = gold_of(project, use="check")
    for rater in raters[:2]:
        assert check_held(project, rater, "gold").comparison.gold_id == gold.pk

    checking(project)
    everything = [one for rater in raters for one in judged(project, rater)]
    checking(project, gold=0.5)
    more = assignments_claim(rater=raters[0], project=project, wanted=10)

    assert len(everything) > 0
    assert {one.assignment.comparison.gold_id for one in everything if not one.assignment.check_kind} == {None}
    assert [one.check_kind for one in more if one.comparison.gold_id == gold.pk] in ([], ["gold"])
    assert Assignment.objects.filter(comparison__gold=gold, rater=raters[0]).count() == 1


def test_checks_come_at_their_rate_and_only_to_raters(project: Project, round: Round, raters: list[User]) -> None:
    """Of 38 pairs at a rate of one half, fewer than 6 or more than 32 checks come less often than once in 10⁵."""
    for number in range(40):
        gold_of(project, use="check", number=number)
    checking(project, gold=0.5)

    def kinds(rater: User) -> list[str]:
        return [one.check_kind for one in assignments_claim(rater=rater, project=project, wanted=38)]

    assert 6 <= kinds(raters[0]).count("gold") <= 32
    assert set(kinds(project.members.get(role="owner").user)) == {""}


def test_without_work_no_check_comes_or_it_would_be_known_for_one(
    project: Project, round: Round, raters: list[User]
) -> None:
    for number in range(5):
        gold_of(project, use="check", number=number)
    for rater in raters[:2]:
        judged(project, rater)
    checking(project, gold=0.5)

    assert [assignment_claim(rater=raters[2], project=project) for _ in range(20)] == [None] * 20


def test_a_check_that_fails_is_logged_and_its_rater_gets_work(
    project: Project, round: Round, raters: list[User], caplog: pytest.LogCaptureFixture
) -> None:
    checking(project, gold=0.5)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION queue_check(p_round bigint, p_rater bigint, p_kind text, p_apart int,"
            " OUT picked bigint, OUT on_left boolean) LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'the drawer of gold is stuck'; END $$"
        )

    with caplog.at_level(logging.ERROR):
        held = assignments_claim(rater=raters[0], project=project, wanted=20)

    assert [one.check_kind for one in held] == [""] * 20
    assert "the drawer of gold is stuck" in caplog.text


def test_rules_that_do_not_fit_check_nobody_and_stop_no_work(
    project: Project, round: Round, raters: list[User], caplog: pytest.LogCaptureFixture
) -> None:
    project.checks = {"gold": 7}

    judgments = judged(project, raters[0], limit=3)

    assert len(judgments) == 3
    assert "do not fit" in caplog.text


def test_the_database_refuses_what_no_check_may_be(project: Project, round: Round, raters: list[User]) -> None:
    gold_of(project, use="check")
    check = check_held(project, raters[0], "gold")
    work = round.comparisons.all()[0]

    def refused(write: Any) -> str:
        with pytest.raises(IntegrityError) as refusal, transaction.atomic():
            write()
        return refusal.value.__cause__.diag.constraint_name  # type: ignore[union-attr,no-any-return]

    leased = {"rater": raters[1], "first_on_left": True, "leased_until": check.leased_until}
    made_work = Assignment.objects.filter(pk=check.pk)
    wants = Comparison.with_checks.filter(pk=check.comparison_id)
    assert refused(lambda: made_work.update(check_kind="")) == "assignment_check_kind_stays"
    assert refused(lambda: wants.update(wanted=1)) == "comparison_of_gold_wants_nobody"
    assert refused(lambda: Assignment.objects.create(comparison=work, check_kind="gold", **leased)) == (
        "assignment_check_fits_comparison"
    )
    assert refused(lambda: Assignment.objects.create(comparison=check.comparison, **leased)) == (
        "comparison_slots_within_wanted"
    )


def test_an_answer_knows_whether_it_is_one_to_a_check_whoever_writes_it(
    project: Project, round: Round, raters: list[User]
) -> None:
    gold_of(project, use="check")
    stored = said(check_held(project, raters[0], "gold"), "a")

    assert Judgment.with_checks.get(pk=stored.pk).is_check
    assert not Judgment.objects.filter(pk=stored.pk).exists()
    hours = RaterHour.objects.get(rater=raters[0])
    assert (hours.answered, hours.checks) == (1, 1)


# --- what they find -------------------------------------------------------------


def test_gold_and_consistency_are_counted_with_n(project: Project, round: Round, raters: list[User]) -> None:
    ann = raters[0]
    gold_answered(project, ann, right=[True, True, False])
    judged(project, ann, limit=12)
    checking(project)
    for kind, is_same in (("repeat", True), ("swap", False)):
        check = check_held(project, ann, kind)
        original = Judgment.objects.current().get(assignment__comparison=check.comparison, assignment__rater=ann)
        is_first = original.preferred_id == check.comparison.first_id
        said(check, "a" if (is_first == is_same) == check.first_on_left else "b")

    found = found_about(project, ann)

    assert (found.gold.value, found.gold.n) == (2 / 3, 3)
    assert (found.consistency.value, found.consistency.n) == (0.5, 2)
    assert (found.swapped.value, found.swapped.n) == (0.0, 1)
    assert found.gold.low is not None
    assert found.gold.high is not None
    assert found.gold.low < 2 / 3 < found.gold.high


def test_too_fast_is_a_share_of_what_was_timed(project: Project, round: Round, raters: list[User]) -> None:
    checking(project, min_seconds=3.0)
    for seconds in (0.0, 1.0, 2.9, 3.0, 40.0):  # 0: nobody measured it
        said(assignments_claim(rater=raters[0], project=project, wanted=1)[0], "a", seconds)

    found = found_about(project, raters[0])

    assert (found.fast.value, found.fast.n) == (0.5, 4)


def test_gold_that_the_protocol_could_not_answer_counts_for_nobody(
    project: Project, round: Round, raters: list[User]
) -> None:
    gold_of(project, use="check", right=["both_good"])

    assert not Comparison.with_checks.filter(gold__isnull=False).exists()


def test_gold_is_listed_by_how_often_it_is_missed(project: Project, round: Round, raters: list[User]) -> None:
    gold_answered(project, raters[0], right=[True, False])

    missed = gold_missed(project)

    assert [one.right.value for one in missed] == [0.0, 1.0]


def test_retired_gold_is_shown_to_nobody(project: Project, round: Round, raters: list[User]) -> None:
    gold_retire(gold=gold_of(project, use="check"))
    checking(project, gold=0.5)

    assert {one.check_kind for one in assignments_claim(rater=raters[0], project=project, wanted=20)} == {""}


# --- pausing --------------------------------------------------------------------


WRONG = [False] * 6
STRICT = {"gold_least": 0.6, "gold_after": 5}


def test_below_the_threshold_a_rater_is_paused_and_their_work_stays(
    project: Project, round: Round, raters: list[User]
) -> None:
    ann = raters[0]
    kept = judged(project, ann, limit=5)
    checking(project, **STRICT)
    gold_answered(project, ann, right=WRONG[:5])

    member = project.members.get(user=ann)
    assert member.paused_at is not None
    assert member.paused_reason["measure"] == "gold"
    assert (member.paused_reason["n"], member.paused_reason["bound"]) == (5, 0.6)
    assert assignment_claim(rater=ann, project=project) is None
    assert not Assignment.objects.filter(rater=ann, state="held").exists()
    assert Judgment.objects.filter(assignment__rater=ann).count() == len(kept)


def test_a_bad_share_of_too_few_answers_pauses_nobody(project: Project, round: Round, raters: list[User]) -> None:
    checking(project, **STRICT)
    gold_answered(project, raters[0], right=WRONG[:4])

    assert project.members.get(user=raters[0]).paused_at is None


def test_answers_that_come_too_fast_pause_their_rater(project: Project, round: Round, raters: list[User]) -> None:
    checking(project, min_seconds=3.0, fast_most=0.5, fast_after=8)
    for _ in range(8):
        said(assignments_claim(rater=raters[0], project=project, wanted=1)[0], "a", 1.0)
    assert clock() == 1

    assert project.members.get(user=raters[0]).paused_reason["measure"] == "fast"


def test_who_is_resumed_begins_anew(project: Project, round: Round, raters: list[User]) -> None:
    ann = raters[0]
    checking(project, **STRICT)
    gold_answered(project, ann, right=WRONG[:5])
    member_resume(member=project.members.get(user=ann))

    assert found_about(project, ann).gold.n == 0
    gold_answered(project, ann, right=WRONG[:1])
    assert project.members.get(user=ann).paused_at is None


def test_when_many_are_paused_in_a_day_pausing_stops_until_an_owner_looks(
    project: Project, round: Round, raters: list[User]
) -> None:
    checking(project, **STRICT)
    for rater in raters:
        gold_answered(project, rater, right=WRONG[:5])

    project.refresh_from_db()
    paused = [project.members.get(user=rater).paused_at is not None for rater in raters]
    assert paused == [True, True, False]
    assert project.pausing_stopped_at is not None

    pausing_go_on(project=project)
    gold_answered(project, raters[2], right=WRONG[:1])
    project.refresh_from_db()
    assert project.members.get(user=raters[2]).paused_at is not None
    assert project.pausing_stopped_at is None


def test_a_failing_evaluation_keeps_the_answer(
    project: Project, round: Round, raters: list[User], caplog: pytest.LogCaptureFixture
) -> None:
    gold_of(project, use="check")
    checking(project, **STRICT)
    check = check_held(project, raters[0], "gold")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE annotator_gold RENAME TO annotator_gold_away")

    stored = said(check, "b")
    clock()

    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE annotator_gold_away RENAME TO annotator_gold")
    assert Judgment.with_checks.filter(pk=stored.pk).exists()
    assert "failed" in caplog.text


def test_an_excluded_rater_is_not_learnt_from_and_nothing_is_deleted(
    project: Project, round: Round, raters: list[User]
) -> None:
    for rater in raters[:2]:
        judged(project, rater, limit=20)
    member = project.members.get(user=raters[0])
    before = decided_for_training(round), len(judgments_of_project(project).judgments)

    member_exclude(member=member)

    assert len(judgments_of_project(project).judgments) == before[1] - 20
    assert decided_for_training(round) < before[0]
    assert left_out(project).judgments == 20
    assert left_out(project).raters == 1
    assert Judgment.objects.filter(assignment__rater=raters[0]).count() == 20
    with transaction.atomic():
        counts = snapshot_freeze(round=round).counts
        transaction.set_rollback(True)
    assert counts["judgments"] == 20
    assert (counts["judgments_of_excluded_raters"], counts["excluded_raters"]) == (20, 1)

    member_include(member=member)

    assert (decided_for_training(round), len(judgments_of_project(project).judgments)) == before
    assert assignment_claim(rater=raters[0], project=project) is not None


# --- nothing tells --------------------------------------------------------------


@contextmanager
def statements() -> Iterator[Counter[str]]:
    """What the client sends to the server, by kind, as libpq itself writes it down."""
    connection.ensure_connection()
    found: Counter[str] = Counter()
    with tempfile.TemporaryFile("w+b") as trace:
        pgconn = connection.connection.pgconn
        pgconn.trace(trace.fileno())
        yield found
        pgconn.untrace()
        trace.seek(0)
        lines = (line.decode().split("\t") for line in trace)
        found.update(fields[3] for fields in lines if fields[1] == "F")


def test_sending_the_answer_to_a_check_does_the_work_of_any_other(
    project: Project, round: Round, raters: list[User]
) -> None:
    ann = raters[0]
    gold_of(project, use="check")
    checking(project, **STRICT, min_seconds=3.0, fast_most=0.5)
    leases = [check_held(project, ann, "gold")]
    checking(project, **STRICT, min_seconds=3.0, fast_most=0.5)
    leases += [lease for lease in assignments_claim(rater=ann, project=project, wanted=4) if not lease.check_kind]
    said(leases.pop(), "a")  # prepares the statements of this connection

    counts = []
    for lease, seconds in zip(leases, (12.0, 12.0, 1.0), strict=False):
        with statements() as sent:
            said(lease, "a", seconds)
        counts.append(sent)

    assert len(counts) == 3
    assert counts[0]["Execute"] > 0
    assert counts[0] == counts[1] == counts[2]


# --- at the same time -------------------------------------------------------------


def at_once(*calls: Any) -> list[Any]:
    def alone(call: Any) -> Any:
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [one.result() for one in [pool.submit(alone, call) for call in calls]]


@pytest.mark.django_db(transaction=True)
def test_raters_who_fail_at_once_never_outrun_the_breaker(project: Project, round: Round) -> None:
    crowd = [User.objects.create_user(f"crowd-{number}") for number in range(6)]
    Member.objects.bulk_create([Member(project=project, user=user, role="rater") for user in crowd])
    checking(project, gold_least=0.9, gold_after=1)
    gold_of(project, use="check")
    last = [check_held(project, user, "gold") for user in crowd]
    checking(project, gold_least=0.9, gold_after=1)
    for number, check in enumerate(last):
        Assignment.objects.filter(pk=check.pk).update(claimed_at=check.claimed_at)
        last[number] = Assignment.objects.select_related("comparison__round__project").get(pk=check.pk)

    at_once(*(lambda c=check: said(c, "b" if c.first_on_left else "a") for check in last))
    at_once(clock, clock, clock)

    project.refresh_from_db()
    assert project.members.exclude(paused_at=None).count() == 2
    assert project.pausing_stopped_at is not None
    assert Judgment.with_checks.filter(is_check=True).count() == 6


@pytest.mark.django_db(transaction=True)
def test_who_is_excluded_while_they_claim_holds_nothing_afterwards(
    project: Project, round: Round, raters: list[User]
) -> None:
    member = project.members.select_related("user", "project").get(user=raters[0])
    for _ in range(10):
        at_once(
            lambda: assignments_claim(rater=raters[0], project=project, wanted=3),
            lambda: member_exclude(member=member),
        )
        assert not Assignment.objects.filter(rater=raters[0], state="held").exists()
        member_include(member=member)


@pytest.mark.django_db(transaction=True)
def test_two_who_stage_gold_at_once_make_one_comparison(project: Project, round: Round) -> None:
    gold = Gold.objects.create(
        project=project, use="check", messages=[{"role": "user", "content": "Hi?"}], first="Yes", second="No",
        right=["first"], explanation="",
    )  # fmt: skip

    at_once(*[lambda: gold_stage(project=project)] * 4)

    assert Comparison.with_checks.filter(gold=gold).count() == 1
