"""Whom a project tells, and how that went."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Max, Q, QuerySet

from annotator.models import Delivery, DeliveryState, Project, Webhook

PAGE = 50


@dataclass(frozen=True)
class Log:
    """Newest first; `after` opens the next page, None where there is none."""

    deliveries: list[Delivery]
    after: int | None


def webhooks_of(project: Project) -> QuerySet[Webhook]:
    """Each with how many deliveries wait and were given up, and when something was last tried."""
    return project.webhooks.annotate(
        waiting=Count("deliveries", filter=Q(deliveries__state=DeliveryState.WAITING)),
        given_up=Count("deliveries", filter=Q(deliveries__state=DeliveryState.GIVEN_UP)),
        attempted_at=Max("deliveries__attempted_at"),
    ).order_by("id")


def deliveries_of(webhook: Webhook, before: int | None = None) -> Log:
    """A page of the log, from the rows below the number `before`."""
    rows = webhook.deliveries.select_related("event").order_by("-id")
    found = list((rows.filter(pk__lt=before) if before else rows)[: PAGE + 1])
    return Log(found[:PAGE], found[PAGE - 1].pk if len(found) > PAGE else None)
