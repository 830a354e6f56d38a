"""Write `types.py` and `operations.py` from the API's schema, so that the client can do what the server can.

    python manage.py spectacular --format openapi-json | python client/write_operations.py

Knows what our own schema contains and no more of OpenAPI; what it does not know stops it with a KeyError.
"""

from __future__ import annotations

import json
import keyword
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

Part = dict[str, Any]
FOLDER = Path(__file__).resolve().parent / "tiebreak_client"
ENDINGS = ("Output", "Serializer")
PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
WIDTH = 116
JSON, BYTES, NDJSON = "application/json", "application/octet-stream", "application/x-ndjson"


def operations_of(schema: Part) -> str:
    """The source of `operations.py`: a method for each operation."""
    methods = {
        operation["operationId"]: _method(schema, address, method, operation)
        for address, known in schema["paths"].items()
        for method, operation in known.items()
    }
    return HEAD + "".join(textwrap.indent(f"\n{methods[name]}", "    ") for name in sorted(methods))


def types_of(schema: Part, operations: str) -> str:
    """The source of `types.py`: what `operations` take and return, as dictionaries with known fields."""
    parts = {_named(name): part for name, part in schema["components"]["schemas"].items() if "properties" in part}
    sources: dict[str, str] = {}
    wanted = set(re.findall(r"types\.(\w+)", operations))
    while wanted:
        name = wanted.pop()
        sources[name] = _class(schema, name, parts[name])
        wanted |= {one for one in re.findall(r"\b[A-Z]\w+", _hints(schema, parts[name])) if one in parts} - set(sources)
    return TYPES_HEAD + "".join(f"\n\n{sources[name]}" for name in sorted(sources))


TYPES_HEAD = '''"""What goes in and comes out. Times are ISO 8601 in UTC. Written by write_operations.py."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict
'''


HEAD = '''"""Every operation of the API as a method. Written by write_operations.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal

from tiebreak_client import types
from tiebreak_client.transport import LEFT_OUT, Transport


class Operations(Transport):
    """What can be done. Everything raises Problem where the server refuses."""
'''


def _method(schema: Part, address: str, method: str, operation: Part) -> str:
    known = operation.get("parameters", [])
    queries = {one["name"]: one["schema"] for one in known if one["in"] == "query"}
    places = {one["name"]: one["schema"] for one in known if one["in"] == "path"}
    arguments = ["self", *(f"{name}: {_type(schema, places[name])}" for name in re.findall(r"{(\w+)}", address))]
    sent, named = [], []
    body: Part = operation.get("requestBody", Part()).get("content", Part())
    answers = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
    content: Part = answers.get("content", Part())
    kind, found = next(iter(content.items()), (None, Part()))
    is_page = found.get("schema", {}).get("$ref", "").endswith("Page")
    if BYTES in body:
        arguments.append("file: BinaryIO")
        sent.append("file=file")
    elif JSON in body and body[JSON]["schema"].get("type") == "array":
        arguments.append(f"rows: Sequence[{_type(schema, body[JSON]['schema']['items'], 'types.')}]")
        sent.append("body=list(rows)")
    elif JSON in body:
        part = _resolved(schema, body[JSON]["schema"])
        for name, inner in part.get("properties", {}).items():
            otherwise = "" if name in part.get("required", ()) else " = LEFT_OUT"
            named.append(f"{_argument(name)}: {_type(schema, inner, 'types.')}{otherwise}")
        sent.append(f"body={_dictionary(part.get('properties', {}))}")
    if kind is not None and kind != JSON:
        arguments.append("to: str | Path")
    queries = {name: inner for name, inner in queries.items() if not (is_page and name == "cursor")}
    named += [f"{_argument(name)}: {_type(schema, inner, 'types.')} = LEFT_OUT" for name, inner in queries.items()]
    if queries or is_page:
        sent.append(f"query={_dictionary(queries)}")
    if named:
        arguments += ["*", *sorted(named, key=lambda one: "= LEFT_OUT" in one)]
    path = re.sub(r"{(\w+)}", r"{\1}", address)
    quoted = f'f"{path}"' if "{" in path else f'"{path}"'
    if is_page:
        row = _resolved(schema, found["schema"])["properties"]["results"]["items"]
        returns, call = f"Iterator[{_type(schema, row, 'types.')}]", ["self._pages(", quoted, *sent]
    elif kind is not None and kind != JSON:
        returns, call = "Path", ["self._saved(", quoted, "to", *sent]
    else:
        returns = _type(schema, found["schema"], "types.") if found else "None"
        call = ["self._asked(", f'"{method.upper()}"', quoted, *sent]
    words = _docstring(operation["description"])
    result = f"{call[0]}{', '.join(call[1:])})"
    statement = result if returns == "None" else f"return {result}"
    source = f"def {_argument(operation['operationId'])}({', '.join(arguments)}) -> {returns}:\n"
    return source + textwrap.indent(f"{words}\n{statement}\n", "    ")


def _type(schema: Part, part: Part, place: str = "") -> str:
    if "$ref" in part:
        name = part["$ref"].rsplit("/", 1)[-1]
        inner = schema["components"]["schemas"][name]
        return f"{place}{_named(name)}" if "properties" in inner else _type(schema, inner)
    if "enum" in part:
        words = ", ".join(f'"{word}"' if isinstance(word, str) else repr(word) for word in part["enum"])
        return f"Literal[{words}]"
    for choice in ("oneOf", "anyOf", "allOf"):
        if choice in part:
            return " | ".join(dict.fromkeys(_type(schema, inner, place) for inner in part[choice]))
    kinds = part.get("type", "any")
    if isinstance(kinds, list):
        return " | ".join(_type(schema, {**part, "type": kind}, place) for kind in kinds)
    if kinds == "array":
        return f"list[{_type(schema, part['items'], place)}]"
    if kinds == "object":
        inner = part.get("additionalProperties")
        return f"dict[str, {_type(schema, inner, place) if inner else 'Any'}]"
    return PLAIN.get(kinds, "Any")


def _class(schema: Part, name: str, part: Part) -> str:
    words = _docstring(part["description"]) if "description" in part else ""
    fields = []
    for field, inner in part["properties"].items():
        fields += [f"# {line}" for line in textwrap.wrap(inner.get("description", ""), WIDTH - 6)]
        hint = _type(schema, inner)
        fields.append(f"{field}: {hint if field in part.get('required', ()) else f'NotRequired[{hint}]'}")
    return f"class {name}(TypedDict):\n" + textwrap.indent("\n".join([words, *fields]), "    ") + "\n"


def _hints(schema: Part, part: Part) -> str:
    return " ".join(_type(schema, inner) for inner in part["properties"].values())


def _resolved(schema: Part, part: Part) -> Part:
    if "$ref" not in part:
        return part
    found: Part = schema["components"]["schemas"][part["$ref"].rsplit("/", 1)[-1]]
    return found


def _named(name: str) -> str:
    for ending in ENDINGS:
        name = name.removesuffix(ending)
    return name


def _argument(name: str) -> str:
    return f"{name}_" if keyword.iskeyword(name) else name


def _dictionary(names: Part) -> str:
    return "{" + ", ".join(f'"{name}": {_argument(name)}' for name in names) + "}"


def _docstring(words: str) -> str:
    lines = textwrap.wrap(" ".join(words.replace("\n\nScope: ", " Scope: ").split()), WIDTH - 11)
    text = "\n".join(lines).replace("\\", "\\\\")
    return f'"""{text}"""' if len(lines) == 1 else f'"""{text}\n"""'


def formatted(source: str) -> str:
    """As the whole repository is laid out."""
    ruff = [sys.executable, "-m", "ruff"]
    for command in (
        [*ruff, "check", "--quiet", "--fix-only", "--select", "F401", "-"],
        [*ruff, "format", "--quiet", "-"],
    ):
        source = subprocess.run(command, input=source, capture_output=True, text=True, check=True).stdout
    return source


def main() -> None:
    schema = json.load(sys.stdin)
    operations = operations_of(schema)
    (FOLDER / "operations.py").write_text(formatted(operations), encoding="utf-8")
    (FOLDER / "types.py").write_text(formatted(types_of(schema, operations)), encoding="utf-8")


if __name__ == "__main__":
    main()
