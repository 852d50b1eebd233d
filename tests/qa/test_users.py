"""The file of users: what may be in it, who is found in it, and how a running server notices a change."""

from __future__ import annotations

import json
import multiprocessing
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

import app
from index.errors import BadInputError, StorageError
from qa.conversations import owner_of
from qa.feedback import Opinion
from qa.kept import Kept
from qa.kept_exchanges import KeptExchange
from qa.users import Users, digest_of
from tests.qa.kept_answers import bridge_answer


@pytest.fixture
def users(tmp_path: Path) -> Users:
    return Users(tmp_path / "users.json")


def test_a_user_is_found_by_name_and_secret_or_by_the_secret_alone(users: Users) -> None:
    secret = users.add("ada", "editor")
    users.add("bob", "reader")
    for name in ("ada", None):
        found = users.find(name, secret)
        assert found is not None
        assert (found.name, found.role) == ("ada", "editor")
    assert users.find("bob", secret) is None
    assert users.find("nobody", secret) is None
    assert users.find("ada", secret[:-1]) is None
    assert users.find(None, "") is None


def test_the_secret_is_long_and_only_its_hash_is_stored(users: Users) -> None:
    secret = users.add("ada", "reader")
    stored = users.path.read_text()
    assert len(secret) >= 43  # 32 bytes in base64
    assert secret not in stored
    assert digest_of(secret) in stored
    assert secret != users.reset("ada")


def test_nobody_else_on_the_machine_can_read_the_file(users: Users) -> None:
    users.add("ada", "reader")
    users.reset("ada")
    assert stat.S_IMODE(users.path.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["", "Ada", "a b", "-a", "a" * 65, "é", "a:b", "a\n", "../x"])
def test_other_names_are_refused(users: Users, name: str) -> None:
    with pytest.raises(BadInputError, match="no user name"):
        users.add(name, "reader")


def test_wrong_roles_and_names_that_are_taken_or_missing_are_refused(users: Users) -> None:
    users.add("ada", "reader")
    with pytest.raises(BadInputError, match="no role 'boss'"):
        users.add("bob", "boss")
    with pytest.raises(BadInputError, match="already"):
        users.add("ada", "editor")
    for change in (users.remove, users.reset, lambda name: users.give_role(name, "editor")):
        with pytest.raises(BadInputError, match="there is no user 'bob'; there are ada"):
            change("bob")


def test_a_running_server_sees_changes_and_reads_the_file_only_then(
    users: Users, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Users(users.path)
    secret = users.add("ada", "reader")
    assert server.find("ada", secret) is not None
    num_reads = 0
    read = server._read

    def counted() -> object:
        nonlocal num_reads
        num_reads += 1
        return read()

    monkeypatch.setattr(server, "_read", counted)
    for _ in range(100):
        server.find("ada", secret)
    assert num_reads == 0
    users.give_role("ada", "editor")
    assert server.find("ada", secret).role == "editor"  # type: ignore[union-attr]  # it is there
    renewed = users.reset("ada")
    assert server.find("ada", secret) is None
    assert server.find("ada", renewed) is not None
    users.remove("ada")
    assert server.find("ada", renewed) is None


def entry(**changes: object) -> bytes:
    user = {"name": "ada", "role": "reader", "secret_sha256": "0" * 64, "created_at": ""} | changes
    return json.dumps({"version": 1, "users": [user]}).encode()


@pytest.mark.parametrize(
    "content",
    [
        *(
            b"",
            b"{",
            b"[]",
            b"\xff",
            b'{"version": 2, "users": []}',
            b'{"version": 1}',
            b'{"version": 1, "users": [5]}',
        ),
        *(entry(role="boss"), entry(secret_sha256="0"), entry(name="Ada"), entry(name=5)),
    ],
)
def test_a_damaged_file_lets_nobody_in(users: Users, content: bytes) -> None:
    users.path.write_bytes(content)
    with pytest.raises(StorageError):
        users.find("ada", "x")


def _add(path: Path, first: int) -> None:
    for number in range(first, first + 10):
        Users(path).add(f"user{number}", "reader")


def test_two_programs_at_once_lose_nothing(users: Users) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_add, args=(users.path, first)) for first in (0, 10)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert len(users.all()) == 20


def run(tmp_path: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app.cli, ["users", *arguments, "--data-dir", str(tmp_path)])
    return result.exit_code, result.output


def test_the_commands(tmp_path: Path) -> None:
    assert "no users" in run(tmp_path, "list")[1]
    code, output = run(tmp_path, "add", "ada", "--role", "editor", "--json")
    added = json.loads(output)
    assert (code, added["name"], added["role"]) == (0, "ada", "editor")
    assert Users(tmp_path / "users.json").find("ada", added["secret"]) is not None
    assert run(tmp_path, "add", "ada") == (
        1,
        "error: there is a user 'ada' already; `users reset ada` makes a new secret\n",
    )
    assert "ada  editor  since" in run(tmp_path, "list")[1]
    assert added["secret"] not in run(tmp_path, "list")[1]
    assert "ada is a reader now" in run(tmp_path, "role", "ada", "reader")[1]
    renewed = run(tmp_path, "reset", "ada")[1].split()[2]
    assert Users(tmp_path / "users.json").find("ada", renewed) is not None
    assert json.loads(run(tmp_path, "list", "--json")[1])["users"][0]["role"] == "reader"
    assert "no users are left" in run(tmp_path, "remove", "ada")[1]
    assert run(tmp_path, "remove", "ada")[0] == 1


def test_what_the_commands_did_is_in_the_audit_log_and_no_secret(tmp_path: Path) -> None:
    secret = json.loads(run(tmp_path, "add", "ada", "--json")[1])["secret"]
    run(tmp_path, "role", "ada", "editor")
    run(tmp_path, "remove", "ada")
    text = (tmp_path / "audit.jsonl").read_text()
    actions = [json.loads(line)["action"] for line in text.splitlines()]
    assert actions == ["add_user", "change_role", "remove_user"]
    assert secret not in text


def test_what_a_removed_user_asked_is_not_there_for_the_next_one_of_that_name(tmp_path: Path) -> None:
    kept, of_ada, of_bob = Kept.at(tmp_path / "conversations.sqlite"), owner_of("ada", None), owner_of("bob", None)
    assert of_ada is not None and of_bob is not None
    for name, owner in (("ada", of_ada), ("bob", of_bob)):
        run(tmp_path, "add", name)
        assert kept.conversations.save(owner, [KeptExchange(bridge_answer().question, bridge_answer())]) is not None
        kept.feedback.give(owner, Opinion("up"), bridge_answer())
    kept.conversations.set_keeps(of_ada, False)
    assert "deleted 1 kept conversation and all feedback of ada" in run(tmp_path, "remove", "ada")[1]
    assert kept.conversations.list(of_ada) == []
    assert kept.conversations.keeps(of_ada)
    assert len(kept.conversations.list(of_bob)) == len(kept.feedback.all()) == 1
    assert json.loads(run(tmp_path, "remove", "bob", "--json")[1]) == {"removed": "bob", "conversations_deleted": 1}
