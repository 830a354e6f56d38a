"""What the most informative order goes by."""

from __future__ import annotations

from threading import Thread

import pytest
from django.db import connection, transaction

from annotator.domain.ranking.information import order_gains
from annotator.domain.ranking.votes import votes_counted
from annotator.models import Checkpoint, Comparison, Project, Round, User
from annotator.services import scores
from annotator.services.assignments import assignment_claim
from annotator.services.projects import project_update
from annotator.services.scores import rounds_to_score, scores_refresh
from annotator.tasks import score
from tests.factories import judged


@pytest.fixture
def three(project: Project, round: Round) -> list[Checkpoint]:
    """The round's first answers are of one policy, the second ones of two others in turn; nobody judged yet."""
    base = Checkpoint.objects.get(project=project, name="base")
    others = [
        Checkpoint.objects.create(project=project, kind="policy", name=name, base_model="starter")
        for name in ("good", "new")
    ]
    for number, comparison in enumerate(round.comparisons.order_by("pk").select_related("second")):
        comparison.second.__class__.objects.filter(pk=comparison.second_id).update(checkpoint=others[number % 2])
    # Answers stand in several comparisons: what is left is of the base against one of the others.
    for comparison in round.comparisons.select_related("first", "second"):
        if comparison.first.checkpoint_id != base.pk or comparison.second.checkpoint_id == base.pk:
            comparison.delete()
    project_update(project=project, strategy={"informative": 1})
    return [base, *others]


def found(round: Round, author: Checkpoint) -> set[float]:
    return set(round.comparisons.filter(second__checkpoint=author).values_list("score", flat=True))


def test_a_score_is_what_a_judgment_of_the_two_authors_tells_about_the_order(
    project: Project, round: Round, raters: list[User], three: list[Checkpoint]
) -> None:
    _base, good, new = three
    round.comparisons.filter(second__checkpoint=new).update(priority=-2)
    rest = round.comparisons.filter(second__checkpoint=good).count()
    judged(project, raters[0], limit=rest)
    judged(project, raters[1], limit=rest - 1)

    scores_refresh(round=round)

    (of_new,) = found(round, new)
    wins, losses = (
        sum(round.comparisons.filter(second__checkpoint=good).values_list(side, flat=True))
        for side in ("for_first", "for_second")
    )
    gain_KK = order_gains(votes_counted(3, [(0, 1, wins, losses, 0)]))
    assert of_new == pytest.approx(gain_KK[0, 2], rel=0.01)
    assert of_new > max(found(round, good))


def test_what_is_asked_next_is_about_the_author_that_is_known_least(
    project: Project, round: Round, raters: list[User], three: list[Checkpoint]
) -> None:
    _base, good, new = three
    round.comparisons.filter(second__checkpoint=new).update(priority=-2)
    judged(project, raters[0], limit=round.comparisons.filter(second__checkpoint=good).count())
    round.comparisons.update(priority=0)

    scores_refresh(round=round)

    claimed = assignment_claim(rater=raters[1], project=project)
    assert claimed is not None
    assert claimed.comparison.second.checkpoint_id == new.pk


def test_the_control_arm_and_answers_of_one_author_have_no_score(round: Round, three: list[Checkpoint]) -> None:
    control, same = round.comparisons.order_by("pk")[:2]
    Comparison.objects.filter(pk=control.pk).update(is_control=True)
    type(same.second).objects.filter(pk=same.second_id).update(checkpoint=three[0])

    scores_refresh(round=round)

    assert [Comparison.objects.get(pk=one.pk).score for one in (control, same)] == [0.0, 0.0]
    assert 0.0 not in set(round.comparisons.exclude(pk__in=[control.pk, same.pk]).values_list("score", flat=True))


def test_without_a_new_judgment_nothing_is_read_again(
    project: Project, round: Round, raters: list[User], three: list[Checkpoint]
) -> None:
    assert scores_refresh(round=round) == round.comparisons.count()
    round.comparisons.update(score=-1.0)

    assert scores_refresh(round=round) == 0
    judged(project, raters[0], limit=1)
    assert scores_refresh(round=round) == round.comparisons.count()


def test_a_pass_that_ran_out_of_time_goes_on_where_it_stopped(
    round: Round, three: list[Checkpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scores, "PAGE", 3)

    assert scores_refresh(round=round, seconds=0) == 3
    assert scores_refresh(round=round, seconds=0) == 3
    scores_refresh(round=round)

    assert not round.comparisons.filter(score=0.0).exists()


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_for_scores_and_scores_wait_for_nobody(round: Round, three: list[Checkpoint]) -> None:
    busy = round.comparisons.order_by("pk")[0]
    changed: list[int] = []

    def refresh() -> None:
        changed.append(scores_refresh(round=round))
        connection.close()

    with transaction.atomic():
        Comparison.objects.select_for_update().get(pk=busy.pk)
        thread = Thread(target=refresh)
        thread.start()
        thread.join(30)
        assert changed == [round.comparisons.count() - 1]


def test_only_projects_that_ask_for_it_are_scored(project: Project, round: Round, three: list[Checkpoint]) -> None:
    assert list(rounds_to_score()) == [round]
    project_update(project=project, strategy={"informative": 0, "random": 1})
    assert list(rounds_to_score()) == []

    score()

    assert set(round.comparisons.values_list("score", flat=True)) == {0.0}
