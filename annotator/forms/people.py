"""Who comes in, and what they may do."""

from __future__ import annotations

from django import forms
from django.contrib.auth import password_validation
from django.utils.translation import gettext_lazy as _

from annotator.models import Role

ROLES = [
    ("rater", _("Rater: judges, and sees nothing of who wrote what")),
    ("reviewer", _("Reviewer: sees everything, judges, changes nothing else")),
    ("owner", _("Owner: sees and changes everything")),
]


class RegisterForm(forms.Form):
    username = forms.CharField(
        label=_("User name"),
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=password_validation.password_validators_help_text_html(),
    )


class InvitationForm(forms.Form):
    role = forms.ChoiceField(label=_("Role"), choices=ROLES, initial="rater", widget=forms.RadioSelect)
    days = forms.IntegerField(label=_("Valid for how many days"), min_value=1, max_value=90, initial=7)


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=[(role, Role(role).label) for role, _rights in ROLES])
