"""Curves of a run as SVG images: drawn on the server, so the pages need no chart script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import vl_convert

from annotator.selectors.runs import Series

WIDTH, HEIGHT = 460, 200
MAIN = ("loss", "accuracy", "margin", "reward")  # shown at once; the rest behind a fold
TITLES = {
    "loss": "Loss",
    "accuracy": "Accuracy",
    "margin": "Reward margin",
    "reward": "Rewards",
    "logps": "Log-probabilities",
    "rate": "Learning rate",
}
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
    """Metrics that share an axis. `code` is part of the address."""

    code: str
    title: str
    series: list[Series]

    @property
    def is_main(self) -> bool:
        return self.code in MAIN


def charts_of(series: Sequence[Series]) -> list[Chart]:
    """Group a run's metrics into charts by what they measure; the most telling ones come first."""
    groups: dict[str, list[Series]] = {}
    for one in series:
        groups.setdefault(_group(one.name), []).append(one)
    known = [code for code in TITLES if code in groups] + [code for code in groups if code not in TITLES]
    return [Chart(code, TITLES.get(code, code.replace("_", " ").capitalize()), groups[code]) for code in known]


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
    bounded = chart.code == "accuracy"
    base = alt.Chart({"values": rows}).encode(
        x=alt.X(
            "step:Q",
            title="Step",
            scale=alt.Scale(domain=[0, max(last, 1)], nice=False),
            axis=alt.Axis(values=_ticks(last), format="d", grid=False),
        ),
        y=alt.Y(
            "value:Q",
            title=None,
            scale=alt.Scale(domain=[0, 1]) if bounded else alt.Scale(zero=False, nice=True),
            axis=alt.Axis(format="%" if bounded else "~g", tickCount=5),
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
    if bounded:
        half = alt.Chart({"values": [{"value": 0.5}]}).mark_rule(strokeDash=[4, 4], color=theme.text, opacity=0.6)
        layers.insert(0, half.encode(y="value:Q"))
    drawn = alt.layer(*layers).properties(width=WIDTH, height=HEIGHT, background="transparent")
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


def _group(name: str) -> str:
    """The engine's names are those of TRL: train/loss, eval/accuracy, rewards/margins, logps/chosen, …"""
    kind, _, last = name.rpartition("/")
    if kind == "logps":
        return "logps"
    known = {
        "loss": "loss",
        "accuracy": "accuracy",
        "accuracies": "accuracy",
        "margins": "margin",
        "chosen": "reward",
        "rejected": "reward",
        "learning_rate": "rate",
    }
    return known.get(last, "".join(letter if letter.isalnum() else "_" for letter in last))
