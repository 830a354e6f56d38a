"""Whom a project tells what happens, and how that went. For owners."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotator import access
from annotator.api.operation import Operation, asked, fitting, person, version_must_match
from annotator.api.pages import PAGING, page_of, paged
from annotator.domain.webhooks import HEARD
from annotator.models import Delivery, DeliveryState, Webhook
from annotator.selectors.webhooks import webhooks_of
from annotator.services import webhooks as services
from annotator.services.projects import project_locked

KINDS = [kind.value for kind in HEARD]


class WebhookOutput(serializers.Serializer[Webhook]):
    id = serializers.IntegerField()
    url = serializers.CharField()
    kinds = serializers.ListField(child=serializers.ChoiceField(choices=KINDS))
    waiting = serializers.IntegerField(help_text="Deliveries that wait.")
    given_up = serializers.IntegerField()
    attempted_at = serializers.DateTimeField(allow_null=True)
    failing_since = serializers.DateTimeField(allow_null=True, help_text="null: all is well.")
    stopped_at = serializers.DateTimeField(allow_null=True, help_text="Since when it hears nothing.")
    created_at = serializers.DateTimeField()


class WebhookSecretOutput(WebhookOutput):
    secret = serializers.CharField(allow_null=True, help_text="Told once: it signs what is sent.")


class DeliveryOutput(serializers.Serializer[Delivery]):
    id = serializers.IntegerField()
    kind = serializers.CharField(source="event.kind")
    data = serializers.DictField(source="event.data")
    key = serializers.CharField(source="event.key", help_text="The message id, the same at every attempt.")
    state = serializers.ChoiceField(choices=DeliveryState.choices)
    attempts = serializers.IntegerField()
    due_at = serializers.DateTimeField()
    attempted_at = serializers.DateTimeField(allow_null=True)
    seconds = serializers.FloatField(allow_null=True)
    status = serializers.IntegerField(allow_null=True, help_text="Of the newest answer.")
    answer = serializers.CharField(allow_blank=True, help_text="Its first characters.")
    error = serializers.CharField(allow_blank=True, help_text="Why it does not count as delivered.")
    created_at = serializers.DateTimeField(source="event.created_at")


class WebhookListApi(Operation):
    """Whom the project tells, newest first."""

    secrets = ("secret",)

    @extend_schema_serializer(
        examples=[OpenApiExample("New checkpoints", {"url": "https://example.com/", "kinds": ["checkpoint.promoted"]})]
    )
    class InputSerializer(serializers.Serializer[Any]):
        url = serializers.CharField(max_length=500, help_text="Begins with https:// and names a host.")
        kinds = serializers.ListField(
            child=serializers.ChoiceField(choices=KINDS), allow_empty=False, max_length=len(KINDS)
        )

    @extend_schema(parameters=PAGING, responses=page_of(WebhookOutput))
    def get(self, request: Request, slug: str) -> Response:
        return paged(request, webhooks_of(access.owner(person(request), slug).project), WebhookOutput)

    @extend_schema(request=InputSerializer, responses={201: WebhookSecretOutput})
    def post(self, request: Request, slug: str) -> Response:
        """Tell one more; its secret is told here and nowhere else."""
        project = access.owner(person(request), slug).project
        made = services.webhook_create(project=project, **fitting(self.InputSerializer, request))
        return Response({**_told(made), "secret": made.secret}, status=201)


class WebhookApi(Operation):
    """One webhook."""

    is_single = True

    class InputSerializer(serializers.Serializer[Any]):
        url = serializers.CharField(max_length=500, required=False)
        kinds = serializers.ListField(
            child=serializers.ChoiceField(choices=KINDS), allow_empty=False, max_length=len(KINDS), required=False
        )

    @extend_schema(responses=WebhookOutput)
    def get(self, request: Request, slug: str, webhook_id: int) -> Response:
        return Response(_told(access.webhook_of(access.owner(person(request), slug), webhook_id)))

    @extend_schema(request=InputSerializer, responses=WebhookOutput)
    def patch(self, request: Request, slug: str, webhook_id: int) -> Response:
        """Change address or kinds; what is left out stays as it is."""
        owner = access.owner(person(request), slug)
        wanted = fitting(self.InputSerializer, request)
        with transaction.atomic():
            project_locked(project=owner.project)
            webhook = access.webhook_of(owner, webhook_id)
            version_must_match(request, _told(webhook))
            services.webhook_update(webhook=webhook, **{"url": webhook.url, "kinds": webhook.kinds, **wanted})
        return Response(_told(webhook))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str, webhook_id: int) -> Response:
        """Forget address, secret and log."""
        owner = access.owner(person(request), slug)
        with transaction.atomic():
            project_locked(project=owner.project)
            webhook = access.webhook_of(owner, webhook_id)
            version_must_match(request, _told(webhook))
            services.webhook_remove(webhook=webhook)
        return Response(status=204)


class WebhookSecretApi(Operation):
    """A new secret; the old one signs beside it for a day."""

    secrets = ("secret",)

    @extend_schema(request=None, responses={201: WebhookSecretOutput})
    def post(self, request: Request, slug: str, webhook_id: int) -> Response:
        webhook = access.webhook_of(access.owner(person(request), slug), webhook_id)
        renewed = services.webhook_secret_renew(webhook=webhook)
        return Response({**_told(renewed), "secret": renewed.secret}, status=201)


class WebhookTestApi(Operation):
    """Send it something that means nothing; the log shows how it went."""

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request, slug: str, webhook_id: int) -> Response:
        services.webhook_test(webhook=access.webhook_of(access.owner(person(request), slug), webhook_id))
        return Response(status=204)


class WebhookStopApi(Operation):
    """Tell it nothing more; what waits goes on waiting."""

    @extend_schema(request=None, responses=WebhookOutput)
    def post(self, request: Request, slug: str, webhook_id: int) -> Response:
        webhook = access.webhook_of(access.owner(person(request), slug), webhook_id)
        services.webhook_stop(webhook=webhook)
        return Response(_told(webhook))


class WebhookGoOnApi(Operation):
    """Tell it again, beginning with what still waits."""

    @extend_schema(request=None, responses=WebhookOutput)
    def post(self, request: Request, slug: str, webhook_id: int) -> Response:
        webhook = access.webhook_of(access.owner(person(request), slug), webhook_id)
        services.webhook_go_on(webhook=webhook)
        return Response(_told(webhook))


class DeliveryListApi(Operation):
    """The log of a webhook, newest first; it goes back a month."""

    class FilterSerializer(serializers.Serializer[Any]):
        state = serializers.ChoiceField(choices=DeliveryState.choices, required=False)

    @extend_schema(parameters=[FilterSerializer, *PAGING], responses=page_of(DeliveryOutput))
    def get(self, request: Request, slug: str, webhook_id: int) -> Response:
        webhook = access.webhook_of(access.owner(person(request), slug), webhook_id)
        rows = webhook.deliveries.filter(**asked(self.FilterSerializer, request)).select_related("event")
        return paged(request, rows, DeliveryOutput)


class DeliveryAgainApi(Operation):
    """Send it once more, now; the message id stays the same."""

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request, slug: str, webhook_id: int, delivery_id: int) -> Response:
        webhook = access.webhook_of(access.owner(person(request), slug), webhook_id)
        services.delivery_again(delivery=access.delivery_of(webhook, delivery_id))
        return Response(status=204)


def _told(webhook: Webhook) -> dict[str, Any]:
    found: dict[str, Any] = WebhookOutput(webhooks_of(webhook.project).get(pk=webhook.pk)).data
    return found
