"""What stands between a member and the next comparison, and in which order."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from annotator.exceptions import InputInvalid
from annotator.models import Acknowledgement, Member, Project, Role, User
from annotator.selectors.entrance import Step, can_practise, entrance_of
from annotator.selectors.projects import guidelines_of
from annotator.services.entrance import content_answer, guideline_acknowledge, member_shown_around
from annotator.services.gold import gold_retire
from annotator.services.projects import guideline_publish, member_set_role, project_create, project_update
from tests.factories import gold_of, sat


@pytest.fixture
def ann(project: Project, raters: list[User]) -> Member:
    return now(project.members.get(user=raters[0]))


def now(member: Member) -> Member:
    return Member.objects.select_related("project", "user").get(pk=member.pk)


def step(member: Member) -> Step:
    return entrance_of(now(member)).step


@pytest.fixture
def publish(project: Project) -> Callable[..., None]:
    """Publish a text as the next version, by nobody in particular."""

    def published(text: str, *, must_read: bool = True, by: User | None = None) -> None:
        guideline_publish(project=project, text=text, by=by, must_read=must_read)

    return published


def read(member: Member) -> None:
    """They read the newest version."""
    guideline = member.project.guidelines.first()
    assert guideline is not None
    guideline_acknowledge(guideline=guideline, user=member.user)


def test_a_new_project_without_a_guideline_is_open(ann: Member, olga: User, project: Project) -> None:
    entrance = entrance_of(ann)

    assert (entrance.step, entrance.is_open, entrance.guideline, entrance.read) == (Step.OPEN, True, None, None)
    assert step(project.members.get(user=olga)) is Step.OPEN


def test_the_content_comes_first_then_the_guideline_then_the_exam(
    ann: Member, project: Project, publish: Callable[..., None]
) -> None:
    publish("Be kind.")
    project_update(project=project, content_warning="Insults.", exam_questions=1)
    gold_of(project, use="exam")

    steps = [step(ann)]
    content_answer(member=ann, answer="accepted")
    steps.append(step(ann))
    read(ann)
    steps.append(step(ann))
    sat(now(ann), right=1)
    steps.append(step(ann))

    assert steps == [Step.CONTENT, Step.GUIDELINE, Step.EXAM, Step.OPEN]


# --- content -----------------------------------------------------------------------


def test_whoever_opted_out_stays_out_until_they_change_their_mind(
    ann: Member, project: Project, publish: Callable[..., None]
) -> None:
    project_update(project=project, content_warning="Insults.")

    content_answer(member=ann, answer="declined")
    publish("Be kind.")
    project_update(project=project, content_warning="Insults and threats.")

    assert step(ann) is Step.DECLINED
    content_answer(member=ann, answer="unasked")
    assert step(ann) is Step.CONTENT


def test_without_a_warning_nobody_is_asked_and_an_earlier_no_keeps_nobody_out(ann: Member, project: Project) -> None:
    project_update(project=project, content_warning="Insults.")
    content_answer(member=ann, answer="declined")

    project_update(project=project, content_warning="")

    assert step(ann) is Step.OPEN


def test_an_answer_to_the_warning_that_nobody_offered_is_refused(ann: Member) -> None:
    with pytest.raises(InputInvalid):
        content_answer(member=ann, answer="perhaps")

    assert now(ann).content == "unasked"


# --- guideline ---------------------------------------------------------------------


def test_a_version_that_must_be_read_closes_the_entrance_again(ann: Member, publish: Callable[..., None]) -> None:
    publish("Be kind.")
    read(ann)
    assert step(ann) is Step.OPEN

    publish("Be kind and short.")

    entrance = entrance_of(now(ann))
    assert entrance.step is Step.GUIDELINE
    assert entrance.guideline is not None
    assert entrance.read is not None
    assert (entrance.guideline.version, entrance.read.version) == (2, 1)


def test_a_corrected_comma_does_not(ann: Member, publish: Callable[..., None]) -> None:
    publish("Be kind.")
    read(ann)

    publish("Be kind!", must_read=False)

    assert step(ann) is Step.OPEN


def test_a_first_guideline_that_need_not_be_read_keeps_nobody_out(ann: Member, publish: Callable[..., None]) -> None:
    publish("Be kind.", must_read=False)

    assert step(ann) is Step.OPEN


def test_a_corrected_comma_after_an_unread_version_does_not_open_the_entrance(
    ann: Member, publish: Callable[..., None]
) -> None:
    publish("Be kind.")
    read(ann)
    publish("Be kind and short.")
    publish("Be kind and short!", must_read=False)

    assert step(ann) is Step.GUIDELINE
    read(ann)
    assert step(ann) is Step.OPEN


def test_the_same_text_published_again_asks_nobody(ann: Member, publish: Callable[..., None]) -> None:
    publish("Be kind.")
    read(ann)

    publish("Be kind.")

    assert step(ann) is Step.OPEN


def test_whoever_publishes_has_read_and_nobody_else_has(project: Project, olga: User, raters: list[User]) -> None:
    guideline_publish(project=project, text="Be kind.", by=olga)

    steps = {member.user: step(member) for member in project.members.all()}
    assert steps == {olga: Step.OPEN, **dict.fromkeys(raters, Step.GUIDELINE)}


def test_reading_twice_is_kept_once(ann: Member, publish: Callable[..., None]) -> None:
    publish("Be kind.")
    read(ann)
    read(ann)

    assert Acknowledgement.objects.filter(user=ann.user).count() == 1


def test_the_owner_sees_how_many_raters_have_read_each_version(
    project: Project, olga: User, raters: list[User], ann: Member
) -> None:
    """Owners and people who left do not count, nor does what raters read in another project."""
    guideline_publish(project=project, text="Be kind.", by=olga)
    read(ann)
    read(now(project.members.get(user=raters[1])))
    project.members.filter(user=raters[1]).delete()
    guideline_publish(project=project, text="Be short.", by=olga)
    other = project_create(owner=olga, name="Garden", slug="garden", guideline="Be green.")
    member_set_role(project=other, user=raters[0], role=Role.RATER)

    counts = [(one.version, one.read_by) for one in guidelines_of(project)]  # type: ignore[attr-defined]

    assert counts == [(2, 0), (1, 1)]
    assert guidelines_of(other).get().read_by == 0  # type: ignore[attr-defined]


# --- exam --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "after"), [(Role.RATER, Step.EXAM), (Role.REVIEWER, Step.OPEN), (Role.OWNER, Step.OPEN)]
)
def test_only_raters_sit_the_exam(ann: Member, project: Project, role: Role, after: Step) -> None:
    project_update(project=project, exam_questions=1)
    gold_of(project, use="exam")

    member_set_role(project=project, user=ann.user, role=role)

    assert step(ann) is after


def test_an_exam_with_too_little_gold_keeps_nobody_out(ann: Member, project: Project) -> None:
    project_update(project=project, exam_questions=2)
    gold_of(project, use="exam", number=1)
    gold_of(project, use="practice", number=2)
    assert step(ann) is Step.OPEN

    second = gold_of(project, use="exam", number=3)

    assert step(ann) is Step.EXAM
    gold_retire(gold=second)
    assert step(ann) is Step.OPEN


def test_whoever_failed_stays_at_the_exam(ann: Member, project: Project) -> None:
    project_update(project=project, exam_questions=1)
    gold_of(project, use="exam")

    sat(now(ann), right=0)

    assert step(ann) is Step.EXAM


def test_practice_is_offered_while_there_is_some(ann: Member, project: Project) -> None:
    assert not can_practise(ann)
    gold = gold_of(project, use="practice")
    assert can_practise(ann)
    gold_retire(gold=gold)
    assert not can_practise(ann)


def test_a_member_is_shown_around_once_and_again_on_request(ann: Member) -> None:
    shown = [now(ann).shown_around_at is not None]
    for is_done in (True, False):
        member_shown_around(member=ann, is_done=is_done)
        shown.append(now(ann).shown_around_at is not None)

    assert shown == [False, True, False]
