"""Projects, the people in them, and what they are told to look for."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.domain.lifecycles import CheckpointState
from annotator.domain.placing import groups_of, rules_of
from annotator.domain.strategies import order_of
from annotator.domain.wording import Unfit
from annotator.exceptions import (
    InputInvalid,
    InvitationSpent,
    LastOwner,
    NotFound,
    SlugTaken,
    UsernameTaken,
    violations_as_errors,
)
from annotator.models import (
    Checkpoint,
    CheckpointKind,
    Guideline,
    Invitation,
    Member,
    Project,
    Role,
    User,
)
from annotator.services.entrance import guideline_acknowledge
from annotator.services.protocols import protocol_publish

DEFAULT_PRESET = "five_point"
SETTINGS = (
    "name", "description", "overlap", "overlap_share", "lease_minutes", "prompts_per_round",
    "comparisons_per_prompt", "auto_promote", "launch_at_judgments", "launch_every_hours", "flags_to_set_aside",
    "content_warning", "is_blurred", "exam_questions", "exam_pass_share", "exam_attempts", "exam_again",
    "strategy", "informative_by", "control_share", "daily_quota", "adaptive_most", "adaptive_certainty", "tag_rules",
)  # fmt: skip


@transaction.atomic
def project_create(
    *, owner: User, name: str, slug: str, base_model: str = "starter", description: str = "", guideline: str = "",
    preset: str = DEFAULT_PRESET, **fields: Any,
) -> Project:  # fmt: skip
    """Create a project with its owner, its first protocol and guideline and its base model as the promoted policy.

    Raises SlugTaken, and InputInvalid for a field that does not fit.
    """
    if Project.objects.filter(slug=slug).exists():
        raise SlugTaken
    project = Project(slug=slug, name=name, base_model=base_model, description=description, **fields)
    _clean(project)
    project.save()
    Member.objects.create(project=project, user=owner, role=Role.OWNER)
    Checkpoint.objects.create(
        project=project,
        kind=CheckpointKind.POLICY,
        name="base",
        state=CheckpointState.PROMOTED,
        base_model=base_model,
        promoted_at=timezone.now(),
    )
    protocol_publish(project=project, preset=preset)
    if guideline:
        guideline_publish(project=project, text=guideline, by=owner)
    return project


def project_locked(*, project: Project) -> Project:
    """The project as it is now; until the transaction ends, whoever else locks it waits."""
    return Project.objects.select_for_update().get(pk=project.pk)


@transaction.atomic
def project_update(*, project: Project, **fields: Any) -> Project:
    """Change the settings of a project. The base model and the slug stay.

    Raises InputInvalid, and `project` is then what it was.
    """
    if unknown := set(fields) - set(SETTINGS):
        raise InputInvalid(_("“%(name)s” cannot be changed.") % {"name": min(unknown)})
    before = {name: getattr(project, name) for name in fields}
    vars(project).update(fields)
    try:
        _clean(project)
    except InputInvalid:
        vars(project).update(before)
        raise
    project.save(update_fields=list(fields))
    return project


def user_register(*, username: str, password: str) -> User:
    """Create a person who can sign in. Raises UsernameTaken, and InputInvalid for a weak password."""
    user = User(username=username)
    try:
        user.clean_fields(exclude=["password"])
        validate_password(password, user)
    except ValidationError as error:
        raise InputInvalid(" ".join(error.messages)) from error
    user.set_password(password)
    with transaction.atomic(), violations_as_errors(annotator_user_username_key=UsernameTaken):
        user.save()
    return user


@transaction.atomic
def member_set_role(*, project: Project, user: User, role: str) -> Member:
    """Give a person this role in the project, as a new member or instead of the old role. Raises LastOwner."""
    if role != Role.OWNER:
        _refuse_last_owner(project, user)
    member, _is_new = Member.objects.update_or_create(project=project, user=user, defaults={"role": role})
    return member


def member_set_groups(*, member: Member, groups: Sequence[str]) -> Member:
    """Say which groups a person belongs to, instead of the ones before. Raises InputInvalid."""
    try:
        member.groups = groups_of(groups)
    except Unfit as unfit:
        raise InputInvalid.of(unfit) from unfit
    member.save(update_fields=["groups"])
    return member


@transaction.atomic
def member_remove(*, project: Project, user: User) -> None:
    """Take a person out of the project; their judgments stay. Raises LastOwner."""
    _refuse_last_owner(project, user)
    Member.objects.filter(project=project, user=user).delete()


def invitation_create(*, project: Project, role: str, by: User, days: float = 7) -> tuple[Invitation, str]:
    """Create an invitation; the token in its link is returned here and nowhere else."""
    token = secrets.token_urlsafe(24)
    invitation = Invitation.objects.create(
        project=project,
        role=role,
        token_sha256=token_digest(token),
        created_by=by,
        expires_at=timezone.now() + timedelta(days=days),
    )
    return invitation, token


@transaction.atomic
def invitation_accept(*, token: str, user: User) -> Member:
    """Make `user` a member with the invited role; a member keeps a role they have already.

    Raises NotFound for an unknown token, InvitationSpent for a used or expired one.
    """
    invitation = Invitation.objects.select_for_update().filter(token_sha256=token_digest(token)).first()
    if invitation is None:
        raise NotFound
    if not invitation.is_open:
        raise InvitationSpent
    invitation.accepted_by, invitation.accepted_at = user, timezone.now()
    invitation.save(update_fields=["accepted_by", "accepted_at"])
    member, _is_new = Member.objects.get_or_create(
        project=invitation.project, user=user, defaults={"role": invitation.role}
    )
    return member


def token_digest(token: str) -> str:
    """What is stored of an invitation's token."""
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def guideline_publish(*, project: Project, text: str, by: User | None, must_read: bool = True) -> Guideline:
    """Publish the next version of the guideline; the same text again changes nothing.

    must_read  whether raters are asked to read it before their next comparison. Who publishes it has read it.
    """
    Project.objects.select_for_update().get(pk=project.pk)  # two owners publishing at once
    newest = project.guidelines.first()
    if newest is not None and newest.text == text:
        return newest
    version = newest.version + 1 if newest else 1
    guideline = Guideline.objects.create(
        project=project, version=version, text=text, must_read=must_read, published_by=by
    )
    if by is not None:
        guideline_acknowledge(guideline=guideline, user=by)
    return guideline


def _refuse_last_owner(project: Project, user: User) -> None:
    owners = Member.objects.select_for_update().filter(project=project, role=Role.OWNER)
    if {owner.user_id for owner in owners} == {user.pk}:
        raise LastOwner


def _clean(project: Project) -> None:
    try:
        project.clean_fields()
    except ValidationError as error:
        problems = [f"{field}: {' '.join(messages)}" for field, messages in error.message_dict.items()]
        raise InputInvalid(" ".join(problems)) from error
    try:
        order_of(project.strategy)
        rules_of(project.tag_rules)
    except Unfit as unfit:
        raise InputInvalid.of(unfit) from unfit
