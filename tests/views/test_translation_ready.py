"""Every word that a template shows goes through translation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
NOT_YET: tuple[str, ...] = ()
STANDS_ALONE = ("500.html",)  # shown when nothing works any more, so it asks for no translation either
SPOKEN = ("alt", "aria-label", "placeholder", "title")  # attributes that people read or hear
UNSPOKEN = ("code", "kbd", "script", "style")  # elements whose text is no language
NAMES = {"Tiebreak", "UTC", "SHA", "A", "B", "n"}  # the same in every language

ASIDE = (
    r"{% *blocktranslate\b.*?{% *endblocktranslate *%}",
    r"{% *comment\b.*?{% *endcomment *%}",
    r"{#.*?#}",
    r"{% *block body_.*?{% *endblock.*?%}",  # attributes of <body>
)
# Words in an expression: {{ author|default:"imported" }}, but not {{ author|default:_("imported") }}.
BARE_ARGUMENT = re.compile(r"\|(?:default|default_if_none|pluralize|yesno):\"([^\"]*[^\W\d_][^\"]*)\"")
TAG = re.compile(r"{%.*?%}|{{.*?}}", re.DOTALL)


class Reader(HTMLParser):
    """Collects what people would read or hear."""

    def __init__(self) -> None:
        super().__init__()
        self.inside: list[str] = []
        self.read: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.read += [value for name, value in attrs if name in SPOKEN and value]
        if tag in UNSPOKEN:
            self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.inside:
            self.inside.remove(tag)

    def handle_data(self, data: str) -> None:
        if not self.inside:
            self.read.append(data)


def unmarked(template: str) -> Iterator[str]:
    """The texts of a template that would stay English in every language."""
    source = re.sub("|".join(ASIDE), "", template, flags=re.DOTALL)
    yield from BARE_ARGUMENT.findall(source)
    reader = Reader()
    reader.feed(TAG.sub("", source))
    reader.close()
    for text in reader.read:
        if set(re.findall(r"[^\W\d_]+", text)) - NAMES:
            yield " ".join(text.split())


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("<p>Hello</p>", ["Hello"]),
        ("<p>{% translate 'Hello' %}, {{ name }}</p>", []),
        ("{% blocktranslate %}Hello <b>you</b>{% endblocktranslate %}{# Nobody reads this. #}", []),
        ("<input{% if a %} placeholder=\"Type here\"{% endif %} class='wide'>", ["Type here"]),
        ('{{ author|default:"nobody" }}{{ author|default:_("nobody") }}', ["nobody"]),
        ("<kbd>Esc</kbd> · n = 3 UTC", []),
    ],
)
def test_what_is_not_marked_is_found(template: str, found: list[str]) -> None:
    assert list(unmarked(template)) == found


def test_every_word_of_the_templates_is_marked() -> None:
    wrong = [
        f"{name}: {text}"
        for path in sorted(TEMPLATES.rglob("*.html"))
        if not (name := str(path.relative_to(TEMPLATES))).startswith(NOT_YET) and name not in STANDS_ALONE
        for text in unmarked(path.read_text(encoding="utf-8"))
    ]

    assert wrong == []
