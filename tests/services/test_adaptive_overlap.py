"""k that follows the judgments, in the database that keeps it."""

from __future__ import annotations

from itertools import product

import pytest
from django.db import connection

from annotator.domain.asking import Said
from annotator.domain.overlap import Tally, certainty
from annotator.models import Comparison, Project, Role, Round, RoundTally, User
from annotator.services.assignments import assignment_claim
from annotator.services.judgments import judgment_submit
from annotator.services.projects import member_set_role, project_update
from annotator.services.protocols import protocol_publish
from tests.keys import key


@pytest.fixture
def many(project: Project) -> list[User]:
    people = [User.objects.create_user(f"many-{number}") for number in range(7)]
    for person in people:
        member_set_role(project=project, user=person, role=Role.RATER)
    return people


@pytest.fixture
def only(round: Round) -> Comparison:
    """A round of one comparison, wanted twice."""
    protocol_publish(project=round.project, preset="forced_choice", outcomes=["tie", "cannot_judge"])
    first = round.comparisons.order_by("pk")[0]
    round.comparisons.exclude(pk=first.pk).delete()
    return first


def said(project: Project, people: list[User], only: Comparison, votes: str) -> list[int]:
    """What is wanted after each vote: f and s prefer a side, t is a tie, c cannot judge."""
    wanted = []
    for number, (person, vote) in enumerate(zip(people, votes, strict=False)):
        held = assignment_claim(rater=person, project=project)
        if held is None:
            break
        sides = {"f": "ab"[not held.first_on_left], "s": "ab"[held.first_on_left], "t": "tie", "c": "cannot_judge"}
        judgment_submit(assignment=held, said=Said(sides[vote]), key=key(number))
        only.refresh_from_db()
        wanted.append(only.wanted)
    return wanted


def test_the_database_is_as_certain_as_the_rule_that_is_tested(db: None) -> None:
    with connection.cursor() as cursor:
        for first, second, level in product(range(8), range(8), range(6)):
            cursor.execute("SELECT overlap_certainty(%s, %s, %s)", [first, second, level])
            assert cursor.fetchone()[0] == pytest.approx(certainty(Tally(first, second, level)), abs=1e-12)


@pytest.mark.parametrize(
    ("most", "votes", "wanted"),
    [
        (None, "fs", [2, 2]),  # off: k is k
        (5, "fs", [2, 3]),
        (5, "fsfffff", [2, 3, 4, 5, 5]),  # 0.5, 0.69, 0.81, 0.89: the bound ends it
        (7, "fffff", [2, 3, 4, 4]),  # 0.875, 0.94, 0.97: sure after the fourth, so no fifth
        (3, "fff", [2, 3, 3]),
        (5, "cc", [2, 2]),  # who could not judge neither agrees nor disagrees
    ],
)
def test_k_grows_while_judgments_disagree_and_stops_when_they_are_sure(
    project: Project, only: Comparison, many: list[User], most: int | None, votes: str, wanted: list[int]
) -> None:
    project_update(project=project, adaptive_most=most, adaptive_certainty=0.95)

    assert said(project, many, only, votes) == wanted
    assert RoundTally.objects.filter(round=only.round).sums()["wanted"] == wanted[-1]


def test_a_k_that_was_asked_for_is_cut_short_once_it_is_sure_and_what_is_held_may_still_be_answered(
    project: Project, only: Comparison, many: list[User]
) -> None:
    project_update(project=project, adaptive_most=7)
    Comparison.objects.filter(pk=only.pk).update(wanted=7)
    last = assignment_claim(rater=many[6], project=project)
    assert last is not None

    assert said(project, many, only, "ffff") == [7, 7, 7, 5]
    assert assignment_claim(rater=many[5], project=project) is None
    judgment_submit(assignment=last, said=Said("a" if last.first_on_left else "b"), key=key(50))

    only.refresh_from_db()
    assert (only.wanted, only.answered, only.held) == (5, 5, 0)


def test_a_correction_counts_like_what_it_says(project: Project, only: Comparison, many: list[User]) -> None:
    project_update(project=project, adaptive_most=5)
    first = assignment_claim(rater=many[0], project=project)
    assert first is not None
    judgment_submit(assignment=first, said=Said("a"), key=key(60))
    assert said(project, many[1:], only, "c") == [2]

    judgment_submit(assignment=first, said=Said("b"), key=key(61))

    only.refresh_from_db()
    assert only.wanted == 2


def test_the_control_arm_keeps_its_k(project: Project, only: Comparison, many: list[User]) -> None:
    project_update(project=project, adaptive_most=5)
    Comparison.objects.filter(pk=only.pk).update(is_control=True)

    assert said(project, many, only, "fs") == [2, 2]


def test_a_late_answer_to_a_frozen_round_asks_for_no_more(project: Project, only: Comparison, many: list[User]) -> None:
    project_update(project=project, adaptive_most=5)
    late = assignment_claim(rater=many[6], project=project)
    assert late is not None
    said(project, many, only, "f")
    Round.objects.filter(pk=only.round_id).update(state="frozen")

    judgment_submit(assignment=late, said=Said("b" if late.first_on_left else "a"), key=key(70))

    only.refresh_from_db()
    assert (only.for_first, only.for_second, only.wanted) == (1, 1, 2)


def test_the_sums_of_the_round_hear_of_a_k_that_grew_whatever_vote_was_written(project: Project, round: Round) -> None:
    project_update(project=project, adaptive_most=5, adaptive_certainty=0.99)
    grows = round.comparisons.earliest("pk")
    Comparison.objects.filter(pk=grows.pk).update(wanted=2, answered=2, for_first=1, is_control=False)

    Comparison.objects.filter(pk=grows.pk).update(level=1)

    grows.refresh_from_db()
    assert grows.wanted == 3
    assert RoundTally.objects.filter(round=round).sums()["wanted"] == sum(
        round.comparisons.values_list("wanted", flat=True)
    )
