"""What may keep an instance from starting."""


class CannotStart(Exception):
    """One line for the person at the terminal: what is wrong, with which value, and what to do about it."""
