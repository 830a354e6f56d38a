"""Ways of asking which answer is better, a file each: adding one touches its file and its test.

A file states its PRESET: the answers, in the order of the buttons, and where the
way of asking was published. A preset that is not made of buttons names a template too.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from annotator.domain.verdicts import Preset

_found: list[Preset] = [import_module(f"{__name__}.{module.name}").PRESET for module in iter_modules(__path__)]
PRESETS: dict[str, Preset] = {preset.code: preset for preset in sorted(_found, key=lambda preset: preset.name)}
