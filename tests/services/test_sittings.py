"""Practice and exams: what is asked, what is right, and who passes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from annotator.domain.gold import Right
from annotator.exceptions import InputInvalid, StateNotAllowed
from annotator.models import Gold, Member, Project, Sitting, SittingAnswer, User
from annotator.selectors.entrance import attempts_of, exam_is_due
from annotator.selectors.sittings import question_open, rights_shown
from annotator.services.gold import gold_retire
from annotator.services.projects import project_update
from annotator.services.protocols import protocol_publish
from annotator.services.sittings import sitting_answer, sitting_begin
from tests.factories import gold_of, sat


@pytest.fixture
def ann(project: Project, raters: list[User]) -> Member:
    return project.members.get(user=raters[0])


@pytest.fixture
def exam(project: Project) -> list[Gold]:
    """The exam asks three of five questions, and two right answers of three pass."""
    project_update(project=project, exam_questions=3, exam_pass_share=0.6, exam_attempts=2)
    return [gold_of(project, use="exam", number=number) for number in range(5)]


def asked_in(sitting: Sitting) -> list[Gold]:
    return [one.gold for one in sitting.answers.select_related("gold")]


# --- what is asked -----------------------------------------------------------------


def test_an_exam_asks_as_many_questions_as_the_project_wants(project: Project, exam: list[Gold], ann: Member) -> None:
    gold_of(project, use="practice", number=9)
    gold_of(project, use="example", number=9)

    sitting = sitting_begin(member=ann, kind="exam")

    assert list(sitting.answers.values_list("number", flat=True)) == [1, 2, 3]
    assert len({gold.pk for gold in asked_in(sitting)} & {gold.pk for gold in exam}) == 3


def test_practice_asks_all_there_is(project: Project, exam: list[Gold], ann: Member) -> None:
    practice = [gold_of(project, use="practice", number=number) for number in range(4)]

    sitting = sitting_begin(member=ann, kind="practice")

    assert sorted(gold.pk for gold in asked_in(sitting)) == [gold.pk for gold in practice]


def test_a_second_attempt_begins_with_what_this_rater_has_not_met(
    project: Project, exam: list[Gold], ann: Member, raters: list[User]
) -> None:
    sat(project.members.get(user=raters[1]), right=0)  # what others met does not matter
    first = asked_in(sat(ann, right=0))

    second = asked_in(sitting_begin(member=ann, kind="exam"))

    assert {gold.pk for gold in second[:2]} == {gold.pk for gold in exam} - {gold.pk for gold in first}
    assert second[2] in first


def test_going_on_returns_to_the_open_exam(exam: list[Gold], ann: Member) -> None:
    sitting = sitting_begin(member=ann, kind="exam")
    sitting_answer(sitting=sitting, number=1, answer="a")

    assert sitting_begin(member=ann, kind="exam") == sitting
    question = question_open(sitting)
    assert question is not None
    assert question.number == 2
    assert attempts_of(ann).taken == 1


@pytest.mark.django_db(transaction=True)
def test_beginning_in_many_tabs_at_once_is_one_attempt(exam: list[Gold], ann: Member) -> None:
    def begin(_: int) -> int:
        try:
            return sitting_begin(member=ann, kind="exam").pk
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        begun = set(pool.map(begin, range(4)))

    assert len(begun) == Sitting.objects.count() == 1


def test_retired_gold_is_asked_no_more_but_an_open_sitting_keeps_it(exam: list[Gold], ann: Member) -> None:
    sitting = sitting_begin(member=ann, kind="exam")
    for gold in asked_in(sitting)[:2]:
        gold_retire(gold=gold)
    retired = {gold.pk for gold in Gold.objects.exclude(retired_at=None)}

    for number in (1, 2, 3):
        sitting_answer(sitting=sitting, number=number, answer="a")

    again = asked_in(sitting_begin(member=ann, kind="exam"))
    assert len(again) == 3
    assert not {gold.pk for gold in again} & retired


def test_gold_is_not_asked_where_the_scale_lacks_what_is_right(project: Project, ann: Member) -> None:
    project_update(project=project, exam_questions=1)
    tie = gold_of(project, use="exam", number=1, right=["tie"])
    either = gold_of(project, use="exam", number=2, right=["tie", "second"])
    protocol_publish(project=project, preset="forced_choice")

    assert [asked_in(sitting_begin(member=ann, kind="exam"))] == [[either]]
    gold_retire(gold=either)
    assert tie.retired_at is None
    assert not exam_is_due(Member.objects.get(pk=ann.pk))


def test_a_sitting_keeps_the_scale_that_it_began_with(project: Project, exam: list[Gold], ann: Member) -> None:
    sitting = sitting_begin(member=ann, kind="exam")
    protocol_publish(project=project, preset="forced_choice")

    assert sitting_answer(sitting=sitting, number=1, answer="tie").answer == "tie"


@pytest.mark.parametrize(
    ("kind", "questions", "golds"),
    [("practice", 0, 0), ("exam", 0, 3), ("exam", 3, 0), ("exam", 3, 2)],
    ids=["no practice", "no exam wanted", "no question", "too few questions"],
)
def test_a_sitting_that_cannot_be_asked_is_refused(
    project: Project, ann: Member, kind: str, questions: int, golds: int
) -> None:
    """An exam of two questions instead of three would be passed more easily."""
    project_update(project=project, exam_questions=questions)
    for number in range(golds):
        gold_of(project, use="exam", number=number)

    with pytest.raises(StateNotAllowed, match="There is nothing to ask here yet"):
        sitting_begin(member=Member.objects.get(pk=ann.pk), kind=kind)

    assert not exam_is_due(Member.objects.get(pk=ann.pk))
    assert not Sitting.objects.exists()


# --- what is right -----------------------------------------------------------------


@pytest.mark.parametrize("first_on_left", [True, False])
@pytest.mark.parametrize(
    "right", [["first"], ["second"], ["tie"], ["first", "tie"], ["first", "second"]], ids=lambda right: "+".join(right)
)
def test_an_answer_is_understood_on_the_sides_that_were_shown(
    project: Project, ann: Member, right: list[str], first_on_left: bool
) -> None:
    """“a” means the left one, however strongly."""
    gold_of(project, use="practice", right=right)
    left, other = ("first", "second") if first_on_left else ("second", "first")
    means = {"a": left, "slightly_a": left, "slightly_b": other, "b": other, "tie": "tie", "both_bad": "both_bad"}

    found = {}
    for answer in means:
        sitting = sitting_begin(member=ann, kind="practice")
        sitting.answers.update(first_on_left=first_on_left)
        found[answer] = sitting_answer(sitting=sitting, number=1, answer=answer).is_right

    assert found == {answer: meaning in right for answer, meaning in means.items()}


@pytest.mark.parametrize(
    ("first_on_left", "shown"),
    [(True, [Right.FIRST, Right.TIE]), (False, [Right.SECOND, Right.TIE])],
)
def test_what_is_right_is_told_with_the_letters_that_were_shown(
    project: Project, ann: Member, first_on_left: bool, shown: list[Right]
) -> None:
    gold = gold_of(project, use="practice", right=["tie", "first"])
    asked = sitting_begin(member=ann, kind="practice").answers.get()
    asked.first_on_left = first_on_left

    assert rights_shown(asked) == shown
    assert asked.explained == f"{'A' if first_on_left else 'B'} is the **kinder** answer."
    assert (asked.left, asked.right) == ((gold.first, gold.second) if first_on_left else (gold.second, gold.first))


def test_a_question_is_answered_once(exam: list[Gold], ann: Member) -> None:
    sitting = sitting_begin(member=ann, kind="exam")
    first = sitting_answer(sitting=sitting, number=1, answer="a", seconds=4.0)

    again = sitting_answer(sitting=sitting, number=1, answer="b", seconds=9.0)

    assert (again.answer, again.is_right, again.seconds) == (first.answer, first.is_right, 4.0)
    assert again.answered_at == first.answered_at


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        (4, "a", "There is no question 4 here"),
        (0, "a", "There is no question 0 here"),
        (1, "both_good", "“both_good” is not one of the answers"),
        (1, "A", "“A” is not one of the answers"),
        (1, "", "Choose one of the answers"),
    ],
)
def test_what_was_not_asked_or_offered_is_refused_and_not_kept(
    exam: list[Gold], ann: Member, number: int, answer: str, said: str
) -> None:
    sitting = sitting_begin(member=ann, kind="exam")

    with pytest.raises(InputInvalid, match=said):
        sitting_answer(sitting=sitting, number=number, answer=answer)

    assert not SittingAnswer.objects.exclude(answered_at=None).exists()


@pytest.mark.parametrize(("sent", "kept"), [(-3.0, 0.0), (2.5, 2.5), (1e9, 86_400.0)])
def test_times_that_nobody_needed_are_cut(exam: list[Gold], ann: Member, sent: float, kept: float) -> None:
    sitting = sitting_begin(member=ann, kind="exam")

    assert sitting_answer(sitting=sitting, number=1, answer="a", seconds=sent).seconds == kept
