"""The owner's desk: overview, settings, people and guidelines."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from annotator import access
from annotator.exceptions import Conflict, InputInvalid
from annotator.forms.people import InvitationForm, RoleForm
from annotator.forms.projects import GuidelineForm, ProjectForm, ProjectSettingsForm
from annotator.forms.queue import GroupsForm
from annotator.http import SeeOther, SignedInRequest
from annotator.models import Member
from annotator.selectors import projects as select
from annotator.selectors.agreement import agreement_tables
from annotator.selectors.checks import pausing_of
from annotator.selectors.exclusion import left_out
from annotator.selectors.figures import age_of
from annotator.selectors.quality import estimates_of, quality_of
from annotator.selectors.rounds import round_can_retry, round_progress, round_stages
from annotator.selectors.runs import runs_live
from annotator.services import projects as services
from annotator.services.sittings import exam_allow_again

ROLE_GIVEN = {
    "owner": gettext_noop("%(person)s is now owner."),
    "reviewer": gettext_noop("%(person)s is now reviewer."),
    "rater": gettext_noop("%(person)s is now rater."),
}


@require_http_methods(["GET", "POST"])
def create(request: SignedInRequest) -> HttpResponse:
    owner = access.project_maker(request.user)
    form = ProjectForm(request.POST or None)
    if request.method == "GET":
        return render(request, "projects/create.html", {"form": form})
    if form.is_valid():
        try:
            project = services.project_create(owner=owner, **form.cleaned_data)
        except (Conflict, InputInvalid) as error:
            form.add_error(None, error.message)
        else:
            return SeeOther(reverse("project", args=[project.slug]))
    return render(request, "projects/create.html", {"form": form}, status=422)


@require_GET
def detail(request: SignedInRequest, slug: str) -> HttpResponse:
    member = access.reader(request.user, slug)
    overview = select.project_overview(member.project)
    context = {
        **desk(member),
        "overview": overview,
        "quality": quality_of(member.project),
        "agreement": agreement_tables(member.project),
        "age": age_of(member.project, "quality"),
        "left_out": left_out(member.project),
        "runs": runs_live(member.project),
    }
    if member.project.pausing_stopped_at:
        context |= {"pausing": pausing_of(member.project)}
    if overview.newest:
        context |= {
            "round": overview.newest,
            "progress": round_progress(overview.newest),
            "stages": round_stages(overview.newest),
            "can_retry": round_can_retry(overview.newest),
        }
    if overview.turning:
        context |= {"turning_can_retry": round_can_retry(overview.turning)}
    if overview.candidate:
        context |= {"candidate_estimates": estimates_of(overview.candidate.metrics)}
    if overview.promoted:
        context |= {"estimates": estimates_of(overview.promoted.metrics)}
    return render(request, "projects/detail.html", context)


@require_http_methods(["GET", "POST"])
def settings(request: SignedInRequest, slug: str) -> HttpResponse:
    if request.method == "GET":
        member = access.reader(request.user, slug)
        form = ProjectSettingsForm(initial=vars(member.project))
        return render(request, "projects/settings.html", {**desk(member), "form": form})
    member = access.owner(request.user, slug)
    form = ProjectSettingsForm(request.POST)
    if form.is_valid():
        try:
            services.project_update(project=member.project, **form.cleaned_data)
        except InputInvalid as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("The settings are saved."))
            return SeeOther(reverse("project-settings", args=[slug]))
    return render(request, "projects/settings.html", {**desk(member), "form": form}, status=422)


# --- people ------------------------------------------------------------------


@require_GET
def members(request: SignedInRequest, slug: str) -> HttpResponse:
    return _members_page(request, access.reader(request.user, slug), InvitationForm())


@require_POST
def member_role(request: SignedInRequest, slug: str, member_id: int) -> HttpResponse:
    owner = access.owner(request.user, slug)
    member = access.member_of(owner, member_id)
    form = RoleForm(request.POST)
    if not form.is_valid():
        raise InputInvalid(_("Choose one of the roles."))
    services.member_set_role(project=owner.project, user=member.user, role=form.cleaned_data["role"])
    messages.success(request, _(ROLE_GIVEN[form.cleaned_data["role"]]) % {"person": member.user})
    return SeeOther(reverse("members", args=[slug]))


@require_POST
def member_groups(request: SignedInRequest, slug: str, member_id: int) -> HttpResponse:
    """The groups that this person belongs to, comma between."""
    owner = access.owner(request.user, slug)
    member = access.member_of(owner, member_id)
    form = GroupsForm(request.POST)
    if not form.is_valid():
        raise InputInvalid
    services.member_set_groups(member=member, groups=form.cleaned_data["groups"])
    messages.success(request, _("The groups of %(person)s are set.") % {"person": member.user})
    return SeeOther(reverse("members", args=[slug]))


@require_POST
def member_attempt(request: SignedInRequest, slug: str, member_id: int) -> HttpResponse:
    """One more attempt at the exam."""
    owner = access.owner(request.user, slug)
    member = access.member_of(owner, member_id)
    exam_allow_again(member=member)
    messages.success(request, _("%(person)s may try the exam once more.") % {"person": member.user})
    return SeeOther(reverse("members", args=[slug]))


@require_POST
def member_remove(request: SignedInRequest, slug: str, member_id: int) -> HttpResponse:
    owner = access.owner(request.user, slug)
    member = access.member_of(owner, member_id)
    services.member_remove(project=owner.project, user=member.user)
    messages.success(request, _("%(person)s left the project. Their judgments stay.") % {"person": member.user})
    return SeeOther(reverse("members", args=[slug]))


@require_POST
def invitation_create(request: SignedInRequest, slug: str) -> HttpResponse:
    """The link is shown on this page and nowhere else: only its hash is kept."""
    owner = access.owner(request.user, slug)
    form = InvitationForm(request.POST)
    if not form.is_valid():
        return _members_page(request, owner, form, status=422)
    invitation, token = services.invitation_create(project=owner.project, by=request.user, **form.cleaned_data)
    link = request.build_absolute_uri(reverse("invitation", args=[token]))
    return _members_page(request, owner, InvitationForm(), status=201, invitation=invitation, link=link)


def _members_page(
    request: SignedInRequest, member: Member, form: Form, *, status: int = 200, **more: Any
) -> HttpResponse:
    context = {
        **desk(member),
        "page": select.members_page(member.project, after=request.GET.get("after", "")[:150]),
        "invitations": select.invitations_open(member.project),
        "roles": RoleForm().fields["role"].choices,  # type: ignore[attr-defined]
        "form": form,
        **more,
    }
    return render(request, "projects/members.html", context, status=status)


# --- guidelines --------------------------------------------------------------


@require_http_methods(["GET", "POST"])
def guidelines(request: SignedInRequest, slug: str) -> HttpResponse:
    if request.method == "GET":
        member = access.reader(request.user, slug)
        newest = select.guideline_newest(member.project)
        return _guidelines_page(request, member, GuidelineForm(initial={"text": newest.text if newest else ""}))
    member = access.owner(request.user, slug)
    form = GuidelineForm(request.POST)
    if not form.is_valid():
        return _guidelines_page(request, member, form, status=422)
    guideline = services.guideline_publish(project=member.project, by=request.user, **form.cleaned_data)
    published = _("Version %(number)s is what raters see from now on.") % {"number": guideline.version}
    messages.success(request, published)
    return SeeOther(reverse("guidelines", args=[slug]))


def _guidelines_page(request: SignedInRequest, member: Member, form: Form, status: int = 200) -> HttpResponse:
    context = {**desk(member), "form": form, "guidelines": select.guidelines_of(member.project)}
    return render(request, "projects/guidelines.html", context, status=status)


def desk(member: Member) -> dict[str, Any]:
    """What the frame of every owner's page needs."""
    return {"member": member, "project": member.project, "is_owner": member.role == "owner"}
