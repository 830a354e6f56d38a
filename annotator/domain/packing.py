"""Findings as bytes and back, without letting bytes run code.

A finding is made of dataclasses, tuples, numbers and texts that wait for their
language. Such a text is packed as what it says in English, and is the same object
for the same words when it comes back: making one costs more than all the rest.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from typing import Any

OURS = ("annotator.selectors.", "annotator.domain.")
PLAIN = {
    ("datetime", "datetime"), ("datetime", "date"), ("datetime", "timezone"), ("datetime", "timedelta"),
    ("numpy", "dtype"), ("numpy", "ndarray"), ("numpy._core.multiarray", "scalar"),
    ("numpy._core.multiarray", "_reconstruct"), ("numpy._core.numeric", "_frombuffer"),
}  # fmt: skip

# How a text that waits is told from others (None for others), and how it is made again.
Told = Callable[[Any], tuple[str, ...] | None]
Made = Callable[[tuple[str, ...]], Any]


def packed(finding: Any, told: Told) -> bytes:
    class Packer(pickle.Pickler):
        def persistent_id(self, thing: Any) -> tuple[str, ...] | None:
            return told(thing)

    into = io.BytesIO()
    Packer(into, protocol=5).dump(finding)
    return into.getvalue()


def unpacked(packing: bytes, made: Made) -> Any:
    """Raises pickle.UnpicklingError for anything but our own classes and plain values."""

    class Unpacker(pickle.Unpickler):
        def persistent_load(self, said: tuple[str, ...]) -> Any:
            return made(said)

        def find_class(self, module: str, name: str) -> Any:
            if (module, name) in PLAIN:
                return super().find_class(module, name)
            found = super().find_class(module, name) if module.startswith(OURS) and "." not in name else None
            if not isinstance(found, type) or not found.__module__.startswith(OURS):
                raise pickle.UnpicklingError(f"{module}.{name} has no place in a finding")
            return found

    return Unpacker(io.BytesIO(packing)).load()
