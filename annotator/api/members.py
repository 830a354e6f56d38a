"""The people of a project: who they are, what they may do, and how more of them come in."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotator import access
from annotator.api.operation import Operation, fitting, person, version_must_match
from annotator.api.pages import PAGING, page_of, paged
from annotator.domain.scopes import Scope
from annotator.models import Invitation, Member, Role
from annotator.selectors.projects import invitations_open, members_of
from annotator.services import projects as services
from annotator.services.checks import member_exclude, member_include, member_resume
from annotator.services.sittings import exam_allow_again


class MemberOutput(serializers.Serializer[Member]):
    id = serializers.IntegerField()
    user = serializers.IntegerField(source="user_id")
    username = serializers.CharField(source="user.username")
    role = serializers.ChoiceField(choices=Role.choices)
    groups = serializers.ListField(child=serializers.CharField(), help_text="Audiences that they belong to.")
    paused_at = serializers.DateTimeField(allow_null=True, help_text="Since when they get no pairs, by the checks.")
    paused_reason = serializers.DictField(help_text="What was measured then; empty for who is not paused.")
    excluded_at = serializers.DateTimeField(allow_null=True, help_text="Since when nothing is learnt from them.")
    judgments = serializers.IntegerField(source="judged")
    last_judged_at = serializers.DateTimeField(source="last_judged", allow_null=True)
    exam_passed = serializers.BooleanField()
    exams_failed = serializers.IntegerField()
    created_at = serializers.DateTimeField()


class InvitationOutput(serializers.Serializer[Invitation]):
    id = serializers.IntegerField()
    role = serializers.ChoiceField(choices=Role.choices)
    created_by = serializers.CharField(source="created_by.username")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class InvitationMadeOutput(InvitationOutput):
    link = serializers.CharField(allow_null=True, help_text="Told once: whoever opens it becomes a member, once.")


class MemberListApi(Operation):
    """The people of a project, by name."""

    @extend_schema(parameters=PAGING, responses=page_of(MemberOutput))
    def get(self, request: Request, slug: str) -> Response:
        member = access.reader(person(request), slug)
        return paged(request, members_of(member.project), MemberOutput, by="user__username")


class MemberApi(Operation):
    """One member."""

    writes = Scope.PEOPLE
    is_single = True

    class InputSerializer(serializers.Serializer[Any]):
        role = serializers.ChoiceField(choices=Role.choices, required=False)
        groups = serializers.ListField(
            child=serializers.CharField(max_length=60), required=False, max_length=20, help_text="Instead of before."
        )

    @extend_schema(responses=MemberOutput)
    def get(self, request: Request, slug: str, member_id: int) -> Response:
        return Response(_told(access.member_of(access.reader(person(request), slug), member_id)))

    @extend_schema(request=InputSerializer, responses=MemberOutput)
    def patch(self, request: Request, slug: str, member_id: int) -> Response:
        """Change role or groups; what is left out stays as it is."""
        owner = access.owner(person(request), slug)
        wanted = fitting(self.InputSerializer, request)
        with transaction.atomic():
            services.project_locked(project=owner.project)
            member = access.member_of(owner, member_id)
            version_must_match(request, _told(member))
            if "groups" in wanted:
                services.member_set_groups(member=member, groups=wanted["groups"])
            if "role" in wanted:
                services.member_set_role(project=owner.project, user=member.user, role=wanted["role"])
        return Response(_told(member))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str, member_id: int) -> Response:
        """Take them out of the project; their judgments stay."""
        owner = access.owner(person(request), slug)
        with transaction.atomic():
            services.project_locked(project=owner.project)
            member = access.member_of(owner, member_id)
            version_must_match(request, _told(member))
            services.member_remove(project=owner.project, user=member.user)
        return Response(status=204)


class MemberResumeApi(Operation):
    """Let a paused rater go on; their checks are counted anew from now."""

    writes = Scope.PEOPLE

    @extend_schema(request=None, responses=MemberOutput)
    def post(self, request: Request, slug: str, member_id: int) -> Response:
        member = access.member_of(access.owner(person(request), slug), member_id)
        member_resume(member=member)
        return Response(_told(member))


class MemberExcludeApi(Operation):
    """Give them no more pairs and learn nothing from their judgments, which stay where they are."""

    writes = Scope.PEOPLE

    @extend_schema(request=None, responses=MemberOutput)
    def post(self, request: Request, slug: str, member_id: int) -> Response:
        member = access.member_of(access.owner(person(request), slug), member_id)
        member_exclude(member=member)
        return Response(_told(member))


class MemberIncludeApi(Operation):
    """Learn from their judgments again, and let them judge."""

    writes = Scope.PEOPLE

    @extend_schema(request=None, responses=MemberOutput)
    def post(self, request: Request, slug: str, member_id: int) -> Response:
        member = access.member_of(access.owner(person(request), slug), member_id)
        member_include(member=member)
        return Response(_told(member))


class MemberAttemptApi(Operation):
    """Grant one more attempt at the exam."""

    writes = Scope.PEOPLE

    @extend_schema(request=None, responses=MemberOutput)
    def post(self, request: Request, slug: str, member_id: int) -> Response:
        member = access.member_of(access.owner(person(request), slug), member_id)
        exam_allow_again(member=member)
        return Response(_told(member))


class InvitationListApi(Operation):
    """Invitations that nobody has used yet and that have not run out, newest first."""

    writes = Scope.PEOPLE
    secrets = ("link",)

    class InputSerializer(serializers.Serializer[Any]):
        role = serializers.ChoiceField(choices=Role.choices, default=Role.RATER)
        days = serializers.IntegerField(min_value=1, max_value=90, default=7)

    @extend_schema(parameters=PAGING, responses=page_of(InvitationOutput))
    def get(self, request: Request, slug: str) -> Response:
        member = access.reader(person(request), slug)
        return paged(request, invitations_open(member.project), InvitationOutput)

    @extend_schema(request=InputSerializer, responses={201: InvitationMadeOutput})
    def post(self, request: Request, slug: str) -> Response:
        """Invite somebody: send them the link, which is told here and nowhere else."""
        owner = access.owner(person(request), slug)
        wanted = fitting(self.InputSerializer, request)
        made, token = services.invitation_create(project=owner.project, by=owner.user, **wanted)
        link = settings.TIEBREAK_URL + reverse("invitation", args=[token])
        return Response({**InvitationOutput(made).data, "link": link}, status=201)


def _told(member: Member) -> dict[str, Any]:
    """The member as they are now, with what is counted about them."""
    found: dict[str, Any] = MemberOutput(members_of(member.project).get(pk=member.pk)).data
    return found
