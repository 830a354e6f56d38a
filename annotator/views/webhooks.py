"""The owner's pages of webhooks: whom the project tells, and how that went."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from annotator import access
from annotator.exceptions import Conflict, InputInvalid
from annotator.forms.webhooks import WebhookForm
from annotator.http import SeeOther, SignedInRequest, page_number
from annotator.models import Member, Webhook
from annotator.selectors.webhooks import deliveries_of, webhooks_of
from annotator.services import webhooks as services
from annotator.views.projects import desk


@require_http_methods(["GET", "POST"])
def index(request: SignedInRequest, slug: str) -> HttpResponse:
    """GET lists whom the project tells; POST adds one, and shows its secret on its page, once."""
    member = access.owner(request.user, slug)
    form = WebhookForm(request.POST or None)
    if request.method == "GET":
        return _list(request, member, form)
    if form.is_valid():
        try:
            webhook = services.webhook_create(project=member.project, **form.cleaned_data)
        except (Conflict, InputInvalid) as error:
            form.add_error(None, error.message)
        else:
            return _page(request, member, webhook, secret=webhook.secret, status=201)
    return _list(request, member, form, status=422)


@require_http_methods(["GET", "POST"])
def detail(request: SignedInRequest, slug: str, webhook_id: int) -> HttpResponse:
    """GET shows the log; POST changes address and events."""
    member = access.owner(request.user, slug)
    webhook = access.webhook_of(member, webhook_id)
    if request.method == "GET":
        return _page(request, member, webhook)
    form = WebhookForm(request.POST)
    if form.is_valid():
        try:
            services.webhook_update(webhook=webhook, **form.cleaned_data)
        except (Conflict, InputInvalid) as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("The settings are saved."))
            return SeeOther(reverse("webhook", args=[slug, webhook_id]))
    return _page(request, member, access.webhook_of(member, webhook_id), form=form, status=422)


@require_POST
def secret(request: SignedInRequest, slug: str, webhook_id: int) -> HttpResponse:
    member = access.owner(request.user, slug)
    webhook = services.webhook_secret_renew(webhook=access.webhook_of(member, webhook_id))
    return _page(request, member, webhook, secret=webhook.secret, status=201)


@require_POST
def test(request: SignedInRequest, slug: str, webhook_id: int) -> HttpResponse:
    return _done(
        request, slug, webhook_id, services.webhook_test, _("A test is on its way; reload to see how it went.")
    )


@require_POST
def stop(request: SignedInRequest, slug: str, webhook_id: int) -> HttpResponse:
    return _done(request, slug, webhook_id, services.webhook_stop, _("It hears nothing more until you let it go on."))


@require_POST
def go_on(request: SignedInRequest, slug: str, webhook_id: int) -> HttpResponse:
    return _done(request, slug, webhook_id, services.webhook_go_on, _("It hears again, first of what still waits."))


@require_POST
def remove(request: SignedInRequest, slug: str, webhook_id: int) -> HttpResponse:
    member = access.owner(request.user, slug)
    services.webhook_remove(webhook=access.webhook_of(member, webhook_id))
    messages.success(request, _("The webhook and its log are removed."))
    return SeeOther(reverse("webhooks", args=[slug]))


@require_POST
def again(request: SignedInRequest, slug: str, webhook_id: int, delivery_id: int) -> HttpResponse:
    member = access.owner(request.user, slug)
    delivery = access.delivery_of(access.webhook_of(member, webhook_id), delivery_id)
    services.delivery_again(delivery=delivery)
    messages.success(request, _("It is on its way once more; reload to see how it went."))
    return SeeOther(reverse("webhook", args=[slug, webhook_id]))


def _done(
    request: SignedInRequest, slug: str, webhook_id: int, service: Callable[..., None], sentence: str
) -> HttpResponse:
    member = access.owner(request.user, slug)
    service(webhook=access.webhook_of(member, webhook_id))
    messages.success(request, sentence)
    return SeeOther(reverse("webhook", args=[slug, webhook_id]))


def _list(request: SignedInRequest, member: Member, form: WebhookForm, status: int = 200) -> HttpResponse:
    context = {**desk(member), "webhooks": webhooks_of(member.project), "form": form}
    return render(request, "webhooks/list.html", context, status=status)


def _page(
    request: SignedInRequest, member: Member, webhook: Webhook, *, status: int = 200, form: WebhookForm | None = None,
    **more: Any,
) -> HttpResponse:  # fmt: skip
    context = {
        **desk(member),
        "webhook": webhook,
        "form": form or WebhookForm(initial={"url": webhook.url, "kinds": webhook.kinds}),
        "log": deliveries_of(webhook, page_number(request, "before")),
        **more,
    }
    return render(request, "webhooks/detail.html", context, status=status)
