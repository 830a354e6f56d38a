"""How good the judgments are, and what each number means."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from annotator.domain.agreement import Agreement, Views, agreement_of
from annotator.domain.shares import Z_95, wilson
from annotator.domain.verdicts import Outcome
from annotator.models import Project, Round, User
from annotator.selectors.window import Judged, found_in

NOTHING_YET = _("Nothing to count yet.")
MOST = 25  # raters, the busiest; the page of all of them is another one


@dataclass(frozen=True)
class Metric:
    """What a number is called and what it means; `kind` says how it is written: share, coefficient, seconds, number."""

    title: str | Promise
    definition: str | Promise
    kind: str = "share"


# The vocabulary of evaluation, once: the engine's names → what the pages say about them.
METRICS: dict[str, Metric] = {
    "win_rate": Metric(
        _("Win rate over the parent"),
        _(
            "Share of held-out prompts on which the reward model prefers the new checkpoint's answer to its parent's; "
            "equal answers and equal scores count one half. One half means no difference."
        ),
    ),
    "reward/accuracy": Metric(
        _("Reward model accuracy"),
        _("Share of held-out comparisons on which the reward model prefers the answer that people preferred."),
    ),
    "dpo/accuracy": Metric(
        _("Policy accuracy"),
        _(
            "Share of held-out comparisons on which the policy's implicit reward prefers the answer that people "
            "preferred."
        ),
    ),
    "kl": Metric(
        _("KL from the parent"),
        _("How far the policy moved from its parent, in nats per answer, along its own answers to held-out prompts."),
        "number",
    ),
    "length_ratio": Metric(
        _("Length ratio"),
        _("Length of the new checkpoint's answers over the parent's, in tokens. Far above 1 says it learnt to ramble."),
        "number",
    ),
}


# The same of agreement: the names of domain.agreement.
AGREEMENT: dict[str, Metric] = {
    "with_ties": Metric(
        _("Agreement"),
        _("Share of pairs of raters on the same comparison who said the same: A, B or no difference."),
    ),
    "without_ties": Metric(
        _("Agreement without ties"),
        _("The same share among pairs of raters who both prefer a side. One half is chance."),
    ),
    "alpha_nominal": Metric(
        _("Krippendorff’s alpha"), _("Agreement beyond chance: 1 is perfect, 0 is chance."), "coefficient"
    ),
    "alpha_ordinal": Metric(
        _("Krippendorff’s alpha, ordinal"),
        _("Alpha of the answers on the scale, in their order: a near miss costs less than a far one."),
        "coefficient",
    ),
    "alpha_interval": Metric(
        _("Krippendorff’s alpha, interval"),
        _("Alpha of the answers on the scale, by the square of the distance between them."),
        "coefficient",
    ),
    "fleiss": Metric(
        _("Fleiss’ kappa"),
        _("Agreement beyond chance, where chance draws from what all raters say together."),
        "coefficient",
    ),
    "ac1": Metric(
        _("Gwet’s AC1"),
        _("Agreement beyond chance that does not fall when one answer is much more common than the others."),
        "coefficient",
    ),
    "ac2": Metric(
        _("Gwet’s AC2"),
        _("AC1 of the answers on the scale, where a miss costs the square of its distance."),
        "coefficient",
    ),
    "tie_rate_kappa": Metric(
        _("Kappa by the tie rate"),
        _("Agreement beyond chance, where chance ties as often as people do and draws A or B like a coin, as at WMT."),
        "coefficient",
    ),
    "kappa": Metric(
        _("Cohen’s kappa"),
        _("Agreement beyond chance of two raters, where each keeps to their own habits."),
        "coefficient",
    ),
    "kappa_linear": Metric(
        _("Weighted kappa, linear"),
        _("Cohen’s kappa of the answers on the scale; a miss costs its distance."),
        "coefficient",
    ),
    "kappa_quadratic": Metric(
        _("Weighted kappa, quadratic"),
        _("Cohen’s kappa of the answers on the scale; a miss costs the square of its distance."),
        "coefficient",
    ),
    "mean_kappa": Metric(
        _("Cohen’s kappa, mean over pairs"),
        _("The mean over all pairs of raters that share at least ten comparisons."),
        "coefficient",
    ),
}


@dataclass(frozen=True)
class Estimate:
    """A measured number as pages show it: never without n and its 95 % interval.

    What it says is translated when it is shown, because one that is kept is read in several languages.
    """

    title: str | Promise
    definition: str | Promise
    kind: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    unit: str | Promise = ""
    reason: str | Promise = ""


@dataclass(frozen=True)
class RaterQuality:
    """One rater in one round.

    left     share of decided judgments that went to the left answer; far from one half is a habit
    agrees   share of other people's judgments on the same comparisons that said the same
    """

    username: str
    judgments: int
    seconds: float | None
    left: Estimate
    agrees: Estimate

    @property
    def both(self) -> list[Estimate]:
        """In the order of the table's columns."""
        return [self.agrees, self.left]


@dataclass(frozen=True)
class Quality:
    """The newest judgments of a round, or of a project.

    raters  the busiest, at most MOST of them
    """

    judgments: int
    agreement: Estimate
    alpha: Estimate
    left: Estimate
    ties: Estimate
    both_bad: Estimate
    seconds: Estimate
    raters: list[RaterQuality]
    raters_left_out: int


def quality_of(scope: Project | Round, *, anew: bool = False) -> Quality | None:
    """None where the worker has not found it yet."""
    return found_in(scope, "quality", _measured, anew=anew)


def estimates_of(metrics: dict[str, Any]) -> list[Estimate]:
    """A checkpoint's metrics, the known ones first and in the order of the vocabulary."""
    names = [name for name in METRICS if name in metrics] + sorted(set(metrics) - set(METRICS))
    return [estimate_named(name, metrics[name]) for name in names]


def share_of(
    part: float,
    n: int,
    title: str | Promise,
    definition: str | Promise,
    reason: str | Promise = NOTHING_YET,
) -> Estimate:
    """A share with Wilson's 95 % interval, which stays inside [0, 1] also for small n. `part` may hold fractions."""
    if n == 0:
        return Estimate(title, definition, "share", None, None, None, 0, reason=reason)
    return Estimate(title, definition, "share", part / n, *wilson(part / n, n), n)


def estimate_named(name: str, found: dict[str, Any]) -> Estimate:
    metric = METRICS.get(name) or _metric_of(name)
    if not found["n"]:
        reason = _("Nothing was held out that it could be measured on.")
        return Estimate(metric.title, metric.definition, metric.kind, None, None, None, 0, reason=reason)
    return Estimate(
        metric.title, metric.definition, metric.kind, found["value"], found["low"], found["high"], found["n"]
    )


def _metric_of(name: str) -> Metric:
    """The questions of a protocol are asked beside the overall one, under names that its owner gave them."""
    kind, _slash, criterion = name.partition("/")
    if kind == "accuracy" and criterion:
        return Metric(
            gettext("Reward model accuracy on “%(criterion)s”") % {"criterion": criterion},
            gettext(
                "Share of held-out comparisons on which the reward model prefers the answer that people preferred when "
                "they were asked about “%(criterion)s”."
            )
            % {"criterion": criterion},
        )
    return Metric(name, _("Reported by the engine under this name."), "number")


def _measured(rows: list[Judged]) -> Quality:
    counted = [row for row in rows if row.outcome != Outcome.CANNOT_JUDGE]
    votes: dict[int, dict[int, str]] = defaultdict(dict)
    for row in counted:
        votes[row.comparison][row.rater] = row.side
    by_rater: dict[int, list[Judged]] = defaultdict(list)
    for row in rows:
        by_rater[row.rater].append(row)
    busiest = sorted(by_rater, key=lambda rater: -len(by_rater[rater]))[:MOST]
    names = User.objects.in_bulk(busiest)
    found = agreement_of(
        Views.of(
            [row.comparison for row in counted],
            [row.rater for row in counted],
            [math.nan if row.value is None else row.value for row in counted],
        ),
        wanted=("with_ties", "alpha_nominal"),
    )
    return Quality(
        judgments=len(rows),
        agreement=agreement_shown("with_ties", found["with_ties"]),
        alpha=agreement_shown("alpha_nominal", found["alpha_nominal"]),
        left=_left(rows),
        ties=share_of(
            sum(row.outcome == Outcome.TIE for row in rows),
            len(rows),
            _("Ties"),
            _("Share of judgments that are ties."),
        ),
        both_bad=share_of(
            sum(row.outcome == Outcome.BOTH_BAD for row in rows),
            len(rows),
            _("Both bad"),
            _("Share of judgments that turn both answers down."),
        ),
        seconds=seconds_median(row.seconds for row in rows),
        raters=[_rater(names[rater], by_rater[rater], votes) for rater in busiest],
        raters_left_out=len(by_rater) - len(busiest),
    )


def agreement_shown(name: str, found: Agreement) -> Estimate:
    """A coefficient of domain.agreement as pages show it."""
    metric, unit, reason = AGREEMENT[name], _("comparisons"), _(found.reason)
    return Estimate(
        metric.title, metric.definition, metric.kind, found.value, found.low, found.high, found.n, unit, reason
    )


def left_share(went_left: Sequence[bool]) -> Estimate:
    """Of judgments that prefer a side: whether each went to the left one."""
    return left_share_of(sum(went_left), len(went_left))


def left_share_of(left: int, decided: int) -> Estimate:
    return share_of(
        left,
        decided,
        _("Went left"),
        _(
            "Share of decided judgments that prefer the left answer. Sides are drawn by chance, so one half is "
            "expected."
        ),
    )


def seconds_median(seconds: Iterable[float]) -> Estimate:
    """The median with the interval between two order statistics, which needs no assumption about the shape."""
    timed = sorted(one for one in seconds if one > 0)
    title, definition = _("Seconds per judgment"), _("Median time from the pair being shown to the answer.")
    if not timed:
        return Estimate(title, definition, "seconds", None, None, None, 0, reason=_("Nobody’s time was measured yet."))
    n = len(timed)
    reach = Z_95 * math.sqrt(n) / 2
    low, high = timed[max(math.floor(n / 2 - reach), 0)], timed[min(math.ceil(n / 2 + reach), n - 1)]
    return Estimate(title, definition, "seconds", median(timed), low, high, n)


def _left(rows: Iterable[Judged]) -> Estimate:
    return left_share([row.went_left for row in rows if row.outcome == Outcome.PREFER])


def _rater(user: User, rows: list[Judged], votes: dict[int, dict[int, str]]) -> RaterQuality:
    others = [(row.side, side) for row in rows for rater, side in votes[row.comparison].items() if rater != user.pk]
    return RaterQuality(
        username=user.username,
        judgments=len(rows),
        seconds=seconds_median(row.seconds for row in rows).value,
        left=_left(rows),
        agrees=share_of(
            sum(mine == theirs for mine, theirs in others),
            len(others),
            _("Agrees with others"),
            _("Share of other people’s judgments on the same comparisons that said the same."),
            _("Shares no comparison with others yet."),
        ),
    )
