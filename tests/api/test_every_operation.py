"""Every operation × every role, and every operation × every scope. A new one fails here until somebody says who may."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver

from annotator.api import urls
from annotator.api.files import BYTES
from annotator.api.gold import EXAMPLE
from annotator.api.operation import Operation
from annotator.domain.scopes import Scope
from annotator.models import Round, User
from annotator.services.projects import member_set_role
from annotator.services.rounds import round_prepare
from tests.cast import Cast
from tests.factories import held

ROLES = ("anonymous", "outsider", "rater", "reviewer", "owner", "owner elsewhere")

# Statuses in the order of ROLES.
EVERYBODY = (200, 200, 200, 200, 200, 200)
SIGNED_IN = (401, 200, 200, 200, 200, 200)
READERS = (401, 404, 403, 200, 200, 404)
MINE = (401, 404, 200, 404, 404, 404)  # Ann's alone: not even the owner's


def members(status: int) -> tuple[int, ...]:
    return (401, 404, status, status, status, 404)


def owners(status: int) -> tuple[int, ...]:
    return (401, 404, 403, 403, status, 404)


@dataclass(frozen=True)
class Door:
    """Who gets what with this method; `data` is a body that fits, of a `kind`. `about`: what follows the slug."""

    name: str
    method: str
    statuses: tuple[int, ...]
    data: Any = None
    about: tuple[str, ...] = ()
    query: str = ""
    kind: str = "application/json"


DOORS = [
    Door("api-index", "get", EVERYBODY),
    Door("api-schema", "get", EVERYBODY),
    Door("api-projects", "get", SIGNED_IN),
    Door("api-projects", "post", (401, 403, 403, 403, 403, 403), {"name": "Mine", "slug": "mine"}),
    Door("api-project", "get", READERS),
    Door("api-project", "patch", owners(200), {"overlap": 3}),
    # judging
    Door("api-entrance", "get", members(200)),
    Door("api-entrance-content", "post", members(204), {"content": "accepted"}),
    Door("api-guideline-read", "post", members(204), about=("guideline",)),
    Door("api-judge-next", "post", members(200)),
    Door("api-judge-alive", "post", members(204)),
    Door("api-judgments-mine", "get", members(200)),
    Door("api-judgments-mine", "post", members(200), [{"assignment": 1, "answer": "a"}]),
    Door("api-assignment", "get", MINE, about=("assignment",)),
    Door("api-assignment-judge", "post", (401, 404, 201, 404, 404, 404), {"answer": "a"}, ("assignment",)),
    Door("api-assignment-skip", "post", (401, 404, 204, 404, 404, 404), {}, ("assignment",)),
    # the desk
    Door("api-prompts", "get", READERS),
    Door("api-prompts", "post", owners(200), [{"messages": [{"role": "user", "content": "One more?"}]}]),
    Door("api-prompt", "get", READERS, about=("prompt",)),
    Door("api-prompt-responses", "get", READERS, about=("prompt",)),
    Door("api-rounds", "get", READERS),
    Door("api-rounds", "post", owners(409)),
    Door("api-round", "get", READERS, about=("round",)),
    Door("api-round-progress", "get", READERS, about=("round",)),
    Door("api-round-launch", "post", owners(409), {"preset": "quick"}, ("round",)),
    Door("api-round-abandon", "post", owners(200), about=("round",)),
    Door("api-round-retry", "post", owners(409), about=("round",)),
    Door("api-leases", "get", READERS, about=("collecting",)),
    Door("api-lease-release", "post", owners(204), about=("collecting", "assignment")),
    Door("api-comparisons", "get", READERS, about=("round",)),
    Door("api-judgments", "get", READERS, about=("round",)),
    Door("api-comparison", "get", READERS, about=("comparison",)),
    Door("api-runs", "get", READERS),
    Door("api-run", "get", READERS, about=("run",)),
    Door("api-run-events", "get", READERS, about=("run",)),
    Door("api-run-cancel", "post", owners(409), about=("run",)),
    Door("api-checkpoints", "get", READERS),
    Door("api-checkpoint", "get", READERS, about=("checkpoint",)),
    Door("api-checkpoint-promote", "post", owners(200), about=("checkpoint",)),
    Door("api-checkpoint-retire", "post", owners(409), about=("checkpoint",)),
    # people
    Door("api-members", "get", READERS),
    Door("api-member", "get", READERS, about=("member",)),
    Door("api-member", "patch", owners(200), {"role": "reviewer", "groups": ["law"]}, ("member",)),
    Door("api-member", "delete", owners(204), about=("member",)),
    Door("api-member-attempt", "post", owners(200), about=("member",)),
    Door("api-member-resume", "post", owners(200), about=("member",)),
    Door("api-member-exclude", "post", owners(200), about=("member",)),
    Door("api-member-include", "post", owners(200), about=("member",)),
    Door("api-invitations", "get", READERS),
    Door("api-invitations", "post", owners(201), {"role": "rater", "days": 7}),
    Door("api-checks", "get", READERS),
    Door("api-checks", "patch", owners(200), {"gold": 0.1}),
    Door("api-checks-pausing", "post", owners(200)),
    Door("api-checked", "get", READERS),
    Door("api-gold-missed", "get", READERS),
    # what is asked
    Door("api-guidelines", "get", READERS),
    Door("api-guidelines", "post", owners(201), {"text": "Be kind."}),
    Door("api-protocols", "get", READERS),
    Door("api-protocols", "post", owners(201), {"preset": "hh", "criteria": [{"name": "Accuracy"}]}),
    Door("api-gold", "get", READERS),
    Door("api-gold", "post", owners(201), EXAMPLE),
    Door("api-gold-retire", "post", owners(200), about=("gold",)),
    Door("api-flags", "get", READERS),
    Door("api-comparison-set-aside", "post", owners(200), about=("comparison",)),
    Door("api-comparison-put-back", "post", owners(200), about=("comparison",)),
    # the queue
    Door("api-queue", "get", READERS),
    Door("api-queue", "patch", owners(200), {"strategy": {"random": 1}, "tag_rules": [{"tag": "law"}]}),
    Door("api-queue-wanted", "post", owners(200), {"wanted": 3}),
    Door("api-queue-first", "post", owners(422), {"one": {"name": "x"}, "other": {"name": "y"}, "priority": 2}),
    Door("api-round-queue", "get", READERS, about=("round",)),
    # the numbers
    Door("api-quality", "get", READERS),
    Door("api-agreement", "get", owners(200)),
    Door("api-leaderboard", "get", READERS),
    Door("api-throughput", "get", READERS),
    Door("api-trend", "get", READERS),
    Door("api-value", "get", READERS),
    Door("api-raters", "get", READERS),
    Door("api-rater-release", "post", owners(200), about=("rater",)),
    Door("api-hours", "get", owners(200), query="?first=2026-01-01&last=2026-01-31"),
    # decisions
    Door("api-adjudications", "get", READERS),
    # Olga judged nothing; Rui judged this one, so he may look but not decide.
    Door("api-adjudication", "get", READERS, about=("judged",)),
    Door("api-adjudication", "post", (401, 404, 403, 409, 201, 404), {"answer": "a"}, ("judged",)),
    Door("api-adjudication-note", "post", (401, 404, 403, 409, 409, 404), {"note": "Why not."}, ("judged",)),
    # data
    Door("api-responses", "post", owners(200), [{"prompt": 1, "text": "Gladly."}]),
    Door("api-imports", "get", owners(200)),
    Door("api-imports", "post", owners(201), b'{"prompt": "Hi?"}', query="?name=a.jsonl", kind=BYTES),
    Door("api-import-from-hub", "post", owners(422), {"dataset": "team/pairs"}),  # no hub is configured here
    Door("api-import-from-server", "post", owners(422), {"name": "nothing.jsonl"}),
    Door("api-server-files", "get", owners(200)),
    Door("api-import", "get", owners(200), about=("import",)),
    Door("api-import-read-as", "post", owners(200), {"format": "trl"}, ("import",)),
    Door("api-import-start", "post", owners(200), about=("import",)),
    Door("api-import-stop", "post", owners(409), about=("import",)),  # it has not started
    Door("api-import-errors", "get", owners(404), about=("import",)),  # there are none
    Door("api-snapshots", "get", READERS),
    Door("api-snapshot", "get", READERS, about=("snapshot",)),
    Door("api-snapshot-download", "get", READERS, about=("snapshot",)),
    Door("api-datasets", "get", READERS),
    Door("api-datasets", "post", owners(201), {"shape": "sft", "filters": {"rounds": [1]}}),
    Door("api-dataset", "get", READERS, about=("dataset",)),
    Door("api-dataset-stop", "post", owners(409), about=("dataset",)),  # it is ready
    Door("api-dataset-start", "post", owners(409), about=("dataset",)),
    Door("api-dataset-send", "get", READERS, about=("dataset",)),
    Door("api-dataset-send", "post", owners(409), {"depot": "storage"}, ("dataset",)),  # no place is configured here
    Door("api-dataset-difference", "get", READERS, about=("dataset",)),
    Door("api-dataset-download", "get", READERS, about=("dataset",)),
    Door("api-checkpoint-card", "get", READERS, about=("checkpoint",)),
    Door("api-checkpoint-download", "get", owners(200), about=("checkpoint",)),
    # No hub is configured here.
    Door("api-checkpoint-push", "post", owners(409), {"repo": "team/shop"}, about=("checkpoint",)),
    Door("api-checkpoint-merge", "post", owners(201), about=("checkpoint",)),
    Door("api-checkpoint-merged-remove", "post", owners(204), about=("checkpoint",)),
    Door("api-checkpoint-merged-download", "get", owners(404), about=("checkpoint",)),  # nobody had them made
    # webhooks
    Door("api-webhooks", "get", owners(200)),
    Door("api-webhooks", "post", owners(201), {"url": "https://example.com/", "kinds": ["run.failed"]}),
    Door("api-webhook", "get", owners(200), about=("webhook",)),
    Door("api-webhook", "patch", owners(200), {"kinds": ["run.failed"]}, ("webhook",)),
    Door("api-webhook", "delete", owners(204), about=("webhook",)),
    Door("api-webhook-secret", "post", owners(201), about=("webhook",)),
    Door("api-webhook-test", "post", owners(204), about=("webhook",)),
    Door("api-webhook-stop", "post", owners(200), about=("webhook",)),
    Door("api-webhook-go-on", "post", owners(200), about=("webhook",)),
    Door("api-deliveries", "get", owners(200), about=("webhook",)),
    Door("api-delivery-again", "post", owners(204), about=("webhook", "delivery")),
    # practice and exam
    Door("api-practice", "post", members(200)),
    Door("api-exam", "post", members(409)),  # there is nothing to ask
    Door("api-sitting", "get", MINE, about=("sitting",)),
    Door("api-sitting-answer", "post", MINE, {"number": 1, "answer": "a"}, ("sitting",)),
]


def patterns_in(patterns: list[URLPattern | URLResolver]) -> Iterator[URLPattern]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from patterns_in(pattern.url_patterns)
        elif pattern.name:  # what has no name answers for all that is missing
            yield pattern


def test_every_operation_says_who_may_use_it() -> None:
    known = set()
    for pattern in patterns_in(urls.urlpatterns):
        view = getattr(pattern.callback, "view_class", None)
        methods = [one for one in ("get", "post", "put", "patch", "delete") if hasattr(view, one)] or ["get"]
        known |= {(str(pattern.name), method) for method in methods}

    assert known == {(door.name, door.method) for door in DOORS}


def knocked(client: Client, door: Door, address: str) -> int:
    """The status; nothing that the visit changed stays."""
    with transaction.atomic():
        body = {} if door.method == "get" else {"data": door.data, "content_type": door.kind}
        status: int = getattr(client, door.method)(address, **body).status_code
        transaction.set_rollback(True)
    return status


def test_each_role_and_each_scope_gets_what_the_table_says(
    cast: Cast, address_of: Callable[[Door], str], program_of: Callable[..., Client]
) -> None:
    """One test for all, because what stands behind them takes longer to build than to try."""
    programs = [program_of(user) for user in cast.by_role().values()]
    met = {(door.name, door.method): tuple(knocked(one, door, address_of(door)) for one in programs) for door in DOORS}
    assert met == {(door.name, door.method): door.statuses for door in DOORS}

    # A token of somebody who may, with all scopes but the one that is needed, and with that one alone.
    programs_with = lru_cache(program_of)  # a person has 50 tokens at most
    views = {str(one.name): getattr(one.callback, "view_class", None) for one in patterns_in(urls.urlpatterns)}
    for door in DOORS:
        view = views[door.name]
        if view is None or not issubclass(view, Operation):
            continue
        scope = view.reads if door.method == "get" else view.writes
        for user, wanted in zip(cast.by_role().values(), door.statuses, strict=True):
            if user is None or wanted in (403, 404):
                continue
            others = [other.value for other in Scope if other != scope]
            alone = programs_with(user, scope.value)
            assert knocked(programs_with(user, *others), door, address_of(door)) == 403, door
            assert knocked(alone, door, address_of(door)) == wanted, door
            break


def test_a_number_from_another_project_opens_nothing(
    cast: Cast, turned: Round, program_of: Callable[..., Client]
) -> None:
    """Otto owns the garden; the shop's numbers open nothing of the shop through his addresses."""
    elsewhere = round_prepare(project=cast.garden)
    otto = program_of(cast.otto)
    run = turned.runs.get(kind="dpo")
    there = "/api/v1/projects/garden"

    assert otto.get(f"{there}/rounds/{elsewhere.number}/").status_code == 200
    for inside in (
        f"runs/{run.pk}/", f"runs/{run.pk}/events/", f"checkpoints/{run.checkpoint.pk}/",
        f"prompts/{cast.shop.prompts.latest('id').pk}/", f"comparisons/{turned.comparisons.latest('id').pk}/",
        f"judge/assignments/{held(cast.shop, cast.ann).pk}/",
    ):  # fmt: skip
        assert otto.get(f"{there}/{inside}").status_code == 404, inside


def test_a_token_of_one_project_opens_no_other(cast: Cast, program_of: Callable[..., Client]) -> None:
    member_set_role(project=cast.garden, user=cast.olga, role="owner")
    here = program_of(cast.olga, member=cast.shop.members.get(user=cast.olga))

    assert here.get("/api/v1/projects/shop/").status_code == 200
    assert here.get("/api/v1/projects/garden/").status_code == 404
    assert [row["slug"] for row in here.get("/api/v1/projects/").json()["results"]] == ["shop"]
    assert here.post("/api/v1/projects/", {}, content_type="application/json").status_code == 403


def test_a_session_writes_only_with_its_csrf_token(cast: Cast) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(User.objects.get(pk=cast.olga.pk))

    answer = browser.patch("/api/v1/projects/shop/", {"overlap": 3}, content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert browser.get("/api/v1/projects/shop/").status_code == 200
