"""Requests that nobody thought of, drawn from the schema, by everybody: never a 5xx, never an answer that the schema
does not know, and never a row of a project that is not theirs.

A short look here; `make fuzz-api` draws many more, others each time.
"""

from __future__ import annotations

import json
import os
import random
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import schemathesis
from django.core.signals import got_request_exception, request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from rest_framework.renderers import JSONRenderer
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode

from annotator.api.index import described
from annotator.domain.scopes import Scope
from annotator.services.rounds import round_prepare
from annotator.services.tokens import token_create
from tests.cast import Cast

EXAMPLES = int(os.environ.get("TIEBREAK_TEST_FUZZ", "0"))  # for each operation; 0: a few of some operations
SECONDS = 10.0  # of a short look
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
]  # fmt: skip
DRAWN = settings(
    max_examples=EXAMPLES or 4,
    derandomize=not EXAMPLES,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
OF_THE_SHOP = "of shop?"  # stands in every prompt of the shop, and in no answer about anything else
# Path parameter → what there is in the shop.
PLACES = {
    "number": ("round", "collecting"),
    "version": ("guideline", "snapshot", "dataset"),
    "user_id": ("rater",),
    "comparison_id": ("comparison", "judged"),
}


def test_nothing_that_is_drawn_from_the_schema_breaks_or_leaks(
    cast: Cast, numbers: dict[str, int], settings: Any
) -> None:
    """As many operations as fit into some seconds, others each time."""
    settings.ALLOWED_HOSTS, settings.API_PER_MINUTE_PERSON, settings.API_PER_MINUTE_TOKEN = ["*"], 0, 0
    round_prepare(project=cast.garden)
    secrets = {
        role: token_create(user=user, name="fuzz", scopes=list(Scope), days=1)[1] if user else ""
        for role, user in cast.by_role().items()
    }

    with _served() as broken:
        found = list(_found(numbers, secrets))

    assert found == [], "\n".join([*found, *broken])


@contextmanager
def _served() -> Iterator[list[str]]:
    """Where the server broke. Meanwhile requests leave the connection open, in which the test rolls back."""
    found: list[str] = []

    def broke(**_: Any) -> None:
        found.append(traceback.format_exc(limit=-4))

    got_request_exception.connect(broke)
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield found
    got_request_exception.disconnect(broke)
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def _found(numbers: dict[str, int], secrets: dict[str, str]) -> Iterator[str]:
    """What is wrong, one line for each operation at most."""
    schema = schemathesis.openapi.from_dict(json.loads(JSONRenderer().render(described())))
    schema.app = get_wsgi_application()
    operations: list[Any] = list(schema.get_all_operations())
    random.shuffle(operations)  # by the seed that pytest prints
    end = time.monotonic() + SECONDS
    for operation in (one.ok() for one in operations):
        if not EXAMPLES and time.monotonic() > end:
            break
        wrong = _found_in(operation, numbers, secrets)
        if EXAMPLES:
            print(operation.label, *(wrong or ["✓"]), flush=True)
        yield from wrong


def _found_in(operation: Any, numbers: dict[str, int], secrets: dict[str, str]) -> list[str]:
    strategy = st.one_of(*(operation.as_strategy(mode) for mode in GenerationMode))
    wrong: list[str] = []

    @DRAWN
    @given(data=st.data())
    def ask(data: st.DataObject) -> None:
        case = data.draw(strategy)
        _somewhere(case, numbers, data)
        who = data.draw(st.sampled_from([*secrets, "owner", "owner"]))  # whom most is allowed
        if not wrong:
            wrong.extend(_wrong(case, who, secrets[who]))

    ask()
    return wrong


def _somewhere(case: Any, numbers: dict[str, int], data: st.DataObject) -> None:
    """Mostly in one of the two projects, and on rows that there are: in the shop, whichever project is asked."""
    for name in case.path_parameters:
        if name == "slug":
            choices: list[Any] = ["shop", "shop", "garden", case.path_parameters[name]]
        else:
            choices = [numbers[noun] for noun in PLACES.get(name, (name.removesuffix("_id"),))] * 2
            choices.append(case.path_parameters[name])
        case.path_parameters[name] = data.draw(st.sampled_from(choices))


def _wrong(case: Any, who: str, secret: str) -> Iterator[str]:
    said = f"{case.operation.label} by {who}: {case.formatted_path}"
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    with transaction.atomic():
        try:
            response = case.call(headers=headers)
            case.validate_response(response, checks=CHECKS, headers=headers)
        except (Exception, FailureGroup) as error:  # whatever breaks, the others are asked as well
            yield f"{said}\n{type(error).__name__}: {str(error)[:1500]}"
        else:
            is_outside = who in ("anonymous", "outsider", "owner elsewhere")
            if is_outside and OF_THE_SHOP in response.text:
                yield f"{said}: a row of the shop"
        transaction.set_rollback(True)
