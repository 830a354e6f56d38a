"""Doorbells: each takes an id or nothing, calls a service, and may ring twice without harm.

State is the truth. Losing every message costs seconds: the tick rings again.
"""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from celery import shared_task
from django.conf import settings
from django.db import connection, transaction

from annotator.depots import send_to_hub, send_to_storage
from annotator.domain.lifecycles import RunKind
from annotator.engine import engine_start
from annotator.hub import Hub
from annotator.models import Depot, Sending
from annotator.post import webhook_post
from annotator.services.assignments import assignments_sweep
from annotator.services.checks import raters_check
from annotator.services.comparisons import comparisons_place, rounds_to_place
from annotator.services.datasets import dataset_execute, datasets_to_ring
from annotator.services.events import judgments_tell
from annotator.services.figures import figures_refresh
from annotator.services.import_fetches import fetches_to_ring, import_fetch
from annotator.services.imports import import_execute, imports_to_ring
from annotator.services.receipts import receipts_sweep
from annotator.services.rounds import round_advance, rounds_launch_due, rounds_to_advance
from annotator.services.runs import run_execute, runs_to_ring
from annotator.services.scores import rounds_to_score, scores_refresh
from annotator.services.scoring import scoring_due
from annotator.services.sendings import sending_execute, sendings_to_ring
from annotator.services.webhooks import webhook_deliver, webhooks_claim, webhooks_forget

# Everything else trains.
QUEUE_OF = dict.fromkeys((RunKind.GENERATE, RunKind.SCORE, RunKind.MERGE, RunKind.PUSH), "generate")


@shared_task(ignore_result=True)
def run_ring(run_id: int) -> None:
    """Execute a run if it still waits for a worker, then let its round go on."""
    run = run_execute(run_id=run_id, worker=socket.gethostname(), engine=engine_start)
    if run is not None:
        ring()


@shared_task(ignore_result=True)
def tick() -> None:
    """Launch what is due, advance what is ready, ring for what waits."""
    rounds_launch_due()
    for round_id in rounds_to_advance():
        round_advance(round_id=round_id)
    for run in runs_to_ring():
        run_ring.apply_async((run.pk,), queue=QUEUE_OF.get(RunKind(run.kind), "train"))
    for round_id in rounds_to_place():
        place.apply_async((round_id,), queue="default")
    for import_id in fetches_to_ring():
        fetch_ring.apply_async((import_id,), queue="generate")
    for import_id in imports_to_ring():
        import_ring.apply_async((import_id,), queue="generate")
    for dataset_id in datasets_to_ring():
        dataset_ring.apply_async((dataset_id,), queue="generate")
    for sending_id in sendings_to_ring():
        sending_ring.apply_async((sending_id,), queue="generate")


@shared_task(ignore_result=True)
def place(round_id: int) -> None:
    """Place what is collected by the rules that an owner changed."""
    comparisons_place(round_id=round_id)


def place_soon(round_id: int) -> None:
    """After the present transaction, at once instead of at the next tick."""
    transaction.on_commit(partial(place.apply_async, (round_id,), queue="default"))


@shared_task(ignore_result=True)
def fetch_ring(import_id: int) -> None:
    """Fetch an import from the hub if it still waits for a worker."""
    import_fetch(import_id=import_id, hub=Hub(settings.TIEBREAK_HUB, settings.TIEBREAK_HUB_TOKEN))


@shared_task(ignore_result=True)
def import_ring(import_id: int) -> None:
    """Read an import if it still waits for a worker."""
    import_execute(import_id=import_id)


@shared_task(ignore_result=True)
def dataset_ring(dataset_id: int) -> None:
    """Write a dataset if it still waits for a worker."""
    dataset_execute(dataset_id=dataset_id)


@shared_task(ignore_result=True)
def sending_ring(sending_id: int) -> None:
    """Send a dataset if it still waits for a worker."""
    sending_execute(sending_id=sending_id, send=_send)


def _send(folder: Path, sending: Sending) -> str:
    if sending.depot == Depot.HUB:
        return send_to_hub(
            folder,
            sending.place,
            hub=settings.TIEBREAK_HUB,
            token=settings.TIEBREAK_HUB_TOKEN,
            private=sending.is_private,
        )
    return send_to_storage(
        folder, sending.place, storage=settings.TIEBREAK_STORAGE, endpoint=settings.TIEBREAK_STORAGE_ENDPOINT
    )


@shared_task(ignore_result=True)
def sweep() -> None:
    """Free the slots of leases that ran out, tell webhooks of new judgments, and drop what nobody asks for again."""
    assignments_sweep()
    judgments_tell()
    webhooks_forget()
    receipts_sweep()


@shared_task(ignore_result=True)
def score() -> None:
    """Let reward models read what is collected, and say anew what a judgment of each comparison would tell."""
    if scoring_due():
        ring()
    for round in rounds_to_score():
        scores_refresh(round=round)


@shared_task(ignore_result=True)
def deliver() -> None:
    """Send to webhooks what is due, to several at once: they wait for other people's servers, not for us."""
    if claimed := webhooks_claim():
        with ThreadPoolExecutor(len(claimed)) as pool:
            list(pool.map(_deliver, claimed))


def _deliver(webhook_id: int) -> None:
    try:
        webhook_deliver(
            webhook_id=webhook_id, post=partial(webhook_post, allow_private=settings.TIEBREAK_WEBHOOKS_PRIVATE)
        )
    finally:
        connection.close()  # this thread ends with its work


@shared_task(ignore_result=True)
def check() -> None:
    """Pause raters of whom checks found too much."""
    raters_check()


@shared_task(ignore_result=True)
def count() -> None:
    """Find anew what pages show of big projects."""
    figures_refresh()


def count_soon() -> None:
    """After the present transaction, find what somebody waits for."""
    transaction.on_commit(partial(count.apply_async, queue="default"))


def ring() -> None:
    """After the present transaction, look at once instead of at the next tick."""
    transaction.on_commit(partial(tick.apply_async, queue="default"))
