"""What stands between a member and the next comparison."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum

from django.db.models import Sum
from django.utils import timezone

from annotator.domain.gold import GoldUse, can_be_answered
from annotator.models import Content, Gold, Guideline, Member, Project, RaterHour, Role, Sitting
from annotator.selectors.projects import exams_of, guideline_newest, protocol_newest


class Step(StrEnum):
    PAUSED = "paused"  # by what checks found, or excluded by an owner
    CONTENT = "content"  # unsettling content: do they want to see it?
    DECLINED = "declined"  # they do not
    GUIDELINE = "guideline"  # a version that they have not read yet
    EXAM = "exam"  # a pass mark that they have not reached yet
    QUOTA = "quota"  # as many judgments as the project wants from one person a day
    OPEN = "open"  # nothing


@dataclass(frozen=True)
class Entrance:
    """Where a member stands.

    guideline  the newest version
    read       the newest version that this member said they had read, None before the first
    today      what this member judged today (UTC); counted only where the project has a daily quota
    left       how many more may be claimed today, None for any number
    """

    step: Step
    guideline: Guideline | None
    read: Guideline | None
    today: int = 0
    left: int | None = None

    @property
    def is_open(self) -> bool:
        return self.step is Step.OPEN


@dataclass(frozen=True)
class Standing:
    """The guidelines: the newest version, the newest that was read, and the newest that must be; judgments of today."""

    newest: Guideline | None
    read: Guideline | None
    must_read: int
    today: int = 0


def standing_of(member: Member) -> Standing:
    guidelines = member.project.guidelines
    binding = guidelines.filter(must_read=True).first()
    read = guidelines.filter(acknowledgements__user=member.user_id).first()
    today = judged_today(member) if member.project.daily_quota is not None else 0
    return Standing(guideline_newest(member.project), read, binding.version if binding else 0, today)


def judged_today(member: Member) -> int:
    """Comparisons of this project that this member judged since midnight UTC; the desk counts the same in SQL."""
    midnight = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    hours = RaterHour.objects.filter(rater=member.user_id, round__project=member.project_id, hour__gte=midnight)
    return hours.aggregate(n=Sum("answered"))["n"] or 0


def entrance_of(member: Member, standing: Standing | None = None) -> Entrance:
    """The first thing that this member still has to do. Only raters sit the exam: owners write it."""
    project = member.project
    standing = standing or standing_of(member)
    step = Step.OPEN
    if member.is_stopped:
        step = Step.PAUSED
    elif project.content_warning and member.content != Content.ACCEPTED:
        step = Step.DECLINED if member.content == Content.DECLINED else Step.CONTENT
    elif standing.must_read > (standing.read.version if standing.read else 0):
        step = Step.GUIDELINE
    elif member.role == Role.RATER and exam_is_due(member):
        step = Step.EXAM
    elif project.daily_quota is not None and standing.today >= project.daily_quota:
        step = Step.QUOTA
    left = None if project.daily_quota is None else max(project.daily_quota - standing.today, 0)
    return Entrance(step, standing.newest, standing.read, standing.today, left)


def is_open_after_reading(member: Member) -> bool:
    """Whether nothing but a guideline can stand before the next comparison, by what is known of this member already."""
    project = member.project
    return not (
        member.is_stopped
        or (project.content_warning and member.content != Content.ACCEPTED)
        or (project.exam_questions and member.role == Role.RATER)
        or project.daily_quota is not None
    )


def exam_is_due(member: Member) -> bool:
    """Whether this rater has not passed yet, or not since a guideline that asks for it again.

    A project that asks for more questions than it has gold lets everybody in: a
    broken exam must not stop the work. Its owner is told on the page of the gold.
    """
    project = member.project
    if not project.exam_questions or len(gold_for(project, GoldUse.EXAM)) < project.exam_questions:
        return False
    return not exams_of(project).filter(user=member.user_id, passed=True).exists()


def gold_for(project: Project, use: GoldUse) -> list[Gold]:
    """What may be asked now: not retired, and with a right answer that the protocol offers."""
    preset = protocol_newest(project).asking.preset
    rows = project.gold.filter(use=use, retired_at=None)
    return [gold for gold in rows if can_be_answered(preset, gold.right)]


def can_practise(member: Member) -> bool:
    return bool(gold_for(member.project, GoldUse.PRACTICE))


@dataclass(frozen=True)
class Attempts:
    """taken: exams that were begun under the present guideline; left: how many more may be."""

    taken: int
    left: int
    open: Sitting | None
    last: Sitting | None


def attempts_of(member: Member) -> Attempts:
    """Attempts start anew with a guideline that asks for the exam again."""
    project = member.project
    taken = list(exams_of(project).filter(user=member.user_id).order_by("pk"))
    running = next((one for one in taken if one.ended_at is None), None)
    ended = [one for one in taken if one.ended_at is not None]
    allowed = project.exam_attempts + member.further_attempts
    return Attempts(len(taken), max(allowed - len(taken), 0), running, ended[-1] if ended else None)
