"""Bringing data in over HTTP, from the upload to the bad rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from annotator.models import Import, Judgment, User
from annotator.services.imports import import_execute
from tests.cast import Cast

PAGE = "/p/shop/imports/"
ROWS = b'{"prompt": "Hi?", "chosen": "<b>Good</b>", "rejected": "Bad"}\n{broken'


@pytest.fixture
def olga(cast: Cast, client_of: Callable[[User | None], Client]) -> Client:
    return client_of(cast.olga)


def test_a_file_is_looked_at_started_read_and_its_bad_rows_fetched(olga: Client) -> None:
    sent = olga.post(PAGE, {"file": SimpleUploadedFile("pairs.jsonl", ROWS)})
    one = Import.objects.get()
    assert (sent.status_code, sent["Location"]) == (303, f"{PAGE}{one.pk}/")

    looked = olga.get(sent["Location"]).content.decode()
    assert "Read as trl." in looked
    assert "&lt;b&gt;Good&lt;/b&gt;" in looked
    assert 'hx-trigger="every 2s"' not in looked
    assert not Judgment.objects.exists()

    assert olga.post(f"{PAGE}{one.pk}/start/", {"license": "x" * 101}).status_code == 422
    olga.post(f"{PAGE}{one.pk}/start/", {"license": "CC-BY-4.0"})
    assert 'hx-trigger="every 2s"' in olga.get(f"{PAGE}{one.pk}/status/").content.decode()
    import_execute(import_id=one.pk)
    ended = olga.get(f"{PAGE}{one.pk}/status/").content.decode()
    assert 'hx-trigger="every 2s"' not in ended
    assert "1 judgments" in ended
    assert "CC-BY-4.0" in ended

    errors = olga.get(f"{PAGE}{one.pk}/errors.jsonl")
    assert b'"line": 2' in b"".join(errors.streaming_content)  # type: ignore[attr-defined]
    assert one.name in olga.get(PAGE).content.decode()


def test_what_is_not_recognised_asks_for_its_columns(olga: Client) -> None:
    olga.post(PAGE, {"file": SimpleUploadedFile("t.tsv", b"q\ta\tb\n1\t2\t3\n")})
    one = Import.objects.get()
    page = olga.get(f"{PAGE}{one.pk}/").content.decode()
    assert "No known format fits" in page
    assert '<option value="q">' in page

    refused = olga.post(f"{PAGE}{one.pk}/read-as/", {"format": "columns", "column-first": "a"})
    assert refused.status_code == 422
    olga.post(f"{PAGE}{one.pk}/read-as/", {"format": "columns", "column-prompt": "q", "column-response": "a"})

    assert "Import it" in olga.get(f"{PAGE}{one.pk}/").content.decode()


@pytest.mark.parametrize(
    "data", [{}, {"file": SimpleUploadedFile("a.jsonl.gz", b"\x1f\x8bnothing")}], ids=["none", "bad"]
)
def test_what_is_no_file_is_refused_on_the_page(olga: Client, data: dict[str, object]) -> None:
    assert olga.post(PAGE, data).status_code == 422
    assert not Import.objects.exists()


def test_a_data_set_of_the_hub_is_asked_for_and_its_page_opens_anew_when_it_is_there(
    olga: Client, settings: Any
) -> None:
    assert "data set on the hub" not in olga.get(PAGE).content.decode()
    settings.TIEBREAK_HUB = "https://hub.example"
    assert "Or a data set on the hub" in olga.get(PAGE).content.decode()

    assert olga.post(PAGE, {"dataset": "nonsense"}).status_code == 422
    two = {"dataset": "team/pairs", "file": SimpleUploadedFile("pairs.jsonl", ROWS)}
    assert b"Choose one of these." in olga.post(PAGE, two).content
    sent = olga.post(PAGE, {"dataset": "team/pairs"})

    one = Import.objects.get()
    page = olga.get(sent["Location"]).content.decode()
    assert "It waits for a worker to fetch it from the hub." in page
    assert 'hx-trigger="every 2s"' in page
    Import.objects.update(size=2048, fetched=1024)
    status = f"{PAGE}{one.pk}/status/"
    assert "are here" in olga.get(status, headers={"HX-Request": "true"}).content.decode()
    Import.objects.update(state="recognised")
    assert olga.get(status, headers={"HX-Request": "true"})["HX-Refresh"] == "true"
