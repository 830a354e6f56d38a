"""What the leaderboard counts: which judgments, whose, and later only what came since."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotator.domain.asking import Said
from annotator.domain.ranking.votes import Ties
from annotator.models import Comparison, Judgment, Project, Prompt, Response, User
from annotator.selectors.leaderboard import Leaderboard, Wish, leaderboard_of
from annotator.selectors.votes import votes_counted_of
from annotator.services.flags import comparison_put_back, comparison_set_aside
from annotator.services.judgments import judgment_submit
from tests.cast import Cast
from tests.factories import held, project_of, round_collecting

LATER = timedelta(minutes=5)
EQUAL = {"tie": 0.0, "both_good": None, "both_bad": None, "cannot_judge": None}


@pytest.fixture
def mill(cast: Cast) -> Project:
    """Its answers came with an import: `ada` wrote the first of every pair, `bob` the second."""
    project = project_of(cast.olga, "mill", prompts=8)
    round_collecting(project)
    written_by(project, first="ada", second="bob")
    return project


def written_by(project: Project, **authors: str) -> None:
    for side, author in authors.items():
        answers = Comparison.objects.filter(round__project=project).values(f"{side}_id")
        Response.objects.filter(pk__in=answers).update(author=author, checkpoint=None, run=None)


def vote(project: Project, rater: User, won: str) -> Judgment:
    """The rater's next pair goes to `first`, `second`, or to neither by one of the other outcomes."""
    assignment = held(project, rater)
    is_left = (won == "second") != assignment.first_on_left
    judgment = judgment_submit(assignment=assignment, said=Said("a" if is_left else "b"), key=uuid.uuid4(), seconds=5.0)
    return corrected(judgment, won) if won in EQUAL else judgment


def corrected(judgment: Judgment, won: str) -> Judgment:
    comparison = judgment.assignment.comparison
    said: dict[str, Any] = {"outcome": won, "value": EQUAL.get(won)}
    if won not in EQUAL:
        value = -1.0 if won == "first" else 1.0
        said = {"outcome": "prefer", "value": value, "preferred": getattr(comparison, won)}
    return Judgment.objects.create(
        assignment=judgment.assignment, supersedes=judgment, preset="hh", answer=won, seconds=5.0, **said
    )


def counted(project: Project, tag: str = "", **when: Any) -> Counter[str]:
    """Votes by who won them."""
    counts = votes_counted_of(project, tag, **when)
    found: Counter[str] = Counter()
    for _round, first, second, _rater, wins, losses, ties in counts.table_R7.tolist():
        found[counts.authors[first][1]] += wins
        found[counts.authors[second][1]] += losses
        found["tie"] += ties
    return +found


def board(project: Project, **wish: Any) -> Leaderboard:
    found = leaderboard_of(project, Wish(**wish))
    assert found is not None
    return found


# --- which judgments ---------------------------------------------------------------


def test_every_way_to_say_neither_is_a_tie_and_who_cannot_judge_is_left_out(cast: Cast, mill: Project) -> None:
    for won in ("first", "first", "second", "tie", "both_good", "both_bad", "cannot_judge"):
        vote(mill, cast.ann, won)

    assert counted(mill) == {"ada": 2, "bob": 1, "tie": 3}


def test_a_correction_takes_the_vote_that_it_supersedes_away(cast: Cast, mill: Project) -> None:
    judgment = vote(mill, cast.ann, "first")
    vote(mill, cast.rui, "first")

    corrected(corrected(judgment, "second"), "tie")

    assert counted(mill) == {"ada": 1, "tie": 1}


def test_a_pair_that_is_set_aside_does_not_count_until_it_is_put_back(cast: Cast, mill: Project) -> None:
    comparison = vote(mill, cast.ann, "first").assignment.comparison
    vote(mill, cast.ann, "second")

    comparison_set_aside(comparison=comparison)
    assert counted(mill) == {"bob": 1}

    comparison_put_back(comparison=comparison)
    assert counted(mill) == {"ada": 1, "bob": 1}


def test_two_answers_of_one_author_say_nothing(cast: Cast, mill: Project) -> None:
    written_by(mill, first="ada", second="ada")
    vote(mill, cast.ann, "first")

    assert counted(mill) == {}
    assert board(mill).rows == []


def test_a_tag_keeps_only_its_prompts(cast: Cast, mill: Project) -> None:
    judgments = [vote(mill, cast.ann, won) for won in ("first", "second", "second", "tie", "first")]
    prompts = [judgment.assignment.comparison.prompt_id for judgment in judgments]
    Prompt.objects.filter(pk=prompts[0]).update(tags=["law", "long"])

    assert prompts.count(prompts[0]) < len(prompts)
    assert counted(mill, "law").total() == prompts.count(prompts[0])
    assert counted(mill, "law")["ada"] >= 1
    assert counted(mill, "cooking") == {}


def test_rounds_are_chosen_by_number(cast: Cast, mill: Project) -> None:
    vote(mill, cast.ann, "first")
    counts = votes_counted_of(mill)

    assert counts.votes(1, 1).n == counts.votes(None, 1).n == counts.votes(1, None).n == 1
    assert counts.votes(2, None).n == 0


# --- what is kept ----------------------------------------------------------------------


def test_what_has_settled_is_kept_and_what_came_since_is_added(cast: Cast, mill: Project) -> None:
    """The kept counts hold a vote that is corrected afterwards: the correction must reach it."""
    early = vote(mill, cast.ann, "first")
    vote(mill, cast.rui, "second")
    settled = timezone.now() + LATER
    assert counted(mill, now=settled) == {"ada": 1, "bob": 1}

    corrected(early, "tie")
    vote(mill, cast.ann, "second")

    assert counted(mill) == {"bob": 2, "tie": 1}
    assert counted(mill, now=settled) == {"bob": 2, "tie": 1}
    assert counted(mill, now=settled + LATER) == {"bob": 2, "tie": 1}


def test_what_was_counted_is_not_read_again(cast: Cast, mill: Project) -> None:
    """Kept counts stay what they were even when a row is changed behind the product's back."""
    vote(mill, cast.ann, "first")
    counted(mill, now=timezone.now() + LATER)

    written_by(mill, first="eve", second="mallory")

    assert counted(mill, now=timezone.now() + LATER) == {"ada": 1}


def test_after_an_hour_all_is_counted_anew(cast: Cast, mill: Project) -> None:
    vote(mill, cast.ann, "first")
    counted(mill, now=timezone.now() + LATER)

    written_by(mill, first="eve", second="mallory")

    assert counted(mill, now=timezone.now() + timedelta(hours=2)) == {"eve": 1}


def test_a_page_asks_as_much_for_many_judgments_as_for_few(cast: Cast, mill: Project) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            board(mill)
        return len(queries)

    for won in ("first", "second"):
        vote(mill, cast.ann, won)
    few = cost()
    for rater in (cast.ann, cast.rui, cast.olga):
        vote(mill, rater, "first")

    assert cost() == few


# --- the board ---------------------------------------------------------------------------


def test_the_board_rates_ranks_and_says_how_sure(cast: Cast, mill: Project) -> None:
    """Five to two: odds of 2.5, so 400 · log10(2.5) = 159 points apart around 1000."""
    for won in ("first", "first", "first", "first", "second", "second", "first"):
        vote(mill, cast.ann, won)

    found = board(mill)

    ada, bob = found.rows
    assert [(row.contestant.name, row.rating.n) for row in (ada, bob)] == [("ada", 7), ("bob", 7)]
    assert ada.rating.value == pytest.approx(1079.6, abs=0.1)
    assert bob.rating.value == pytest.approx(920.4, abs=0.1)
    assert (ada.best, ada.worst, bob.best, bob.worst) == (1, 2, 1, 2)
    assert (found.judgments, found.raters, found.is_clustered) == (7, 1, False)
    cell = found.matrix[0][1][1]
    assert cell is not None
    assert cell.value == pytest.approx(5 / 7)
    assert cell.n == 7
    assert found.top is not None
    assert (found.top.below.name, found.top.dropped) == ("bob", 4)


def test_who_won_everything_has_no_rating_but_a_reason(cast: Cast, mill: Project) -> None:
    for _pair in range(3):
        vote(mill, cast.ann, "first")

    found = board(mill)

    assert [row.rating.value for row in found.rows] == [None, None]
    assert str(found.rows[0].rating.reason).startswith("No judgment went against it")
    assert (found.swaps, found.top) == ([], None)


def test_ties_are_treated_as_asked(cast: Cast, mill: Project) -> None:
    for won in ("first", "first", "first", "second", "tie", "tie"):
        vote(mill, cast.ann, won)

    leads = {}
    for ties in Ties:
        first, second = board(mill, ties=ties).rows
        assert first.rating.value is not None
        assert second.rating.value is not None
        leads[ties] = round(first.rating.value - second.rating.value)

    # 400 · log10 of 4 : 2, of 3 : 1 and of 3 : 1
    assert leads == {Ties.HALF: 120, Ties.DAVIDSON: 191, Ties.DROPPED: 191}
    assert board(mill, ties=Ties.DROPPED).judgments == 4
    assert board(mill, ties=Ties.DAVIDSON).nu == pytest.approx(2 / 3**0.5)


def test_style_control_reads_the_answers_and_counts_the_same_votes(cast: Cast, mill: Project) -> None:
    """Ada's answers are longer in half of the pairs only, or length and author could not be told apart."""
    for number, comparison in enumerate(Comparison.objects.filter(round__project=mill).order_by("pk")):
        Response.objects.filter(pk=comparison.first_id).update(text="long " * (20 if number % 2 else 2) + str(number))
        Response.objects.filter(pk=comparison.second_id).update(text="plain text " + str(number))
    judgments = [vote(mill, cast.ann, "first" if number % 3 else "second") for number in range(8)]
    corrected(judgments[0], "first")

    plain, styled = board(mill), board(mill, style=True)

    assert styled.judgments == plain.judgments == styled.of == 8
    assert {row.contestant.name: row.rating.n for row in styled.rows} == {"ada": 8, "bob": 8}
    length, headings, *_rest = styled.style
    assert (length.n, length.value is None) == (8, False)
    assert (headings.value, str(headings.reason)) == (None, "No two answers differ in it.")
    assert plain.style == []


def test_the_base_model_is_the_measure_where_asked(cast: Cast, turned: Any) -> None:
    """After a turn the second round compares the new checkpoint with its parent, which is the base model."""
    for rater, wins in ((cast.ann, 3), (cast.rui, 5)):
        for number in range(8):
            assignment = held(cast.shop, rater)
            writer = assignment.left.checkpoint
            assert writer is not None
            is_left = (writer.parent_id is None) == (number < wins)
            judgment_submit(assignment=assignment, said=Said("a" if is_left else "b"), key=uuid.uuid4(), seconds=5.0)

    by_mean, by_base = board(cast.shop), board(cast.shop, anchor="base")

    assert by_mean.anchor is None
    assert by_base.anchor is not None
    base = next(row for row in by_base.rows if row.contestant == by_base.anchor)
    assert (base.rating.low, base.rating.value, base.rating.high) == (1000, 1000, 1000)
    assert {row.contestant.checkpoint is None for row in by_base.rows} == {False}
