"""The engine: a folder goes in, a folder comes out. Knows nothing of Django."""
