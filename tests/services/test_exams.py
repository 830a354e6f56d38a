"""Who passes, how often one may try, and when a guideline asks for the exam again."""

from __future__ import annotations

import pytest

from annotator.exceptions import StateNotAllowed
from annotator.models import Member, Project, Sitting, User
from annotator.selectors.entrance import attempts_of, exam_is_due
from annotator.selectors.gold import exam_supply, gold_asked
from annotator.selectors.projects import members_of
from annotator.selectors.sittings import sitting_result, sittings_of
from annotator.services.projects import guideline_publish, project_update
from annotator.services.protocols import protocol_publish
from annotator.services.sittings import exam_allow_again, sitting_answer, sitting_begin
from tests.factories import gold_of, sat


@pytest.fixture
def ann(project: Project, raters: list[User]) -> Member:
    """She is to pass an exam of three questions with two right answers; she may try twice."""
    project_update(project=project, exam_questions=3, exam_pass_share=0.6, exam_attempts=2)
    for number in range(3):
        gold_of(project, use="exam", number=number)
        gold_of(project, use="practice", number=10 + number)
    return now(project.members.get(user=raters[0]))


def now(member: Member) -> Member:
    return Member.objects.select_related("project").get(pk=member.pk)


# --- passing -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "right", "passed"),
    [(0.6, 2, True), (0.6, 1, False), (1.0, 3, True), (1.0, 2, False), (0.0, 0, True), (2 / 3, 2, True)],
)
def test_an_exam_is_passed_at_the_mark_and_failed_below(
    ann: Member, project: Project, share: float, right: int, passed: bool
) -> None:
    project_update(project=project, exam_pass_share=share)

    sitting = sat(ann, right=right)

    assert sitting.passed is passed
    assert exam_is_due(ann) is not passed
    result = sitting_result(sitting)
    assert (result.right, result.asked) == (right, 3)


def test_an_exam_is_over_with_its_last_answer_in_whatever_order(ann: Member) -> None:
    sitting = sitting_begin(member=ann, kind="exam")

    states = []
    for number in (3, 1, 2):
        sitting_answer(sitting=sitting, number=number, answer="a")
        sitting.refresh_from_db()
        states.append((sitting.ended_at is not None, sitting.passed is not None))

    assert states == [(False, False), (False, False), (True, True)]


def test_the_mark_is_the_one_that_was_wanted_when_the_exam_began(ann: Member, project: Project) -> None:
    sitting = sitting_begin(member=ann, kind="exam")
    project_update(project=project, exam_pass_share=0.0)

    assert sat(ann, right=0) == sitting
    sitting.refresh_from_db()
    assert (sitting.pass_share, sitting.passed) == (0.6, False)


@pytest.mark.parametrize("right", [0, 3])
def test_practice_is_neither_passed_nor_failed_and_may_be_repeated(ann: Member, right: int) -> None:
    sittings = [sat(ann, right=right, kind="practice") for _ in range(3)]

    assert [one.passed for one in sittings] == [None] * 3
    assert all(one.ended_at for one in sittings)
    assert exam_is_due(ann)
    assert attempts_of(ann).left == 2
    counts = [(one.right, one.asked) for one in sittings_of(ann, "practice")]  # type: ignore[attr-defined]
    assert counts == [(right, 3)] * 3


# --- attempts ----------------------------------------------------------------------


def test_attempts_run_out_and_an_owner_grants_one_more(ann: Member) -> None:
    left = [attempts_of(ann).left]
    for _ in range(2):
        sat(ann, right=0)
        left.append(attempts_of(ann).left)

    assert left == [2, 1, 0]
    with pytest.raises(StateNotAllowed, match="no attempt left"):
        sitting_begin(member=ann, kind="exam")
    exam_allow_again(member=ann)
    assert sat(now(ann), right=3).passed
    with pytest.raises(StateNotAllowed, match="no attempt left"):
        sitting_begin(member=now(ann), kind="exam")


def test_the_last_attempt_may_be_finished_although_none_is_left(ann: Member) -> None:
    sat(ann, right=0)
    sitting = sitting_begin(member=ann, kind="exam")

    found = attempts_of(ann)

    assert (found.taken, found.left, found.open) == (2, 0, sitting)
    assert found.last == Sitting.objects.exclude(pk=sitting.pk).get()
    assert sat(ann, right=3).passed


def test_attempts_are_counted_for_each_rater_alone(ann: Member, project: Project, raters: list[User]) -> None:
    other = now(project.members.get(user=raters[1]))
    for _ in range(2):
        sat(ann, right=0)

    assert attempts_of(other).left == 2
    assert sat(other, right=3).passed
    assert exam_is_due(ann)


# --- again -------------------------------------------------------------------------


@pytest.fixture
def v1(ann: Member, project: Project) -> Member:
    """Ann, and a first guideline."""
    guideline_publish(project=project, text="Be kind.", by=None)
    return now(ann)


@pytest.mark.parametrize(
    ("exam_again", "must_read", "asked_again"),
    [(True, True, True), (True, False, False), (False, True, False), (False, False, False)],
)
def test_only_a_guideline_that_must_be_read_asks_for_the_exam_again_and_only_where_the_project_wants_it(
    v1: Member, project: Project, exam_again: bool, must_read: bool, asked_again: bool
) -> None:
    project_update(project=project, exam_again=exam_again)
    sat(v1, right=0)
    assert sat(v1, right=3).passed

    guideline_publish(project=project, text="Be kind and short.", by=None, must_read=must_read)

    assert exam_is_due(now(v1)) is asked_again
    assert attempts_of(now(v1)).left == (2 if asked_again else 0)


def test_an_exam_that_was_passed_under_the_new_guideline_counts(v1: Member, project: Project) -> None:
    sat(v1, right=3)
    guideline_publish(project=project, text="Be kind and short.", by=None)
    guideline_publish(project=project, text="Be kind and short!", by=None, must_read=False)

    assert sat(now(v1), right=3).passed
    assert not exam_is_due(now(v1))


def test_an_exam_that_was_begun_before_the_new_guideline_is_begun_anew(v1: Member, project: Project) -> None:
    """Whoever went on with it could pass it in vain."""
    old = sitting_begin(member=v1, kind="exam")
    sitting_answer(sitting=old, number=1, answer="a")
    newest = guideline_publish(project=project, text="Be kind and short.", by=None)

    sitting = sitting_begin(member=now(v1), kind="exam")

    assert sitting.guideline == newest
    assert not sitting.answers.exclude(answered_at=None).exists()
    assert sat(now(v1), right=3) == sitting
    assert not exam_is_due(now(v1))
    assert attempts_of(now(v1)).taken == 1


def test_practice_that_was_begun_before_the_new_guideline_goes_on(v1: Member, project: Project) -> None:
    begun = sitting_begin(member=v1, kind="practice")
    guideline_publish(project=project, text="Be kind and short.", by=None)

    assert sitting_begin(member=now(v1), kind="practice") == begun


# --- what the owner sees -----------------------------------------------------------


def test_members_are_shown_with_how_their_exams_went(ann: Member, project: Project, raters: list[User]) -> None:
    others = [now(project.members.get(user=rater)) for rater in raters[1:]]
    sat(ann, right=0)
    sat(others[0], right=1)
    sat(others[0], right=3)

    rows = {row.pk: (row.exam_passed, row.exams_failed) for row in members_of(project)}  # type: ignore[attr-defined]

    assert [rows[member.pk] for member in (ann, *others)] == [(False, 1), (True, 1), (False, 0)]


def test_what_was_passed_before_a_guideline_that_asks_again_does_not_hide_that_the_rater_failed_since(
    v1: Member, project: Project
) -> None:
    """Or its owner would see no way to grant another attempt."""
    sat(v1, right=0)
    sat(v1, right=3)
    guideline_publish(project=project, text="Be kind and short.", by=None)
    sat(now(v1), right=1)

    row = members_of(Project.objects.get(pk=project.pk)).get(pk=v1.pk)

    assert (row.exam_passed, row.exams_failed) == (False, 1)  # type: ignore[attr-defined]


def test_gold_is_shown_with_how_often_it_was_asked_and_answered_right(ann: Member, project: Project) -> None:
    sat(ann, right=1)
    sat(ann, right=3)
    sitting_begin(member=now(project.members.exclude(pk=ann.pk).earliest("pk")), kind="practice")  # nothing answered

    groups = dict(gold_asked(project))

    exam = groups["Exam"]
    assert [gold.asked for gold in exam] == [2, 2, 2]  # type: ignore[attr-defined]
    assert sum(gold.got for gold in exam) == 4  # type: ignore[attr-defined]
    assert [gold.asked for gold in groups["Practice, with feedback"]] == [0, 0, 0]  # type: ignore[attr-defined]


def test_the_supply_of_an_exam_counts_what_the_protocol_can_answer(ann: Member, project: Project) -> None:
    gold_of(project, use="exam", number=7, right=["tie"])
    supplies = [exam_supply(project)]
    protocol_publish(project=project, preset="hh")
    supplies.append(exam_supply(project))

    assert [(one.wanted, one.there, one.is_short) for one in supplies] == [(3, 4, False), (3, 3, False)]
    project_update(project=project, exam_questions=4)
    assert exam_supply(project).is_short


def test_gold_is_shown_in_the_order_of_writing(ann: Member, project: Project) -> None:
    written = [gold_of(project, use="example", number=number) for number in range(20, 40)]
    sat(ann, right=3)

    assert dict(gold_asked(project))["Example in the guidelines"] == written
