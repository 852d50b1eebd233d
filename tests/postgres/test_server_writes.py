"""Reading and writing one PostgreSQL server: consistent reads, writes that happen once, errors in one line."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from index.errors import BuilderBusyError, ConfigError, StorageError
from index.postgres.migrations import migrate
from index.postgres.servers import Connection, Server
from scripts.cluster.postgres_server import PostgresServer
from tests.postgres.fixtures import folder_for_servers

pytestmark = pytest.mark.slow

STEPS = ["CREATE TABLE notes (note text)", "ALTER TABLE notes ADD COLUMN number integer; CREATE TABLE more ()"]


@pytest.fixture
def server(database_url: str) -> Iterator[Server]:
    made = Server(database_url, patience_seconds=5)
    migrate(made, "notes", STEPS)
    yield made
    made.close()


def notes(server: Server) -> list[str]:
    with server.read() as connection:
        return [str(row[0]) for row in connection.execute("SELECT note FROM notes ORDER BY note")]


def insert(note: str) -> Callable[[Connection], str]:
    def work(connection: Connection) -> str:
        connection.execute("INSERT INTO notes VALUES (%s)", (note,))
        return note

    return work


class LosesItsCommit:
    """A connection whose commit is sent, and whose answer never comes."""

    def __init__(self, connection: Connection, *, reaches_the_server: bool) -> None:
        self._connection = connection
        self._reaches_the_server = reaches_the_server

    def __call__(self) -> None:
        if self._reaches_the_server:
            self._connection.execute("COMMIT")
        self._connection.close()
        raise psycopg.OperationalError("server closed the connection unexpectedly")


def test_what_was_written_is_read(server: Server) -> None:
    assert server.write(insert("one")) == "one"
    assert notes(server) == ["one"]


def test_a_read_sees_one_state_throughout(server: Server) -> None:
    server.write(insert("one"))
    with server.read() as connection:
        assert connection.execute("SELECT count(*) FROM notes").fetchone() == (1,)
        server.write(insert("two"))
        assert connection.execute("SELECT count(*) FROM notes").fetchone() == (1,)
    assert notes(server) == ["one", "two"]


def test_a_read_cannot_write(server: Server) -> None:
    with pytest.raises(StorageError, match="read-only"), server.read() as connection:
        connection.execute("INSERT INTO notes VALUES ('no')")
    server.write(insert("yes"))
    assert notes(server) == ["yes"]


def test_what_fails_half_way_leaves_nothing(server: Server) -> None:
    def work(connection: Connection) -> None:
        insert("half")(connection)
        raise KeyError("no more")

    with pytest.raises(KeyError):
        server.write(work)
    with pytest.raises(StorageError, match="does not exist"):
        server.write(lambda connection: connection.execute("INSERT INTO nowhere VALUES (1)"))
    assert notes(server) == []


@pytest.mark.parametrize("reaches_the_server", [True, False])
def test_a_commit_without_an_answer_happens_once(server: Server, reaches_the_server: bool) -> None:
    tries: list[int] = []

    def work(connection: Connection) -> int:
        insert("once")(connection)
        tries.append(len(tries))
        if len(tries) == 1:
            lost = LosesItsCommit(connection, reaches_the_server=reaches_the_server)
            connection.commit = lost  # type: ignore[method-assign]
        return len(tries)

    assert server.write(work) == (1 if reaches_the_server else 2)
    assert notes(server) == ["once"]


def test_a_connection_lost_in_the_middle_is_no_loss(server: Server, database_url: str) -> None:
    tries: list[int] = []

    def work(connection: Connection) -> None:
        insert("once")(connection)
        tries.append(connection.info.backend_pid)
        if len(tries) == 1:
            with psycopg.connect(database_url, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s)", (tries[0],))
        connection.execute("SELECT 1")

    server.write(work)
    assert (notes(server), len(tries)) == (["once"], 2)


def test_connections_that_the_server_ended_are_replaced(server: Server, database_url: str) -> None:
    server.write(insert("before"))
    with psycopg.connect(database_url, autocommit=True) as other:
        ended = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'article-qa'"
        assert other.execute(ended).fetchall()
    assert notes(server) == ["before"]


def test_counting_up_together_loses_no_count(server: Server) -> None:
    server.write(lambda connection: connection.execute("INSERT INTO notes VALUES ('count', 0)"))

    def count_up(connection: Connection) -> None:
        row = connection.execute("SELECT number FROM notes WHERE note = 'count'").fetchone()
        assert row is not None
        connection.execute("UPDATE notes SET number = %s WHERE note = 'count'", (row[0] + 1,))

    threads = [threading.Thread(target=lambda: [server.write(count_up) for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with server.read() as connection:
        assert connection.execute("SELECT number FROM notes").fetchone() == (80,)


def test_tokens_of_finished_writes_do_not_pile_up(server: Server) -> None:
    for number in range(150):
        server.write(insert(f"{number}"))
    with server.read() as connection:
        row = connection.execute("SELECT count(*) FROM write_tokens").fetchone()
    assert row is not None and row[0] < 70


def test_a_statement_that_takes_too_long_is_given_up(database_url: str) -> None:
    server = Server(database_url, statement_timeout_seconds=0.2)
    migrate(server, "notes", STEPS)
    with pytest.raises(StorageError, match="statement timeout"), server.read() as connection:
        connection.execute("SELECT pg_sleep(10)")
    server.write(lambda connection: connection.execute("SELECT pg_sleep(0.4)"), timeout_seconds=5)
    with pytest.raises(StorageError, match="statement timeout"):  # the longer time was for that write only
        server.write(lambda connection: connection.execute("SELECT pg_sleep(10)"))
    server.close()


def test_one_at_a_time_holds_a_lock(server: Server, database_url: str) -> None:
    other = Server(database_url)
    with server.locked("building", 1):
        with pytest.raises(BuilderBusyError), other.locked("building", 0.2):
            pytest.fail("two hold it")
        with other.locked("something else", 0):
            pass
    with other.locked("building", 0):
        pass
    other.close()


def test_a_server_that_is_down_is_named_at_once_and_without_its_password(tmp_path: Path) -> None:
    server = Server("postgresql://someone:s3cret@127.0.0.1:1/articles", patience_seconds=0.2)
    for failing in (lambda: notes(server), lambda: server.write(insert("no"))):
        with pytest.raises(StorageError, match=r"127\.0\.0\.1:1/articles") as caught:
            failing()
        assert "s3cret" not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["postgresql://u:s3cret@h:port:1/x", "not an address", "postgresql://u@h/x?s3cret=1"])
def test_an_address_that_cannot_be_read_is_an_error_that_does_not_quote_it(url: str) -> None:
    with pytest.raises(ConfigError, match=r"index\.url") as caught:
        Server(url)
    assert "s3cret" not in str(caught.value)


def test_writes_go_on_when_a_killed_server_is_back() -> None:
    with PostgresServer.create(settings={"full_page_writes": "off"}, parent=folder_for_servers()) as postgres:
        server = Server(postgres.url(), patience_seconds=20)
        migrate(server, "notes", STEPS)
        server.write(insert("before"))
        postgres.kill()
        restart = threading.Timer(1.0, postgres.start)
        restart.start()
        server.write(insert("after"))
        restart.join()
        assert notes(server) == ["after", "before"]
        server.close()


# Migrations


def test_steps_are_done_once_and_only_what_is_new(server: Server) -> None:
    server.write(insert("kept"))
    migrate(server, "notes", STEPS)
    migrate(server, "notes", [*STEPS, "ALTER TABLE notes ADD COLUMN day date"])
    migrate(server, "others", ["CREATE TABLE others ()"])
    assert notes(server) == ["kept"]
    with server.read() as connection:
        assert connection.execute("SELECT day FROM notes").fetchone() == (None,)
        versions = connection.execute("SELECT component, version FROM schema_versions ORDER BY 1").fetchall()
    assert versions == [("notes", 3), ("others", 1)]


def test_a_step_that_fails_leaves_the_version_before(server: Server) -> None:
    with pytest.raises(StorageError, match="nonsense"):
        migrate(server, "notes", [*STEPS, "CREATE TABLE third ()", "nonsense"])
    migrate(server, "notes", [*STEPS, "CREATE TABLE third ()"])


def test_tables_of_a_newer_program_are_refused(server: Server) -> None:
    with pytest.raises(StorageError, match="upgrade"):
        migrate(server, "notes", STEPS[:1])


def test_a_start_waits_for_another_ones_migration_longer_than_for_a_usual_statement(database_url: str) -> None:
    first, second = Server(database_url), Server(database_url, statement_timeout_seconds=0.3)
    with first.session() as migrating:
        migrating.execute("SELECT pg_advisory_lock(hashtextextended('article-qa migrations', 0))")
        done = threading.Timer(1.0, migrating.execute, ["SELECT pg_advisory_unlock_all()"])
        done.start()
        migrate(second, "notes", STEPS)
        done.join()
    assert notes(second) == []
    first.close()
    second.close()


def test_programs_that_start_together_make_the_tables_once(database_url: str) -> None:
    problems: list[BaseException] = []

    def start() -> None:
        server = Server(database_url)
        try:
            migrate(server, "notes", STEPS)
        except BaseException as error:  # noqa: BLE001 - shown by the test
            problems.append(error)
        finally:
            server.close()

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
