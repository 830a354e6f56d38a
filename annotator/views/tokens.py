"""A person's tokens: make one, see it once, take it back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from annotator import access
from annotator.domain.scopes import WORDS
from annotator.exceptions import InputInvalid
from annotator.forms.tokens import TokenForm
from annotator.http import SeeOther, SignedInRequest
from annotator.selectors.projects import memberships_of
from annotator.selectors.tokens import tokens_of
from annotator.services.tokens import token_create, token_revoke


@never_cache
@require_http_methods(["GET", "POST"])
def index(request: SignedInRequest) -> HttpResponse:
    """The secret is shown on the answer to this POST and nowhere else: only its hash is kept."""
    slugs = [member.project.slug for member in memberships_of(request.user)]
    if request.method == "GET":
        return _page(request, TokenForm(slugs=slugs))
    form = TokenForm(request.POST, slugs=slugs)
    if form.is_valid():
        slug = form.cleaned_data.pop("project")
        member = access.member(request.user, slug) if slug else None
        try:
            token, secret = token_create(user=request.user, member=member, **form.cleaned_data)
        except InputInvalid as error:
            form.add_error(None, error.message)
        else:
            return _page(request, TokenForm(slugs=slugs), status=201, made=token, secret=secret)
    return _page(request, form, status=422)


@require_POST
def revoke(request: SignedInRequest, token_id: int) -> HttpResponse:
    token = token_revoke(token=access.token_of(request.user, token_id))
    messages.success(request, _("“%(name)s” opens nothing any more.") % {"name": token.name})
    return SeeOther(reverse("tokens"))


def _page(request: SignedInRequest, form: TokenForm, *, status: int = 200, **more: Any) -> HttpResponse:
    context = {"form": form, "tokens": tokens_of(request.user), "words": WORDS, **more}
    return render(request, "tokens.html", context, status=status)
