"""Connections to Postgres as the product opens them."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings
from django.db import connection


@pytest.mark.skipif(not settings.DATABASES["default"]["HOST"].startswith("/"), reason="Postgres may be anywhere")
@pytest.mark.django_db
def test_what_answers_a_nice_process_is_as_nice_as_it() -> None:
    def answered(nice: int) -> int:
        os.setpriority(os.PRIO_PROCESS, 0, nice)  # of this thread
        try:
            connection.ensure_connection()
            return os.getpriority(os.PRIO_PROCESS, connection.connection.info.backend_pid)
        finally:
            connection.close()

    usual = os.getpriority(os.PRIO_PROCESS, 0)
    with ThreadPoolExecutor(1) as other:
        assert other.submit(answered, usual).result() <= usual
        assert other.submit(answered, usual + 5).result() == usual + 5
