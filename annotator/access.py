"""Gates: who asks, and for what. A row comes back, or NotFound or Forbidden.

Two steps. `member`, `reader` and `owner` say who asks: an outsider learns
nothing (NotFound), a member with a smaller role is told so (Forbidden). The
`…_of` gates then find a row inside that project, so that a number from another
project never opens anything.
"""

from __future__ import annotations

from typing import TypeVar

from django.db.models import Exists, Model, OuterRef, QuerySet
from django.utils.translation import gettext as _

from annotator.domain.lifecycles import RoundState
from annotator.domain.scopes import Scope
from annotator.exceptions import Forbidden, NotFound
from annotator.models import (
    Assignment,
    Checkpoint,
    Comparison,
    Dataset,
    Delivery,
    Gold,
    Guideline,
    Import,
    Invitation,
    Member,
    Project,
    Prompt,
    Role,
    Round,
    Run,
    Sitting,
    Snapshot,
    Token,
    User,
    Webhook,
)
from annotator.sql import Part, parted, rows

Row = TypeVar("Row", bound=Model)

# --- who asks ----------------------------------------------------------------


def member(user: User, slug: str) -> Member:
    """Anybody in the project: may judge."""
    found = rows(MEMBERSHIP, [user.pk, slug])
    if not found:
        raise NotFound
    member, member.project = parted(MEMBER, found[0])
    member.user = user
    theirs: Member = member
    return theirs


# Since when is seldom asked, and times are slow to read.
MEMBER = tuple(
    Part(model, alias, *(field.name for field in model._meta.concrete_fields if field.name != "created_at"))
    for model, alias in ((Member, "m"), (Project, "p"))
)
MEMBERSHIP = f"""
SELECT {", ".join(part.columns for part in MEMBER)}
  FROM annotator_member m JOIN annotator_project p ON p.id = m.project_id WHERE m.user_id = %s AND p.slug = %s
"""


def reader(user: User, slug: str) -> Member:
    """Owners and reviewers: may see who wrote what."""
    found = member(user, slug)
    if found.role == Role.RATER:
        raise Forbidden(_("Raters do not see these pages, so that their judgments stay blind."))
    return found


def owner(user: User, slug: str) -> Member:
    """Owners: may change things."""
    found = member(user, slug)
    if found.role != Role.OWNER:
        raise Forbidden
    return found


def projects_readable(user: User) -> QuerySet[Project]:
    """The projects in which the user is an owner or a reviewer."""
    roles = [Role.OWNER, Role.REVIEWER]
    mine = Member.objects.filter(user=user, role__in=roles)
    return Project.objects.filter(pk__in=mine.values("project")).order_by("slug")


def project_maker(user: User) -> User:
    """Who may start a project."""
    if not user.is_staff:
        raise Forbidden(_("Only people marked as staff may start a project. Ask the operator of this server."))
    return user


def token_for(token: Token, scope: Scope, slug: str | None) -> None:
    """Whether this token is for that. What lies outside of its only project is as hidden as it is from outsiders."""
    if token.project is not None and slug is not None and token.project.slug != slug:
        raise NotFound
    if scope not in token.scopes:
        raise Forbidden(
            _("This token is not for “%(scope)s”, only for %(scopes)s. Make another one on the page “Your tokens”.")
            % {"scope": scope.value, "scopes": ", ".join(token.scopes)}
        )
    if token.project is not None and slug is None and scope != Scope.READ:
        raise Forbidden(_("This token opens one project only, so it cannot start another one."))


# --- for what ----------------------------------------------------------------


def token_of(user: User, token_id: int) -> Token:
    """The person's own token."""
    return _only(Token.objects.filter(pk=token_id, user=user), _("There is no such token among yours."))


def asked(user: User, slug: str, assignment_id: int) -> tuple[Member, Assignment]:
    """As `member`, and an assignment of theirs: nobody sees another rater's, whatever their role."""
    found = rows(OWN_ASSIGNMENT, [assignment_id, user.pk, slug])
    if not found:
        raise NotFound
    own, own.project, assignment, comparison, round = parted((*MEMBER, *ASKED), found[0])
    own.user = user
    if assignment.pk is None:
        raise NotFound(_("There is no such comparison among yours."))
    assignment.comparison, assignment.rater = comparison, user
    comparison.round, round.project = round, own.project
    return own, assignment


ASKED = (
    Part(
        Assignment,
        "a",
        "id",
        "comparison",
        "rater",
        "state",
        "check_kind",
        "first_on_left",
    ),
    Part(Comparison, "c", "id", "round", "prompt", "first", "second", "set_aside_at"),
    Part(Round, "r", "id", "project", "number", "state"),
)
OWN_ASSIGNMENT = f"""
SELECT {", ".join(part.columns for part in (*MEMBER, *ASKED))}
  FROM annotator_member m JOIN annotator_project p ON p.id = m.project_id
  LEFT JOIN (annotator_assignment a
             JOIN annotator_comparison c ON c.id = a.comparison_id
             JOIN annotator_round r ON r.id = c.round_id)
    ON a.id = %s AND a.rater_id = m.user_id AND r.project_id = m.project_id
 WHERE m.user_id = %s AND p.slug = %s
"""


def sitting_of(member: Member, sitting_id: int) -> Sitting:
    """The member's own practice or exam."""
    rows = Sitting.objects.select_related("project", "user", "protocol")
    return _only(
        rows.filter(pk=sitting_id, user=member.user_id, project=member.project_id), "There is no such sitting of yours."
    )


def guideline_of(member: Member, version: int) -> Guideline:
    rows = Guideline.objects.filter(version=version, project=member.project_id)
    return _only(rows, f"There is no version {version} of the guidelines in this project.")


def gold_of(member: Member, gold_id: int) -> Gold:
    rows = Gold.objects.filter(pk=gold_id, project=member.project_id)
    return _only(rows, "There is no such gold comparison in this project.")


def comparison_of(member: Member, comparison_id: int) -> Comparison:
    rows = Comparison.objects.select_related("prompt", "first", "second", "round__project")
    return _only(
        rows.filter(pk=comparison_id, round__project=member.project_id),
        "There is no such comparison in this project.",
    )


def comparison_to_adjudicate(member: Member, comparison_id: int) -> Comparison:
    """One of the rounds, or one that was made of gold to check raters."""
    rows = Comparison.with_checks.select_related("prompt", "first", "second", "round__project", "gold")
    return _only(
        rows.filter(pk=comparison_id, round__project=member.project_id),
        "There is no such comparison in this project.",
    )


def member_of(member: Member, member_id: int) -> Member:
    rows = Member.objects.select_related("user", "project")
    return _only(rows.filter(pk=member_id, project=member.project_id), _("There is no such member in this project."))


def asked_of(member: Member, user_id: int) -> User:
    """Somebody who was lent a comparison of the project, whether they are a member still or not."""
    lent = Assignment.objects.filter(rater=OuterRef("pk"), comparison__round__project=member.project_id)
    return _only(User.objects.filter(Exists(lent), pk=user_id), _("Nobody of this number was asked in this project."))


def invitation_with(token_sha256: str) -> Invitation:
    """The invitation whose token has this digest: whoever holds the link may look at it."""
    rows = Invitation.objects.select_related("project", "created_by")
    return _only(rows.filter(token_sha256=token_sha256), _("There is no such invitation. Ask for a new link."))


def prompt_of(member: Member, prompt_id: int) -> Prompt:
    return _only(
        Prompt.objects.filter(pk=prompt_id, project=member.project_id), _("There is no such prompt in this project.")
    )


def import_of(member: Member, import_id: int) -> Import:
    rows = Import.objects.filter(pk=import_id, project=member.project_id)
    return _only(rows, _("There is no such import in this project."))


def round_of(member: Member, number: int) -> Round:
    rows = Round.objects.select_related("project", "parent", "launched_by")
    return _only(
        rows.filter(number=number, project=member.project_id),
        _("There is no round %(number)s in this project.") % {"number": number},
    )


def round_collecting(member: Member) -> Round:
    """The round that takes judgments now."""
    rows = Round.objects.select_related("project")
    return _only(
        rows.filter(project=member.project_id, state=RoundState.COLLECTING),
        _("No round of this project collects judgments now."),
    )


def lease_of(member: Member, number: int, assignment_id: int) -> Assignment:
    """Anybody's assignment in a round, for who may free its slot."""
    rows = Assignment.objects.filter(comparison__round__project=member.project_id, comparison__round__number=number)
    return _only(rows.filter(pk=assignment_id), _("There is no such lease in this round."))


def run_of(member: Member, run_id: int) -> Run:
    rows = Run.objects.select_related("project", "round")
    return _only(
        rows.filter(pk=run_id, project=member.project_id),
        _("There is no run %(number)s in this project.") % {"number": run_id},
    )


def checkpoint_of(member: Member, checkpoint_id: int) -> Checkpoint:
    rows = Checkpoint.objects.select_related("project", "parent", "snapshot__round", "run__round", "merge")
    return _only(
        rows.filter(pk=checkpoint_id, project=member.project_id), _("There is no such checkpoint in this project.")
    )


def snapshot_of(member: Member, version: int) -> Snapshot:
    rows = Snapshot.objects.select_related("project", "round")
    return _only(
        rows.filter(version=version, project=member.project_id),
        _("There is no snapshot %(number)s in this project.") % {"number": version},
    )


def dataset_of(member: Member, version: int) -> Dataset:
    rows = Dataset.objects.select_related("project", "made_by")
    return _only(
        rows.filter(version=version, project=member.project_id),
        _("There is no dataset %(number)s in this project.") % {"number": version},
    )


def webhook_of(member: Member, webhook_id: int) -> Webhook:
    rows = Webhook.objects.select_related("project")
    return _only(rows.filter(pk=webhook_id, project=member.project_id), _("There is no such webhook in this project."))


def delivery_of(webhook: Webhook, delivery_id: int) -> Delivery:
    return _only(webhook.deliveries.filter(pk=delivery_id), _("There is no such delivery; the log keeps a month."))


def _only(rows: QuerySet[Row], otherwise: str) -> Row:
    found = rows.first()
    if found is None:
        raise NotFound(otherwise)
    return found
