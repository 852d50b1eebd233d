"""The users of a served Article QA: names, roles and the hashes of their secrets, in one file; knows no requests.

The file is JSON, replaced as a whole: there are a handful of users, a running server notices any change by one stat()
(the inode is new), and an operator can read it. Secrets are 32 random bytes, so there is nothing to guess and a plain
SHA-256 is as good as a slow hash: those exist for what people think up.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from index.atomic import write_atomically
from index.errors import BadInputError, StorageError

Role = Literal["reader", "editor"]
"""A reader asks and reads; an editor also adds, removes and rebuilds."""

NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
"""User names."""

USERS_FILE = "users.json"
_SECRET_BYTES = 32
_VERSION = 1
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NO_DIGEST = "0" * 64  # of no secret anybody knows; compared with when there is no such user


@dataclass(frozen=True, slots=True)
class User:
    """``secret_sha256``: of the secret, in hexadecimal digits."""

    name: str
    role: Role
    secret_sha256: str
    created_at: str

    def has_secret(self, digest: str) -> bool:
        return hmac.compare_digest(self.secret_sha256, digest)


Result = TypeVar("Result")
Change = Callable[[dict[str, User]], Result]
"""Changes the users in place."""


class BaseUsers(ABC):
    """The users as they are now, to everybody who asks; any number of processes may share them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: object = None
        self._users: Mapping[str, User] = {}

    def all(self) -> Mapping[str, User]:
        """By name, in the order of the names; read only when something changed.

        :raises StorageError: If they cannot be read: then nobody is let in.
        """
        with self._lock:
            state = self._state()
            if state != self._seen:
                self._users = self._read()
                self._seen = state
            return self._users

    def find(self, name: str | None, secret: str) -> User | None:
        """The user with this name and secret; by the secret alone when ``name`` is None.

        Takes the same time whether there is such a name or not.

        :raises StorageError: See :meth:`all`.
        """
        digest, users = digest_of(secret), self.all()
        if name is not None:
            user = users.get(name)
            is_right = hmac.compare_digest(user.secret_sha256 if user else _NO_DIGEST, digest)
            return user if is_right else None
        matching = [user for user in users.values() if user.has_secret(digest)]
        return matching[0] if matching else None

    def add(self, name: str, role: str) -> str:
        """Add a user and return the secret, which is kept nowhere.

        :raises BadInputError: If the name or role is not acceptable, or the name is taken.
        """
        if not NAME.fullmatch(name):
            raise BadInputError(
                f"{name!r} is no user name: up to 64 small letters, digits, dots, hyphens and underscores, "
                "the first a letter or digit"
            )
        checked = _role(role)

        def add(users: dict[str, User]) -> str:
            if name in users:
                raise BadInputError(f"there is a user {name!r} already; `users reset {name}` makes a new secret")
            users[name], secret = _with_new_secret(name, checked)
            return secret

        return self._change(add)

    def give_role(self, name: str, role: str) -> None:
        """:raises BadInputError: If there is no such user or role."""
        checked = _role(role)

        def give(users: dict[str, User]) -> None:
            users[name] = replace(_known(users, name), role=checked)

        self._change(give)

    def reset(self, name: str) -> str:
        """Give a user a new secret and return it; the old one counts no more.

        :raises BadInputError: If there is no such user.
        """

        def reset(users: dict[str, User]) -> str:
            users[name], secret = _with_new_secret(name, _known(users, name).role)
            return secret

        return self._change(reset)

    def remove(self, name: str) -> None:
        """:raises BadInputError: If there is no such user."""

        def remove(users: dict[str, User]) -> None:
            del users[_known(users, name).name]

        self._change(remove)

    @abstractmethod
    def _state(self) -> object:
        """Differs whenever the users may have changed; None before there were any."""

    @abstractmethod
    def _read(self) -> Mapping[str, User]:
        """All of them, by name."""

    @abstractmethod
    def _change(self, change: Change[Result]) -> Result:
        """Let ``change`` have all users and store what it made of them; other processes wait meanwhile."""


class Users(BaseUsers):
    """The users in a file.

    :param path: Where the file is; there need be none.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def _change(self, change: Change[Result]) -> Result:
        lock = self.path.with_name(f".{self.path.name}.lock")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StorageError(f"cannot write {self.path}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            users = dict(self._read())
            result = change(users)
            listed = [_to_json(users[name]) for name in sorted(users)]
            data = json.dumps({"version": _VERSION, "users": listed}, indent=1).encode()
            write_atomically(self.path, data, mode=0o600)
            return result
        finally:
            os.close(descriptor)

    def _state(self) -> tuple[int, int, int] | None:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"cannot read {self.path}: {error.strerror}") from error
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _read(self) -> dict[str, User]:
        if not self.path.exists():
            return {}
        try:
            value = json.loads(self.path.read_bytes())
            if value["version"] != _VERSION:
                raise StorageError(f"{self.path} was written by another version of Article QA; upgrade to read it")
            users = [user_from_json(entry) for entry in value["users"]]
        except OSError as error:
            raise StorageError(f"cannot read {self.path}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise StorageError(f"{self.path} is no list of users ({error}); restore it, or delete it") from error
        return {user.name: user for user in sorted(users, key=lambda user: user.name)}


def _known(users: Mapping[str, User], name: str) -> User:
    if name not in users:
        raise BadInputError(f"there is no user {name!r}; there are {', '.join(sorted(users)) or 'none'}")
    return users[name]


def _role(value: str) -> Role:
    """:raises BadInputError: If it is none."""
    if value not in get_args(Role):
        raise BadInputError(f"there is no role {value!r}; choose {' or '.join(get_args(Role))}")
    return "editor" if value == "editor" else "reader"


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _with_new_secret(name: str, role: Role) -> tuple[User, str]:
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    return User(name, role, digest_of(secret), datetime.now(UTC).isoformat(timespec="seconds")), secret


def _to_json(user: User) -> dict[str, str]:
    created = {"created_at": user.created_at}
    return {"name": user.name, "role": user.role, "secret_sha256": user.secret_sha256, **created}


def user_from_json(entry: Any) -> User:
    """:raises ValueError: If anything in it is not as it was written."""
    user = User(entry["name"], entry["role"], entry["secret_sha256"], str(entry["created_at"]))
    is_right = NAME.fullmatch(user.name) and user.role in get_args(Role) and _DIGEST.fullmatch(user.secret_sha256)
    if not is_right:
        raise ValueError(f"the entry of {str(entry.get('name'))[:64]!r} is wrong")
    return user
