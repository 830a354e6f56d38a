"""Thinking without a database: no Django, no I/O."""
