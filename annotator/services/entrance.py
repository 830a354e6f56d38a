"""What a member says before they judge: yes to the content, and that they have read the guideline."""

from __future__ import annotations

from django.utils import timezone

from annotator.exceptions import InputInvalid
from annotator.models import Acknowledgement, Content, Guideline, Member, User


def content_answer(*, member: Member, answer: str) -> None:
    """Keep whether this member wants to see what the project warns about. They may change their mind at any time.

    Raises InputInvalid for anything but the words of Content.
    """
    if answer not in Content.values:
        raise InputInvalid
    member.content = answer
    member.save(update_fields=["content"])


def guideline_acknowledge(*, guideline: Guideline, user: User) -> None:
    """This person has read this version; saying it twice changes nothing."""
    Acknowledgement.objects.get_or_create(guideline=guideline, user=user)


def member_shown_around(*, member: Member, is_done: bool = True) -> None:
    """This member knows the judgment page, or wants to be shown around once more."""
    member.shown_around_at = timezone.now() if is_done else None
    member.save(update_fields=["shown_around_at"])
