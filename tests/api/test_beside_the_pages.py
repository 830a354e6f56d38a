"""What people change in the pages, programs change through the API; a new page fails here until somebody says how."""

from __future__ import annotations

from annotator.api import urls
from tests.api.test_every_operation import patterns_in
from tests.views.test_every_door import DOORS, NEVER

# Page → the operations that do the same.
BESIDE = {
    "project-create": ["api-projects"],
    "project-settings": ["api-project"],
    "judge-alive": ["api-judge-alive"],
    "judge-content": ["api-entrance-content"],
    "judge-guideline": ["api-guideline-read"],
    "practice": ["api-practice"],
    "exam": ["api-exam"],
    "sitting": ["api-sitting-answer"],
    "assignment": ["api-assignment-judge", "api-judgments-mine"],
    "assignment-skip": ["api-assignment-skip"],
    "member-role": ["api-member"],
    "member-groups": ["api-member"],
    "member-attempt": ["api-member-attempt"],
    "member-remove": ["api-member"],
    "invitation-create": ["api-invitations"],
    "guidelines": ["api-guidelines"],
    "protocol": ["api-protocols"],
    "gold": ["api-gold"],
    "gold-retire": ["api-gold-retire"],
    "checks": ["api-checks"],
    "checks-pausing": ["api-checks-pausing"],
    "check-resume": ["api-member-resume"],
    "check-exclude": ["api-member-exclude"],
    "check-include": ["api-member-include"],
    "flag-put-back": ["api-comparison-put-back"],
    "flag-set-aside": ["api-comparison-set-aside"],
    "queue": ["api-queue"],
    "queue-wanted": ["api-queue-wanted"],
    "queue-first": ["api-queue-first"],
    "lease-release": ["api-lease-release"],
    "numbers-release": ["api-rater-release"],
    "adjudicate": ["api-adjudication"],
    "adjudicate-note": ["api-adjudication-note"],
    "prompts-add": ["api-prompts"],
    "imports": ["api-imports", "api-import-from-server", "api-import-from-hub"],
    "import-read-as": ["api-import-read-as"],
    "import-start": ["api-import-start"],
    "import-stop": ["api-import-stop"],
    "dataset-create": ["api-datasets"],
    "dataset-send": ["api-dataset-send"],
    "dataset-stop": ["api-dataset-stop"],
    "dataset-start": ["api-dataset-start"],
    "round-prepare": ["api-rounds"],
    "round-launch": ["api-round-launch"],
    "round-abandon": ["api-round-abandon"],
    "round-retry": ["api-round-retry"],
    "run-cancel": ["api-run-cancel"],
    "checkpoint-promote": ["api-checkpoint-promote"],
    "checkpoint-retire": ["api-checkpoint-retire"],
    "checkpoint-push": ["api-checkpoint-push"],
    "checkpoint-merged": ["api-checkpoint-merge"],
    "checkpoint-merged-remove": ["api-checkpoint-merged-remove"],
    "webhooks": ["api-webhooks"],
    "webhook": ["api-webhook"],
    "webhook-secret": ["api-webhook-secret"],
    "webhook-test": ["api-webhook-test"],
    "webhook-stop": ["api-webhook-stop"],
    "webhook-go-on": ["api-webhook-go-on"],
    "webhook-remove": ["api-webhook"],
    "webhook-again": ["api-delivery-again"],
}
# Page → why programs have no such thing.
ONLY_IN_PAGES = {
    "login": "a program brings a token",
    "logout": "a program brings a token",
    "password": "whoever finds a token must not be able to lock its owner out",
    "tokens": "a token must not make further ones, with more rights or a longer life",
    "token-revoke": "tokens are looked after in one place, by people",
    "language": "a program asks for a language in Accept-Language",
    "invitation": "whoever is invited has no token yet",
    "judge-keys": "the keys of the page",
    "judge-around": "a tour of the page",
}


def test_what_changes_something_in_a_page_has_an_operation_beside_it_or_a_reason() -> None:
    changing = {name for name, door in DOORS.items() if door.post != NEVER}

    assert changing == set(BESIDE) | set(ONLY_IN_PAGES)
    assert not set(BESIDE) & set(ONLY_IN_PAGES)


def test_the_operations_beside_pages_exist_and_change_something() -> None:
    views = {str(one.name): getattr(one.callback, "view_class", None) for one in patterns_in(urls.urlpatterns)}

    for name in (name for names in BESIDE.values() for name in names):
        assert any(hasattr(views[name], method) for method in ("post", "put", "patch", "delete")), name
