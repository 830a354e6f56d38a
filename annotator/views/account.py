"""Signing in and out, accepting an invitation, and the first page after that."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeView
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django.views.i18n import set_language

from annotator import access
from annotator.exceptions import Conflict, InputInvalid
from annotator.forms.people import RegisterForm
from annotator.http import Request, SeeOther, SignedInRequest
from annotator.models import Invitation, Member, Role
from annotator.selectors.projects import memberships_of
from annotator.services.projects import invitation_accept, token_digest, user_register


class Login(LoginView):
    template_name = "registration/login.html"
    redirect_authenticated_user = True


class Logout(LogoutView):
    """POST only, so that no link or image can sign anybody out."""


class PasswordChange(PasswordChangeView):
    template_name = "registration/password.html"
    success_url = reverse_lazy("home")

    def form_valid(self, form: object) -> HttpResponse:
        messages.success(self.request, _("Your password is changed."))
        return super().form_valid(form)  # type: ignore[arg-type]


@login_not_required
@require_POST
def language(request: Request) -> HttpResponse:
    """The language of the pages in this browser; a word that is none of ours changes nothing."""
    response = set_language(request)
    response.status_code = SeeOther.status_code
    return response


@require_GET
def home(request: SignedInRequest) -> HttpResponse:
    """My projects. Who only rates, and only in one, goes straight to judging."""
    memberships = list(memberships_of(request.user))
    if len(memberships) == 1 and memberships[0].role == Role.RATER:
        return SeeOther(reverse("judge", args=[memberships[0].project.slug]))
    return render(request, "home.html", {"memberships": memberships})


@login_not_required
@never_cache
@require_http_methods(["GET", "POST"])
def invitation(request: Request, token: str) -> HttpResponse:
    """Whoever holds the link joins: as who they are, or as somebody new."""
    found = access.invitation_with(token_digest(token))
    if request.method == "GET":
        return _invitation_page(request, found, RegisterForm())
    if request.user.is_authenticated:
        return _joined(invitation_accept(token=token, user=request.user))
    form = RegisterForm(request.POST)
    if not form.is_valid() or not found.is_open:
        return _invitation_page(request, found, form, status=422 if found.is_open else 409)
    try:
        with transaction.atomic():  # two people with one link: the slower one gets no account either
            user = user_register(**form.cleaned_data)
            member = invitation_accept(token=token, user=user)
    except (Conflict, InputInvalid) as error:
        form.add_error(None, error.message)
        return _invitation_page(request, found, form, status=422)
    login(request, user, backend="annotator.sign_in.PasswordBackend")
    return _joined(member)


def _invitation_page(request: Request, found: Invitation, form: RegisterForm, status: int = 200) -> HttpResponse:
    return render(request, "invitation.html", {"invitation": found, "form": form}, status=status)


def _joined(member: Member) -> SeeOther:
    page = "judge" if member.role == Role.RATER else "project"
    return SeeOther(reverse(page, args=[member.project.slug]))
