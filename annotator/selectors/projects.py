"""What people see of projects, their people and their guidelines."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from annotator.domain.gold import SittingKind
from annotator.domain.lifecycles import AssignmentState, CheckpointState, RoundState
from annotator.models import (
    Assignment,
    Checkpoint,
    CheckpointKind,
    Guideline,
    Invitation,
    Member,
    Project,
    Protocol,
    RaterHour,
    Role,
    Round,
    RoundTally,
    Sitting,
    User,
)
from annotator.selectors.kept import protocol_kept
from annotator.selectors.pace import raters_lately

PAGE = 50  # members on a page


@dataclass(frozen=True)
class Overview:
    """The project's front page: where the loop stands and what it needs next.

    newest     the round that is open, or else the newest one that was not given up
    turning    an earlier round that still trains or waits for the next one's answers
    candidate  the newest policy that is neither promoted nor retired, if it is newer than the promoted one
    judgments  current judgments on all comparisons in play
    raters     people who judged in the last seven days
    """

    newest: Round | None
    turning: Round | None
    promoted: Checkpoint | None
    candidate: Checkpoint | None
    judgments: int
    raters: int
    prompts: int
    guideline: Guideline | None


def project_overview(project: Project) -> Overview:
    rounds = project.rounds.exclude(state=RoundState.ABANDONED).select_related("project", "parent")
    latest = list(rounds[:2])
    newest = latest[0] if latest else None
    turning = next((round for round in latest[1:] if round.is_moving), None)
    promoted = promoted_policy(project)
    return Overview(
        newest=newest,
        turning=turning,
        promoted=promoted,
        candidate=_candidate(project, promoted),
        judgments=RoundTally.objects.filter(round__in=project.rounds.all()).sums()["answered"],
        raters=raters_lately(project),
        prompts=project.prompts.count(),
        guideline=guideline_newest(project),
    )


def promoted_policy(project: Project) -> Checkpoint | None:
    policies = project.checkpoints.filter(kind=CheckpointKind.POLICY, state=CheckpointState.PROMOTED)
    return policies.select_related("run__round", "parent").first()


def _candidate(project: Project, promoted: Checkpoint | None) -> Checkpoint | None:
    policies = project.checkpoints.filter(kind=CheckpointKind.POLICY, state=CheckpointState.CANDIDATE)
    newer = policies.filter(pk__gt=promoted.pk) if promoted else policies
    return newer.select_related("parent").order_by("-pk").first()


def memberships_of(user: User) -> QuerySet[Member]:
    """The user's projects by name, each with the state of its newest round."""
    newest = Round.objects.filter(project=OuterRef("project")).exclude(state=RoundState.ABANDONED).order_by("-number")
    return (
        Member.objects.filter(user=user)
        .select_related("project")
        .annotate(round_number=Subquery(newest.values("number")[:1]), round_state=Subquery(newest.values("state")[:1]))
        .order_by("project__name", "pk")
    )


@dataclass(frozen=True)
class MembersPage:
    """after: the username that the next page begins behind, empty on the last one."""

    members: list[Member]
    after: str


def members_page(project: Project, *, after: str = "") -> MembersPage:
    """PAGE members by name, behind a name."""
    found = list(members_of(project).filter(user__username__gt=after)[: PAGE + 1])
    shown = found[:PAGE]
    return MembersPage(shown, shown[-1].user.username if len(found) > PAGE else "")


def members_of(project: Project) -> QuerySet[Member]:
    """The project's people by name with how much each has judged, when last, and how their exams went."""
    hours = RaterHour.objects.filter(rater=OuterRef("user"), round__project=project).order_by().values("rater")
    newest = Assignment.objects.filter(
        rater=OuterRef("user"), state=AssignmentState.ANSWERED, comparison__round__project=project
    ).order_by("-ended_at")
    exams = exams_of(project).filter(user=OuterRef("user")).order_by()
    failed = exams.filter(passed=False).values("user").annotate(n=Count("pk"))
    return (
        project.members.select_related("user")
        .annotate(
            judged=Coalesce(Subquery(hours.annotate(n=Sum("answered")).values("n")), 0),
            last_judged=Subquery(newest.values("ended_at")[:1]),
            exam_passed=Exists(exams.filter(passed=True)),
            exams_failed=Coalesce(Subquery(failed.values("n")), 0),
        )
        .order_by("user__username")
    )


def exams_of(project: Project) -> QuerySet[Sitting]:
    """The exams that count now: where a guideline asks for the exam again, those that were begun under it."""
    exams = Sitting.objects.filter(project=project, kind=SittingKind.EXAM)
    binding = project.guidelines.filter(must_read=True).first() if project.exam_again else None
    return exams.filter(guideline__version__gte=binding.version) if binding else exams


def invitations_open(project: Project) -> QuerySet[Invitation]:
    return project.invitations.filter(accepted_at=None, expires_at__gt=timezone.now()).select_related("created_by")


def protocol_newest(project: Project) -> Protocol:
    """What raters are asked now; every project has had one since it was made."""
    return project.protocols.order_by("-version")[:1].get()


def protocol_seen(project: Project, protocol_id: str) -> Protocol:
    """The version that a page was drawn from, the newest where it does not say."""
    found = protocol_kept(int(protocol_id)) if protocol_id.isdecimal() else None
    return found if found and found.project_id == project.pk else protocol_newest(project)


def guideline_newest(project: Project) -> Guideline | None:
    return project.guidelines.first()


def guidelines_of(project: Project) -> QuerySet[Guideline]:
    """All versions, newest first, each with how many raters of the project have read it."""
    raters = Member.objects.filter(project=project, role=Role.RATER).values("user")
    read = Q(acknowledgements__user__in=raters)
    counted = project.guidelines.annotate(read_by=Count("acknowledgements", filter=read, distinct=True))
    return counted.select_related("published_by").order_by("-version")  # what is counted comes in no order by itself
