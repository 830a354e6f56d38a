"""The owner's page on how raters are asked, with what they will see beside it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from annotator import access
from annotator.domain.keys import keys_for
from annotator.domain.protocols import PRESETS
from annotator.exceptions import InputInvalid
from annotator.forms.protocols import ProtocolForm
from annotator.http import SeeOther, SignedInRequest
from annotator.models import Member
from annotator.selectors.cards import points_of, points_offered, questions_of
from annotator.selectors.projects import protocol_newest
from annotator.services.protocols import protocol_publish
from annotator.views.projects import desk


@require_http_methods(["GET", "POST"])
def protocol(request: SignedInRequest, slug: str) -> HttpResponse:
    if request.method == "GET":
        member = access.reader(request.user, slug)
        return _page(request, member, ProtocolForm(initial=ProtocolForm.typed(protocol_newest(member.project))))
    member = access.owner(request.user, slug)
    form = ProtocolForm(request.POST)
    if form.is_valid():
        try:
            published = protocol_publish(project=member.project, **form.cleaned_data)
        except InputInvalid as error:
            form.add_error(None, error.message)
        else:
            said = _("Version %(number)s is how raters are asked from now on.") % {"number": published.version}
            messages.success(request, said)
            return SeeOther(reverse("protocol", args=[slug]))
    return _page(request, member, form, status=422)


def _page(request: SignedInRequest, member: Member, form: ProtocolForm, status: int = 200) -> HttpResponse:
    newest = protocol_newest(member.project)
    asking = newest.asking
    context = {
        **desk(member),
        "form": form,
        "protocol": newest,
        "asking": asking,
        "questions": questions_of(asking, keys_for(member.user.keys), {}),
        "points": points_of(asking, {}),
        "points_offered": points_offered(),
        "presets": PRESETS.values(),
        "protocols": member.project.protocols.all(),
    }
    return render(request, "projects/protocol.html", context, status=status)
