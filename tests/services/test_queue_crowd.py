"""Sixty-four connections at once: never above k, and full in the end."""

from __future__ import annotations

import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from annotator.domain.asking import Said
from annotator.domain.lifecycles import AssignmentState
from annotator.exceptions import Conflict
from annotator.models import Assignment, Comparison, Judgment, Project, Round, RoundTally, User
from annotator.services.assignments import assignment_skip, assignments_claim, assignments_sweep, faces_asked
from annotator.services.comparisons import comparisons_want
from annotator.services.judgments import judgment_submit
from annotator.sql import rows

CROWD = 64


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_sixty_four_raters_at_once_fill_every_comparison_and_overfill_none(project: Project, round: Round) -> None:
    """Slow because every one of them has a connection of their own."""
    few = list(round.comparisons.order_by("pk").values_list("pk", flat=True)[:12])
    round.comparisons.exclude(pk__in=few).delete()
    comparisons_want(comparisons=round.comparisons.all(), wanted=5)
    people = [User.objects.create_user(f"crowd-{number}") for number in range(CROWD)]

    circles = deadlocks()
    with ThreadPoolExecutor(CROWD) as pool:
        acknowledged = [key for keys in pool.map(lambda one: worked(one, project, few), people) for key in keys]

    # Whoever left in the middle is gone for longer than a lease lasts; the others take what is left.
    Assignment.objects.filter(state=AssignmentState.HELD).update(leased_until=timezone.now() - timedelta(minutes=1))
    assignments_sweep()
    for person in people:
        for assignment in assignments_claim(rater=person, project=project, wanted=12):
            acknowledged.append(sent(assignment))
    found = Comparison.objects.all()
    assert all(one.held == 0 and one.answered == one.wanted for one in found)
    assert Assignment.objects.values("comparison", "rater").distinct().count() == Assignment.objects.count()
    assert sorted(Judgment.objects.values_list("key", flat=True)) == sorted(acknowledged)
    assert RoundTally.objects.filter(round=round).sums()["answered"] == sum(one.answered for one in found)
    assert deadlocks() == circles, "nobody holds what another waits for while they wait for that other one"


def deadlocks() -> int:
    """Of all connections that were closed since the database was made."""
    [(n,)] = rows("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return int(n)


def worked(person: User, project: Project, comparisons: list[int]) -> list[uuid.UUID]:
    """Claims, judges, corrects, skips, leaves in the middle, and now and then an owner who changes k."""
    chance = random.Random(person.pk)
    keys = []
    try:
        for _time in range(4):
            if chance.random() < 0.1:
                comparisons_want(comparisons=Comparison.objects.filter(pk__in=comparisons), wanted=chance.randint(4, 6))
            if chance.random() < 0.2:
                crashed(person, project)
            for assignment in assignments_claim(rater=person, project=project, wanted=2):
                match chance.choice(["judge", "judge", "judge", "judge and correct", "skip", "leave"]):
                    case "judge":
                        keys.append(sent(assignment))
                    case "judge and correct":
                        keys += [sent(assignment), sent(assignment)]
                    case "skip":
                        assignment_skip(assignment=assignment)
    except Conflict:
        pass  # a lease that ran out and was taken: nothing was stored, and nothing is counted here
    finally:
        connection.close()
    return keys


def sent(assignment: Assignment) -> uuid.UUID:
    """With a claim along, as a page that holds pairs sends it, or without, as others do."""
    key = uuid.uuid4()
    project = assignment.comparison.round.project
    along = [faces_asked(rater=assignment.rater, project=project, groups=[])] if key.int % 2 else []
    judgment_submit(assignment=assignment, said=Said("a"), key=key, seconds=2.0, along=along)
    return key


def crashed(person: User, project: Project) -> None:
    """The connection goes while a claim is under way."""
    with transaction.atomic():
        assignments_claim(rater=person, project=project, wanted=2)
        transaction.set_rollback(True)
