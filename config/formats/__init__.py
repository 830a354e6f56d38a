"""Dates as we write them, where Django's own way for a language is not ours."""
