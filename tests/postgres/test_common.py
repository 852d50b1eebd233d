"""What app processes on one index share: limits, keyed requests and users, asked over two connections at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from index.errors import BadInputError, StorageError
from index.postgres.servers import Server
from qa.shared.keyed_replies import TableOfReplies
from qa.shared.request_counts import TableOfCounts
from qa.shared.schema import make_tables
from qa.shared.users import UsersTable
from qa.ui.access.identity import BusyError
from qa.ui.access.limits import SharedPerMinute
from qa.ui.http.idempotency import SharedIdempotentCalls
from qa.ui.problems import ConflictError

pytestmark = pytest.mark.slow


@pytest.fixture
def servers(database_url: str) -> Iterator[tuple[Server, Server]]:
    """Of two processes."""
    pair = Server(database_url, patience_seconds=5.0), Server(database_url, patience_seconds=5.0)
    make_tables(pair[0])
    yield pair
    for server in pair:
        server.close()


@pytest.fixture
def unreachable() -> Iterator[Server]:
    server = Server("postgresql://me@127.0.0.1:9/none", connect_timeout_seconds=2.0, patience_seconds=0.0)
    yield server
    server.close()


def _move_a_minute_back(server: Server) -> None:
    server.write(lambda connection: connection.execute("UPDATE request_counts SET minute = minute - 1"))


# Limits


def test_a_client_has_one_limit_over_all_processes(servers: tuple[Server, Server]) -> None:
    here, there = (SharedPerMinute(3, TableOfCounts(server), "questions") for server in servers)
    assert [limit.take("anna") for limit in (here, there, here)] == [None] * 3
    for limit in (here, there):
        wait = limit.take("anna")
        assert wait is not None and 1 <= wait <= 60
        assert limit.look("anna") is not None
        assert limit.look("ben") is None
    assert there.take("ben") is None


def test_kinds_are_counted_apart(servers: tuple[Server, Server]) -> None:
    counts = TableOfCounts(servers[0])
    assert counts.take("questions", "anna", 1) and not counts.take("questions", "anna", 1)
    assert counts.take("requests", "anna", 1)


def test_requests_at_once_are_not_more_than_the_limit(servers: tuple[Server, Server]) -> None:
    limits = [SharedPerMinute(10, TableOfCounts(server), "requests") for server in servers]
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda number: limits[number % 2].take("anna"), range(40)))
    assert waits.count(None) == 10


def test_what_came_in_the_minute_before_counts_less_and_less(servers: tuple[Server, Server]) -> None:
    counts = TableOfCounts(servers[0])
    for _ in range(4):
        assert counts.take("requests", "anna", 4)
    _move_a_minute_back(servers[0])
    taken = 0
    while counts.take("requests", "anna", 4):
        taken += 1
    assert taken < 4  # of the old four a share still lies in the window
    _move_a_minute_back(servers[0])
    _move_a_minute_back(servers[0])
    assert counts.may_take("requests", "anna", 1)


def test_no_limit_asks_nobody(unreachable: Server) -> None:
    limit = SharedPerMinute(0, TableOfCounts(unreachable), "requests")
    assert limit.take("anna") is limit.look("anna") is None


def test_without_the_server_a_process_counts_alone_and_says_so(
    unreachable: Server, caplog: pytest.LogCaptureFixture
) -> None:
    limit = SharedPerMinute(1, TableOfCounts(unreachable), "requests")
    assert limit.take("anna") is None
    assert limit.take("anna") is not None
    assert limit.look("anna") is not None
    assert "counted by this process alone" in caplog.text


# Keyed requests


def test_a_key_is_answered_once_whichever_process_is_asked(servers: tuple[Server, Server]) -> None:
    here, there = (SharedIdempotentCalls(TableOfReplies(server)) for server in servers)
    assert here.run("anna", "k", b"1", lambda: {"added": 1}) == {"added": 1}
    assert there.run("anna", "k", b"1", lambda: {"added": 2}) == {"added": 1}
    with pytest.raises(ConflictError, match="another request"):
        there.run("anna", "k", b"2", lambda: {})
    assert there.run("ben", "k", b"2", lambda: {"added": 3}) == {"added": 3}


def test_a_second_process_waits_for_the_first(servers: tuple[Server, Server]) -> None:
    here, there = (SharedIdempotentCalls(TableOfReplies(server)) for server in servers)
    began, done = threading.Event(), threading.Event()

    def slowly() -> dict[str, int]:
        began.set()
        assert done.wait(10)
        return {"added": 1}

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(here.run, "anna", "k", b"1", slowly)
        assert began.wait(10)
        second = pool.submit(there.run, "anna", "k", b"1", lambda: {"added": 2})
        time.sleep(0.3)
        assert not second.done()
        done.set()
        assert first.result(10) == second.result(10) == {"added": 1}


def test_work_that_failed_may_be_tried_again(servers: tuple[Server, Server]) -> None:
    calls = SharedIdempotentCalls(TableOfReplies(servers[0]))
    with pytest.raises(ZeroDivisionError):
        calls.run("anna", "k", b"1", lambda: {"added": 1 // 0})
    assert calls.run("anna", "k", b"1", lambda: {"added": 1}) == {"added": 1}


def test_too_many_keys_are_refused_until_old_ones_go(servers: tuple[Server, Server]) -> None:
    calls = SharedIdempotentCalls(TableOfReplies(servers[0]), max_keys=1)
    calls.run("anna", "k", b"1", lambda: {})
    with pytest.raises(BusyError):
        calls.run("anna", "l", b"1", lambda: {})
    servers[0].write(lambda connection: connection.execute("UPDATE keyed_replies SET at = at - interval '2 hours'"))
    assert calls.run("anna", "l", b"1", lambda: {"added": 1}) == {"added": 1}
    assert calls.run("anna", "l", b"1", lambda: {"added": 2}) == {"added": 1}


# Users


def test_a_change_of_users_is_seen_by_other_processes(servers: tuple[Server, Server]) -> None:
    now = [0.0]
    here, there = (UsersTable(server, clock=lambda: now[0]) for server in servers)
    assert there.all() == {}
    secret = here.add("anna", "editor")
    now[0] += 1.0
    user = there.find("anna", secret)
    assert user is not None and user.role == "editor"
    assert there.find(None, secret) == user and there.find("anna", "x") is None
    here.give_role("anna", "reader")
    now[0] += 1.0
    assert there.all()["anna"].role == "reader"
    new_secret = there.reset("anna")
    assert there.find("anna", secret) is None and there.find("anna", new_secret) is not None
    here.remove("anna")
    now[0] += 1.0
    assert there.all() == {}


def test_what_is_refused_changes_nothing(servers: tuple[Server, Server]) -> None:
    users = UsersTable(servers[0])
    users.add("anna", "reader")
    for refused in (lambda: users.add("anna", "reader"), lambda: users.remove("ben"), lambda: users.reset("ben")):
        with pytest.raises(BadInputError):
            refused()
    assert list(users.all()) == ["anna"]


def test_users_added_at_once_are_all_there(servers: tuple[Server, Server]) -> None:
    tables = [UsersTable(server) for server in servers]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda number: tables[number % 2].add(f"u{number}", "reader"), range(12)))
    assert len(UsersTable(servers[0]).all()) == 12


def test_nobody_is_let_in_while_the_users_cannot_be_read(servers: tuple[Server, Server]) -> None:
    now = [0.0]
    users = UsersTable(servers[0], clock=lambda: now[0])
    users.add("anna", "reader")
    servers[0].write(lambda connection: connection.execute("UPDATE app_users SET role = 'emperor'"))
    servers[0].write(lambda connection: connection.execute("UPDATE app_users_state SET version = version + 1"))
    now[0] += 1.0
    with pytest.raises(StorageError, match="damaged"):
        users.all()
