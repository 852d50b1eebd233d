"""The users of all app processes on one PostgreSQL index, in a table; knows nothing of requests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from psycopg import IsolationLevel

from index.errors import BadInputError, StorageError
from index.postgres.servers import Connection, Server
from qa.shared.schema import make_tables
from qa.users import BaseUsers, Change, Result, User, user_from_json

# Every request asks who the user is: a change is seen by all processes this much later.
_SEEN_SECONDS = 1.0


class UsersTable(BaseUsers):
    """See :class:`qa.users.BaseUsers`."""

    def __init__(self, server: Server, clock: Callable[[], float] = time.monotonic) -> None:
        """Make the tables where there are none.

        :raises StorageError: If the server cannot be reached, or its tables are of a newer program.
        """
        super().__init__()
        make_tables(server)
        self._server = server
        self._clock = clock
        self._looked_at: float | None = None
        self._version = -1

    def _state(self) -> object:
        now = self._clock()
        if self._looked_at is None or now - self._looked_at >= _SEEN_SECONDS:
            self._version = _version(self._server)
            self._looked_at = now
        return self._version

    def _read(self) -> dict[str, User]:
        with self._server.read() as connection:
            return _users(connection)

    def _change(self, change: Change[Result]) -> Result:
        def work(connection: Connection) -> Result:
            connection.execute("LOCK TABLE app_users_state IN EXCLUSIVE MODE")
            users = _users(connection)
            result = change(users)
            _replace(connection, users.values())
            return result

        result = self._server.write(work, isolation=IsolationLevel.READ_COMMITTED)
        self._looked_at = None
        return result


def take_over(others: Mapping[str, User], connection: Connection) -> None:
    """Add users as they are elsewhere, with their secrets, in the connection's transaction.

    :raises BadInputError: If there are any already; then none is added.
    """
    if not others:
        return
    connection.execute("LOCK TABLE app_users_state IN EXCLUSIVE MODE")
    if _users(connection):
        raise BadInputError("the server has users already; copy into a database of its own")
    _replace(connection, others.values())


def _replace(connection: Connection, users: Iterable[User]) -> None:
    connection.execute("DELETE FROM app_users")
    for user in users:
        connection.execute(
            "INSERT INTO app_users (name, role, secret_sha256, created_at) VALUES (%s, %s, %s, %s)",
            (user.name, user.role, user.secret_sha256, user.created_at),
        )
    connection.execute("UPDATE app_users_state SET version = version + 1")


def _version(server: Server) -> int:
    with server.read() as connection:
        row = connection.execute("SELECT version FROM app_users_state").fetchone()
    if row is None:
        raise StorageError(f"{server.name}: the table of users has lost its version; restore it from a backup")
    return int(row[0])


def _users(connection: Connection) -> dict[str, User]:
    rows = connection.execute("SELECT name, role, secret_sha256, created_at FROM app_users ORDER BY name").fetchall()
    keys = ("name", "role", "secret_sha256", "created_at")
    try:
        users = [user_from_json(dict(zip(keys, row, strict=True))) for row in rows]
    except ValueError as error:
        raise StorageError(f"the table of users is damaged ({error}); restore it from a backup") from error
    return {user.name: user for user in users}
