"""What the worker finds of big projects: once for all processes, never silently old, and never of unknown make."""

from __future__ import annotations

import pickle
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone, translation

from annotator.domain.packing import unpacked
from annotator.models import Figure, Project, Round, User
from annotator.selectors.agreement import agreement_tables
from annotator.selectors.exclusion import left_out
from annotator.selectors.figures import age_of, figure_found, figure_packed
from annotator.selectors.kept import FINDINGS
from annotator.selectors.leaderboard import LEADERBOARD, Wish, leaderboard_of
from annotator.selectors.quality import quality_of
from annotator.selectors.trend import By, trend_of
from annotator.services import figures
from annotator.services.checks import member_exclude, member_include
from annotator.services.figures import figure_ask, figures_refresh
from tests.factories import judged


@pytest.fixture
def big(project: Project, round: Round, raters: list[User], monkeypatch: pytest.MonkeyPatch) -> Project:
    """Two people judged ten pairs each, and that is more than a page finds itself."""
    FINDINGS.clear()
    monkeypatch.setattr("annotator.selectors.figures.MANY", 10)
    for rater, answer in zip(raters, "ab", strict=False):
        judged(project, rater, limit=10, answer=answer)
    return project


def older(**by: float) -> None:
    """All findings were made that much earlier."""
    for figure in Figure.objects.all():
        figure.found_at = timezone.now() - timedelta(**by)
        figure.save(update_fields=["found_at"])


def test_pages_show_what_the_worker_found_and_how_old_it_is(big: Project, round: Round, raters: list[User]) -> None:
    scopes: tuple[Project | Round, ...] = (big, round)
    assert [quality_of(scope) for scope in scopes] == [None, None]
    assert age_of(big, "quality") == age_of(big, LEADERBOARD)
    age = age_of(big, "quality")
    assert age is not None
    assert age.found_at is None

    assert figures_refresh() == len(figures.OF_PROJECT) + len(figures.OF_ROUND)

    assert {quality.judgments for scope in scopes if (quality := quality_of(scope))} == {20}
    tables, trend = agreement_tables(round), trend_of(big, By.DAY)
    assert tables is not None
    assert trend is not None
    assert leaderboard_of(big, Wish()) is not None
    assert (tables.judgments, trend.judgments) == (20, 20)
    with translation.override("de"):
        assert str(tables.overall[0].title) == "Übereinstimmung"

    judged(big, raters[2], limit=3)
    age = age_of(round, "agreement")
    assert age is not None
    assert age.found_at is not None
    assert (age.later, age.is_redone) == (3, False)
    assert figures_refresh() == 0  # within a minute nothing is found twice
    older(minutes=2)
    assert figures_refresh() > 0
    tables = agreement_tables(round)
    assert tables is not None
    assert tables.judgments == 23


def test_whom_an_owner_excludes_is_taken_out_at_once_and_can_come_back(big: Project, raters: list[User]) -> None:
    figures_refresh()
    member = big.members.get(user=raters[0])

    for change, judgments in ((member_exclude, 10), (member_include, 20)):
        change(member=member)
        age = age_of(big, "quality")
        assert age is not None
        assert age.is_redone

        figures_refresh()

        quality, tables = quality_of(big), agreement_tables(big)
        assert quality is not None
        assert tables is not None
        assert (quality.judgments, tables.judgments, tables.of) == (judgments, judgments, judgments)
        assert left_out(big).judgments == 20 - judgments


def test_a_wish_is_found_when_somebody_asks_and_forgotten_when_nobody_does(
    big: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "MOST_ASKED", 2)
    wishes = [Wish(style=True), Wish(first_round=2), Wish(last_round=1, anchor="base")]
    for wish in wishes:
        assert figure_ask(project=big, name=LEADERBOARD, wish=wish.said)
    assert not figure_ask(project=big, name=LEADERBOARD, wish=wishes[-1].said)
    assert not figure_ask(project=big, name=LEADERBOARD, wish=Wish().said)

    figures_refresh()

    assert [leaderboard_of(big, wish) is None for wish in wishes] == [True, False, False]
    Figure.objects.filter(asked_at__isnull=False).update(asked_at=timezone.now() - timedelta(days=2))
    figures_refresh()
    assert not Figure.objects.filter(asked_at__isnull=False).exists()


def test_a_correction_that_shows_in_no_sum_is_found_within_the_hour(big: Project) -> None:
    figures_refresh()
    older(minutes=59)
    assert figures_refresh() == 0

    older(minutes=61)

    assert figures_refresh() > 0


def test_two_workers_make_two_findings_and_one_that_died_is_followed(big: Project) -> None:
    figures_refresh()
    older(minutes=61)
    Figure.objects.update(claimed_at=timezone.now())
    assert figures_refresh() == 0

    Figure.objects.update(claimed_at=timezone.now() - timedelta(minutes=11))

    assert figures_refresh() > 0


def test_what_other_code_found_is_not_shown(big: Project) -> None:
    figures_refresh()
    Figure.objects.update(code="another version")

    assert quality_of(big) is None
    assert figures_refresh() > 0
    assert quality_of(big) is not None


@pytest.mark.parametrize("call", [print, eval, figure_found, timezone.now])
def test_no_finding_can_name_what_runs(call: Any) -> None:
    class Hostile:
        def __reduce__(self) -> Any:
            return call, ()

    with pytest.raises(pickle.UnpicklingError):
        unpacked(figure_packed(Hostile()), lambda _said: None)
