"""Who judges through the API learns as little about authors as who judges in the pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.db import transaction
from django.test import Client
from django.urls import reverse

from annotator.models import Checkpoint, Response, Round, User
from tests.api.test_every_operation import DOORS, Door
from tests.cast import Cast
from tests.factories import held

SHOP = "/api/v1/projects/shop/"
AUTHORS = {"checkpoint", "author", "run", "first", "second", "preferred", "sample", "finish", "sampling", "response"}


def names_in(found: Any) -> Iterator[str]:
    """Every name of a field, however deep."""
    if isinstance(found, dict):
        yield from found
    for inner in found.values() if isinstance(found, dict) else found if isinstance(found, list) else ():
        yield from names_in(inner)


def seen_by(program: Client, assignment: int) -> list[str]:
    """All that a rater is told about a pair, without the time of day."""
    taken = program.post(f"{SHOP}judge/next/").json()
    again = program.get(f"{SHOP}judge/assignments/{assignment}/")
    headers = {name: value for name, value in again.headers.items() if not name.startswith("RateLimit")}
    taken["assignment"]["leased_until"] = ""
    return [str(taken), str({**again.json(), "leased_until": ""}), str(headers)]


def test_swapping_the_authors_of_a_pair_changes_nothing_that_a_rater_is_told(
    cast: Cast, turned: Round, program_of: Callable[..., Client]
) -> None:
    assignment = held(cast.shop, cast.ann)
    sides = [assignment.comparison.first_id, assignment.comparison.second_id]
    authors = [
        Response.objects.filter(pk=pk).values("checkpoint_id", "run_id", "sample", "finish").get() for pk in sides
    ]
    ann = program_of(cast.ann)
    before = seen_by(ann, assignment.pk)

    Response.objects.filter(pk=sides[0]).update(sample=90)  # out of the way of a constraint
    Response.objects.filter(pk=sides[1]).update(**authors[0])
    Response.objects.filter(pk=sides[0]).update(**authors[1])

    assert authors[0] != authors[1]
    assert seen_by(ann, assignment.pk) == before


def test_no_answer_to_a_rater_names_an_author(
    cast: Cast, address_of: Callable[[Door], str], program_of: Callable[..., Client]
) -> None:
    """Of every operation that the table opens to raters."""
    policies = list(Checkpoint.objects.filter(project=cast.shop).exclude(name="base").values_list("name", flat=True))
    ann = program_of(cast.ann)
    looked = 0
    for door in DOORS:
        if door.statuses[2] not in (200, 201) or door.name in ("api-index", "api-schema"):
            continue
        with transaction.atomic():
            body = {} if door.method == "get" else {"data": door.data, "content_type": door.kind}
            answer = getattr(ann, door.method)(address_of(door), **body)
            transaction.set_rollback(True)
        assert answer.status_code == door.statuses[2]
        assert set(names_in(answer.json())) & AUTHORS == set(), door.name
        assert [name for name in policies if name in answer.content.decode()] == [], door.name
        looked += 1

    assert policies
    assert looked >= 10


def test_a_pair_to_decide_tells_no_vote_and_no_author_before_it_is_decided(
    cast: Cast, numbers: dict[str, int], program_of: Callable[..., Client]
) -> None:
    olga: User = cast.olga
    address = reverse("api-adjudication", args=["shop", numbers["judged"]])
    before = program_of(olga).get(address).json()
    after = program_of(olga).post(address, {"answer": "a"}, content_type="application/json").json()

    assert before["seen"] is None
    assert set(names_in(before)) & (AUTHORS | {"votes", "left_response", "rater"}) == set()
    assert {**after, "seen": None} == before
    assert after["seen"]["decision"]["is_blind"]
    assert after["seen"]["votes"]
