"""Every language says everything, and says it with the same places and tags."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.utils.translation import to_locale
from django.utils.translation.template import templatize

from annotator.management.commands.makemessages import words_of_the_engine

ROOT = Path(__file__).resolve().parents[1]
LOCALES = [to_locale(code) for code, _name in settings.LANGUAGES if code != "en"]
MARKS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext"}
PLACE = re.compile(r"%\([^)]*\)[a-z]|\{[A-Za-z]*\}|</?[a-z][^>]*>")
IN_TEMPLATE = re.compile(r"""n?gettext\(u?((?:'(?:[^'\\]|\\.)*')|(?:"(?:[^"\\]|\\.)*"))""")


@pytest.fixture(params=LOCALES)
def catalogue(request: pytest.FixtureRequest) -> polib.POFile:
    return polib.pofile(ROOT / "locale" / request.param / "LC_MESSAGES" / "django.po")


def marked() -> Iterator[str]:
    """What templates, our Python and the engine want translated; plurals by their singular."""
    for path in (ROOT / "templates").rglob("*.html"):
        for found in IN_TEMPLATE.finditer(templatize(path.read_text(), origin=str(path))):
            yield ast.literal_eval(found[1])
    for path in (ROOT / "annotator").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in MARKS:
                yield from (
                    word.value
                    for word in node.args[:1]
                    if isinstance(word, ast.Constant) and isinstance(word.value, str)
                )
    yield from words_of_the_engine()


def test_nothing_waits_for_a_translator(catalogue: polib.POFile) -> None:
    assert [entry.msgid for entry in catalogue if not entry.translated() or entry.fuzzy] == []


def test_everything_that_is_marked_is_in_it(catalogue: polib.POFile) -> None:
    """`make messages` collects what is missing here."""
    known = {entry.msgid for entry in catalogue}

    assert {text.replace("%%", "%") for text in marked() if text} - {one.replace("%%", "%") for one in known} == set()


def test_places_and_tags_are_those_of_the_english(catalogue: polib.POFile) -> None:
    wrong = []
    for entry in catalogue:
        if entry.msgid_plural:
            allowed = set(PLACE.findall(entry.msgid_plural))
            wrong += [form for form in entry.msgstr_plural.values() if not set(PLACE.findall(form)) <= allowed]
        elif sorted(PLACE.findall(entry.msgid)) != sorted(PLACE.findall(entry.msgstr)):
            wrong.append(entry.msgstr)

    assert wrong == []


def test_what_is_served_was_compiled_from_it(catalogue: polib.POFile) -> None:
    compiled = polib.mofile(str(Path(catalogue.fpath).with_suffix(".mo")))

    def said(entries: list[polib.POEntry]) -> dict[tuple[str | None, str], object]:
        return {(entry.msgctxt, entry.msgid): entry.msgstr_plural or entry.msgstr for entry in entries}

    assert said(list(compiled)) == said(list(catalogue))
