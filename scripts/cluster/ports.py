"""Finds ports of loopback that nobody listens on; knows nothing of who will."""

from __future__ import annotations

import contextlib
import random
import socket

HOST = "127.0.0.1"
# Below where Linux takes the ports of outgoing connections from, so that a stopped server finds its port free again.
_PORTS = range(20_000, 32_000)


def free_port() -> int:
    """A port of loopback that nobody listens on.

    :raises OSError: None of a hundred tried is free.
    """
    for port in random.sample(_PORTS, 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            return port
    raise OSError("none of a hundred ports is free")
