#!/usr/bin/env python
"""Django's command line, with one clear line instead of a traceback when no database is reachable."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db.utils import OperationalError

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"tiebreak: {error}")
    except OperationalError as error:
        from django.conf import settings

        if settings.DATABASE_FROM == "nowhere":
            sys.exit(
                f"tiebreak: nothing runs in {settings.HOME} and DATABASE_URL is not set. "
                "Start an instance with `make up`, or point TIEBREAK_HOME or DATABASE_URL at one."
            )
        sys.exit(f"tiebreak: the database of {settings.DATABASE_FROM} does not answer: {str(error).strip()}")


if __name__ == "__main__":
    main()
