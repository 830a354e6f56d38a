"""Projects: mine, one of them, a new one, its settings."""

from __future__ import annotations

from django.db import transaction
from django.urls import reverse
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotator import access
from annotator.api.auth import token_of
from annotator.api.fields import share_field
from annotator.api.operation import Operation, fitting, person, version_must_match
from annotator.api.pages import PAGING, page_of, paged
from annotator.domain.protocols import PRESETS as SCALES
from annotator.models import Member, Project, Role
from annotator.selectors.projects import memberships_of
from annotator.services import projects as services

SHORT, LONG = 120, 10_000


class MembershipOutput(serializers.Serializer[Member]):
    slug = serializers.CharField(source="project.slug")
    name = serializers.CharField(source="project.name")
    description = serializers.CharField(source="project.description", allow_blank=True)
    role = serializers.ChoiceField(choices=Role.choices, help_text="Your role there.")
    round = serializers.IntegerField(source="round_number", allow_null=True, help_text="Number of its newest round.")
    round_state = serializers.CharField(allow_null=True)


class SettingsSerializer(serializers.Serializer[Project]):
    """What may change while a project lives."""

    name = serializers.CharField(max_length=SHORT)
    description = serializers.CharField(required=False, allow_blank=True, max_length=LONG)
    overlap = serializers.IntegerField(
        required=False, min_value=1, max_value=50, help_text="Judgments where several are wanted."
    )
    overlap_share = share_field(required=False, help_text="Share that is judged more than once.")
    lease_minutes = serializers.IntegerField(
        required=False, min_value=1, max_value=1440, help_text="How long an opened comparison stays reserved."
    )
    prompts_per_round = serializers.IntegerField(required=False, min_value=1, max_value=1_000_000)
    comparisons_per_prompt = serializers.IntegerField(required=False, min_value=1, max_value=50)
    auto_promote = serializers.BooleanField(
        required=False, help_text="Promote by itself what is better with 95 % confidence."
    )
    flags_to_set_aside = serializers.IntegerField(required=False, min_value=1, max_value=10)
    content_warning = serializers.CharField(required=False, allow_blank=True, max_length=4_000)
    is_blurred = serializers.BooleanField(required=False)
    exam_questions = serializers.IntegerField(required=False, min_value=0, max_value=100)
    exam_pass_share = share_field(required=False)
    exam_attempts = serializers.IntegerField(required=False, min_value=1, max_value=10)
    exam_again = serializers.BooleanField(required=False)
    launch_at_judgments = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=1_000_000_000, help_text="null: by hand only."
    )
    launch_every_hours = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=1_000_000, help_text="null: by hand only."
    )


class ProjectOutput(SettingsSerializer):
    slug = serializers.CharField()
    base_model = serializers.CharField()
    preset = serializers.CharField(source="protocols.first.preset", help_text="The scale that raters answer on now.")
    created_at = serializers.DateTimeField()


class ProjectListApi(Operation):
    """The projects that you are in, whatever your role."""

    @extend_schema_serializer(
        examples=[
            OpenApiExample("A project", {"slug": "shop", "name": "Shop", "guideline": "Prefer the kinder answer."})
        ]
    )
    class InputSerializer(SettingsSerializer):
        slug = serializers.SlugField(max_length=60, help_text="Part of every address; it cannot change later.")
        base_model = serializers.CharField(
            required=False, max_length=300, help_text="“starter”, a folder, or a hub name; it cannot change later."
        )
        preset = serializers.ChoiceField(choices=sorted(SCALES), required=False, help_text="How raters are asked.")
        guideline = serializers.CharField(required=False, allow_blank=True, max_length=100_000)

    @extend_schema(responses=page_of(MembershipOutput), parameters=PAGING)
    def get(self, request: Request) -> Response:
        rows = memberships_of(person(request))
        token = token_of(request)
        if token is not None and token.project_id:
            rows = rows.filter(project=token.project_id)
        return paged(request, rows, MembershipOutput, by="project__slug")

    @extend_schema(request=InputSerializer, responses={201: ProjectOutput})
    def post(self, request: Request) -> Response:
        """Start a project; you are its owner. Only people marked as staff may."""
        owner = access.project_maker(person(request))
        project = services.project_create(owner=owner, **fitting(self.InputSerializer, request))
        place = {"Location": reverse("api-project", args=[project.slug])}
        return Response(ProjectOutput(project).data, status=201, headers=place)


class ProjectApi(Operation):
    """One project with its settings."""

    is_single = True

    class InputSerializer(SettingsSerializer):
        name = serializers.CharField(required=False, max_length=SHORT)

    @extend_schema(responses=ProjectOutput)
    def get(self, request: Request, slug: str) -> Response:
        return Response(ProjectOutput(access.reader(person(request), slug).project).data)

    @extend_schema(request=InputSerializer, responses=ProjectOutput)
    def patch(self, request: Request, slug: str) -> Response:
        """Change settings; what is left out stays as it is."""
        member = access.owner(person(request), slug)
        wanted = fitting(self.InputSerializer, request)
        with transaction.atomic():
            project = services.project_locked(project=member.project)
            version_must_match(request, ProjectOutput(project).data)
            services.project_update(project=project, **wanted)
        return Response(ProjectOutput(project).data)
