"""Django's Postgres backend with a cheaper question."""
