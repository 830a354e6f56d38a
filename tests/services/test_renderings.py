from __future__ import annotations

from annotator.models import Rendering, Round
from annotator.rendering import VERSION
from annotator.selectors.renderings import renderings_of, text_key
from annotator.services.renderings import renderings_ensure
from tests.cast import Cast
from tests.factories import held


def test_a_round_that_opens_has_rendered_what_its_raters_will_read(cast: Cast, collecting: Round) -> None:
    shown = {one.first.text_sha256 for one in collecting.comparisons.select_related("first")}

    assert shown <= set(Rendering.objects.values_list("pk", flat=True))


def test_a_lease_renders_what_its_rater_will_read(cast: Cast, collecting: Round) -> None:
    Rendering.objects.all().delete()  # as after an upgrade

    assignment = held(cast.shop, cast.ann)

    texts = [assignment.left.text, assignment.right.text]
    texts += [turn["content"] for turn in assignment.comparison.prompt.messages]
    assert set(Rendering.objects.values_list("pk", flat=True)) == {text_key(text) for text in texts}


def test_what_is_stored_is_shown_and_not_made_again(db: None) -> None:
    Rendering.objects.create(sha256=text_key("*a*"), version=VERSION, html="<p>stored</p>")

    assert renderings_of(["*a*", "*b*"]) == {"*a*": "<p>stored</p>", "*b*": "<p><em>b</em></p>\n"}


def test_html_of_an_earlier_renderer_is_made_anew(db: None) -> None:
    Rendering.objects.create(sha256=text_key("*a*"), version=VERSION - 1, html="<p>old</p>")

    assert renderings_of(["*a*"])["*a*"] == "<p><em>a</em></p>\n"
    renderings_ensure(["*a*"])
    assert Rendering.objects.get().html == "<p><em>a</em></p>\n"
