"""Datasets over HTTP: asked for, watched, read, taken along and compared."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable

import pytest
from django.test import Client

from annotator.models import Dataset, Round, User
from annotator.services.datasets import dataset_execute
from tests.cast import Cast
from tests.factories import judged

PAGE = "/p/shop/datasets/"
WISH = {"shape": "preference", "file_format": "jsonl", "votes": "1", "agreement": "0.5", "consensus": "votes"}


@pytest.fixture
def olga(cast: Cast, client_of: Callable[[User | None], Client]) -> Client:
    return client_of(cast.olga)


def written(client: Client, **wish: str) -> Dataset:
    """Asked for on the page and written by a worker."""
    client.post(f"{PAGE}new/", {**WISH, **wish})
    dataset = dataset_execute(dataset_id=Dataset.objects.latest("id").pk)
    assert dataset is not None
    return dataset


def text(client: Client, address: str) -> str:
    return client.get(address).content.decode()


def test_a_dataset_is_asked_for_watched_and_taken_along(cast: Cast, olga: Client, collecting: Round) -> None:
    judged(cast.shop, cast.ann, limit=8)

    sent = olga.post(f"{PAGE}new/", WISH)
    assert (sent.status_code, sent["Location"]) == (303, f"{PAGE}1/")
    assert 'hx-trigger="every 2s"' in text(olga, f"{PAGE}1/")
    assert olga.get(f"{PAGE}1/download/").status_code == 404
    dataset = dataset_execute(dataset_id=Dataset.objects.get().pk)
    assert dataset is not None
    assert olga.get(f"{PAGE}1/status/")["HX-Refresh"] == "true"

    page = text(olga, f"{PAGE}1/")
    assert "8 rows, written on" in page
    assert "<h3>Ties</h3>" in page
    folder = zipfile.ZipFile(io.BytesIO(b"".join(olga.get(f"{PAGE}1/download/").streaming_content)))  # type: ignore[attr-defined]
    names = {name.partition("/")[2] for name in folder.namelist()}
    assert {"README.md", "manifest.json", "train.jsonl", "guidelines-1.md"} <= names
    assert json.loads(folder.read("shop-dataset-1/manifest.json")) == dataset.manifest
    assert olga.get(f"{PAGE}1/files/manifest.sql").status_code == 404
    assert "Version 1" in text(olga, PAGE)


def test_two_versions_differ_by_what_was_said_between_them(cast: Cast, olga: Client, collecting: Round) -> None:
    """Ann judges eight, and then three more."""
    judged(cast.shop, cast.ann, limit=8)
    written(olga)
    judged(cast.shop, cast.ann, limit=3)
    written(olga)

    page = text(olga, f"{PAGE}2/difference/")

    assert page.index("<dt>Added</dt><dd>3</dd>") < page.index("<dt>The same</dt><dd>8</dd>")
    assert "In the same way" in page
    written(olga, agreement="0.9")
    assert "<td" in text(olga, f"{PAGE}3/difference/?from=1")
    assert olga.get(f"{PAGE}1/difference/").status_code == 404


@pytest.mark.parametrize("wrong", [{"shape": "alpaca"}, {"agreement": "0.2"}, {"votes": "0"}, {"rounds": "77"}])
def test_a_wish_that_does_not_fit_is_refused_on_the_page(
    olga: Client, collecting: Round, wrong: dict[str, str]
) -> None:
    assert olga.post(f"{PAGE}new/", {**WISH, **wrong}).status_code == 422
    assert not Dataset.objects.exists()


def test_the_card_shows_what_others_wrote_as_text(cast: Cast, olga: Client, collecting: Round) -> None:
    cast.shop.prompts.update(source='<img src=x> | [a](javascript:b) `"')
    judged(cast.shop, cast.ann, limit=8)
    written(olga)

    sent = olga.get(f"{PAGE}1/files/README.md")
    card = b"".join(sent.streaming_content).decode()  # type: ignore[attr-defined]
    assert "\\<img src=x\\> \\| \\[a\\](javascript:b)" in card
    assert "&lt;img src=x&gt;" in text(olga, f"{PAGE}1/")
