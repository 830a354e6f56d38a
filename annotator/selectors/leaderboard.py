"""Which checkpoint or imported model people prefer, over the judgments of a project."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from django.core.cache import cache
from django.db.models import Count, F, Func, Max
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from annotator.domain.ranking.bradley_terry import Fit, fit
from annotator.domain.ranking.flips import NEAREST, Flip, flip_of_top, flips_of_neighbours
from annotator.domain.ranking.spread import Spread, sandwich
from annotator.domain.ranking.standings import POINTS, Standing, standings
from annotator.domain.ranking.style import FEATURES, style_differences, style_of
from annotator.domain.ranking.votes import Ties, Votes, votes_counted
from annotator.domain.ranking.wins import won_and_met
from annotator.domain.verdicts import Outcome
from annotator.models import Checkpoint, CheckpointKind, Judgment, Project, Prompt, Response
from annotator.models.judgments import JudgmentQuerySet
from annotator.selectors.exclusion import excluded_of
from annotator.selectors.figures import figure_found, is_big
from annotator.selectors.quality import NOTHING_YET, Estimate, share_of
from annotator.selectors.votes import COMPARISON, KEPT, Author, aside_of, judgments_of, votes_counted_of

STYLED = 20_000  # newest judgments whose answers are read for style control; the page says n
TEXTS = 1000  # answers read at a time
SHOWN = 8  # contestants in the win matrix
FIRST = 20  # lines that stand on the page; the others are behind a fold
# Neighbours in the order whose flips are counted, and contestants that may take the top: with style control every
# judgment is a row of its own, and each try fits them all again.
FLIPPED, NEAREST_STYLED, FLIPPED_STYLED = 10, 2, 3
TAGS = 100  # offered as a filter
LEADERBOARD = "leaderboard"

RATING = _("Rating"), _("On Elo’s scale: 400 points are odds of ten to one.")
WON = _("Wins"), _("Share of their judgments that went to the one of the row; a tie counts one half.")
TRAITS: dict[str, Promise] = {
    "length": _("Length"),
    "headings": _("Headings"),
    "lists": _("List items"),
    "bold": _("Bold passages"),
}
WORTH = _("What one standard deviation more of it than the other answer has is worth, in points.")
NEVER_VARIES = _("No two answers differ in it.")


@dataclass(frozen=True)
class Wish:
    """What a reader wants to see.

    first_round, last_round  numbers, both included; None where open
    tag                      only prompts that carry it; empty: all
    style                    whether length and Markdown are taken off the ratings
    anchor                   who has 1000 points: the "mean", or the "base" model where it takes part
    """

    first_round: int | None = None
    last_round: int | None = None
    tag: str = ""
    ties: Ties = Ties.HALF
    style: bool = False
    anchor: str = "mean"

    @property
    def said(self) -> dict[str, Any]:
        """What differs from what everybody sees first, as plain values."""
        return {name: value for name, value in asdict(self).items() if value != getattr(Wish, name)}

    @classmethod
    def of(cls, said: dict[str, Any]) -> Wish:
        wish = cls(**said)
        return replace(wish, ties=Ties(wish.ties))


@dataclass(frozen=True)
class Contestant:
    """checkpoint is None where answers came with an import; such a name may be empty."""

    name: str
    checkpoint: int | None


@dataclass(frozen=True)
class Row:
    """A line of the leaderboard. `rating` carries n and interval, or the reason why there is none."""

    contestant: Contestant
    rating: Estimate
    best: int | None
    worst: int | None


@dataclass(frozen=True)
class Swap:
    """Without `dropped` of the judgments, `below` stands above `above`; None where no number was found."""

    above: Contestant
    below: Contestant
    dropped: int | None


@dataclass(frozen=True)
class Leaderboard:
    """Best first; contestants without a rating last.

    judgments     those that count
    of            how many there are, where only the newest were read
    is_clustered  whether intervals take raters, rather than judgments, as what varies
    matrix        the first SHOWN contestants, each with its wins over the others and None over itself
    style         what each trait of an answer is worth, in points
    nu            what a tie is worth beside a win between equals, None where ties are no outcome of their own
    anchor        who has 1000 points, None for the mean
    """

    rows: list[Row]
    judgments: int
    of: int
    raters: int
    is_clustered: bool
    matrix: list[tuple[Contestant, list[Estimate | None]]]
    swaps: list[Swap]
    top: Swap | None
    style: list[Estimate]
    nu: float | None
    anchor: Contestant | None

    @property
    def rated(self) -> list[Row]:
        return [row for row in self.rows if row.rating.value is not None]

    @property
    def first(self) -> list[Row]:
        return self.rows[:FIRST]

    @property
    def others(self) -> list[Row]:
        return self.rows[FIRST:]


def leaderboard_of(project: Project, wish: Wish, *, anew: bool = False) -> Leaderboard | None:
    """The whole page. In a big project it is what the worker found last, None before; `anew` is for the worker."""
    if not anew and is_big(project):
        found: Leaderboard | None = figure_found(project, LEADERBOARD, wish.said)
        return found
    return _found(project, wish)


def _found(project: Project, wish: Wish) -> Leaderboard:
    """Kept for as long as no judgment comes in and no pair or rater is left out or
    taken back."""
    counts = votes_counted_of(project, wish.tag)
    aside = aside_of(project).aggregate(n=Count("pk"), newest=Max("set_aside_at"))
    state = f"{wish!r} {counts.newest} {counts.judgments} {aside!r} {sorted(excluded_of(project))}"
    key = f"leaderboard-{project.pk}-{hashlib.sha256(state.encode()).hexdigest()}"
    found = cache.get(key)
    if not isinstance(found, Leaderboard):
        authors: Sequence[Author] = counts.authors
        votes = counts.votes(wish.first_round, wish.last_round)
        of = round(votes.counting(wish.ties).n)
        if wish.style:
            votes, authors = _styled(project, wish)
        found = _measured(votes, _contestants(authors), of, wish, _base_of(project, authors))
        cache.set(key, found, timeout=KEPT.total_seconds())
    return found


def tags_of(project: Project) -> list[str]:
    """Tags to choose from, by the alphabet."""
    key = f"leaderboard-tags-{project.pk}"
    found: list[str] | None = cache.get(key)
    if found is None:
        tags = Prompt.objects.filter(project=project).annotate(tag=Func(F("tags"), function="unnest")).order_by()
        found = sorted(tags.values_list("tag", flat=True).distinct()[:TAGS])
        cache.set(key, found, timeout=600)
    return found


# --- the numbers ---------------------------------------------------------------


def _measured(votes: Votes, names: list[Contestant], of: int, wish: Wish, base: int | None) -> Leaderboard:
    fitted = fit(votes, wish.ties)
    spread = sandwich(fitted)
    counting = votes.counting(wish.ties)
    anchor = base if wish.anchor == "base" and base in fitted.rated_Q else None
    placed = [one for one in standings(votes, fitted, spread, anchor=anchor) if one.n]
    order = [one.contestant for one in placed]
    top = flip_of_top(fitted, nearest=NEAREST_STYLED if wish.style else NEAREST) if len(fitted.rated_Q) > 1 else None
    return Leaderboard(
        rows=[Row(names[one.contestant], _rating(one), one.best, one.worst) for one in placed],
        judgments=round(counting.n),
        of=of,
        raters=len(np.unique(counting.cluster_R)),
        is_clustered=spread.is_clustered,
        matrix=_matrix(counting, names, order[:SHOWN]),
        swaps=[
            _swap(names, above, below, flip)
            for above, below, flip in flips_of_neighbours(fitted, FLIPPED_STYLED if wish.style else FLIPPED)
        ],
        top=_swap(names, top.above, top.below, top) if top else None,
        style=_style(fitted, spread) if wish.style else [],
        nu=fitted.nu if fitted.has_nu else None,
        anchor=names[anchor] if anchor is not None else None,
    )


def _rating(one: Standing) -> Estimate:
    title, definition = RATING
    return Estimate(
        title,
        definition,
        "count",
        one.rating,
        one.low,
        one.high,
        round(one.n),
        reason=_(one.reason) if one.reason else "",
    )


def _swap(names: list[Contestant], above: int, below: int, flip: Flip | None) -> Swap:
    return Swap(names[above], names[below], flip.dropped if flip else None)


def _matrix(votes: Votes, names: list[Contestant], order: list[int]) -> list[tuple[Contestant, list[Estimate | None]]]:
    won_KK, met_KK = won_and_met(votes)
    return [
        (
            names[row],
            [
                None if row == column else share_of(float(won_KK[row, column]), round(met_KK[row, column]), *WON)
                for column in order
            ],
        )
        for row in order
    ]


def _style(fitted: Fit, spread: Spread) -> list[Estimate]:
    """The coefficients of the style with their intervals."""
    first, n = len(fitted.rated_Q), round(fitted.votes.n)
    found = []
    for place, (feature, gamma) in enumerate(zip(FEATURES, fitted.style_S, strict=True)):
        title = TRAITS[feature]
        if not fitted.votes.style_RS[:, place].any():
            found.append(
                Estimate(title, WORTH, "count", None, None, None, n, reason=NEVER_VARIES if n else NOTHING_YET)
            )
            continue
        worth = POINTS * float(gamma)
        reach = POINTS * spread.reach * float(np.sqrt(max(spread.cov_PP[first + place, first + place], 0)))
        found.append(Estimate(title, WORTH, "count", worth, worth - reach, worth + reach, n))
    return found


# --- who wrote what --------------------------------------------------------------


def _contestants(authors: Sequence[Author]) -> list[Contestant]:
    named = Checkpoint.objects.in_bulk({checkpoint for checkpoint, _name in authors if checkpoint})
    return [Contestant(named[checkpoint].name if checkpoint else name, checkpoint) for checkpoint, name in authors]


def _base_of(project: Project, authors: Sequence[Author]) -> int | None:
    """The bare base model among the contestants."""
    base = (
        project.checkpoints.filter(kind=CheckpointKind.POLICY, parent=None).order_by("pk").values_list("pk", flat=True)
    )
    first = base.first()
    return next((place for place, (checkpoint, _name) in enumerate(authors) if first and checkpoint == first), None)


def _styled(project: Project, wish: Wish) -> tuple[Votes, list[Author]]:
    """The newest judgments one by one, each with how its two answers differ in style."""
    judgments = judgments_of(project, wish.tag).current().trusted().filter(**{f"{COMPARISON}__set_aside_at": None})
    if wish.first_round:
        judgments = judgments.filter(**{f"{COMPARISON}__round__number__gte": wish.first_round})
    if wish.last_round:
        judgments = judgments.filter(**{f"{COMPARISON}__round__number__lte": wish.last_round})
    columns = [
        f"{COMPARISON}__{side}__{field}" for side in ("first", "second") for field in ("id", "checkpoint_id", "author")
    ]
    counting = judgments.exclude(outcome=Outcome.CANNOT_JUDGE).order_by("-pk")
    rows = _newest(counting, [*columns, "value", "assignment__rater_id"])
    rows = [row for row in rows if row[1:3] != row[4:6]]
    styles = _styles(project, {response for row in rows for response in (row[0], row[3])})
    numbers: dict[Author, int] = {}
    for row in rows:
        numbers.setdefault(row[1:3], len(numbers))
        numbers.setdefault(row[4:6], len(numbers))
    style_RS = style_differences(
        np.array([styles[row[0]] for row in rows], np.float64).reshape(-1, len(FEATURES)),
        np.array([styles[row[3]] for row in rows], np.float64).reshape(-1, len(FEATURES)),
    )
    counted = [
        (numbers[row[1:3]], numbers[row[4:6]], value < 0, value > 0, value == 0)
        for row in rows
        for value in [row[6] or 0.0]
    ]
    clusters = [row[7] for row in rows]
    return votes_counted(len(numbers), counted, clusters=clusters, style=style_RS.tolist()), list(numbers)


def _newest(judgments: JudgmentQuerySet, columns: list[str]) -> list[tuple[Any, ...]]:
    """The newest STYLED of them, looked for in ever wider ranges of ids.

    Asked for by their number alone, the database joins and sorts all that a project ever had.
    """
    rows: list[tuple[Any, ...]] = []
    high, width = Judgment.objects.aggregate(newest=Max("pk"))["newest"] or 0, 2 * STYLED
    while high > 0 and len(rows) < STYLED:
        rows += judgments.filter(pk__gt=high - width, pk__lte=high).values_list(*columns)
        high, width = high - width, 2 * width
    return rows[:STYLED]


def _styles(project: Project, responses: set[int]) -> dict[int, tuple[int, ...]]:
    """How these answers look. Answers never change, so what was read once is kept."""
    key = f"leaderboard-styles-{project.pk}"
    kept: dict[int, tuple[int, ...]] = cache.get(key) or {}
    missing = sorted(responses - set(kept))
    for place in range(0, len(missing), TEXTS):
        texts = Response.objects.filter(pk__in=missing[place : place + TEXTS]).values_list("pk", "text")
        kept |= {response: style_of(text) for response, text in texts}
    if missing:
        kept = {response: kept[response] for response in responses}
        cache.set(key, kept, timeout=KEPT.total_seconds())
    return kept
