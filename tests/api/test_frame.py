"""What is true of all operations: tokens, problems, pages, versions, once only, how often."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotator.api.index import described
from annotator.exceptions import StillAtIt
from annotator.models import Prompt, Receipt, Token
from annotator.services.receipts import KEPT, receipt_of, receipts_sweep
from annotator.services.tokens import token_create, token_revoke
from tests.cast import Cast
from tests.factories import person

SHOP = "/api/v1/projects/shop/"
PROMPTS = f"{SHOP}prompts/"


def question(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def sent(client: Client, rows: Any, **headers: str) -> Any:
    return client.post(PROMPTS, rows, content_type="application/json", headers=headers)


# --- tokens --------------------------------------------------------------------


def test_a_token_is_shown_once_kept_as_a_hash_and_opens_nothing_once_revoked(cast: Cast) -> None:
    browser = Client()
    browser.force_login(cast.olga)
    page = browser.post(reverse("tokens"), {"name": "nightly", "scopes": ["read"], "days": "7"})
    secret = page.content.decode().split('<p class="secret" dir="ltr">')[1].split("<")[0]
    token = Token.objects.get()
    program = Client(headers={"Authorization": f"Bearer {secret}"})

    assert secret.startswith("tb_")
    assert secret not in browser.get(reverse("tokens")).content.decode()
    assert secret not in str(vars(token))
    assert program.get(SHOP).status_code == 200
    token.refresh_from_db()
    assert token.last_used_at is not None

    browser.post(reverse("token-revoke", args=[token.pk]))
    answer = program.get(SHOP)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_refused")
    assert answer["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("end", ["expired", "revoked", "gone", "unknown", "nonsense"])
def test_a_token_that_ended_is_refused_with_one_sentence_for_every_reason(cast: Cast, end: str) -> None:
    token, secret = token_create(user=cast.olga, name="x", scopes=["read"], days=1)
    if end == "expired":
        Token.objects.update(expires_at=timezone.now())
    elif end == "revoked":
        token_revoke(token=token)
    elif end == "gone":
        cast.olga.is_active = False
        cast.olga.save()
    word = {"unknown": "Bearer tb_unknown", "nonsense": "Bearer tb é \x00"}.get(end, f"Bearer {secret}")

    answer = Client(headers={"Authorization": word}).get(SHOP)

    assert (answer.status_code, answer.json()["code"]) == (401, "token_refused")


# --- problems ------------------------------------------------------------------


def test_every_refusal_is_a_problem_that_names_its_fields(cast: Cast, program_of: Callable[..., Client]) -> None:
    olga = program_of(cast.olga)
    answer = olga.patch(SHOP, {"overlap": 0, "name": ""}, content_type="application/json")

    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    problem = answer.json()
    assert (problem["code"], problem["status"]) == ("input_invalid", 422)
    assert {error["pointer"] for error in problem["errors"]} == {"/overlap", "/name"}

    misspelt = olga.patch(SHOP, {"overlapp": 3}, content_type="application/json").json()
    assert [error["pointer"] for error in misspelt["errors"]] == ["/overlapp"]
    [row] = sent(olga, [{**question("Yes?"), "sauce": "mail"}]).json()
    assert (row["status"], row["errors"][0]["pointer"]) == ("refused", "/sauce")

    for address, method, status, code in (
        ("/api/nowhere", "get", 404, "not_found"),
        ("/api/v1/projects/none/", "get", 404, "not_found"),
        (SHOP, "delete", 405, "method_not_allowed"),
        (f"{PROMPTS}?split=odd", "get", 422, "input_invalid"),
        (f"{PROMPTS}?splitt=train", "get", 422, "input_invalid"),
        (f"{PROMPTS}?cursor=x", "get", 422, "input_invalid"),
        (f"{PROMPTS}?limit=0", "get", 422, "input_invalid"),
    ):
        answer = getattr(olga, method)(address)
        assert (answer.status_code, answer.json()["code"], answer["Content-Type"]) == (
            status, code, "application/problem+json",
        )  # fmt: skip
    assert sent(olga, "{").json()["code"] == "parse_error"
    assert olga.post(PROMPTS, {"a": "b"}).json()["code"] == "unsupported_media_type"


# --- pages ---------------------------------------------------------------------


def test_pages_follow_each_other_without_gap_or_repeat(cast: Cast, program_of: Callable[..., Client]) -> None:
    olga, seen, address = program_of(cast.olga), [], f"{PROMPTS}?limit=3"
    while address:
        answer = olga.get(address)
        seen += [row["id"] for row in answer.json()["results"]]
        address = answer.json()["next"]
        assert (f'<{address}>; rel="next"' == answer.get("Link")) if address else "Link" not in answer

    assert seen == list(Prompt.objects.filter(project=cast.shop).order_by("-pk").values_list("pk", flat=True))
    train = olga.get(f"{PROMPTS}?split=train&words=Question 1").json()["results"]
    assert {row["split"] for row in train} <= {"train"}


# --- versions ------------------------------------------------------------------


def test_what_one_has_read_is_not_sent_again_and_what_somebody_changed_is_not_overwritten(
    cast: Cast, program_of: Callable[..., Client]
) -> None:
    olga = program_of(cast.olga)
    version = olga.get(SHOP)["ETag"]

    again = olga.get(SHOP, headers={"If-None-Match": version})
    assert (again.status_code, again.content) == (304, b"")

    def change(overlap: int, match: str) -> int:
        body = {"overlap": overlap}
        answer = olga.patch(SHOP, body, content_type="application/json", headers={"If-Match": match})
        return int(answer.status_code)

    assert change(3, version) == 200
    assert change(4, version) == 412
    assert change(5, olga.get(SHOP)["ETag"]) == 200
    cast.shop.refresh_from_db()
    assert cast.shop.overlap == 5


# --- once only -----------------------------------------------------------------


def test_a_write_with_a_key_is_done_once_and_answered_twice(cast: Cast, program_of: Callable[..., Client]) -> None:
    olga, key = program_of(cast.olga), {"Idempotency-Key": "one"}
    first = sent(olga, [question("New?")], **key)
    second = sent(olga, [question("New?")], **key)

    assert first.json()[0]["status"] == "added"
    assert second.json() == first.json()
    assert second["Idempotent-Replayed"] == "true"
    assert sent(olga, [question("New?")]).json()[0]["status"] == "known"

    other = sent(olga, [question("Another?")], **key)
    assert (other.status_code, other.json()["code"]) == (422, "input_invalid")
    assert sent(program_of(cast.otto), [question("New?")], **key).status_code == 404  # keys are each person's own


def test_a_refused_write_keeps_no_receipt_and_its_key_serves_the_corrected_one(
    cast: Cast, program_of: Callable[..., Client]
) -> None:
    olga, key = program_of(cast.olga), {"Idempotency-Key": "one"}

    assert olga.patch(SHOP, {"overlap": 0}, content_type="application/json", headers=key).status_code == 422
    assert olga.patch(SHOP, {"overlap": 3}, content_type="application/json", headers=key).status_code == 200


def test_receipts_are_forgotten_after_a_day(cast: Cast) -> None:
    old = timezone.now() - KEPT - timedelta(seconds=1)
    Receipt.objects.create(user=cast.olga, key="old", request_sha256="x", status=200, created_at=old)
    Receipt.objects.create(user=cast.olga, key="new", request_sha256="x", status=200)

    assert receipts_sweep() == 1
    assert Receipt.objects.get().key == "new"


@pytest.mark.django_db(transaction=True)
def test_two_writes_at_once_with_one_key_the_second_is_told_to_wait() -> None:
    olga, began, done = person("olga"), threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            receipt_of(user=olga, key="one", request_sha256="x")
            began.set()
            done.wait(10)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert began.wait(10)
    try:
        with pytest.raises(StillAtIt), transaction.atomic():
            receipt_of(user=olga, key="one", request_sha256="x")
    finally:
        done.set()
        thread.join()


# --- how often -----------------------------------------------------------------


def test_too_many_requests_are_counted_by_token_and_told_how_long_to_wait(
    cast: Cast, program_of: Callable[..., Client], settings: Any
) -> None:
    settings.API_PER_MINUTE_TOKEN = 3
    olga = program_of(cast.olga)
    answers = [olga.get(SHOP) for _ in range(8)]  # a minute may end in between, once
    refused = [one for one in answers if one.status_code == 429]

    assert answers[0]["RateLimit-Limit"] == "3"
    assert {one.status_code for one in answers} == {200, 429}
    assert int(refused[0]["Retry-After"]) <= 60
    assert refused[0].json()["code"] == "throttled"
    assert program_of(cast.olga).get(SHOP).status_code == 200  # another token has its own


def test_work_goes_on_while_nobody_counts(cast: Cast, program_of: Callable[..., Client], settings: Any) -> None:
    settings.CELERY_BROKER_URL = "amqp://nowhere"

    assert "RateLimit-Limit" not in program_of(cast.olga).get(SHOP)


# --- many rows -----------------------------------------------------------------


def test_good_rows_go_in_and_bad_ones_say_why(cast: Cast, program_of: Callable[..., Client]) -> None:
    lines = [
        json.dumps(question("A new one?")), "{", json.dumps({"messages": []}), json.dumps(question("A new one?")),
        json.dumps({"messages": [{"role": "assistant", "content": "I end it."}]}),
        json.dumps(question("\x00")), "[" * 100_000, '{"messages": NaN}',
    ]  # fmt: skip

    answer = program_of(cast.olga).post(PROMPTS, "\n".join(lines), content_type="application/x-ndjson")

    rows = answer.json()
    assert [row["status"] for row in rows] == ["added", "refused", "refused", "known", *["refused"] * 4]
    assert [row["code"] for row in rows[1:3]] == ["parse_error", "input_invalid"]
    assert rows[2]["errors"][0]["pointer"].startswith("/messages")
    assert rows[0]["id"] == rows[3]["id"]


# --- the schema ----------------------------------------------------------------


def test_the_schema_is_openapi_3_1_without_a_warning(tmp_path: Path) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yaml"))


def test_the_page_of_the_api_lists_every_operation_and_explains_every_code(db: None) -> None:
    page = Client().get("/api/v1/").content.decode()

    for operation in (one for methods in described()["paths"].values() for one in methods.values()):
        assert f'id="{operation["operationId"]}"' in page
    assert 'id="state_not_allowed"' in page
