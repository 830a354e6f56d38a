"""How an answer looks, beside what it says: its length and its Markdown.

Arena's style control (Li, Angelopoulos and Chiang 2024, lmsys.org/blog/2024-08-28-style-control) adds to the law of
Bradley and Terry the normalised differences (first - second) / (first + second) of length, headings, list items
and bold passages, divided by their standard deviation. We differ in two ways: length is in characters, as answers of
several models share no tokens, and the means are not subtracted, so that swapping the sides mirrors everything.
"""

from __future__ import annotations

import re

import numpy as np

from annotator.domain.ranking.votes import Numbers

FEATURES = ("length", "headings", "lists", "bold")
FENCED = re.compile(r"^ {0,3}(```|~~~).*?(^ {0,3}\1|\Z)", re.MULTILINE | re.DOTALL)
MARKS = (
    re.compile(r"^ {0,3}#{1,6}[ \t]+\S", re.MULTILINE),
    re.compile(r"^[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+\S", re.MULTILINE),
    re.compile(r"(\*\*|__)(?=\S)[^\n]{1,500}?(?<=\S)\1"),
)


def style_of(text: str) -> tuple[int, int, int, int]:
    """Characters, headings, list items and bold passages of an answer.

    Marks inside a fenced block of code do not count.
    """
    prose = FENCED.sub("", text)
    headings, lists, bold = (sum(1 for _ in mark.finditer(prose)) for mark in MARKS)
    return len(text), headings, lists, bold


def style_differences(first_RS: Numbers, second_RS: Numbers) -> Numbers:
    """Normalised differences by standard deviation: one unit of a coefficient is one of these. Shape (R, S).

    Each lies in [-1, 1] before the division, and is 0 where neither side has any of it.
    """
    both_RS = first_RS + second_RS
    share_RS = np.divide(first_RS - second_RS, both_RS, out=np.zeros_like(both_RS), where=both_RS > 0)
    # The spread around zero, not around the mean: it does not depend on who stands first.
    spread_S = np.sqrt((share_RS**2).mean(axis=0)) if len(share_RS) else np.ones(both_RS.shape[1])
    return share_RS / np.where(spread_S > 0, spread_S, 1.0)
