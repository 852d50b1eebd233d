"""Lines of JSON between the harness and a worker over a Unix socket; knows nothing of what they mean.

A socket, since it is written with ``sendto``: faults injected into ``write`` and full disks do not reach it, and what
was sent before a kill still arrives.
"""

from __future__ import annotations

import json
import socket
from typing import Any

_TIMEOUT_SECONDS = 120.0


class ChannelClosedError(Exception):
    """The other side is gone."""


class Channel:
    """One end of a conversation."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(_TIMEOUT_SECONDS)
        self._connection = connection
        self._buffer = b""

    @classmethod
    def connect(cls, address: str) -> Channel:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(address)
        return cls(connection)

    def send(self, **message: Any) -> None:
        """:raises ChannelClosedError: If nobody can read it any more."""
        try:
            self._connection.sendall(json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise ChannelClosedError(str(error)) from error

    def receive(self) -> dict[str, Any]:
        """The next message.

        :raises ChannelClosedError: If there is none to come.
        :raises TimeoutError: If none comes for two minutes.
        """
        while b"\n" not in self._buffer:
            try:
                data = self._connection.recv(1 << 16)
            except ConnectionError as error:
                raise ChannelClosedError(str(error)) from error
            if not data:
                raise ChannelClosedError("the other side has ended")
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        message: dict[str, Any] = json.loads(line)
        return message

    def close(self) -> None:
        self._connection.close()
