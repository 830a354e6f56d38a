"""Curves of a run, the leaderboard and the numbers as SVG images, drawn on the server: pages need no chart script."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import altair as alt
import vl_convert
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from annotator.domain.ranking.standings import MIDDLE
from annotator.selectors.leaderboard import Row
from annotator.selectors.pace import HOUR, Span, Throughput
from annotator.selectors.reports import Reliability
from annotator.selectors.runs import Series
from annotator.selectors.trend import By, Trend
from annotator.selectors.worth import Value
from training.metric_names import METRICS

WIDTH, HEIGHT = 380, 180  # small, so that a phone need not shrink its labels much
SQUARE = 260
ROW_WIDTH, ROW_HEIGHT, NAME_WIDTH = 250, 26, 140


@dataclass(frozen=True)
class Subject:
    """Metrics that share an axis. Main ones are shown at once, the rest behind a fold."""

    title: str | Promise
    names: tuple[str, ...]
    is_main: bool = False


# By code, which is part of the address; the most telling ones come first.
SUBJECTS = {
    "loss": Subject(_("Loss"), ("train/loss", "eval/loss"), is_main=True),
    "accuracy": Subject(_("Accuracy"), ("rewards/accuracies", "eval/accuracy"), is_main=True),
    "margin": Subject(_("Reward margin"), ("rewards/margins",), is_main=True),
    "reward": Subject(_("Rewards"), ("rewards/chosen", "rewards/rejected"), is_main=True),
    "calibration": Subject(_("Calibration error"), ("calibration/ece",)),
    "spread": Subject(_("Disagreement of the heads"), ("rewards/spread",)),
    "sway": Subject(_("Rewards and length"), ("length/corr_reward",)),
    "decided": Subject(_("Accuracy where rewards differ"), ("rewards/accuracies_no_ties",)),
    "logps": Subject(_("Log-probabilities"), ("logps/chosen", "logps/rejected")),
    "moved": Subject(_("Distance from the parent"), ("kl/chosen_seq",)),
    "moved_by_token": Subject(_("Distance from the parent by token"), ("kl/token",)),
    "gradient": Subject(_("Gradient"), ("grad_norm",)),
    "rate": Subject(_("Learning rate"), ("learning_rate",)),
    "speed": Subject(_("Speed"), ("tokens_per_second",)),
    "padding": Subject(_("Padding"), ("pad_fraction",)),
}
SUBJECT_OF = {name: code for code, subject in SUBJECTS.items() for name in subject.names}
# They describe the data or count something up, so a curve would tell nothing; they stand among the numbers.
NOT_DRAWN = (
    "eta_seconds",
    "seconds_per_step",
    "responses",
    "rewards",
    "pairs/ties",
    "length/chosen",
    "length/rejected",
)
IN_PERCENT = ("accuracy", "decided", "calibration", "padding")
CHANCE = 0.5  # what guessing reaches
FONT = "-apple-system, 'Segoe UI', Inter, Roboto, 'Liberation Sans', sans-serif"


@dataclass(frozen=True)
class Theme:
    text: str
    grid: str
    lines: tuple[str, ...]


THEMES = {
    "light": Theme(text="#5b6472", grid="#e4e7ec", lines=("#3355d1", "#c2410c", "#0f766e", "#7c3aed", "#a16207")),
    "dark": Theme(text="#a2abba", grid="#2d3440", lines=("#8ea6ff", "#fb923c", "#4fd1c5", "#c4a5ff", "#facc15")),
}


@dataclass(frozen=True)
class Chart:
    """Metrics that share an axis, as one run measured them."""

    code: str
    title: str
    series: list[Series]
    is_main: bool = False

    @property
    def unit(self) -> str:
        """Of the axis, where it says more than the title does."""
        unit = METRICS.get(self.series[0].name, ("", ""))[1]
        return "" if unit in ("share", "reward", "correlation") else gettext(unit)

    @property
    def meanings(self) -> list[tuple[str, str]]:
        """What each of its curves says."""
        return [(one.name, gettext(METRICS[one.name][0])) for one in self.series if one.name in METRICS]


def charts_of(series: Sequence[Series]) -> list[Chart]:
    """Group a run's metrics into charts by what they measure; where none is main, the first one is.

    What is not main and stays at zero, such as the disagreement of a single head, is left out.
    """
    groups: dict[str, list[Series]] = {code: [] for code in SUBJECTS}
    for one in series:
        if one.name not in NOT_DRAWN:
            groups.setdefault(SUBJECT_OF.get(one.name) or _code(one.name), []).append(one)
    main = {code for code, group in groups.items() if group and code in SUBJECTS and SUBJECTS[code].is_main}
    drawn = [code for code, group in groups.items() if code in main or any(any(one.values) for one in group)]
    return [Chart(code, _title(code), groups[code], code in (main or drawn[:1])) for code in drawn]


def chart_svg(chart: Chart, theme: Theme) -> str:
    """The chart as SVG. It carries no text that people wrote, only metric names and numbers."""
    rows = [
        {"step": step, "value": value, "metric": one.name}
        for one in chart.series
        for step, value in zip(one.steps, one.values, strict=True)
    ]
    # What was held out comes second, so that a colour means the same in every chart.
    names = sorted((one.name for one in chart.series), key=lambda name: (name.startswith("eval/"), name))
    last = max(one.steps[-1] for one in chart.series)
    is_accuracy, is_percent = chart.code in ("accuracy", "decided"), chart.code in IN_PERCENT
    base = alt.Chart({"values": rows}).encode(
        x=alt.X(
            "step:Q",
            title=gettext("Step"),
            scale=alt.Scale(domain=[0, max(last, 1)], nice=False),
            axis=alt.Axis(values=_ticks(last), format="d", grid=False),
        ),
        y=alt.Y(
            "value:Q",
            title=None,
            scale=alt.Scale(domain=[0, 1]) if is_accuracy else alt.Scale(zero=is_percent, nice=True),
            axis=alt.Axis(format="~%" if is_percent else "~s" if chart.code == "speed" else "~f", tickCount=5),
        ),
        color=alt.Color(
            "metric:N",
            scale=alt.Scale(domain=names, range=list(theme.lines)),
            legend=alt.Legend(title=None, orient="top", symbolType="stroke", symbolStrokeWidth=3),
        ),
    )
    layers = [base.mark_line(strokeWidth=2, interpolate="linear")]
    if max(len(one.steps) for one in chart.series) <= 40:
        layers.append(base.mark_point(filled=True, size=22, opacity=1))
    if is_accuracy:
        half = alt.Chart({"values": [{"value": CHANCE}]}).mark_rule(strokeDash=[4, 4], color=theme.text, opacity=0.6)
        layers.insert(0, half.encode(y="value:Q"))
    return _drawn(alt.layer(*layers), theme, WIDTH, HEIGHT)


def reliability_svg(reliability: Reliability, theme: Theme) -> str:
    """How often what was predicted came true, with intervals; on the dashed line, predictions are honest."""
    rows = [
        {"predicted": bin.predicted, "observed": bin.observed.value, "low": bin.observed.low, "high": bin.observed.high,
         "n": bin.n}
        for bin in reliability.bins
    ]  # fmt: skip
    share = alt.Scale(domain=[0, 1])
    axis = alt.Axis(format="~%", values=[0, 0.25, 0.5, 0.75, 1])
    base = alt.Chart({"values": rows}).encode(
        x=alt.X("predicted:Q", title=gettext("Predicted"), scale=share, axis=axis)
    )
    honest = alt.Chart({"values": [{"at": 0}, {"at": 1}]}).encode(x="at:Q", y="at:Q")
    drawn = alt.layer(
        honest.mark_line(strokeDash=[4, 4], color=theme.text, opacity=0.6, strokeWidth=1),
        base.mark_rule(color=theme.lines[0], opacity=0.45, strokeWidth=2).encode(
            y=alt.Y("low:Q", title=gettext("Observed"), scale=share, axis=axis), y2="high:Q"
        ),
        base.mark_line(color=theme.lines[0], strokeWidth=1, opacity=0.4).encode(y="observed:Q"),
        base.mark_point(filled=True, color=theme.lines[0], opacity=1).encode(
            y="observed:Q", size=alt.Size("n:Q", scale=alt.Scale(range=[30, 160], zero=True), legend=None)
        ),
    )
    return _drawn(drawn, theme, SQUARE, SQUARE)


def leaderboard_svg(rows: Sequence[Row], theme: Theme) -> str:
    """Ratings as dots on their intervals, best on top. Names are text in an image, so nothing in them can act."""
    places = [
        {"place": f"{place:03}", "name": row.contestant.name or gettext("imported"),
         "rating": row.rating.value, "low": row.rating.low, "high": row.rating.high}
        for place, row in enumerate(rows)
    ]  # fmt: skip
    # Two contestants may share a name, so the axis holds places and looks their names up.
    names = {row["place"]: row["name"] for row in places}
    base = alt.Chart({"values": places}).encode(
        y=alt.Y(
            "place:N",
            title=None,
            sort=None,
            axis=alt.Axis(
                labelExpr=f"{json.dumps(names)}[datum.label]",
                labelLimit=NAME_WIDTH,
                domain=False,
                ticks=False,
                grid=True,
            ),
        )
    )
    middle = alt.Chart({"values": [{"at": MIDDLE}]}).mark_rule(strokeDash=[4, 4], color=theme.text, opacity=0.6)
    drawn = alt.layer(
        middle.encode(x="at:Q"),
        base.mark_rule(color=theme.lines[0], opacity=0.45, strokeWidth=4, strokeCap="round").encode(
            x=alt.X(
                "low:Q",
                title=gettext("Rating"),
                scale=alt.Scale(zero=False, nice=True),
                axis=alt.Axis(format="d", tickCount=5),
            ),
            x2="high:Q",
        ),
        base.mark_point(filled=True, color=theme.lines[0], opacity=1, size=60).encode(x="rating:Q"),
    )
    return _drawn(drawn, theme, ROW_WIDTH, ROW_HEIGHT * len(rows))


def numbers_svg(found: Throughput | Trend | Value, theme: Theme) -> str:
    """What the page of numbers shows, as the image that fits."""
    if isinstance(found, Throughput):
        return throughput_svg(found, theme)
    return trend_svg(found, theme) if isinstance(found, Trend) else value_svg(found, theme)


def throughput_svg(throughput: Throughput, theme: Theme) -> str:
    """Judgments per hour or day as bars."""
    length = throughput.span.step
    rows = [
        {"begins": _utc(step.begins), "ends": _utc(step.begins + length), "judgments": step.judgments}
        for step in throughput.steps
    ]
    drawn = alt.layer(
        alt.Chart({"values": rows})
        .mark_bar(color=theme.lines[0])
        .encode(
            x=alt.X(
                "begins:T",
                title=None,
                scale=alt.Scale(type="utc"),
                axis=alt.Axis(format="%H:%M" if throughput.span == Span.DAY else "%m-%d", tickCount=6, grid=False),
            ),
            x2="ends:T",
            y=alt.Y(
                "judgments:Q",
                title=gettext("Judgments per hour") if length == HOUR else gettext("Judgments per day"),
                scale=alt.Scale(zero=True, nice=True),
                axis=alt.Axis(format="~s", tickCount=5),
            ),
            y2=alt.datum(0),
        )
    )
    return _drawn(drawn, theme, WIDTH, HEIGHT)


def trend_svg(trend: Trend, theme: Theme) -> str:
    """Agreement step by step, with intervals."""
    rows, counted = [], 0
    for step in trend.steps:
        counted += step.judgments
        found = step.agreement
        if found.value is not None:
            at = _utc(step.begins) if trend.by == By.DAY else counted
            rows.append({"x": at, "value": found.value, "low": found.low, "high": found.high})
    if trend.by == By.DAY:
        axis = alt.Axis(format="%m-%d", tickCount=6, grid=False)
        x = alt.X("x:T", title=None, scale=alt.Scale(type="utc"), axis=axis)
    else:
        x = alt.X("x:Q", title=gettext("Judgments"), axis=alt.Axis(format="~s", tickCount=6, grid=False))
    y = alt.Y("low:Q", title=gettext("Agreement"), scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="~%"))
    base = alt.Chart({"values": rows}).encode(x=x)
    drawn = alt.layer(
        base.mark_rule(color=theme.lines[0], opacity=0.45, strokeWidth=2).encode(y=y, y2="high:Q"),
        base.mark_line(color=theme.lines[0], strokeWidth=1, opacity=0.4).encode(y="value:Q"),
        base.mark_point(filled=True, color=theme.lines[0], opacity=1, size=30).encode(y="value:Q"),
    )
    return _drawn(drawn, theme, WIDTH, HEIGHT)


def value_svg(value: Value, theme: Theme) -> str:
    """Held-out accuracy against judgments, with intervals, and the law through it where there is one."""
    rows = [
        {"x": one.judgments, "value": one.accuracy.value, "low": one.accuracy.low, "high": one.accuracy.high}
        for one in value.points
    ]
    law = [{"x": x, "value": y, "low": low, "high": high} for x, y, low, high in value.worth.curve]
    x = alt.X(
        "x:Q",
        title=gettext("Judgments"),
        scale=alt.Scale(type="log", nice=False),
        axis=alt.Axis(format="~s", tickCount=5, grid=False),
    )
    y = alt.Y(
        "low:Q",
        title=gettext("Held-out accuracy"),
        scale=alt.Scale(zero=False, nice=True),
        axis=alt.Axis(format="~%", tickCount=5),
    )
    points, curve = alt.Chart({"values": rows}).encode(x=x), alt.Chart({"values": law}).encode(x=x)
    drawn = alt.layer(
        curve.mark_area(color=theme.lines[1], opacity=0.18).encode(y=y, y2="high:Q"),
        curve.mark_line(color=theme.lines[1], strokeWidth=2).encode(y="value:Q"),
        points.mark_rule(color=theme.lines[0], opacity=0.45, strokeWidth=2).encode(y=y, y2="high:Q"),
        points.mark_point(filled=True, color=theme.lines[0], opacity=1, size=40).encode(y="value:Q"),
    )
    return _drawn(drawn, theme, WIDTH, HEIGHT)


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _drawn(chart: alt.LayerChart | alt.FacetChart, theme: Theme, width: int, height: int) -> str:
    drawn = chart.properties(width=width, height=height, background="transparent")
    drawn = drawn.configure(font=FONT).configure_view(stroke=None)
    drawn = drawn.configure_axis(
        labelColor=theme.text, titleColor=theme.text,
        gridColor=theme.grid, domainColor=theme.grid, tickColor=theme.grid,
        labelFontSize=12, titleFontSize=12, titleFontWeight="normal",
    ).configure_legend(labelColor=theme.text, labelFontSize=12)  # fmt: skip
    return str(vl_convert.vegalite_to_svg(drawn.to_dict()))


def _ticks(last: int) -> list[int]:
    """Whole steps, about six of them, in ones, twos or fives."""
    sizes = (one * 10**power for power in range(9) for one in (1, 2, 5))
    size = next(size for size in sizes if last / size <= 7)
    return list(range(0, last + 1, size))


def _code(name: str) -> str:
    """An address for a metric that has no subject yet."""
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def _title(code: str) -> str:
    return str(SUBJECTS[code].title) if code in SUBJECTS else code.replace("_", " ").capitalize()
