"""Django's Postgres backend, which asks without a round trip whether a kept connection still stands."""

import os
import select
from contextlib import suppress
from pathlib import Path

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    def is_usable(self) -> bool:
        """A server that went away has closed the socket, and a closed socket can be read from.

        Between requests nothing else makes it readable but a notice, after which Postgres is asked as usual.
        """
        connection = self.connection
        if connection.closed:
            return False
        socket = select.poll()
        socket.register(connection.fileno(), select.POLLIN)
        return super().is_usable() if socket.poll(0) else True

    def init_connection_state(self) -> None:
        """Postgres answers each connection by a process: that of a worker, which is nice to raters, is as nice as it.

        Only where Postgres runs beside us, and where we may: elsewhere it takes its share as ever.
        """
        super().init_connection_state()
        nice, answering = os.getpriority(os.PRIO_PROCESS, 0), self.connection.info.backend_pid
        if nice > 0 and self.connection.info.host.startswith("/"):
            with suppress(OSError):
                if Path(f"/proc/{answering}/comm").read_text().startswith("postgres"):
                    os.setpriority(os.PRIO_PROCESS, answering, nice)
