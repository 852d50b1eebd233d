"""A PostgreSQL server on loopback, for tests, drills and the demonstration: start, kill, copy as a standby, promote.

Not for production: it is one folder and one process without supervision. Knows nothing of articles.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

import psutil

from scripts.cluster.ports import HOST, free_port
from scripts.cluster.postgres_binaries import DEFAULT_VERSION, PostgresError, Programs, find_programs

SUPERUSER = "postgres"
START_SECONDS = 60.0
# Small enough for several servers on a laptop. What is written survives a killed process with or without fsync; the
# callers that measure loads leave it on, tests that do not care switch it off.
SETTINGS: Mapping[str, str] = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "dynamic_shared_memory_type": "mmap",  # in its folder: /dev/shm can be tiny, and a kill would leave things there
    "max_wal_size": "512MB",
    "wal_level": "replica",
    "wal_keep_size": "256MB",  # what pg_rewind looks back in
    "max_wal_senders": "8",
    "hot_standby": "on",
    "wal_retrieve_retry_interval": "200ms",  # default 5 s: how long a standby sits out before it looks for a promotion
    # Default 10 s: how long writes go on waiting for a standby that caught up while nothing else was written.
    "wal_receiver_status_interval": "1s",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


class PostgresServer:
    """One server with a folder of its own, made by `create` or `standby_of`; a context manager that removes both."""

    def __init__(self, programs: Programs, folder: Path, password: str) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "log"
        self.port = 0
        self.password = password
        self._programs = programs
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def create(
        cls,
        *,
        version: str = DEFAULT_VERSION,
        settings: Mapping[str, str] | None = None,
        parent: Path | None = None,
    ) -> Self:
        """Make an empty server with page checksums and start it (2 s).

        :param settings: Of postgresql.conf, on top of `SETTINGS`.
        :param parent: Where its folder goes, default the system's folder for temporary files. The account it runs as
            must be able to reach it: for root, that is `nobody`.
        :raises PostgresError: It cannot be made or started.
        """
        programs = find_programs(version)
        server = cls(programs, programs.make_folder("article-qa-postgres-", parent), secrets.token_urlsafe(18))
        with _removed_on_error(server):
            server._initialise({**SETTINGS, **(settings or {})})
            server.start()
        return server

    @classmethod
    def standby_of(cls, primary: PostgresServer, name: str, *, parent: Path | None = None) -> Self:
        """Copy a running server by pg_basebackup and start the copy, which follows it under this name.

        It is asynchronous until `primary.wait_for_standbys(name)`.

        :param name: Letters, digits and underscores.
        :raises PostgresError: The copy failed, or does not start.
        """
        folder = primary._programs.make_folder("article-qa-postgres-", parent)
        server = cls(primary._programs, folder, primary.password)
        with _removed_on_error(server):
            server.copy_from(primary, name)
            server.start()
        return server

    @classmethod
    def restored_from(cls, folder: Path, archive: Path, password: str, *, version: str = DEFAULT_VERSION) -> Self:
        """Start a server on a base backup and let it take in all of the archived log (point in time: the end).

        :param folder: Of `make_folder`; pg_basebackup made its `data`. It is the server's from now on.
        :param archive: Where `archive_command` copied the log to.
        :param password: That of the server that was backed up.
        :raises PostgresError: It cannot be started or does not reach the log's end.
        """
        server = cls(find_programs(version), folder, password)
        with _removed_on_error(server):
            (server.data / "recovery.signal").touch()
            with (server.data / "postgresql.auto.conf").open("a") as configuration:
                configuration.write(f"restore_command = 'cp {archive}/%f %p'\narchive_mode = off\n")
            server.start()
            server.wait_until_recovered()
        return server

    def copy_from(self, primary: PostgresServer, name: str) -> None:
        """Replace what a stopped server holds by a copy of another one, to follow it from the next start on."""
        if self.running:
            raise PostgresError("stop the server before its data are replaced")
        self._release_memory()
        shutil.rmtree(self.data, ignore_errors=True)
        source = primary.connection_string(name)
        self.run("pg_basebackup", "-d", source, "-D", str(self.data), "-R", "-c", "fast", "-X", "stream", "--no-sync")

    def rewind_from(self, primary: PostgresServer, name: str) -> None:
        """Turn a stopped former primary into a follower of the promoted one, copying only what differs.

        :raises PostgresError: Among others when its last checkpoint lies after the promotion; `copy_from` always works.
        """
        if self.running:
            raise PostgresError("stop the server before it is rewound")
        source = primary.connection_string(name, dbname="postgres")
        self.run("pg_rewind", "-D", str(self.data), f"--source-server={source}", "-R", "--no-sync")
        # It will follow from where the primary's log ends, be it on disk or not: else it waited for the next write.
        primary.sql("SELECT pg_log_standby_snapshot()")

    def start(self) -> None:
        """Start and wait until it takes connections (a standby: reading ones).

        :raises PostgresError: It ended at once or takes no connection within `START_SECONDS`; with its last words.
        """
        if self.running:
            raise PostgresError("the server runs already")
        first_time = self.port == 0
        for _ in range(5):
            self.port = free_port() if first_time else self.port  # later its address stays
            if self._start_once():
                return
        raise PostgresError(f"somebody else took port {self.port}")

    def stop(self, mode: str = "fast") -> None:
        """Shut down in order; `mode` as of pg_ctl: fast ends open transactions, immediate is a crash without one.

        :raises PostgresError: It does not end within a minute.
        """
        signals = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
        if self._process is not None:
            self._process.send_signal(signals[mode])
            try:
                self._process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                raise PostgresError(f"the server on port {self.port} did not stop within a minute") from None

    def kill(self) -> None:
        """SIGKILL for all processes at once; not as if power went: the system keeps what it had not written to disk."""
        if self._process is None or self._process.poll() is not None:
            return
        server = psutil.Process(self._process.pid)
        server.suspend()  # it starts no process while they are listed
        for process in (server, *server.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait(timeout=60)

    def promote(self) -> None:
        """Make a standby the primary; returns when it accepts writes.

        :raises PostgresError: It is none, or took longer than a minute.
        """
        self.run("pg_ctl", "promote", "-D", str(self.data), "-w", "-t", "60")

    def wait_until_recovered(self, timeout_seconds: float = 60.0) -> None:
        """Return when it takes writes, having read the log that it recovers from to its end.

        :raises PostgresError: It does not within the time.
        """
        deadline = time.monotonic() + timeout_seconds
        while self.sql("SELECT pg_is_in_recovery()") != "f":
            if time.monotonic() > deadline:
                raise PostgresError(f"the server was not recovered within {timeout_seconds:.0f} s")
            time.sleep(0.05)

    def wait_for_standbys(self, *names: str) -> None:
        """Acknowledge a commit only when one of these standbys has it on disk; without names: no waiting."""
        for name in names:
            if not re.fullmatch(r"\w+", name):
                raise PostgresError(f"a standby's name has letters, digits and underscores, not {name!r}")
        quoted = ", ".join(f'"{name}"' for name in names)  # `first` and `any` are words of the language of this setting
        wanted = f"ANY 1 ({quoted})" if names else ""
        self.sql(f"ALTER SYSTEM SET synchronous_standby_names = '{wanted}'")
        self.sql("SELECT pg_reload_conf()")

    def destroy(self) -> None:
        """End it at once and remove its folder."""
        if self.running:
            self.stop("immediate")
        self._release_memory()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def process_id(self) -> int | None:
        """Of the process that all others of the server are children of."""
        return self._process.pid if self._process is not None else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def answers(self) -> bool:
        """Whether it takes connections; after a second without a word it does not."""
        try:
            self.run("pg_isready", "-q", "-h", HOST, "-p", str(self.port), "-t", "1")
        except PostgresError:
            return False
        return True

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{SUPERUSER}:{self.password}@{HOST}:{self.port}/{database}"

    def connection_string(self, name: str, **more: str) -> str:
        """What standbys connect with; the password goes beside it, in the environment."""
        words = {"host": HOST, "port": self.port, "user": SUPERUSER, "application_name": name, **more}
        return " ".join(f"{key}={value}" for key, value in words.items())

    def sql(self, statement: str, database: str = "postgres") -> str:
        """What psql prints for one statement: rows as lines, fields separated by `|`.

        :raises PostgresError: The statement failed.
        """
        where = self.connection_string("psql", dbname=database)
        return self.run("psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", where, "-c", statement).strip()

    def run(self, program: str, *arguments: str) -> str:
        """Run one of PostgreSQL's programs in the server's folder, with its password.

        :raises PostgresError: The program failed.
        """
        return self._programs.run(program, *arguments, cwd=self.folder, password=self.password)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.destroy()

    def _initialise(self, settings: Mapping[str, str]) -> None:
        secret = self.folder / "password"
        secret.write_text(self.password)  # the account reads it; the folder keeps everybody else out
        secret.chmod(0o644)
        options = ["-U", SUPERUSER, "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--locale=C.UTF-8"]
        self.run("initdb", "-D", str(self.data), *options, "-k", "--no-sync", "--no-instructions")
        secret.unlink()
        # In the file, not on the command line: pg_rewind and copies of the server go by them, too.
        lines = [f"{key} = '{value}'" for key, value in settings.items()]
        with (self.data / "postgresql.conf").open("a") as configuration:
            configuration.write("\n".join(["", *lines, ""]))

    def _release_memory(self) -> None:
        """A killed server leaves a piece of System V memory that its next start would take; there are only so many."""
        file = self.data / "postmaster.pid"
        lines = file.read_text().splitlines() if file.exists() else []
        if len(lines) > 6 and (ipcrm := shutil.which("ipcrm")) is not None:
            self.run(ipcrm, "-m", lines[6].split()[1])

    def _start_once(self) -> bool:
        """False: the port is taken."""
        begin = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as output:
            command = ("postgres", "-D", str(self.data), "-p", str(self.port))
            self._process = self._programs.start(*command, cwd=self.folder, output=output)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                words = self.log.read_bytes()[begin:].decode(errors="replace")
                if "Address already in use" in words:
                    return False
                raise PostgresError(f"the server on port {self.port} ended at its start: {words[-2000:].strip()}")
            if self.answers():
                return True
            time.sleep(0.02)
        self.kill()
        raise PostgresError(f"the server on port {self.port} took no connection within {START_SECONDS:.0f} s")


@contextlib.contextmanager
def _removed_on_error(server: PostgresServer) -> Iterator[None]:
    try:
        yield
    except BaseException:
        server.destroy()
        raise
