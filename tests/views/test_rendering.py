"""How text, numbers and errors look, whoever asks."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.test import Client, RequestFactory
from django.utils import timezone
from django.views import defaults

from annotator import exceptions
from annotator.charts import NOT_DRAWN, SUBJECTS, THEMES, Chart, chart_svg, charts_of
from annotator.http import error_page
from annotator.rendering import chat_html, document_html
from annotator.selectors.quality import estimates_of, share_of
from annotator.selectors.runs import Series
from annotator.templatetags import tiebreak
from tests.cast import Cast
from training.metric_names import METRICS

# --- text --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("one\ntwo", "<p>one<br>\ntwo</p>\n"),
        ("# Big", "<h3>Big</h3>\n"),
        ("<b>no</b>", "<p>&lt;b&gt;no&lt;/b&gt;</p>\n"),
        ("![secret](http://e.org/x.png)", "<p>[image: secret]</p>\n"),
        ("[a](javascript:b)", "<p>[a](javascript:b)</p>\n"),
        ("[a](//e.org)", '<p><a href="//e.org" rel="noopener noreferrer nofollow">a</a></p>\n'),
        ("```nosuch\n<i>\n```", '<pre tabindex="0"><code>&lt;i&gt;\n</code></pre>\n'),
    ],
)
def test_chat_is_markdown_without_teeth(text: str, html: str) -> None:
    assert chat_html(text) == html


def test_a_document_may_be_wrapped_anywhere() -> None:
    assert document_html("one\ntwo") == "<p>one\ntwo</p>\n"


def test_code_is_coloured_by_classes_and_never_by_styles() -> None:
    html = chat_html("```python\ndef f(): pass\n```")

    assert '<span class="k">def</span>' in html
    assert "style" not in html


def test_a_table_scrolls_by_itself() -> None:
    assert '<div class="wide" tabindex="0"><table>' in chat_html("|a|b|\n|-|-|\n|1|2|")


# --- numbers -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (None, "share", "–"),
        (0.5, "share", "50 %"),
        (0.973, "share", "97.3 %"),
        (1.0, "share", "100 %"),
        (12.34, "seconds", "12.3 s"),
        (754.0, "seconds", "12 min 34 s"),
        (7810.0, "seconds", "2 h 10 min"),
        (2.0, "number", "2.00"),
        (100.0, "number", "100"),
        (1234.5, "number", "1,234"),
        (-48.25, "number", "-48.2"),
        (31.0, "count", "31"),
        (0.00074, "number", "0.000740"),
    ],
)
def test_a_value_is_written_with_the_digits_it_deserves(value: float | None, kind: str, text: str) -> None:
    assert tiebreak.shown(value, kind) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(3, "10 s"), (44, "40 s"), (95, "2 min"), (3500, "58 min"), (7810, "2 h 10 min")]
)
def test_a_guessed_time_has_no_more_digits_than_it_deserves(seconds: float, text: str) -> None:
    assert tiebreak.roughly(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5, "just now"), (70, "1 min ago"), (7300, "2 h ago"), (90_000, "1 day ago"), (200_000, "2 days ago")],
)
def test_a_moment_is_written_as_a_distance(seconds: float, text: str) -> None:
    assert tiebreak.ago(timezone.now() - timedelta(seconds=seconds)) == text


def test_wilsons_interval_of_a_half_from_ten() -> None:
    """Centre (0.5 + z²/20) / (1 + z²/10) = 0.5; reach z/(1 + z²/10) · sqrt(0.025 + z²/400) = 0.2634."""
    share = share_of(5, 10, "", "")

    assert (share.value, share.n) == (0.5, 10)
    assert share.low == pytest.approx(0.2366, abs=1e-4)
    assert share.high == pytest.approx(0.7634, abs=1e-4)


def test_a_number_measured_on_nothing_says_so_instead_of_one_half() -> None:
    (estimate,) = estimates_of({"win_rate": {"value": 0.5, "n": 0, "low": 0.0, "high": 1.0}})

    assert (estimate.value, estimate.n) == (None, 0)
    assert "held out" in str(estimate.reason)


def test_the_known_measures_come_first_and_unknown_ones_are_not_lost() -> None:
    one: dict[str, Any] = {"value": 0.5, "n": 9, "low": 0.4, "high": 0.6}

    titles = [estimate.title for estimate in estimates_of({"new/thing": one, "kl": one, "win_rate": one})]

    assert titles == ["Win rate over the parent", "KL from the parent", "new/thing"]


# --- charts ------------------------------------------------------------------------


def test_metrics_are_grouped_by_what_they_measure_and_few_are_shown_at_once() -> None:
    names = ["eval/loss", "train/loss", "rewards/accuracies", "eval/accuracy", "logps/chosen", "grad_norm", "new/thing"]

    charts = charts_of([Series(name, [1], [0.5]) for name in names])

    assert [(chart.code, chart.is_main) for chart in charts] == [
        ("loss", True), ("accuracy", True), ("logps", False), ("gradient", False), ("new_thing", False),
    ]  # fmt: skip
    assert [series.name for series in charts[0].series] == ["eval/loss", "train/loss"]
    assert charts[0].unit == "nats"
    assert dict(charts[0].meanings)["train/loss"] == METRICS["train/loss"][0]


def test_every_metric_that_the_engine_says_on_the_way_is_drawn_or_listed_on_purpose() -> None:
    assert {name for subject in SUBJECTS.values() for name in subject.names} | set(NOT_DRAWN) <= METRICS.keys()


def test_a_run_without_a_main_chart_shows_its_first_one() -> None:
    charts = charts_of([Series("responses", [1], [64.0]), Series("tokens_per_second", [1], [900.0])])

    assert [(chart.title, chart.is_main) for chart in charts] == [("Speed", True)]


def test_what_stays_at_zero_is_no_chart_unless_it_is_a_main_one() -> None:
    charts = charts_of([Series(name, [0, 1], [0.0, 0.0]) for name in ("rewards/spread", "eval/accuracy")])

    assert [chart.code for chart in charts] == ["accuracy"]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("steps", [[1], [0, 1], [10, 20_000]])
def test_a_chart_of_any_length_is_drawn(theme: str, steps: list[int]) -> None:
    chart = Chart("accuracy", "Accuracy", [Series("eval/accuracy", steps, [0.5] * len(steps))])

    assert chart_svg(chart, THEMES[theme]).startswith("<svg")


# --- errors ------------------------------------------------------------------------


def our_errors(root: type[exceptions.TiebreakError]) -> list[type[exceptions.TiebreakError]]:
    return [root, *(found for child in root.__subclasses__() for found in our_errors(child))]


@pytest.mark.parametrize("error", our_errors(exceptions.TiebreakError))
def test_every_error_has_a_page_with_its_status_and_its_sentence(
    error: type[exceptions.TiebreakError], rf: RequestFactory
) -> None:
    page = error_page(rf.get("/p/shop/"), error())

    assert page.status_code == error.status
    assert error().message.split(".")[0].split("’")[0][:20] in page.content.decode()


def test_the_framework_s_own_errors_have_pages_too(rf: RequestFactory) -> None:
    request = rf.get("/somewhere/")

    assert "Something broke on our side" in defaults.server_error(request).content.decode()
    assert "Not open to you" in defaults.permission_denied(request, PermissionDenied()).content.decode()
    assert "made no sense" in defaults.bad_request(request, SuspiciousOperation()).content.decode()


def test_an_unknown_address_is_a_page_and_not_a_secret(cast: Cast) -> None:
    response = Client().get("/nowhere/at/all/")

    assert response.status_code == 404
    assert "Nothing here" in response.content.decode()


def test_a_form_from_before_a_sign_in_says_what_happened(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.ann)

    response = client.post("/logout/")

    assert response.status_code == 403
    assert "You signed in or out in another tab" in response.content.decode()


# --- formulas, directions, and what is too long -----------------------------------


@pytest.mark.parametrize(
    "text", ["$x^2$", r"\(x^2\)", "$$x^2$$", r"\[x^2\]", "$$\nx^2\n$$", r"a \[ x^2" + "\n" + r"\] b"]
)
def test_every_spelling_of_a_formula_becomes_mathml(text: str) -> None:
    html = chat_html(text)

    assert re.search(r"<math[^>]*>.*<msup>.*</math>", html, re.DOTALL)
    assert "$" not in html


@pytest.mark.parametrize("text", ["It costs $5, not $10.", "from 5$ to 10$", r"`\(x\)`", "A lone $ sign", "`$x$`"])
def test_prices_and_code_are_no_formulas(text: str) -> None:
    assert "<math" not in chat_html(text)


def test_a_formula_that_cannot_be_read_is_shown_as_its_source() -> None:
    assert r"<code>\frac{</code>" in chat_html(r"$\frac{$")


def test_what_a_formula_smuggles_is_taken_out() -> None:
    html = chat_html(r"$\text{<script>hit()</script>}\href{javascript:hit()}{x}$")

    assert "script" not in html
    assert "href" not in html


def test_text_that_is_too_long_to_render_is_shown_as_it_is() -> None:
    html = chat_html("**a** <b> " * 30_000)

    assert html.startswith('<div class="verbatim">**a** &lt;b&gt; ')


def test_an_override_of_direction_is_shown_instead_of_followed() -> None:
    assert "\u202e" not in chat_html("abc \u202e evil")
    assert "\ufffd" in chat_html("abc \u202e evil")
