"""Every way in which the app says no.

TiebreakError                 400
├── NotFound                  404
├── Forbidden                 403
├── InputInvalid              422
├── Conflict                  409   the world moved on
│   ├── AssignmentLapsed
│   ├── JudgmentClosed
│   ├── RoundNotCollecting
│   ├── RoundNotReady
│   ├── StateNotAllowed
│   ├── InvitationSpent
│   ├── RoundOpenAlready
│   ├── SlugTaken
│   ├── UsernameTaken
│   ├── WebhookTaken
│   ├── LastOwner
│   └── StillAtIt
├── NotDelivered              502   somebody else’s server did not take what we sent
├── TokenRefused              401   the secret of a program opens nothing
├── VersionPassed             412   somebody changed it first
└── EngineFailed              500   a run could not do its work
    └── ChildKilled

A class's sentence is its default message: what happened and what to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from psycopg import errors as postgres

from annotator.domain.wording import Unfit


class TiebreakError(Exception):
    sentence: str | Promise = _("Something about this request does not fit; nothing was changed.")
    code = "invalid"
    status = 400

    def __init__(self, message: str | None = None) -> None:
        self.message = str(message or self.sentence)
        super().__init__(self.message)


class NotFound(TiebreakError):
    sentence = _("There is no such page, or it is not yours to see.")
    code = "not_found"
    status = 404


class Forbidden(TiebreakError):
    sentence = _("Your role in this project does not allow this. Ask an owner of the project.")
    code = "forbidden"
    status = 403


class InputInvalid(TiebreakError):
    sentence = _("The input does not have the expected form; correct it and send it again.")
    code = "input_invalid"
    status = 422

    @classmethod
    def of(cls, unfit: Unfit) -> InputInvalid:
        """What thinking found not to fit, in the language of whoever reads it."""
        return cls(gettext(unfit.sentence) % unfit.values)


class Conflict(TiebreakError):
    sentence = _("Something changed in the meantime; reload the page and try again.")
    code = "conflict"
    status = 409


class AssignmentLapsed(Conflict):
    sentence = _(
        "This comparison was released because its time ran out, and others have judged it. Your next one is ready."
    )
    code = "assignment_lapsed"


class JudgmentClosed(Conflict):
    sentence = _("This round is frozen, so its answers can no longer be changed.")
    code = "judgment_closed"


class RoundNotCollecting(Conflict):
    sentence = _("This round is no longer collecting judgments. Your next comparison comes with the next round.")
    code = "round_not_collecting"


class RoundNotReady(Conflict):
    sentence = _("This round cannot be launched yet.")
    code = "round_not_ready"


class StateNotAllowed(Conflict):
    sentence = _("This is not possible in the present state; reload the page to see it.")
    code = "state_not_allowed"


class InvitationSpent(Conflict):
    sentence = _("This invitation was used or has expired. Ask for a new one.")
    code = "invitation_spent"


class RoundOpenAlready(Conflict):
    sentence = _("This project has an open round already; launch or give up that one first.")
    code = "round_open_already"


class SlugTaken(Conflict):
    sentence = _("Another project has this short name; choose a different one.")
    code = "slug_taken"


class UsernameTaken(Conflict):
    sentence = _("Somebody has this user name already; choose a different one, or sign in if it is yours.")
    code = "username_taken"


class WebhookTaken(Conflict):
    sentence = _("This project tells that address already; change what it hears instead.")
    code = "webhook_taken"


class LastOwner(Conflict):
    sentence = _("A project needs an owner. Make somebody else an owner first.")
    code = "last_owner"


class NotDelivered(TiebreakError):
    sentence = _("The other server could not be reached; it is asked again later.")
    code = "not_delivered"
    status = 502


class NotSent(TiebreakError):
    sentence = _("The place outside did not take what was sent.")
    code = "not_sent"
    status = 502


class StillAtIt(Conflict):
    sentence = _("A request with this idempotency key is being answered right now; send it again in a second.")
    code = "still_at_it"


class TokenRefused(TiebreakError):
    sentence = _("This token is unknown, revoked or has expired. Make a new one on the page “Your tokens”.")
    code = "token_refused"
    status = 401


class VersionPassed(TiebreakError):
    sentence = _("Somebody changed this since you read it; read it again, then change it.")
    code = "version_passed"
    status = 412


class EngineFailed(TiebreakError):
    sentence = _("The engine could not finish this run; the run's page has its last words.")
    code = "engine_failed"
    status = 500


class ChildKilled(EngineFailed):
    sentence = _("The training process was killed from outside; the run resumes from its last saved step.")
    code = "child_killed"


# Database constraint → what its violation means to a person.
CONSTRAINTS: dict[str, type[TiebreakError]] = {
    "comparison_slots_within_wanted": AssignmentLapsed,
    "assignment_once_per_comparison_rater_and_check": Conflict,
    "one_first_judgment_per_assignment": Conflict,
    "judgment_is_append_only": Conflict,
    "judgment_has_answered_assignment": AssignmentLapsed,
    "adjudication_is_append_only": Conflict,
    "one_first_adjudication_per_comparison": Conflict,
    "annotator_adjudication_supersedes_id_key": Conflict,  # two decided at once
    "one_open_round_per_project": RoundOpenAlready,
    "round_number_once_per_project": RoundOpenAlready,  # another owner was faster
    "one_live_run_per_round_and_kind": Conflict,
    "one_promoted_policy_per_project": Conflict,
    "member_once_per_project": Conflict,
}


def constraint_of(error: IntegrityError) -> str:
    """The name of the violated constraint, empty when there is none."""
    cause = error.__cause__
    return (cause.diag.constraint_name or "") if isinstance(cause, postgres.Error) else ""


@contextmanager
def violations_as_errors(**also: type[TiebreakError]) -> Iterator[None]:
    """Raise the error that stands for a violated constraint; `also` names further ones for this block."""
    try:
        yield
    except IntegrityError as error:
        known = {**CONSTRAINTS, **also}.get(constraint_of(error))
        if known is None:
            raise
        raise known() from error
