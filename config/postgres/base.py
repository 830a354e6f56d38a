"""Django's Postgres backend, which asks without a round trip whether a kept connection still stands."""

import select

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
