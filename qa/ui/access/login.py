"""Finds out who carries an Authorization header; knows nothing of hosts, paths or what anybody may do."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from qa.ui.access.identity import Identity
from qa.users import BaseUsers

_ANYBODY = Identity(None, "editor")


@dataclass(frozen=True, slots=True)
class Credential:
    """``name`` is None for a bearer token."""

    name: str | None
    secret: str


class Login:
    """Who a request is from.

    Without a password and users everybody is an editor. Once there were users, having none lets nobody in until the
    server is started again: removing the last one must not open it to whoever comes.

    :param password: Of an editor without a name (any user name, or as a bearer token); None for none.
    :param users: Who else there is; None for nobody.
    :raises StorageError: If the list of users cannot be read.
    """

    def __init__(self, password: str | None = None, users: BaseUsers | None = None) -> None:
        self._password = None if password is None else password.encode("utf-8")
        self._users = users
        self._had_users = bool(users is not None and users.all())

    def is_required(self) -> bool:
        """:raises StorageError: If the list of users cannot be read."""
        self._had_users = self._had_users or bool(self._users is not None and self._users.all())
        return self._password is not None or self._had_users

    def identity(self, authorization: Sequence[str]) -> Identity | None:
        """Who sent these Authorization headers; None when nobody is known by them.

        :raises StorageError: If the list of users cannot be read.
        """
        if not self.is_required():
            return _ANYBODY
        given = credential(authorization[0]) if len(authorization) == 1 else None
        # Both are looked at even when nothing was given, so that the time tells nothing.
        is_password = self._is_password(given)
        name, secret = (given.name, given.secret) if given is not None else ("", "")
        user = self._users.find(name, secret) if self._users is not None else None
        if given is not None and user is not None:
            return Identity(user.name, user.role)
        return _ANYBODY if is_password else None

    def _is_password(self, given: Credential | None) -> bool:
        secret = given.secret.encode("utf-8", "surrogatepass") if given is not None else b""
        is_equal = hmac.compare_digest(secret, self._password if self._password is not None else b"")
        return is_equal and given is not None and self._password is not None


def credential(authorization: str) -> Credential | None:
    """What an Authorization header says; None when it is neither Basic nor a bearer token."""
    scheme, _, value = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        # Headers arrive as Latin-1; a password may hold more.
        return Credential(None, value.strip().encode("latin-1", "replace").decode("utf-8", "replace"))
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(value.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        return None
    return Credential(name, secret)
