"""Every URL × every role. A new URL fails here until somebody says who may use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, reverse

from annotator import urls
from annotator.models import Round, User
from annotator.services.imports import import_add
from annotator.services.projects import invitation_create
from annotator.services.rounds import round_prepare
from annotator.services.sittings import sitting_begin
from annotator.services.tokens import token_create
from annotator.services.webhooks import webhook_create, webhook_test
from tests.cast import Cast
from tests.factories import datasets_ready, gold_of, held

ROLES = ("anonymous", "outsider", "rater", "reviewer", "owner", "owner elsewhere")

# Statuses in the order of ROLES. 302 is the way to the log-in page, 303 the answer to a POST that worked.
EVERYBODY = (200, 200, 200, 200, 200, 200)
SIGNED_IN = (302, 200, 200, 200, 200, 200)
MEMBERS = (302, 404, 200, 200, 200, 404)
READERS = (302, 404, 403, 200, 200, 404)
OWNERS = (302, 404, 403, 403, 200, 404)
NEVER = (302, 405, 405, 405, 405, 405)


def owner_post(status: int) -> tuple[int, ...]:
    return (302, 404, 403, 403, status, 404)


@dataclass(frozen=True)
class Door:
    """Who gets what. `data` is a body that fits, where the status needs one."""

    get: tuple[int, ...]
    post: tuple[int, ...]
    data: dict[str, Any] | None = None


DOORS: dict[str, Door] = {
    # account
    "home": Door((302, 200, 303, 200, 200, 200), NEVER),
    "login": Door((200, 302, 302, 302, 302, 302), (200, 302, 302, 302, 302, 302)),
    "logout": Door(NEVER, (302, 302, 302, 302, 302, 302)),
    "language": Door((405, 405, 405, 405, 405, 405), (303, 303, 303, 303, 303, 303), {"language": "de"}),
    "password": Door(SIGNED_IN, SIGNED_IN),
    "tokens": Door(SIGNED_IN, (302, 201, 201, 201, 201, 201), {"name": "script", "scopes": ["read"], "days": "30"}),
    "token-revoke": Door(NEVER, (302, 404, 303, 404, 404, 404)),  # the token is Ann's
    "invitation": Door(EVERYBODY, (422, 303, 303, 303, 303, 303)),
    "project-create": Door((302, 403, 403, 403, 403, 403), (302, 403, 403, 403, 403, 403)),
    # judging
    "judge": Door(MEMBERS, NEVER),
    "judge-next": Door(MEMBERS, NEVER),
    "judge-alive": Door(NEVER, (302, 404, 204, 204, 204, 404)),
    "judge-keys": Door(NEVER, (302, 404, 303, 303, 303, 404), {"undo": "KeyU"}),
    "judge-mine": Door(MEMBERS, NEVER),
    "judge-content": Door(NEVER, (302, 404, 303, 303, 303, 404), {"content": "declined"}),
    "judge-guideline": Door(NEVER, (302, 404, 303, 303, 303, 404)),
    "judge-around": Door(NEVER, (302, 404, 303, 303, 303, 404)),
    "practice": Door(MEMBERS, (302, 404, 303, 303, 303, 404)),
    "exam": Door(MEMBERS, (302, 404, 409, 409, 409, 404)),  # the shop has no question to ask
    # The sitting is Ann's.
    "sitting": Door((302, 404, 200, 404, 404, 404), (302, 404, 303, 404, 404, 404), {"number": 1, "answer": "a"}),
    # The assignment is Ann's: not even the owner sees or answers it.
    "assignment": Door((302, 404, 200, 404, 404, 404), (302, 404, 422, 404, 404, 404)),
    "assignment-skip": Door(NEVER, (302, 404, 303, 404, 404, 404)),
    # the desk
    "project": Door(READERS, NEVER),
    "project-settings": Door(READERS, owner_post(422)),
    "members": Door(READERS, NEVER),
    "member-role": Door(NEVER, owner_post(303), {"role": "reviewer"}),
    "member-groups": Door(NEVER, owner_post(303), {"groups": "law, German"}),
    "member-attempt": Door(NEVER, owner_post(303)),
    "member-remove": Door(NEVER, owner_post(303)),
    "invitation-create": Door(NEVER, owner_post(201), {"role": "rater", "days": 7}),
    "guidelines": Door(READERS, owner_post(303), {"text": "Be kind."}),
    "protocol": Door(READERS, owner_post(303), {"preset": "hh", "reason": "optional", "reason_min": 0}),
    "gold": Door(READERS, owner_post(422)),
    "gold-retire": Door(NEVER, owner_post(303)),
    "checks": Door(READERS, owner_post(422)),
    "checks-pausing": Door(NEVER, owner_post(303)),
    "check-resume": Door(NEVER, owner_post(303)),
    "check-exclude": Door(NEVER, owner_post(303)),
    "check-include": Door(NEVER, owner_post(303)),
    "flags": Door(READERS, NEVER),
    "flag-put-back": Door(NEVER, owner_post(303)),
    "flag-set-aside": Door(NEVER, owner_post(303)),
    "agreement": Door(OWNERS, NEVER),
    "queue": Door(
        READERS,
        owner_post(303),
        {"control_share": "0.1", "adaptive_certainty": "0.95", "informative_by": "ranking"},
    ),
    "queue-wanted": Door(NEVER, owner_post(303), {"wanted": "3"}),
    "queue-first": Door(NEVER, owner_post(303), {"one": "0", "other": "1", "priority": "2"}),
    "lease-release": Door(NEVER, owner_post(303)),
    "adjudication": Door(READERS, NEVER),
    # Olga judged nothing; Rui judged this one, so he may look but not decide.
    "adjudicate": Door(READERS, (302, 404, 403, 409, 303, 404), {"answer": "a"}),
    "adjudicate-note": Door(NEVER, (302, 404, 403, 409, 409, 404), {"note": "Why not."}),  # nobody decided yet
    "prompts": Door(READERS, NEVER),
    "prompts-add": Door(OWNERS, owner_post(303), {"text": "One more question?"}),
    "prompt": Door(READERS, NEVER),
    "imports": Door(OWNERS, owner_post(422)),
    "import": Door(OWNERS, NEVER),
    "import-status": Door(OWNERS, NEVER),
    "import-read-as": Door(NEVER, owner_post(303), {"format": "trl"}),
    "import-start": Door(NEVER, owner_post(303)),
    "import-stop": Door(NEVER, owner_post(409)),  # it has not started
    "import-errors": Door((302, 404, 403, 403, 404, 404), NEVER),  # there are none
    "rounds": Door(READERS, NEVER),
    "round-prepare": Door(NEVER, owner_post(409)),
    "round": Door(READERS, NEVER),
    "round-status": Door(READERS, NEVER),
    "round-launch": Door(OWNERS, owner_post(422)),
    "round-abandon": Door(NEVER, owner_post(303)),
    "round-retry": Door(NEVER, owner_post(409)),
    "runs": Door(READERS, NEVER),
    "run": Door(READERS, NEVER),
    "run-status": Door(READERS, NEVER),
    "run-cancel": Door(NEVER, owner_post(409)),
    "run-chart": Door(READERS, NEVER),
    "numbers": Door(READERS, NEVER),
    "numbers-raters": Door(READERS, NEVER),
    "numbers-hours": Door((302, 404, 403, 403, 422, 404), NEVER),  # which period is not said
    "numbers-release": Door(NEVER, owner_post(303)),
    "numbers-chart": Door(READERS, NEVER),
    "leaderboard": Door(READERS, NEVER),
    "leaderboard-chart": Door((302, 404, 403, 404, 404, 404), NEVER),  # everybody in the shop preferred A: no rating
    "checkpoints": Door(READERS, NEVER),
    "checkpoint": Door(READERS, NEVER),
    "checkpoint-promote": Door(NEVER, owner_post(303)),
    "checkpoint-retire": Door(NEVER, owner_post(409)),
    "checkpoint-card": Door(READERS, NEVER),
    "checkpoint-download": Door(OWNERS, NEVER),
    # No hub is configured here.
    "checkpoint-push": Door(NEVER, owner_post(409), {"weights": "trained", "repo": "team/shop"}),
    "checkpoint-merged": Door(OWNERS, owner_post(303)),
    "checkpoint-merged-download": Door((302, 404, 403, 403, 404, 404), NEVER),  # nobody had them made
    "checkpoint-merged-remove": Door(NEVER, owner_post(303)),
    "snapshots": Door(READERS, NEVER),
    "snapshot": Door(READERS, NEVER),
    "snapshot-download": Door(READERS, NEVER),
    "datasets": Door(READERS, NEVER),
    "dataset-create": Door(
        OWNERS,
        owner_post(303),
        {"shape": "sft", "file_format": "csv", "votes": "1", "agreement": "0.5", "consensus": "votes"},
    ),
    "dataset": Door(READERS, NEVER),
    "dataset-status": Door(READERS, NEVER),
    "dataset-send": Door(NEVER, owner_post(409), {"depot": "storage"}),  # no place is configured here
    "dataset-stop": Door(NEVER, owner_post(409)),  # it is ready
    "dataset-start": Door(NEVER, owner_post(409)),
    "dataset-difference": Door(READERS, NEVER),
    "dataset-download": Door(READERS, NEVER),
    "dataset-file": Door(READERS, NEVER),
    "webhooks": Door(OWNERS, owner_post(201), {"url": "https://example.com/", "kinds": ["run.failed"]}),
    "webhook": Door(OWNERS, owner_post(303), {"url": "https://example.com/", "kinds": ["run.failed"]}),
    "webhook-secret": Door(NEVER, owner_post(201)),
    "webhook-test": Door(NEVER, owner_post(303)),
    "webhook-stop": Door(NEVER, owner_post(303)),
    "webhook-go-on": Door(NEVER, owner_post(303)),
    "webhook-remove": Door(NEVER, owner_post(303)),
    "webhook-again": Door(NEVER, owner_post(303)),
}


def names_in(patterns: list[URLPattern | URLResolver]) -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from names_in(pattern.url_patterns)
        else:
            yield pattern.name or str(pattern.pattern)


def test_every_url_says_who_may_use_it() -> None:
    assert sorted(names_in(urls.urlpatterns)) == sorted(DOORS)


@pytest.fixture
def addresses(cast: Cast, turned: Round) -> dict[str, str]:
    """An address of each door, all inside the shop, on rows that exist."""
    trained = turned.runs.get(kind="dpo")
    policy = trained.checkpoint
    _, token = invitation_create(project=cast.shop, role="rater", by=cast.olga)
    gold = gold_of(cast.shop, use="practice")
    webhook = webhook_create(project=cast.shop, url="https://example.com/hook", kinds=["run.failed"])
    webhook_test(webhook=webhook)
    judged_by_rui = turned.comparisons.filter(assignments__rater=cast.rui, assignments__state="answered")[0]
    upload = [b'{"prompt": "Hi?", "chosen": "a", "rejected": "b"}']
    arguments: dict[str, list[Any]] = {
        "import": [import_add(project=cast.shop, name="a.jsonl", chunks=upload, by=cast.olga).pk],
        "sitting": [sitting_begin(member=cast.shop.members.get(user=cast.ann), kind="practice").pk],
        "flag": [held(cast.shop, cast.ann).comparison_id],
        "invitation": [token],
        "token": [token_create(user=cast.ann, name="script", scopes=["read"], days=1)[0].pk],
        "assignment": [held(cast.shop, cast.ann).pk],
        "member": [cast.shop.members.get(user=cast.ann).pk],
        "check": [cast.shop.members.get(user=cast.ann).pk],
        "prompt": [cast.shop.prompts.first().pk],  # type: ignore[union-attr]
        "round": [turned.number],
        "run": [trained.pk],
        "checkpoint": [policy.pk],
        "snapshot": [turned.snapshot.version],
        "webhook": [webhook.pk],
        "dataset": [datasets_ready(cast.shop)[-1].version],
    }
    places = {"home", "login", "logout", "language", "password", "tokens", "token-revoke", "project-create"}
    found = {}
    for name in DOORS:
        noun = name.split("-")[0]
        rest = (
            []
            if name in ("round-prepare", "prompts-add", "invitation-create", "dataset-create")
            else arguments.get(noun, [])
        )
        rest = [*rest, "loss", "light"] if name == "run-chart" else rest
        rest = ["light"] if name == "leaderboard-chart" else rest
        rest = [*rest, "README.md"] if name == "dataset-file" else rest
        rest = [turned.number + 1, held(cast.shop, cast.ann).pk] if name == "lease-release" else rest
        rest = [judged_by_rui.pk] if noun == "adjudicate" else rest
        rest = (
            ["throughput", "light"] if name == "numbers-chart" else [cast.ann.pk] if name == "numbers-release" else rest
        )
        rest = [webhook.pk, webhook.deliveries.latest("id").pk] if name == "webhook-again" else rest
        rest = [gold.pk] if name == "gold-retire" else [1] if name == "judge-guideline" else rest
        inside = [] if name in places or name == "invitation" else ["shop"]
        found[name] = reverse(name, args=[*inside, *rest])
    found["round-launch"] = reverse("round-launch", args=["shop", turned.number + 1])
    return found


def test_each_role_gets_what_the_table_says(
    cast: Cast, addresses: dict[str, str], client_of: Callable[[User | None], Client]
) -> None:
    """One test for all doors, because what stands behind them takes longer to build than to try."""
    met: dict[tuple[str, str], tuple[int, ...]] = {}
    for name, door in DOORS.items():
        for method in ("get", "post"):
            statuses = []
            for user in cast.by_role().values():
                with transaction.atomic():  # so that one person's visit does not change the next one's
                    data = door.data if method == "post" else None
                    response = getattr(client_of(user), method)(addresses[name], data)
                    statuses.append(response.status_code)
                    if response.streaming:
                        list(response.streaming_content)  # a file that is sent is closed at its end
                    transaction.set_rollback(True)
            met[name, method] = tuple(statuses)

    assert met == {(name, method): getattr(door, method) for name, door in DOORS.items() for method in ("get", "post")}


def test_a_stranger_is_sent_to_the_log_in_and_back(cast: Cast, client_of: Callable[[User | None], Client]) -> None:
    response = client_of(None).get("/p/shop/judge/")

    assert response["Location"] == "/login/?next=/p/shop/judge/"


def test_a_number_from_another_project_opens_nothing(
    cast: Cast, turned: Round, client_of: Callable[[User | None], Client]
) -> None:
    """Otto owns the garden, so its desk is open to him; the shop's numbers are not, through no address."""
    elsewhere = round_prepare(project=cast.garden)
    client = client_of(cast.otto)
    run, checkpoint = turned.runs.get(kind="dpo"), turned.runs.get(kind="dpo").checkpoint
    prompt = cast.shop.prompts.latest("id")
    brought = import_add(project=cast.shop, name="a.jsonl", chunks=[b'{"prompt": "Hi?"}'], by=cast.olga)
    assert client.get(f"/p/garden/imports/{brought.pk}/").status_code == 404
    member = cast.shop.members.get(user=cast.ann)

    assert client.get(f"/p/garden/rounds/{elsewhere.number}/").status_code == 200
    assert client.get(f"/p/garden/runs/{run.pk}/").status_code == 404
    assert client.get(f"/p/garden/checkpoints/{checkpoint.pk}/download/").status_code == 404
    assert client.get(f"/p/garden/prompts/{prompt.pk}/").status_code == 404
    assert client.get(f"/p/garden/snapshots/{turned.snapshot.version}/").status_code == 404
    dataset = datasets_ready(cast.shop)[-1]
    assert client.get(f"/p/garden/datasets/{dataset.version}/files/train.jsonl").status_code == 404
    assert client.post(f"/p/garden/members/{member.pk}/remove/").status_code == 404
    webhook = webhook_create(project=cast.shop, url="https://example.com/hook", kinds=["run.failed"])
    webhook_test(webhook=webhook)
    assert client.get(f"/p/garden/webhooks/{webhook.pk}/").status_code == 404
    own = webhook_create(project=cast.garden, url="https://example.com/hook", kinds=["run.failed"])
    delivery = webhook.deliveries.get()
    assert client.post(f"/p/garden/webhooks/{own.pk}/deliveries/{delivery.pk}/again/").status_code == 404
