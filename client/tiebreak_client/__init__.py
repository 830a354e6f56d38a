"""Tiebreak's API for Python: every operation is a method, what goes in and comes out is typed."""

from tiebreak_client import types
from tiebreak_client.operations import Operations
from tiebreak_client.problems import FieldError, Problem

__all__ = ["FieldError", "Problem", "Tiebreak", "types"]


class Tiebreak(Operations):
    """One server, as the person whose token this is. Use it as a context manager, or `close()` it."""
