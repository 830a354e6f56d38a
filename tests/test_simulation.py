"""What a simulated rater reads of a page."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from annotator.simulation import page_read

COMPARISON = """
<form action="/skip/"><input type="hidden" name="csrfmiddlewaretoken" value="other"></form>
<article data-answer="left"><div><p>First &amp; <b>short</b><br>line</p><ul><li>one<li>two</ul></div></article>
<article data-answer="right"><p>Second &lt;script&gt;</p></article>
<form data-verdict-form action="/p/demo/judge/7/">
  <input type="hidden" name="csrfmiddlewaretoken" value="t&quot;k"><input type="hidden" name="key" value="k">
  <button name="answer" value="a">A</button><button name="answer" value="tie">Tie</button>
  <textarea name="rationale"></textarea>
</form>
<footer>outside</footer>
"""


def test_a_comparison_is_read_as_a_browser_reads_it() -> None:
    page = page_read(COMPARISON)

    assert page.is_comparison
    assert page.answers == {"left": "First & shortlineonetwo", "right": "Second <script>"}
    assert page.verdict is not None
    assert page.verdict.action == "/p/demo/judge/7/"
    assert page.verdict.hidden == {"csrfmiddlewaretoken": 't"k', "key": "k"}
    assert page.verdict.buttons == ["a", "tie"]


def test_a_page_without_a_comparison_says_why() -> None:
    page = page_read('<section data-state="preparing"><h1>Answers are being written</h1></section>')

    assert (page.is_comparison, page.state) == (False, "preparing")


def test_an_empty_answer_is_an_answer() -> None:
    page = page_read('<p data-answer="left"></p><p data-answer="right">x</p><form data-verdict-form></form>')

    assert page.is_comparison
    assert page.answers == {"left": "", "right": "x"}


@given(st.text(alphabet="<>/=\"ab '!-&;datnswerlfoxm", max_size=200))
def test_no_page_makes_it_raise(html: str) -> None:
    page_read(html)
