"""Two PostgreSQL servers of which one follows the other synchronously, and what an operator does when the first dies.

A commit is acknowledged when both have it on disk, before and after a failover alike: until the dead server is back as
a follower, the promoted one answers reads and lets writes wait, unless it is told to go on alone. This is the least
that keeps every acknowledged row, not a replacement for Patroni, repmgr or a managed service: it runs on one machine,
which is the witness and can always fence, and it has no quorum. Knows nothing of articles.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from scripts.cluster.ports import HOST
from scripts.cluster.postgres_binaries import DEFAULT_VERSION, PostgresError
from scripts.cluster.postgres_server import SUPERUSER, PostgresServer

NAMES = ("left", "right")
# The same on both: whichever is primary waits for the other one, from its very first commit after a promotion.
SYNCHRONOUS = {"synchronous_standby_names": "ANY 1 ({})".format(", ".join(f'"{name}"' for name in NAMES))}
# What a dead primary has to redo before it can be rewound, and what is copied then, is the log since a checkpoint.
SHORT_LOG = {"checkpoint_timeout": "30s", "max_wal_size": "256MB", "min_wal_size": "32MB", "wal_keep_size": "64MB"}
_STREAMING = "SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'"
_SYNCHRONOUS = _STREAMING + " AND sync_state IN ('sync', 'quorum')"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Failover:
    """How long the steps of a failover took, in seconds since it was decided, and how the old server came back.

    :ivar promoted: Until the standby accepted connections as primary: reads work from here on.
    :ivar protected: Until the old primary followed again: from here on writes are on two disks when acknowledged.
    :ivar rewound: False: pg_rewind could not do it, the old primary was copied anew.
    """

    promoted: float
    protected: float
    rewound: bool


class ReplicatedPair:
    """Made by `create`; a context manager that removes both servers."""

    def __init__(self, servers: Mapping[str, PostgresServer]) -> None:
        """:param servers: By the names of `NAMES`; the first is the primary, the second follows it."""
        self._servers = dict(servers)
        self._primary = NAMES[0]

    @classmethod
    def create(
        cls,
        *,
        version: str = DEFAULT_VERSION,
        settings: Mapping[str, str] | None = None,
        parent: Path | None = None,
    ) -> Self:
        """Make a server and its synchronous standby (3 s); parameters as of `PostgresServer.create`.

        :raises PostgresError: One of them cannot be made or started.
        """
        with contextlib.ExitStack() as on_error:
            every = {**SHORT_LOG, **(settings or {}), **SYNCHRONOUS}
            left = PostgresServer.create(version=version, settings=every, parent=parent)
            on_error.enter_context(left)
            right = on_error.enter_context(PostgresServer.standby_of(left, NAMES[1], parent=parent))
            pair = cls(dict(zip(NAMES, (left, right), strict=True)))
            pair.wait_until_protected()
            pair.checkpoint()
            on_error.pop_all()
        return pair

    @property
    def primary(self) -> PostgresServer:
        return self._servers[self._primary]

    @property
    def standby(self) -> PostgresServer:
        return self._servers[self._other]

    def url(self, database: str = "postgres") -> str:
        """The address of both: libpq connects to the one that accepts writes."""
        hosts = ",".join(f"{HOST}:{self._servers[name].port}" for name in NAMES)
        password = self.primary.password
        return f"postgresql://{SUPERUSER}:{password}@{hosts}/{database}?target_session_attrs=read-write"

    def fail_over(self, *, alone: bool = False) -> Failover:
        """Fence the primary, promote the standby, make the old primary its standby.

        Fencing comes first and is what makes this safe: a primary that was merely slow must not go on taking writes
        beside the new one. Here it is a SIGKILL; between machines it is the power switch, or a lease that ran out.

        :param alone: Acknowledge writes that only the new primary has until the old one follows; they are lost if it
            dies meanwhile. Otherwise writes wait until then.
        :raises PostgresError: The standby cannot be promoted, or the old primary cannot be brought back; in the second
            case reads work.
        """
        start = time.monotonic()
        old, new = self.primary, self.standby
        old.kill()
        new.promote()
        self._primary = self._other
        promoted = time.monotonic() - start
        if alone:
            new.wait_for_standbys()
        rewound = self._bring_back(old)
        if alone:
            self._wait_for_follower(_STREAMING)
            for server in (new, old):  # the old one took the setting along
                server.sql("ALTER SYSTEM RESET synchronous_standby_names")
                server.sql("SELECT pg_reload_conf()")
        self.wait_until_protected()
        protected = time.monotonic() - start
        self.checkpoint()
        return Failover(promoted, protected, rewound)

    def checkpoint(self) -> None:
        """Let both begin anew from here: after a promotion neither has a checkpoint that a rewinding could go by."""
        self.primary.sql("CHECKPOINT")
        self.wait_until_equal()
        self.standby.sql("CHECKPOINT")

    def wait_until_protected(self, timeout_seconds: float = 60.0) -> None:
        """Return when the standby receives what the primary writes.

        :raises PostgresError: It does not within the time.
        """
        self._wait_for_follower(_SYNCHRONOUS, timeout_seconds)

    def wait_until_equal(self, timeout_seconds: float = 60.0) -> None:
        """Return when the standby shows all that the primary had written when this was called.

        :raises PostgresError: It does not within the time.
        """
        position = self.primary.sql("SELECT pg_current_wal_flush_lsn()")
        deadline = time.monotonic() + timeout_seconds
        while self.standby.sql(f"SELECT pg_last_wal_replay_lsn() >= '{position}'") != "t":
            if time.monotonic() > deadline:
                raise PostgresError(f"the standby did not catch up within {timeout_seconds:.0f} s")
            time.sleep(0.05)

    def destroy(self) -> None:
        for server in self._servers.values():
            server.destroy()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.destroy()

    @property
    def _other(self) -> str:
        return NAMES[1 - NAMES.index(self._primary)]

    def _wait_for_follower(self, question: str, timeout_seconds: float = 60.0) -> None:
        deadline = time.monotonic() + timeout_seconds
        while self._other not in self.primary.sql(question).splitlines():
            if time.monotonic() > deadline:
                raise PostgresError(f"the standby did not follow within {timeout_seconds:.0f} s")
            time.sleep(0.05)

    def _bring_back(self, old: PostgresServer) -> bool:
        """False: it had to be copied anew."""
        try:
            old.rewind_from(self.primary, self._other)
            old.start()
        except PostgresError as error:
            _log.warning("pg_rewind did not help (%s); the old primary is copied anew", str(error).splitlines()[-1])
            old.kill()
            old.copy_from(self.primary, self._other)
            old.start()
            return False
        return True


class FailureDetector:
    """Says that a primary is down after so many checks in a row without an answer.

    :param interval_seconds: Between checks; each waits one second at most for its answer.
    """

    def __init__(self, *, interval_seconds: float = 0.3, failures: int = 3) -> None:
        self.interval_seconds = interval_seconds
        self.failures = failures

    def wait_for_failure(self, server: PostgresServer, timeout_seconds: float = 3600.0) -> bool:
        """Return True when the server is down, False when it was up all the time."""
        deadline, failed = time.monotonic() + timeout_seconds, 0
        while time.monotonic() < deadline:
            failed = 0 if server.answers() else failed + 1
            if failed == self.failures:
                return True
            time.sleep(self.interval_seconds)
        return False
