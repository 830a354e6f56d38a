"""Reading a page as a browser does."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any


@dataclass
class Form:
    action: str
    fields: dict[str, str] = field(default_factory=dict)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: dict[str, Form] = {}
        self._form: Form | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = self.forms[has.get("id", has.get("action", ""))] = Form(has.get("action", ""))
        elif has.get("type") in ("checkbox", "radio") and "checked" not in has:
            return  # a browser does not send it
        elif tag == "input" and self._form and "name" in has:
            self._form.fields[has["name"]] = has.get("value", "on" if has.get("type") == "checkbox" else "")
        elif tag == "select":
            self._select = has.get("name", "")
        elif tag == "option" and self._form and (self._select not in self._form.fields or "selected" in has):
            self._form.fields[self._select] = has.get("value", "")  # a browser sends the first one if none is selected

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None


def forms_of(response: Any) -> dict[str, Form]:
    """The forms of a page by id (or action), each with its fields as they would be sent untouched."""
    reader = _Reader()
    reader.feed(response.content.decode())
    return reader.forms
