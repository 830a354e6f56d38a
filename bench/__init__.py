"""Measurements: commands that print the figures which the docs state."""
